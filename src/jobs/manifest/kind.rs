//! Says what a manifest is when it is not a Job, and what to do with it.

use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::manifest::{Invalid, malformed};
use crate::util::text::truncate;

const API_VERSION: &str = "batch/v1";
const KIND: &str = "Job";

/// A word of the manifest is shown up to so many characters.
const MAX_SHOWN: usize = 100;

/// Refuses what is not a batch/v1 Job, and fills in what is missing.
pub(super) fn set(manifest: &mut Members) -> Result<(), Invalid> {
    let api_version = word(manifest, "apiVersion", "job_manifest.apiVersion")?;
    let kind = word(manifest, "kind", "job_manifest.kind")?;
    if kind.as_deref().is_some_and(|kind| kind != KIND) {
        return Err(wrong("job_manifest.kind", api_version.as_deref(), kind.as_deref()));
    }
    if api_version.as_deref().is_some_and(|version| version != API_VERSION) {
        return Err(wrong("job_manifest.apiVersion", api_version.as_deref(), kind.as_deref()));
    }
    manifest.insert("apiVersion".to_owned(), raw::write(API_VERSION));
    manifest.insert("kind".to_owned(), raw::write(KIND));
    Ok(())
}

/// A string; missing, null and empty are the same.
fn word(manifest: &Members, name: &str, field: &'static str) -> Result<Option<String>, Invalid> {
    let Some(raw) = raw::get(manifest, name) else { return Ok(None) };
    let word = raw::string(raw).ok_or_else(|| malformed(field, "must be a string"))?;
    Ok(Some(word).filter(|word| !word.is_empty()))
}

fn wrong(field: &'static str, api_version: Option<&str>, kind: Option<&str>) -> Invalid {
    let got = match (api_version, kind) {
        (Some(version), Some(kind)) => format!("{} {}", shown(version), shown(kind)),
        (None, Some(kind)) => format!("{} without apiVersion", shown(kind)),
        (version, None) => format!("{} without kind", shown(version.unwrap_or_default())),
    };
    let remedy = remedy(api_version.unwrap_or_default(), kind);
    malformed(field, format!("got {got}, want {API_VERSION} {KIND}: {remedy}"))
}

fn remedy(api_version: &str, kind: Option<&str>) -> &'static str {
    match kind {
        Some(kind) if kind.ends_with("List") => "send each Job of its items by itself",
        Some("CronJob") => "send the metadata and spec of its spec.jobTemplate",
        Some("Pod") => "send a Job whose spec.template has the metadata and spec of the Pod",
        Some("PodTemplate") => "send a Job whose spec.template is its template",
        Some("Template") => "process it first, and send each Job that comes out by itself",
        Some(KIND) | None if api_version.starts_with("batch/") => "set apiVersion to batch/v1, or leave it out",
        Some(KIND) | None => "only Jobs of Kubernetes itself can be created; set apiVersion to batch/v1 if it is one",
        Some(kind) if kind.eq_ignore_ascii_case(KIND) => "write the kind as Job",
        Some(_) => "only Jobs can be created; apply other objects with kubectl",
    }
}

fn shown(word: &str) -> String {
    truncate(word, MAX_SHOWN).escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(manifest: &str) -> (&'static str, String) {
        let invalid = set(&mut serde_json::from_str(manifest).unwrap()).unwrap_err();
        assert!(invalid.malformed, "{invalid}");
        (invalid.field, invalid.message)
    }

    #[test]
    fn kind_list_and_all_else_that_is_not_a_job_is_named_with_a_way_out() {
        for (api_version, kind, way_out) in [
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
            assert!(message.contains(way_out), "{message}");
        }
        for (api_version, way_out) in
            [("batch/v1beta1", "set apiVersion"), ("batch.volcano.sh/v1alpha1", "Kubernetes itself")]
        {
            let (field, message) = refusal(&format!(r#"{{"apiVersion":"{api_version}","kind":"Job"}}"#));
            assert_eq!(field, "job_manifest.apiVersion");
            assert!(message.starts_with(&format!("got {api_version} Job, want batch/v1 Job: ")), "{message}");
            assert!(message.contains(way_out), "{message}");
        }
    }

    #[test]
    fn kind_list_half_a_name_is_enough() {
        assert!(
            refusal(r#"{"kind":"List","items":[]}"#).1.starts_with("got List without apiVersion, want batch/v1 Job")
        );
        assert!(refusal(r#"{"apiVersion":"v1","kind":null}"#).1.starts_with("got v1 without kind, want batch/v1 Job"));
        assert_eq!(refusal(r#"{"kind":["Job"]}"#), ("job_manifest.kind", "must be a string".to_owned()));
        let (_, message) = refusal(&format!(r#"{{"kind":"{}\u001b"}}"#, "x\\n".repeat(1000)));
        assert!(message.len() < 400 && !message.contains(['\n', '\u{1b}']), "{message}");
    }

    #[test]
    fn what_is_missing_is_filled_in() {
        for manifest in ["{}", r#"{"apiVersion":"","kind":null}"#, r#"{"kind":"Job"}"#, r#"{"apiVersion":"batch\/v1"}"#]
        {
            let mut manifest = serde_json::from_str(manifest).unwrap();
            set(&mut manifest).unwrap();
            assert_eq!((manifest["apiVersion"].get(), manifest["kind"].get()), (r#""batch/v1""#, r#""Job""#));
        }
    }
}
