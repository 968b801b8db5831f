//! API keys: how one is made, and the file that says who may do what with which. The file holds hashes only, so whoever
//! reads it cannot call. Owns form and lookup; reading the file again is `keyring`'s.
//!
//! A line for each key, and for certificates of mutual TLS, whose names may hold one `*`. The kind of a name is `dns:`,
//! `email:`, `uri:` or `cn:` (common name). Without a kind it is a DNS name or an e-mail address:
//!
//! ```text
//! ci              role=write namespaces=team-a,build-* sha256=2c26b46b…
//! cert:dns:*.prod role=read  namespaces=*
//! ```

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::auth::role::Role;
use crate::config::pattern::{Patterns, matches};
use crate::util::hex;
use crate::util::secret::Secret;

/// Scanners that look for leaked secrets find keys by this.
const PREFIX: &str = "eks-api-";
const CERTIFICATE: &str = "cert:";
const LONGEST_NAME: usize = 64;
const HASH: usize = 32;

/// A key's SHA-256, by which it is known.
pub type Hash = [u8; HASH];

/// What a line grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub name: Arc<str>,
    pub role: Role,
    pub namespaces: Patterns,
}

/// Whom it is granted to. Two keys may have one name, and lines that are alike but for the hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    Key(Hash),
    /// By its own name, which is not the line's if that is a pattern.
    Certificate(Arc<str>),
}

/// All that a file grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    keys: Vec<(Hash, Arc<Grant>)>,
    /// By patterns of certificates' names, which the grants bear as theirs.
    certificates: Vec<Arc<Grant>>,
}

/// What is wrong with a file, and in which line. It never repeats what could be a key.
#[derive(Debug, PartialEq, Eq)]
pub struct Mistake {
    line: usize,
    what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for Mistake {}

/// A new key of 256 random bits, to be shown once; none if the system has no randomness to give.
pub fn generate() -> Option<Secret<String>> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
}

/// The line for the file.
pub fn line(grant: &Grant, key: &Secret<String>) -> String {
    let hash = hex::encode(&hash(key.expose()));
    let namespaces = grant.namespaces.to_string().replace(' ', "");
    format!("{} role={} namespaces={namespaces} sha256={hash}", grant.name, grant.role)
}

/// A plain hash is enough: there is nothing to guess in a random key.
fn hash(key: &str) -> Hash {
    let mut hash = [0; HASH];
    hash.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
    hash
}

/// Whether a key may be called so.
pub fn is_name(name: &str) -> bool {
    let sane = |c: u8| c.is_ascii_alphanumeric() || b"-_.@".contains(&c);
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(sane)
}

impl Keys {
    /// Reads a file's text.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let mut keys = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            keys.add(line).map_err(|what| Mistake { line: index + 1, what })?;
        }
        Ok(keys)
    }

    fn add(&mut self, line: &str) -> Result<(), String> {
        let mut words = line.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        let pattern = name.strip_prefix(CERTIFICATE);
        let name = pattern.unwrap_or(name);
        let is_sane = pattern.map_or_else(|| is_name(name), is_certificate_pattern);
        if !is_sane {
            return Err(format!(
                "the name must be 1 to {LONGEST_NAME} letters, digits and -_.@ (and one * after cert:)"
            ));
        }
        let (mut role, mut namespaces, mut sha256) = (None, None, None);
        for word in words {
            let (field, value) = word.split_once('=').unwrap_or((word, ""));
            let is_new = match field {
                "role" => role.replace(value).is_none(),
                "namespaces" => namespaces.replace(value).is_none(),
                "sha256" if pattern.is_none() => sha256.replace(value).is_none(),
                // Its value could be a key.
                _ => return Err("a word is none of role=, namespaces= and (not after cert:) sha256=".to_owned()),
            };
            if !is_new {
                return Err(format!("{field} is given twice"));
            }
        }
        let role = role.and_then(Role::parse).ok_or("role= must be read, write or admin")?;
        let namespaces = namespaces.and_then(|list| Patterns::parse(list).ok()).filter(|list| !list.is_empty());
        let namespaces = namespaces.ok_or("namespaces= must be names or patterns such as a,team-*")?;
        let grant = Arc::new(Grant { name: name.into(), role, namespaces });
        if pattern.is_some() {
            self.certificates.push(grant);
            return Ok(());
        }
        let hash = sha256.and_then(from_hex).ok_or("sha256= must be 64 hexadecimal digits, as keygen prints them")?;
        if self.keys.iter().any(|(known, _)| *known == hash) {
            return Err("this key is in the file already".to_owned());
        }
        self.keys.push((hash, grant));
        Ok(())
    }

    /// How many lines there are that let anyone in.
    pub const fn len(&self) -> usize {
        self.keys.len() + self.certificates.len()
    }

    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a key grants, and its hash. Takes as long whichever key it is, and if it is none.
    pub fn find(&self, key: &str) -> Option<(Hash, &Arc<Grant>)> {
        let hash = hash(key);
        let mut place = u64::MAX;
        for (index, (known, _)) in (0_u64..).zip(&self.keys) {
            let is_this: Choice = known.ct_eq(&hash);
            place.conditional_assign(&index, is_this);
        }
        self.keys.get(usize::try_from(place).ok()?).map(|(hash, grant)| (*hash, grant))
    }

    /// What a certificate of this name grants, by the first line that fits.
    pub fn find_certificate(&self, name: &str) -> Option<&Arc<Grant>> {
        self.certificates.iter().find(|grant| certificate_matches(&grant.name, name))
    }

    /// A pattern without a kind that no DNS name or e-mail address can match, if there is one.
    pub fn without_kind(&self) -> Option<&str> {
        let patterns = self.certificates.iter().map(|grant| &*grant.name);
        patterns.filter(|pattern| kind(pattern).is_none()).find(|pattern| pattern.contains(['/', ':']))
    }

    /// Whether the file says the same of the same holder.
    pub fn grants(&self, grant: &Grant, holder: &Holder) -> bool {
        let found = match holder {
            Holder::Key(hash) => self.keys.iter().find(|(known, _)| known == hash).map(|(_, grant)| grant),
            Holder::Certificate(name) => self.find_certificate(name),
        };
        found.is_some_and(|found| **found == *grant)
    }
}

const KINDS: [&str; 4] = ["dns:", "email:", "uri:", "cn:"];

/// The kind that a text begins with, and the rest.
fn kind(text: &str) -> Option<(&'static str, &str)> {
    KINDS.into_iter().find_map(|kind| Some((kind, text.strip_prefix(kind)?)))
}

/// Whether a line's pattern is for a certificate of this name, as `http::certificate` gives it: a DNS name without its kind.
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

fn from_hex(text: &str) -> Option<Hash> {
    let digits = text.as_bytes();
    if digits.len() != 2 * HASH {
        return None;
    }
    let mut bytes = [0; HASH];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
