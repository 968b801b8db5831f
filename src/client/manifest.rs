//! The manifest as it is handed over: read from its file or from stdin, checked to be JSON, and otherwise passed on as it
//! is. What it may say is for the service to judge.

use std::io::Read;

use hyper::body::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::end::End;

/// More than the service takes, so that the refusal is its own.
const LARGEST: u64 = 4 << 20;

/// The annotation by which a pod says whose log is wanted of it.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// A manifest, ready to be sent.
#[derive(Debug)]
pub struct Manifest {
    /// The body of create-job.
    pub body: Bytes,
    /// The container whose log is followed; `None` if the manifest has none.
    pub container: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    job_manifest: &'a RawValue,
}

/// As little of it as concerns logs.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Job {
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    template: Template,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Template {
    metadata: Metadata,
    spec: PodSpec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    annotations: std::collections::BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PodSpec {
    containers: Vec<Container>,
}

#[derive(Deserialize)]
struct Container {
    name: String,
}

impl Manifest {
    /// Reads the file, or stdin if it is `-`.
    pub fn read(file: &str, namespace: Option<&str>) -> Result<Self, End> {
        let mut text = String::new();
        let read = match file {
            "-" => std::io::stdin().lock().take(LARGEST).read_to_string(&mut text),
            _ => std::fs::File::open(file).and_then(|file| file.take(LARGEST).read_to_string(&mut text)),
        };
        let named = if file == "-" { "stdin" } else { file };
        read.map_err(|error| End::usage(format!("reading {named}: {error}")))?;
        Self::parse(&text, namespace).map_err(|why| End::usage(format!("{named} {why}")))
    }

    fn parse(text: &str, namespace: Option<&str>) -> Result<Self, String> {
        let manifest: &RawValue = serde_json::from_str(text).map_err(|error| {
            let hint = "(a manifest in YAML becomes JSON by kubectl create --dry-run=client -o json -f FILE)";
            format!("is no JSON: {error} {hint}")
        })?;
        if !manifest.get().starts_with('{') {
            return Err("must be a Job's manifest, which is a JSON object".to_owned());
        }
        // What does not have a Job's form has no container here, and the service says what is wrong with it.
        let template = serde_json::from_str::<Job>(manifest.get()).unwrap_or_default().spec.template;
        let named = template.metadata.annotations.get(DEFAULT_CONTAINER).cloned();
        let container = named.or_else(|| template.spec.containers.into_iter().next().map(|first| first.name));
        let body = serde_json::to_vec(&Body { namespace, job_manifest: manifest });
        Ok(Self { body: body.map_err(|error| error.to_string())?.into(), container })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_passed_on_to_the_letter() {
        let text = "{\"b\": 1.0, \"a\": 12345678901234567890123}\n";
        let manifest = Manifest::parse(text, Some("demo")).unwrap();
        assert_eq!(manifest.body, format!("{{\"namespace\":\"demo\",\"job_manifest\":{}}}", text.trim_end()));
        assert_eq!(manifest.container, None);
    }

    #[test]
    fn the_log_is_that_of_the_container_which_the_annotation_names_else_of_the_first() {
        let of = |annotations: &str| {
            let pod = format!(
                r#"{{"metadata":{{"annotations":{annotations}}},"spec":{{"containers":[{{"name":"a"}},{{"name":"b"}}]}}}}"#
            );
            Manifest::parse(&format!(r#"{{"spec":{{"template":{pod}}}}}"#), None).unwrap().container
        };
        assert_eq!(of("{}").as_deref(), Some("a"));
        assert_eq!(of(r#"{"kubectl.kubernetes.io/default-container":"b"}"#).as_deref(), Some("b"));
    }

    #[test]
    fn yaml_is_refused_with_the_way_out() {
        assert!(Manifest::parse("kind: Job\n", None).unwrap_err().contains("-o json"));
        assert!(Manifest::parse("[]", None).unwrap_err().contains("JSON object"));
    }
}
