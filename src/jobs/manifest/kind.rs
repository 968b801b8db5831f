//! Refuses manifests that are not Jobs, and says what to send instead.

use crate::jobs::manifest::invalid::{Invalid, text};
use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::text::shortened;

const API_VERSION: &str = "batch/v1";
const KIND: &str = "Job";

/// Sets apiVersion and kind. Returns an error if they name anything but a batch/v1 Job.
pub(in crate::jobs) fn set(manifest: &mut Members) -> Result<(), Invalid> {
    let api_version = text(manifest, "apiVersion", "job_manifest.apiVersion")?;
    let kind = text(manifest, "kind", "job_manifest.kind")?;
    let is_other = |found: &Option<String>, wanted: &str| found.as_ref().is_some_and(|found| found != wanted);
    for (field, is_wrong) in
        [("job_manifest.kind", is_other(&kind, KIND)), ("job_manifest.apiVersion", is_other(&api_version, API_VERSION))]
    {
        if is_wrong {
            return Err(wrong(field, api_version.as_deref(), kind.as_deref()));
        }
    }
    manifest.insert("apiVersion".to_owned(), raw::write(API_VERSION));
    manifest.insert("kind".to_owned(), raw::write(KIND));
    Ok(())
}

fn wrong(field: &'static str, api_version: Option<&str>, kind: Option<&str>) -> Invalid {
    let escaped = |word: &str| shortened(word).escape_debug().to_string();
    let got = match (api_version, kind) {
        (Some(version), Some(kind)) => format!("{} {}", escaped(version), escaped(kind)),
        (None, Some(kind)) => format!("{} without apiVersion", escaped(kind)),
        (version, None) => format!("{} without kind", escaped(version.unwrap_or_default())),
    };
    let remedy = remedy(api_version.unwrap_or_default(), kind);
    Invalid::form(field, format!("got {got}, want {API_VERSION} {KIND}: {remedy}"))
}

fn remedy(api_version: &str, kind: Option<&str>) -> &'static str {
    match kind {
        Some(kind) if kind.ends_with("List") => "send each Job of its items separately",
        Some("CronJob") => "send the metadata and spec of its spec.jobTemplate",
        Some("Pod") => "send a Job whose spec.template has the metadata and spec of the Pod",
        Some("PodTemplate") => "send a Job whose spec.template is its template",
        Some("Template") => "process it first, and send each resulting Job separately",
        Some(KIND) | None if api_version.starts_with("batch/") => "set apiVersion to batch/v1, or leave it out",
        Some(KIND) | None => "only Jobs of Kubernetes itself can be created; set apiVersion to batch/v1 if it is one",
        Some(kind) if kind.eq_ignore_ascii_case(KIND) => "write the kind as Job",
        Some(_) => "only Jobs can be created; apply other objects with kubectl",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(manifest: &str) -> (String, String) {
        let invalid = set(&mut serde_json::from_str(manifest).unwrap()).unwrap_err();
        assert!(invalid.malformed, "{invalid}");
        (invalid.field.into_owned(), invalid.message)
    }

    #[test]
    fn kind_list_and_other_kinds_are_refused_with_a_remedy() {
        for (api_version, kind, remedy) in [
            ("v1", "List", "each Job of its items"),
            ("batch/v1", "JobList", "each Job of its items"),
            ("batch/v1", "CronJob", "spec.jobTemplate"),
            ("v1", "Pod", "spec.template"),
            ("v1", "PodTemplate", "its template"),
            ("template.openshift.io/v1", "Template", "process it first"),
            ("apps/v1", "Deployment", "kubectl"),
            ("batch/v1", "job", "write the kind as Job"),
        ] {
            let (field, message) = refusal(&format!(r#"{{"apiVersion":"{api_version}","kind":"{kind}"}}"#));
            assert_eq!(field, "job_manifest.kind");
            assert!(message.starts_with(&format!("got {api_version} {kind}, want batch/v1 Job: ")), "{message}");
            assert!(message.contains(remedy), "{message}");
        }
        for (api_version, remedy) in
            [("batch/v1beta1", "set apiVersion"), ("batch.volcano.sh/v1alpha1", "Kubernetes itself")]
        {
            let (field, message) = refusal(&format!(r#"{{"apiVersion":"{api_version}","kind":"Job"}}"#));
            assert_eq!(field, "job_manifest.apiVersion");
            assert!(message.starts_with(&format!("got {api_version} Job, want batch/v1 Job: ")), "{message}");
            assert!(message.contains(remedy), "{message}");
        }
    }

    #[test]
    fn kind_list_apiversion_or_kind_alone_is_refused_too() {
        assert!(
            refusal(r#"{"kind":"List","items":[]}"#).1.starts_with("got List without apiVersion, want batch/v1 Job")
        );
        assert!(refusal(r#"{"apiVersion":"v1","kind":null}"#).1.starts_with("got v1 without kind, want batch/v1 Job"));
        assert_eq!(refusal(r#"{"kind":["Job"]}"#), ("job_manifest.kind".to_owned(), "must be a string".to_owned()));
        let (_, message) = refusal(&format!(r#"{{"kind":"{}\u001b"}}"#, "x\\n".repeat(1000)));
        assert!(message.len() < 400 && !message.contains(['\n', '\u{1b}']), "{message}");
    }

    #[test]
    fn missing_members_are_set() {
        for manifest in ["{}", r#"{"apiVersion":"","kind":null}"#, r#"{"kind":"Job"}"#, r#"{"apiVersion":"batch\/v1"}"#]
        {
            let mut manifest = serde_json::from_str(manifest).unwrap();
            set(&mut manifest).unwrap();
            assert_eq!((manifest["apiVersion"].get(), manifest["kind"].get()), (r#""batch/v1""#, r#""Job""#));
        }
    }
}
