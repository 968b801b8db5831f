//! Reads the manifest from a file or from stdin: [`Manifest`]. It is JSON or YAML, as every [`object`] of a file is. The
//! service checks the rest.

use std::io::{ErrorKind, Read};

use hyper::body::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::client::exit::{Exit, REFUSED, USAGE};
use crate::util::strict_json::{self, Fault};
use crate::util::yaml;

/// The service accepts no larger body. It refuses most large manifests itself.
const MAX_MIB: u64 = 4;

/// The JSON of a YAML file may be this large, its aliases included. The service takes no more.
const MAX_JSON_BYTES: usize = 1 << 20;

/// The annotation that names the container whose log is shown.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// A manifest, or a template, as the body of a request.
#[derive(Debug)]
pub struct Manifest {
    /// The body of create-job.
    pub body: Bytes,
    /// The container whose log is followed; `None` if it is not known.
    pub container: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notify: &'a [String],
    job_manifest: &'a RawValue,
}

/// The parts of a Job that name its containers.
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
    pub fn read(file: &str, namespace: Option<&str>, notify: &[String]) -> Result<Self, Exit> {
        let parsed = Self::parse(&read(file, 1)?, namespace, notify);
        parsed.map_err(|(code, why)| Exit::new(code, format!("{} {why}", shown(file))))
    }

    /// The error is an exit code and a message.
    fn parse(bytes: &[u8], namespace: Option<&str>, notify: &[String]) -> Result<Self, (u8, String)> {
        let manifest = object(bytes, MAX_JSON_BYTES, "the manifest of a Job")?;
        // A manifest of another form has no container here. The service says what is wrong with it.
        let template = serde_json::from_str::<Job>(manifest.get()).unwrap_or_default().spec.template;
        let named = template.metadata.annotations.get(DEFAULT_CONTAINER).cloned();
        let container = named.or_else(|| template.spec.containers.into_iter().next().map(|first| first.name));
        let body = serde_json::to_vec(&Body { namespace, notify, job_manifest: &manifest });
        Ok(Self { body: body.map_err(|error| (USAGE, error.to_string()))?.into(), container })
    }
}

/// Returns the name of a file in messages.
pub fn shown(file: &str) -> &str {
    if file == "-" { "stdin" } else { file }
}

/// Reads a file, or stdin if it is `-`. `service_mib` is what the service takes at most.
pub fn read(file: &str, service_mib: u64) -> Result<Vec<u8>, Exit> {
    let mut bytes = Vec::new();
    let limit = (MAX_MIB << 20) + 1;
    let read = match file {
        "-" => std::io::stdin().lock().take(limit).read_to_end(&mut bytes),
        _ => std::fs::File::open(file).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
    };
    let named = shown(file);
    read.map_err(|error| {
        let why = match error.kind() {
            ErrorKind::NotFound => "there is no such file".to_owned(),
            ErrorKind::IsADirectory => "it is a directory".to_owned(),
            _ => error.to_string(),
        };
        Exit::usage(format!("{named} cannot be read: {why}"))
    })?;
    if bytes.len() as u64 == limit {
        let why = format!("{named} is larger than {MAX_MIB} MiB; the service takes at most {service_mib} MiB");
        return Err(Exit::new(REFUSED, why));
    }
    Ok(bytes)
}

/// Returns the JSON object of a file in JSON or YAML. `what` names it. The error is an exit code and a message.
///
/// The JSON of a YAML file has at most `max_bytes`, its aliases included.
pub fn object(bytes: &[u8], max_bytes: usize, what: &str) -> Result<Box<RawValue>, (u8, String)> {
    let text = strict_json::text(bytes).map_err(|why| (USAGE, why))?;
    if text.trim_ascii().is_empty() {
        return Err((USAGE, format!("is empty; it must have {what}, in JSON or YAML")));
    }
    // As kubectl has it: what begins with a brace is JSON, everything else is YAML.
    let converted = if text.trim_ascii_start().starts_with('{') {
        None
    } else {
        let json = yaml::to_json(text.as_bytes(), max_bytes);
        Some(json.map_err(|error| (USAGE, format!("is not YAML: {error}")))?)
    };
    json_object(converted.as_deref().unwrap_or(text), &format!("{what}, in JSON or YAML"))
}

