//! What the operator writes: the `.env` file, the clusters file, and the settings with their patterns.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use eks_api::config::clusters::{self, ClusterConfig, ClusterSource};
use eks_api::config::pattern::Patterns;
use eks_api::config::{self, Settings};
use eks_api::kube::names::Namespace;
use hyper::Uri;

use super::text;

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

pub(super) fn dotenv(data: &[u8]) {
    let text = text(data);
    match config::dotenv::parse(text) {
        Ok(pairs) => {
            for (name, value) in pairs {
                assert!(is_name(&name) && text.contains(&value), "{name:?}={value:?}");
                assert!(!value.contains(['\0', '\n']), "{value:?}");
                for quote in ['\'', '"'] {
                    if !value.contains(quote) && !value.ends_with('\r') {
                        let written = format!("export {name}={quote}{value}{quote} # why");
                        assert_eq!(config::dotenv::parse(&written), Ok(vec![(name.clone(), value.clone())]));
                    }
                }
            }
        }
        Err(line) => {
            let lines: Vec<&str> = text.lines().collect();
            assert!((1..=lines.len()).contains(&line), "line {line} of {}", lines.len());
            assert!(config::dotenv::parse(&lines[..line - 1].join("\n")).is_ok(), "a line before {line} is wrong too");
            assert_eq!(config::dotenv::parse(lines[line - 1]), Err(1));
        }
    }
}

/// The environment is written as a `.env` file; its values are also tried as lists of patterns.
pub(super) fn settings(data: &[u8]) {
    let Ok(pairs) = config::dotenv::parse(text(data)) else { return };
    for (_, value) in &pairs {
        patterns(value, &pairs);
    }
    let is_set = |name: &str| pairs.iter().rev().find(|(known, _)| known == name).is_some_and(|(_, v)| !v.is_empty());
    match Settings::read(pairs.clone()) {
        Ok(settings) => {
            let label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if let ClusterSource::Settings(cluster) = &settings.clusters {
                assert!((1..=40).contains(&cluster.region.len()) && cluster.region.chars().all(label), "{settings:?}");
                assert!((1..=100).contains(&cluster.name.len()) && cluster.name.is_ascii(), "{settings:?}");
            }
            assert!(settings.listen.ip().is_loopback() || is_set("EKS_API_AUTH"), "{settings:?}");
            assert!((Duration::from_secs(1)..=Duration::from_mins(5)).contains(&settings.request_timeout));
            assert!(settings.limits.connections > 0 && settings.limits.requests > 0, "{settings:?}");
            assert!(settings.cors_origins.iter().all(|origin| !origin.contains('*')), "{settings:?}");
        }
        Err(mistakes) => {
            let told = mistakes.to_string();
            assert!(!told.is_empty() && !told.chars().any(|c| c.is_control() && c != '\n'), "{told:?}");
        }
    }
}

pub(super) fn clusters_file(data: &[u8]) {
    let text = text(data);
    let read_ca = |path: &Path| if path.ends_with("lab.crt") { Ok(b"pem".to_vec()) } else { Err("missing".to_owned()) };
    match clusters::parse(text, read_ca) {
        Ok(clusters) => {
            assert!((1..=32).contains(&clusters.len()), "{text:?}");
            assert_eq!(clusters.iter().filter(|cluster| cluster.is_default).count(), 1, "{text:?}");
            let names: BTreeSet<&str> = clusters.iter().map(|cluster| cluster.name.as_str()).collect();
            assert_eq!(names.len(), clusters.len(), "{text:?}");
            for ClusterConfig { name, endpoint, .. } in &clusters {
                assert!(Namespace::parse(name).is_ok(), "the name is a DNS-1123 label: {name:?}");
                let url = endpoint.as_ref().map(|endpoint| endpoint.url.parse::<Uri>().unwrap());
                let is_plain =
                    |url: Uri| url.scheme_str() == Some("https") && url.host().is_some() && url.path() == "/";
                assert!(url.is_none_or(is_plain), "{endpoint:?}");
            }
        }
        Err(mistakes) => {
            assert!(!mistakes.is_empty(), "{text:?}");
            assert!(
                mistakes.iter().all(|told| told.len() < 500 && !told.chars().any(char::is_control)),
                "{mistakes:?}"
            );
        }
    }
}

/// Whether a text is the pattern, with `*` for any characters.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skipped| matches(rest, &text[skipped..])),
        Some((byte, rest)) => text.split_first().is_some_and(|(first, text)| first == byte && matches(rest, text)),
    }
}

fn patterns(list: &str, names: &[(String, String)]) {
    let Ok(patterns) = Patterns::parse(list) else { return };
    assert_eq!(Patterns::parse(&patterns.to_string()).as_ref(), Ok(&patterns), "{list:?}");
    for name in names.iter().map(|(_, name)| name) {
        let items = list.split(',').map(str::trim).filter(|item| !item.is_empty());
        let expected = items.into_iter().any(|pattern| matches(pattern.as_bytes(), name.as_bytes()));
        assert_eq!(patterns.matches(name), expected, "{list:?} for {name:?}");
    }
}
