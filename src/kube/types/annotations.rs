//! Reads the annotations of a job that the service sets, and skips all others without an allocation: [`OwnAnnotations`].

use std::collections::BTreeMap;

use serde::Deserialize;

/// The annotation that names the template of a job, and its version.
pub const TEMPLATE_ANNOTATION: &str = "eks-api/template";
/// The annotation that describes a batch. Its head has it.
pub const BATCH_ANNOTATION: &str = "eks-api/batch";
/// The annotation that names the webhooks, separated by commas, that get the end of a job or a batch.
pub const NOTIFY_ANNOTATION: &str = "eks-api/notify";

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Option<Annotations>")]
pub struct OwnAnnotations {
    pub template: Option<Box<str>>,
    pub batch: Option<Box<str>>,
    pub notify: Option<Box<str>>,
}

#[derive(Deserialize)]
struct Annotations {
    #[serde(rename = "eks-api/template")]
    template: Option<Box<str>>,
    #[serde(rename = "eks-api/batch")]
    batch: Option<Box<str>>,
    #[serde(rename = "eks-api/notify")]
    notify: Option<Box<str>>,
}

/// The map may be null.
impl From<Option<Annotations>> for OwnAnnotations {
    fn from(annotations: Option<Annotations>) -> Self {
        annotations.map_or_else(Self::default, |Annotations { template, batch, notify }| Self {
            template,
            batch,
            notify,
        })
    }
}

impl From<&BTreeMap<String, String>> for OwnAnnotations {
    fn from(annotations: &BTreeMap<String, String>) -> Self {
        let value = |name| annotations.get(name).map(|value| value.as_str().into());
        Self { template: value(TEMPLATE_ANNOTATION), batch: value(BATCH_ANNOTATION), notify: value(NOTIFY_ANNOTATION) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::kube::types::{Job, JobInFull, json};

    fn template(annotations: &Value) -> Option<String> {
        let job = json!({ "metadata": { "name": "a", "annotations": annotations, "uid": "u" } }).to_string();
        let job: Job = json::read(job.as_bytes()).unwrap();
        assert_eq!((&*job.metadata.name, &*job.metadata.uid), ("a", "u"), "the fields beside it");
        job.metadata.annotations.template.map(Into::into)
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
        assert_eq!(json::read::<Job>(br#"{"metadata":{}}"#).unwrap().metadata.annotations.template, None);
    }

    #[test]
    fn an_escaped_name_is_the_same_name() {
        let job = br#"{"metadata":{"annotations":{"eks\u002dapi/template":"job/a@1","\ud83d\ude00":"b"}}}"#;
        assert_eq!(json::read::<Job>(job).unwrap().metadata.annotations.template.as_deref(), Some("job/a@1"));
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
            assert_eq!(Job::from(full).metadata.annotations.template.as_deref(), expected);
        }
    }
}
