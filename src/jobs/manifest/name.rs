//! The name of a job: the caller's, or one made here. `job-id` must be known before the job is sent, so Kubernetes cannot
//! make it.

use std::time::SystemTime;

use time::OffsetDateTime;

use crate::jobs::idempotency::{IdempotencyKey, random_letters};
use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::manifest::{Invalid, text};
use crate::kube::names::JobName;
use crate::util::text::truncate;

/// A pod's host name is a DNS label: that of an Indexed job's pod is the job's name, `-` and the index.
const MAX_HOST_NAME: usize = 63;
/// As many random letters as Kubernetes adds to a `generateName`.
const RANDOM_LETTERS: usize = 5;

/// The name given, else `generateName` with letters, else one of the time. The same key gives the same name at any time.
pub(super) fn choose(
    metadata: &Members,
    spec: Option<&Members>,
    key: Option<&IdempotencyKey>,
    now: SystemTime,
) -> Result<(JobName, bool), Invalid> {
    const NAME: &str = "job_manifest.metadata.name";
    const GENERATE: &str = "job_manifest.metadata.generateName";
    let letters = || key.map_or_else(|| random_letters(RANDOM_LETTERS), IdempotencyKey::letters);
    let (field, is_made, chosen) = match (text(metadata, "name", NAME)?, text(metadata, "generateName", GENERATE)?) {
        (Some(name), _) => (NAME, false, name),
        (None, Some(prefix)) => {
            let letters = letters();
            let room = MAX_HOST_NAME.saturating_sub(letters.len() + index_length(spec));
            (GENERATE, true, truncate(&prefix, room).to_owned() + &letters)
        }
        (None, None) if key.is_some() => (NAME, true, format!("job-{}", letters())),
        (None, None) => (NAME, true, format!("job-{}-{}", date_time(now), letters())),
    };
    let name = JobName::parse(&chosen);
    let name = name.map_err(|error| Invalid { field, message: error.to_string(), malformed: false })?;
    Ok((name, is_made))
}

/// How long `-` and the largest index are; 0 if the job is not Indexed.
fn index_length(spec: Option<&Members>) -> usize {
    let Some(spec) = spec else { return 0 };
    let is_indexed = raw::get(spec, "completionMode").and_then(raw::string).is_some_and(|mode| mode == "Indexed");
    let completions = raw::get(spec, "completions").and_then(|raw| raw.get().parse::<u32>().ok());
    let last = completions.and_then(|completions| completions.checked_sub(1));
    match last {
        Some(last) if is_indexed => "-".len() + last.to_string().len(),
        _ => 0,
    }
}

fn date_time(now: SystemTime) -> String {
    let now = OffsetDateTime::from(now);
    let (year, month, day) = now.to_calendar_date();
    let (hour, minute, second) = now.to_hms();
    format!("{year:04}{:02}{day:02}-{hour:02}{minute:02}{second:02}", u8::from(month))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(generate_name: &str, spec: &str, key: Option<&str>) -> (String, bool) {
        let metadata = Members::from_iter([("generateName".to_owned(), raw::write(generate_name))]);
        let spec = serde_json::from_str(spec).unwrap();
        let key = key.and_then(IdempotencyKey::parse);
        let (name, is_made) = choose(&metadata, Some(&spec), key.as_ref(), SystemTime::UNIX_EPOCH).unwrap();
        (name.to_string(), is_made)
    }

    #[test]
    fn genname_indexed_63_leaves_room_for_the_largest_index() {
        let long = "n".repeat(80);
        for (completions, index) in [(1, 2), (10, 2), (11, 3), (100, 3), (101, 4), (2_147_483_647, 11)] {
            let spec = format!(r#"{{"completionMode":"Indexed","completions":{completions}}}"#);
            for key in [None, Some("k")] {
                let (name, is_made) = chosen(&long, &spec, key);
                assert!(is_made);
                assert_eq!(name.len() + index, 63, "{completions} {name}");
            }
        }
        for spec in [
            r#"{"completionMode":"NonIndexed","completions":10}"#,
            r#"{"completions":10}"#,
            r#"{"completionMode":"Indexed","completions":0}"#,
            r#"{"completionMode":"Indexed","completions":"ten"}"#,
        ] {
            assert_eq!(chosen(&long, spec, None).0.len(), 63, "{spec}");
        }
        let short = chosen("etl-", r#"{"completionMode":"Indexed","completions":10}"#, Some("k")).0;
        assert!(short.starts_with("etl-") && short.len() == 14, "{short}");
    }

    #[test]
    fn genname_indexed_63_a_prefix_is_cut_as_kubernetes_cuts_it() {
        let (name, _) = chosen(&"n".repeat(80), "{}", None);
        assert!(name.starts_with(&"n".repeat(58)) && name.len() == 63, "{name}");
        // With a key there are ten letters. The cut is that of 0.1.0, or a key would lose the job that it made.
        let (name, _) = chosen(&"n".repeat(80), "{}", Some("k"));
        assert!(name.starts_with(&"n".repeat(53)) && name.len() == 63, "{name}");
    }
}
