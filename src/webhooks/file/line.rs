//! One line of the webhooks file, `NAME key=value …`: [`parse`].

use std::path::Path;

use crate::config::line::{NAME_FORM, Values};
use crate::config::pattern::matches;
use crate::history::outbox::event::EventType;
use crate::jobs::label_selector::Selector;
use crate::util::dns::is_label;
use crate::util::text::closest;
use crate::util::{files, net};
use crate::webhooks::endpoint::Endpoint;
use crate::webhooks::file::url::{self, shown};
use crate::webhooks::secret::{PREFIX, Secrets};

pub(super) const VARIABLE: &str = "EKS_API_WEBHOOKS_FILE";
pub(super) const KEYS: [&str; 7] =
    ["url", "events", "namespaces", "clusters", "label_selector", "secret_file", "ca_file"];
const DEFAULT_EVENTS: &str = "job.completed,job.failed";
const MAX_SECRET_FILE_BYTES: u64 = 4 << 10;

/// Parses a line, and returns all its mistakes. There is an endpoint if there are none. No mistake shows the URL or a
/// secret.
pub(super) fn parse(line: &str) -> (Option<Endpoint>, Vec<String>) {
    let mut words = line.split_ascii_whitespace();
    let name = words.next().unwrap_or_default();
    let mut values = Values::new(&KEYS, shown);
    if !is_label(name) {
        // It is not shown: it may be a URL.
        values.mistake(format!("the name must be {NAME_FORM}"));
    }
    values.read(words);
    if values.has("label_selector") && values.has_loose_word {
        values.mistake("label_selector has no blanks: write a=b, a!=b, a or !a, separated by commas");
    }
    for (key, example) in [("url", "https://HOST/PATH"), ("secret_file", "FILE")] {
        if !values.has(key) {
            values.mistake(format!("{key} is missing: add {key}={example}"));
        }
    }
    let url = values.get("url").map(url::parse).transpose().map_err(|why| values.mistake(format!("url {why}")));
    let url = url.ok().flatten();
    let events = events(&mut values);
    let [namespaces, clusters] = ["namespaces", "clusters"].map(|key| values.patterns(key));
    let form = "a label selector without blanks, such as team=a,stage!=test,!draft";
    let selector = values.checked("label_selector", form, |text| Selector::parse(text).is_ok());
    let secrets = secrets(&mut values);
    let has_ca = values.has("ca_file");
    let ca_pem = values.file("ca_file", net::ca_bundle);
    if has_ca && url.as_ref().is_some_and(|url| !url.is_tls) {
        values.mistake("ca_file needs a url with https: remove ca_file");
    }
    let endpoint = url.zip(secrets).map(|(url, secrets)| Endpoint {
        name: name.into(),
        url,
        events,
        namespaces,
        clusters,
        label_selector: selector.and_then(|text| Selector::parse(text).ok()).unwrap_or_default(),
        secrets,
        ca_pem,
    });
    (endpoint.filter(|_| values.mistakes.is_empty()), values.mistakes)
}

fn events(values: &mut Values<'_>) -> Vec<String> {
    let list = values.get("events").unwrap_or(DEFAULT_EVENTS);
    let events: Vec<String> =
        list.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect();
    if events.is_empty() {
        values.mistake("events is empty: write types such as job.failed,batch.*, or remove it");
    }
    let names = || EventType::ALL.iter().map(|event_type| event_type.name());
    for event in events.iter().filter(|event| !names().any(|name| matches(event, name))) {
        let hint = match event.as_str() {
            "webhook.test" => "remove it, because every endpoint gets it".to_owned(),
            event => closest(event, names()).map_or_else(
                || format!("the types are {}", names().collect::<Vec<_>>().join(", ")),
                |name| format!("did you mean {name}?"),
            ),
        };
        values.mistake(format!("events has {}: {hint}", shown(event)));
    }
    events
}

fn secrets(values: &mut Values<'_>) -> Option<Secrets> {
    let is_secret = |value: &str| value.contains(PREFIX) && !Path::new(value).exists();
    if values.get("secret_file").is_some_and(is_secret) {
        values.mistake("secret_file is a secret, not the name of a file: write it to a file");
        return None;
    }
    let read = |path: &Path| {
        let text = files::read_text(path, MAX_SECRET_FILE_BYTES).map_err(|error| error.to_string())?;
        warn_if_world_readable(path);
        Secrets::parse(&text)
    };
    // The value is not shown: it may be a secret.
    let path = Path::new(values.get("secret_file")?);
    read(path).map_err(|why| values.mistake(format!("secret_file cannot be used: {why}"))).ok()
}

/// Warns of a file with secrets. A URL may hold one too.
pub(super) fn warn_if_world_readable(path: &Path) {
    if files::is_world_readable(path) {
        log::warn!(file:% = path.display(); "{VARIABLE}: every user of this machine can read the secrets: run chmod o-r");
    }
}
