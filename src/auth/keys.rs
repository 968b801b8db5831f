//! API keys: generates a key, and parses the keys file. The file holds hashes only, so it lets nobody call.
//!
//! Each line is for a key, or for the client certificates with a name. That name may contain one `*`. Its kind is `dns:`,
//! `email:`, `uri:` or `cn:` (common name). Without a kind it is a DNS name or an e-mail address:
//!
//! ```text
//! ci              role=write namespaces=team-a,build-* clusters=prod,eu-* sha256=2c26b46b…
//! nightly         role=run   namespaces=team-a templates=cronjob/etl,preset/report-* sha256=fcde2b2e…
//! cert:dns:*.prod role=read  namespaces=*
//! ```
//!
//! Without `clusters=` a line is for the default cluster only. `templates=` belongs to `role=run`.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::auth::role::Role;
use crate::auth::templates::TemplatePatterns;
use crate::config::pattern::{Patterns, matches};
use crate::util::hex;
use crate::util::secret::Secret;

/// Secret scanners recognize leaked keys by this prefix.
const PREFIX: &str = "eks-api-";
const CERTIFICATE: &str = "cert:";
const MAX_NAME_LEN: usize = 64;
const UNKNOWN_WORD: &str =
    "unknown word: use role=, namespaces=, clusters=, templates= and, except after cert:, sha256=";
const HASH: usize = 32;

/// The SHA-256 of a key.
pub type Hash = [u8; HASH];

/// The rights that a line grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub name: Arc<str>,
    pub role: Role,
    pub namespaces: Patterns,
    /// `None` is the default cluster only.
    pub clusters: Option<Patterns>,
    /// For the role `run`; empty for every other role.
    pub templates: TemplatePatterns,
}

/// The holder of a grant. Two keys can have the same name and the same rights, so a key is identified by its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    Key(Hash),
    /// The certificate's own name. The line may have a pattern.
    Certificate(Arc<str>),
}

/// The content of a keys file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    keys: Vec<(Hash, Arc<Grant>)>,
    /// The name of each grant is a pattern.
    certificates: Vec<Arc<Grant>>,
}

/// An error in a line of the file. The message never repeats text that could be a key.
#[derive(Debug, PartialEq, Eq)]
pub struct LineError {
    line: usize,
    message: String,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for LineError {}

/// Returns a new key of 256 random bits, or `None` if the system gives no randomness.
pub fn generate() -> Option<Secret<String>> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
}

/// Returns the line for the keys file.
pub fn line(grant: &Grant, key: &Secret<String>) -> String {
    let hash = hex::encode(&sha256(key.expose().as_bytes()));
    let list = |patterns: &dyn fmt::Display| patterns.to_string().replace(' ', "");
    let Grant { name, role, namespaces, clusters, templates } = grant;
    let namespaces = list(namespaces);
    let clusters = clusters.as_ref().map(|clusters| format!(" clusters={}", list(clusters))).unwrap_or_default();
    let templates = if templates.is_empty() { String::new() } else { format!(" templates={}", list(templates)) };
    format!("{name} role={role} namespaces={namespaces}{clusters}{templates} sha256={hash}")
}

/// A plain hash suffices: a random key cannot be guessed.
pub(super) fn sha256(secret: &[u8]) -> Hash {
    let mut hash = [0; HASH];
    hash.copy_from_slice(digest(&SHA256, secret).as_ref());
    hash
}

/// Whether this is a valid name of a key.
pub fn is_name(name: &str) -> bool {
    let is_valid = |c: u8| c.is_ascii_alphanumeric() || b"-_.@".contains(&c);
    (1..=MAX_NAME_LEN).contains(&name.len()) && name.bytes().all(is_valid)
}

