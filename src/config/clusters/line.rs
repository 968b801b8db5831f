//! One line of the clusters file, `NAME key=value …`: [`parse`].

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::clusters::cluster::{AssumedRole, ClusterConfig, StaticEndpoint};
use crate::config::clusters::forms::{is_endpoint, is_made_of, is_role_arn};
use crate::config::pattern::Patterns;
use crate::config::reader::{is_cluster_name, is_region};
use crate::util::dns::is_label;
use crate::util::text::{closest, truncate};

const KEYS: [&str; 9] =
    ["cluster", "region", "default", "role", "external_id", "role_session_name", "namespaces", "endpoint", "ca_file"];
const SESSION_NAME: &str = "eks-api";
/// The mistake of a line with a word that is not `key=value`.
const NO_PAIR: &str = "a word is not key=value: write key=value without blanks";
/// The maximal length of a value in a message.
const MAX_SHOWN: usize = 100;

/// Parses a line, and returns all its mistakes. The cluster is usable if there are none.
pub(super) fn parse(line: &str, read_ca: impl Fn(&Path) -> Result<Vec<u8>, String>) -> (ClusterConfig, Vec<String>) {
    let mut words = line.split_ascii_whitespace();
    let name = words.next().unwrap_or_default();
    let mut values = Values::default();
    if !is_label(name) {
        let form = "at most 63 lower case letters, digits and '-', beginning and ending with a letter or digit";
        values.must_be("the name", name, form);
    }
    for word in words {
        if word.starts_with('#') {
            values.mistake("a comment follows the keys: write it on a line of its own");
            break;
        }
        values.add(word);
    }
    if !values.has("region") {
        values.mistake("region is missing: add region=us-east-1");
    }
    let cluster = ClusterConfig {
        name: name.to_owned(),
        eks_name: values.checked("cluster", "the name of an EKS cluster", is_cluster_name).unwrap_or(name).to_owned(),
        region: values.checked("region", "an AWS region, such as us-east-1", is_region).unwrap_or_default().to_owned(),
        is_from_file: true,
        is_default: values.is_default(),
        role: values.role(),
        namespaces: values.namespaces(),
        endpoint: values.endpoint(read_ca),
    };
    (cluster, values.mistakes)
}

/// The values of a line by key, and the mistakes found so far.
#[derive(Default)]
struct Values<'a> {
    given: BTreeMap<&'static str, &'a str>,
    mistakes: Vec<String>,
}

impl<'a> Values<'a> {
    /// Text that does not look like a key is not shown: it may be a part of an external ID.
    fn add(&mut self, word: &'a str) {
        let Some((name, value)) = word.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            if !self.mistakes.iter().any(|mistake| mistake == NO_PAIR) {
                self.mistake(NO_PAIR);
            }
            return;
        };
        let Some(key) = KEYS.into_iter().find(|key| *key == name) else {
            let hint = closest(name, KEYS.into_iter()).map(|key| format!("did you mean {key}?"));
            let hint = hint.unwrap_or_else(|| format!("the keys are {}", KEYS.join(", ")));
            let is_like_a_key = name.len() <= 20 && name.bytes().all(|c| c.is_ascii_alphabetic() || b"_-".contains(&c));
            let shown = if is_like_a_key { format!(" {name:?}") } else { String::new() };
            self.mistake(format!("unknown key{shown}: {hint}"));
            return;
        };
        if self.given.insert(key, value).is_some() {
            self.mistake(format!("{key} is given twice: remove one of them"));
        }
    }

    fn mistake(&mut self, text: impl Into<String>) {
        self.mistakes.push(text.into());
    }

    fn must_be(&mut self, what: &str, value: &str, form: &str) {
        self.mistake(format!("{what} is {}: it must be {form}", shown(value)));
    }

    fn has(&self, key: &str) -> bool {
        self.given.contains_key(key)
    }

    /// Returns the value if it is given and valid.
    fn checked(&mut self, key: &str, form: &str, is_valid: impl Fn(&str) -> bool) -> Option<&'a str> {
        let value = *self.given.get(key)?;
        if is_valid(value) {
            return Some(value);
        }
        self.must_be(key, value, form);
        None
    }

    /// A wrong value counts as true. Otherwise the file would also have no default.
    fn is_default(&mut self) -> bool {
        self.checked("default", "true or false", |value| value.parse::<bool>().is_ok());
        self.given.get("default").is_some_and(|value| *value != "false")
    }

    fn role(&mut self) -> Option<AssumedRole> {
        let form = "the ARN of an IAM role, such as arn:aws:iam::111122223333:role/eks-api";
        let arn = self.checked("role", form, is_role_arn);
        let form = "2 to 64 letters, digits and _+=,.@-";
        let session_name = self.checked("role_session_name", form, |name| is_made_of(name, 2..=64, "_+=,.@-"));
        let external_id = self.given.get("external_id").map(|id| (*id).to_owned());
        if external_id.as_ref().is_some_and(|id| !is_made_of(id, 2..=1224, "_+=,.@:/-")) {
            self.mistake("external_id must be 2 to 1224 letters, digits and _+=,.@:/-");
        }
        for key in ["external_id", "role_session_name"] {
            if self.has(key) && !self.has("role") {
                self.mistake(format!("{key} needs a role: add role=ARN, or remove {key}"));
            }
        }
        Some(AssumedRole {
            arn: arn?.to_owned(),
            external_id,
            session_name: session_name.unwrap_or(SESSION_NAME).to_owned(),
        })
    }

    fn namespaces(&mut self) -> Option<Patterns> {
        let parse = |list: &str| Patterns::parse(list).ok().filter(|patterns| !patterns.is_empty());
        let form = "names or patterns such as a,team-*";
        self.checked("namespaces", form, |list| parse(list).is_some()).and_then(parse)
    }

    fn endpoint(&mut self, read_ca: impl Fn(&Path) -> Result<Vec<u8>, String>) -> Option<StaticEndpoint> {
        match (self.has("endpoint"), self.has("ca_file")) {
            (true, false) => self.mistake("endpoint needs the cluster's CA: add ca_file=FILE"),
            (false, true) => self.mistake("ca_file needs an endpoint: add endpoint=https://HOST, or remove ca_file"),
            _ => {}
        }
        let url = self.checked("endpoint", "https://HOST or https://HOST:PORT, without a path", is_endpoint);
        let value = *self.given.get("ca_file")?;
        let ca_pem =
            read_ca(Path::new(value)).map_err(|why| self.mistake(format!("ca_file is {}: {why}", shown(value))));
        Some(StaticEndpoint { url: url?.to_owned(), ca_pem: ca_pem.ok()? })
    }
}

/// Returns a value in quotes, escaped, of bounded length.
fn shown(value: &str) -> String {
    truncate(&format!("{value:?}"), MAX_SHOWN).to_owned()
}
