//! Reads one annotation of an object, and skips all others without an allocation: [`read`].

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The annotation that names the template of a job, and its version.
pub const TEMPLATE_ANNOTATION: &str = "eks-api/template";

/// Returns the value of [`TEMPLATE_ANNOTATION`] in a map of annotations, which may be null.
pub(super) fn read<'de, D: Deserializer<'de>>(annotations: D) -> Result<Option<Box<str>>, D::Error> {
    annotations.deserialize_any(Annotations)
}

struct Annotations;

impl<'de> Visitor<'de> for Annotations {
    type Value = Option<Box<str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("annotations")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(Key { is_template }) = map.next_key()? {
            if is_template {
                found = match map.next_value()? {
                    Text::Text(text) => Some(text),
                    Text::Other(_) => None,
                };
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

struct Key {
    is_template: bool,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(key: D) -> Result<Self, D::Error> {
        key.deserialize_identifier(Self { is_template: false })
    }
}

impl Visitor<'_> for Key {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an annotation")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self, E> {
        Ok(Self { is_template: name == TEMPLATE_ANNOTATION })
    }
}

/// A value. Kubernetes accepts text only.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Text(Box<str>),
    Other(IgnoredAny),
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
    fn a_value_that_is_not_text_is_ignored() {
        for value in [json!(null), json!(7), json!(1.5), json!(true), json!(["a"]), json!({ "a": "b" })] {
            let (one, last) = (json!({ "eks-api/template": value }), json!({ "a": "b", "eks-api/template": value }));
            assert_eq!((template(&one), template(&last)), (None, None), "{value}");
        }
    }

    #[test]
    fn an_escaped_name_is_the_same_name() {
        let job = br#"{"metadata":{"annotations":{"eks\u002dapi/template":"job/a@1","\ud83d\ude00":"b"}}}"#;
        assert_eq!(json::read::<Job>(job).unwrap().metadata.template.as_deref(), Some("job/a@1"));
    }

    #[test]
    fn annotations_of_another_type_are_an_error() {
        for annotations in [json!("text"), json!(7), json!(["a"])] {
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