impl Keys {
    /// Parses the text of a file.
    pub fn parse(text: &str) -> Result<Self, LineError> {
        let mut keys = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            keys.add(line).map_err(|message| LineError { line: index + 1, message })?;
        }
        Ok(keys)
    }

    fn add(&mut self, line: &str) -> Result<(), String> {
        let mut words = line.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        let pattern = name.strip_prefix(CERTIFICATE);
        let name = pattern.unwrap_or(name);
        let is_valid = pattern.map_or_else(|| is_name(name), is_certificate_pattern);
        if !is_valid {
            return Err(format!(
                "the name must be 1 to {MAX_NAME_LEN} letters, digits and -_.@ (and one * after cert:)"
            ));
        }
        let (mut role, mut namespaces, mut clusters, mut templates, mut sha256) = (None, None, None, None, None);
        for word in words {
            let (field, value) = word.split_once('=').unwrap_or((word, ""));
            let is_new = match field {
                "role" => role.replace(value).is_none(),
                "namespaces" => namespaces.replace(value).is_none(),
                "clusters" => clusters.replace(value).is_none(),
                "templates" => templates.replace(value).is_none(),
                "sha256" if pattern.is_none() => sha256.replace(value).is_none(),
                // The message leaves the word out: it could be a key.
                _ => return Err(UNKNOWN_WORD.to_owned()),
            };
            if !is_new {
                return Err(format!("{field} is given twice"));
            }
        }
        let role = role.and_then(Role::parse).ok_or("role= must be read, run, write or admin")?;
        let patterns = |list: &str| Patterns::parse(list).ok().filter(|list| !list.is_empty());
        let namespaces =
            namespaces.and_then(patterns).ok_or("namespaces= must be names or patterns such as a,team-*")?;
        let clusters =
            clusters.map(|list| patterns(list).ok_or("clusters= must be names or patterns such as prod,eu-*"));
        let clusters = clusters.transpose()?;
        // The message leaves the pattern out: it could be a key.
        let templates =
            TemplatePatterns::for_role(role, templates).map_err(|error| error.text("role=", "templates="))?;
        let grant = Arc::new(Grant { name: name.into(), role, namespaces, clusters, templates });
        if pattern.is_some() {
            self.certificates.push(grant);
            return Ok(());
        }
        let hash =
            sha256.and_then(hex::decode).ok_or("sha256= must be 64 hexadecimal digits, as keygen prints them")?;
        if self.keys.iter().any(|(known, _)| *known == hash) {
            return Err("this key is in the file already".to_owned());
        }
        self.keys.push((hash, grant));
        Ok(())
    }

    /// The number of lines for keys and certificates.
    pub const fn len(&self) -> usize {
        self.keys.len() + self.certificates.len()
    }

    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Finds the hash and the grant of a key. Takes the same time for every key, known or not.
    pub fn find(&self, key: &str) -> Option<(Hash, &Arc<Grant>)> {
        let hash = sha256(key.as_bytes());
        let mut found = u64::MAX;
        for (index, (known, _)) in (0_u64..).zip(&self.keys) {
            let is_this: Choice = known.ct_eq(&hash);
            found.conditional_assign(&index, is_this);
        }
        self.keys.get(usize::try_from(found).ok()?).map(|(hash, grant)| (*hash, grant))
    }

    /// Finds the grant of a certificate with this name. The first matching line counts.
    pub fn find_certificate(&self, name: &str) -> Option<&Arc<Grant>> {
        self.certificates.iter().find(|grant| certificate_matches(&grant.name, name))
    }

    /// Returns the name and the clusters of each line with `clusters=`.
    pub fn grants_with_clusters(&self) -> impl Iterator<Item = (&str, &Patterns)> {
        let grants = self.keys.iter().map(|(_, grant)| grant).chain(&self.certificates);
        grants.filter_map(|grant| Some((&*grant.name, grant.clusters.as_ref()?)))
    }

    /// Finds a pattern without a kind that no DNS name or e-mail address can match.
    pub fn without_kind(&self) -> Option<&str> {
        let patterns = self.certificates.iter().map(|grant| &*grant.name);
        patterns.filter(|pattern| kind(pattern).is_none()).find(|pattern| pattern.contains(['/', ':']))
    }

    /// Whether the file still grants the same to the same holder.
    pub fn grants(&self, grant: &Grant, holder: &Holder) -> bool {
        let found = match holder {
            Holder::Key(hash) => self.keys.iter().find(|(known, _)| known == hash).map(|(_, grant)| grant),
            Holder::Certificate(name) => self.find_certificate(name),
        };
        found.is_some_and(|found| **found == *grant)
    }
}

const KINDS: [&str; 4] = ["dns:", "email:", "uri:", "cn:"];

/// Splits the kind from the rest of a name.
fn kind(text: &str) -> Option<(&'static str, &str)> {
    KINDS.into_iter().find_map(|kind| Some((kind, text.strip_prefix(kind)?)))
}

/// Whether a pattern matches the name of a certificate. `http::client_cert` returns a DNS name without its kind.
fn certificate_matches(pattern: &str, name: &str) -> bool {
    let (name_kind, name) = kind(name).unwrap_or(("dns:", name));
    match kind(pattern) {
        Some((pattern_kind, pattern)) => pattern_kind == name_kind && matches(pattern, name),
        None => ["dns:", "email:"].contains(&name_kind) && matches(pattern, name),
    }
}

fn is_certificate_pattern(pattern: &str) -> bool {
    (1..=253).contains(&pattern.len())
        && pattern.bytes().all(|c| c.is_ascii_graphic())
        && pattern.bytes().filter(|c| *c == b'*').count() <= 1
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
