//! Chooses the name of a job. Kubernetes cannot do it: the label `job-id` holds the name.

use std::time::SystemTime;

use time::OffsetDateTime;

use crate::jobs::idempotency::{IdempotencyKey, random_letters};
use crate::jobs::manifest::invalid::{Invalid, text};
use crate::jobs::manifest::raw::{self, Members};
use crate::kube::names::JobName;
use crate::util::template_name::TemplateName;

/// The host name of an Indexed job's pod is the job's name, `-` and the index. It is a DNS label.
const MAX_HOST_NAME: usize = 63;
/// Kubernetes adds as many random letters to a `generateName`.
const RANDOM_LETTERS: usize = 5;
/// Kubernetes allows a `CronJob` as many characters. With `-` and the ten letters of a key they are 63.
const MAX_TEMPLATE_NAME: usize = 52;

/// Returns the `generateName` of the jobs that come from a template.
pub fn generate_name(template: &TemplateName) -> String {
    let name = template.name();
    let name = name.get(..MAX_TEMPLATE_NAME).unwrap_or(name).trim_end_matches(['.', '-']);
    format!("{name}-")
}

/// Returns the given name, else `generateName` with letters, else a name with the time. The same key gives the same
/// name at any time. `index` is the length of a pod's index. The flag says whether the name was made here.
pub(super) fn choose(
    metadata: &Members,
    index: usize,
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
            let max = MAX_HOST_NAME.saturating_sub(letters.len() + index);
            (GENERATE, true, prefix.chars().take(max).collect::<String>() + &letters)
        }
        (None, None) if key.is_some() => (NAME, true, format!("job-{}", letters())),
        (None, None) => (NAME, true, format!("job-{}-{}", date_time(now), letters())),
    };
    let name = JobName::parse(&chosen).map_err(|error| Invalid::value(field, error.to_string()))?;
    Ok((name, is_made))
}

/// The length of `-` and the largest index; 0 if the job is not Indexed.
pub(super) fn index_length(spec: Option<&Members>) -> usize {
    let is_indexed = |spec: &&Members| {
        raw::get(spec, "completionMode").and_then(raw::parse::<String>).is_some_and(|mode| mode == "Indexed")
    };
    let completions = spec.filter(is_indexed).and_then(|spec| raw::parse::<u32>(raw::get(spec, "completions")?));
    let last = completions.and_then(|completions| completions.checked_sub(1));
    last.map_or(0, |last| format!("-{last}").len())
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
        let (name, is_made) =
            choose(&metadata, index_length(Some(&spec)), key.as_ref(), SystemTime::UNIX_EPOCH).unwrap();
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
    fn a_template_name_of_52_characters_fits_before_a_dash_and_letters() {
        let indexed = r#"{"completionMode":"Indexed","completions":2147483647}"#;
        for (name, stem) in [
            ("etl".to_owned(), "etl".to_owned()),
            ("n".repeat(52), "n".repeat(52)),
            ("n".repeat(63), "n".repeat(52)),
            ("n".repeat(50) + "--" + "x", "n".repeat(50)),
            ("n".repeat(51) + "-" + "x", "n".repeat(51)),
        ] {
            let prefix = generate_name(&TemplateName::parse(&format!("cronjob/{name}")).unwrap());
            assert_eq!(prefix, format!("{stem}-"));
            for (key, letters) in [(None, 5), (Some("k"), 10)] {
                let (chosen, _) = chosen(&prefix, "{}", key);
                assert!(chosen.starts_with(&prefix) && chosen.len() == prefix.len() + letters, "{chosen}");
            }
            let (chosen, _) = chosen(&prefix, indexed, None);
            assert_eq!(chosen.len(), (prefix.len() + 5).min(63 - 11), "{chosen}");
        }
        let dotted = TemplateName::parse(&format!("preset/{}.x", "n".repeat(51))).unwrap();
        assert_eq!(generate_name(&dotted), "n".repeat(51) + "-");
    }

    #[test]
    fn genname_indexed_63_a_prefix_is_cut_as_kubernetes_cuts_it() {
        let (name, _) = chosen(&"n".repeat(80), "{}", None);
        assert!(name.starts_with(&"n".repeat(58)) && name.len() == 63, "{name}");
        // With a key there are ten letters. As in 0.1.0, or keys would lose their jobs.
        let (name, _) = chosen(&"n".repeat(80), "{}", Some("k"));
        assert!(name.starts_with(&"n".repeat(53)) && name.len() == 63, "{name}");
    }
}
