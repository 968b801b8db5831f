//! Reads one annotation of a job, and skips all others without an allocation: [`read`].

use serde::{Deserialize, Deserializer};

/// The annotation that names the template of a job, and its version.
pub const TEMPLATE_ANNOTATION: &str = "eks-api/template";

#[derive(Deserialize)]
struct Annotations {
    #[serde(rename = "eks-api/template")]
    template: Option<Box<str>>,
}

/// Returns the value of [`TEMPLATE_ANNOTATION`] in a map of annotations, which may be null.
pub(super) fn read<'de, D: Deserializer<'de>>(annotations: D) -> Result<Option<Box<str>>, D::Error> {
    let annotations: Option<Annotations> = Deserialize::deserialize(annotations)?;
    Ok(annotations.and_then(|annotations| annotations.template))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::kube::types::{Job, JobInFull, json};

    fn template(annotations: &Value) -> Option<String> {
        let job = json!({ "metadata": { "name": "a", "annotations": annotations, "uid": "u" } }).to_string();
        let job: Job = json::read(job.as_bytes()).unwrap();
        assert_eq!((&*job.metadata.name, &*job.metadata.uid), ("a", "u"), "the fields beside it");
        job.metadata.template.map(Into::into)
    }

    #[test]
    fn one_annotation_is_kept_among_others() {
        let long = "{\"escaped\":\"\n\"}".repeat(1000);
        for (annotations, expected) in [
            (json!({ "eks-api/template": "cronjob/etl@7" }), Some("cronjob/etl@7")),
            (json!({ "a": long, "eks-api/template": "job/\"x\"\n@7", "z": "" }), Some("job/\"x\"\n@7")),
            (json!({ "eks-api/template2": "a", "EKS-API/template": "b", "eks-api": "c", "": "d" }), None),
            (
                json!({ "a": 7, "b": null, "c": [{ "eks-api/template": "x@1" }], "d": { "eks-api/template": "x@1" } }),
                None,
            ),
            (json!({}), None),
            (json!(null), None),
        ] {
            assert_eq!(template(&annotations).as_deref(), expected, "{annotations}");
        }
        assert_eq!(json::read::<Job>(br#"{"metadata":{}}"#).unwrap().metadata.template, None);
    }

    #[test]
    fn an_escaped_name_is_the_same_name() {
        let job = br#"{"metadata":{"annotations":{"eks\u002dapi/template":"job/a@1","\ud83d\ude00":"b"}}}"#;
        assert_eq!(json::read::<Job>(job).unwrap().metadata.template.as_deref(), Some("job/a@1"));
    }

    #[test]
    fn a_type_that_kubernetes_does_not_send_is_an_error() {
        for annotations in [json!("text"), json!(7), json!({ "eks-api/template": 7 })] {
            let job = json!({ "metadata": { "annotations": annotations } }).to_string();
            assert!(json::read::<Job>(job.as_bytes()).is_err(), "{job}");
        }
    }

    #[test]
    fn a_job_in_full_carries_it_too() {
        for (annotations, expected) in
            [(json!({ "a": "b", "eks-api/template": "preset/r@0a" }), Some("preset/r@0a")), (json!({ "a": "b" }), None)]
        {
            let full: JobInFull =
                serde_json::from_value(json!({ "metadata": { "annotations": annotations } })).unwrap();
            assert_eq!(Job::from(full).metadata.template.as_deref(), expected);
        }
    }
}