/// Returns the JSON object of a text. `what` names it. The error is an exit code and a message.
pub fn json_object(text: &str, what: &str) -> Result<Box<RawValue>, (u8, String)> {
    let value: Box<RawValue> = serde_json::from_str(text).map_err(|error| (USAGE, format!("is not JSON: {error}")))?;
    if !value.get().starts_with('{') {
        return Err((USAGE, format!("must be {what}")));
    }
    // The service would refuse it for the same reason.
    strict_json::check(text).map_err(|Fault { path, message }| {
        let place = if path.is_empty() { String::new() } else { format!("cannot be used: {path} ") };
        (REFUSED, place + &message)
    })?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_sent_unchanged() {
        let text = "{\"b\": 1.0, \"a\": 12345678901234567890123}\n";
        let manifest = Manifest::parse(text.as_bytes(), Some("demo"), &["ops".to_owned()]).unwrap();
        assert_eq!(
            manifest.body,
            format!(r#"{{"namespace":"demo","notify":["ops"],"job_manifest":{}}}"#, text.trim_end())
        );
        assert_eq!(manifest.container, None);
    }

    #[test]
    fn the_annotation_chooses_the_container_else_it_is_the_first() {
        let of = |annotations: &str| {
            let pod = format!(
                r#"{{"metadata":{{"annotations":{annotations}}},"spec":{{"containers":[{{"name":"a"}},{{"name":"b"}}]}}}}"#
            );
            Manifest::parse(format!(r#"{{"spec":{{"template":{pod}}}}}"#).as_bytes(), None, &[]).unwrap().container
        };
        assert_eq!(of("{}").as_deref(), Some("a"));
        assert_eq!(of(r#"{"kubectl.kubernetes.io/default-container":"b"}"#).as_deref(), Some("b"));
    }

    #[test]
    fn yaml_is_sent_as_json() {
        let yaml = "# cron\nkind: Job\nspec: {suspend: no, template: {spec: {containers: [{name: main}]}}}\n";
        let manifest = Manifest::parse(yaml.as_bytes(), None, &[]).unwrap();
        let json = r#"{"kind":"Job","spec":{"suspend":false,"template":{"spec":{"containers":[{"name":"main"}]}}}}"#;
        assert_eq!(manifest.body, format!("{{\"job_manifest\":{json}}}"));
        assert_eq!(manifest.container.as_deref(), Some("main"));
        for (text, told) in [
            ("[]", "must be the manifest of a Job"),
            ("a: 1\na: 2\n", "is not YAML: line 2 column 1: this key is given twice in one mapping"),
            ("a: 1\n---\nb: 2\n", "is not YAML: line 3 column 1: a second document begins here"),
        ] {
            let (code, why) = Manifest::parse(text.as_bytes(), None, &[]).unwrap_err();
            assert!(code == USAGE && why.starts_with(told), "{why}");
        }
    }

    #[test]
    fn bom_is_skipped_and_errors_name_their_place() {
        let with_bom = Manifest::parse("\u{feff}{\"a\":1}".as_bytes(), None, &[]).unwrap();
        assert_eq!(with_bom.body, "{\"job_manifest\":{\"a\":1}}");
        for (bytes, code, told) in [
            (&b"\xff\xfe{\0}\0"[..], USAGE, "is UTF-16"),
            (b"{\"a\":\"\xe4\"}", USAGE, "is not UTF-8 at byte 7"),
            (b"", USAGE, "is empty"),
            ("\u{feff} \n".as_bytes(), USAGE, "is empty"),
            (b"{\"a\":{\"b\":1,\"\\u0062\":2}}", REFUSED, "cannot be used: a.b is given more than once"),
            (b"{\"a\":\"\\ud800\"}", REFUSED, "cannot be used: a holds half of a surrogate pair"),
            ((r#"{"a":"#.repeat(65) + "1" + &"}".repeat(65)).as_bytes(), REFUSED, "is nested deeper"),
        ] {
            let (found, why) = Manifest::parse(bytes, None, &[]).unwrap_err();
            assert!(found == code && why.starts_with(told), "{found} {why}");
        }
    }
}
