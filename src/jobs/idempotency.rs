//! The ownership stamp: annotations on every job that the service creates.
//!
//! The service recognizes its own job after a lost reply, and the job of an Idempotency-Key. Nothing else is stored.

use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::jobs::manifest::raw::{self, Members};

use crate::util::hex;

const REQUEST_ID: &str = "eks-api/request-id";
const CREATE_ID: &str = "eks-api/create-id";
const IDEMPOTENCY: &str = "eks-api/idempotency";

/// The letters of Kubernetes' generated names: no vowels, and no letters that look alike.
const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
/// 27^10 names: two keys of a namespace practically never get the same name.
const KEY_LETTERS: usize = 10;

/// The hash of a caller's Idempotency-Key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Accepts 1 to 255 printable ASCII characters.
    pub fn parse(key: &str) -> Option<Self> {
        let printable = key.bytes().all(|c| c.is_ascii_graphic() || c == b' ');
        (!key.is_empty() && key.len() <= 255 && printable).then(|| Self(hash(key.as_bytes())))
    }

    /// Binds the key to a body.
    pub fn bind(&self, body: &[u8]) -> BoundKey {
        BoundKey { key: self.0.clone(), body: hash(body) }
    }

    /// Returns letters for a job's name. The same key gives the same letters.
    pub fn letters(&self) -> String {
        let bytes = digest(&SHA256, self.0.as_bytes());
        bytes.as_ref().iter().take(KEY_LETTERS).map(|byte| letter(usize::from(*byte))).collect()
    }
}

/// Returns random letters for a job's name.
pub fn random_letters(count: usize) -> String {
    (0..count).map(|_| letter(fastrand::usize(..LETTERS.len()))).collect()
}

fn letter(number: usize) -> char {
    char::from(LETTERS[number % LETTERS.len()])
}

/// An Idempotency-Key and the body that it is bound to, both as hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundKey {
    pub key: String,
    pub body: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnershipStamp {
    request_id: String,
    /// Random and new for every call, since callers choose and reuse request ids. If the system has no randomness, it is
    /// empty and no job is recognized by it.
    create_id: String,
    key: Option<BoundKey>,
}

/// Which call created an existing job.
#[derive(Debug, PartialEq, Eq)]
pub enum Owner {
    /// This call.
    Ours,
    /// Another call with the same key and body.
    SameKeyAndBody,
    /// Another call with the same key and another body.
    SameKeyOtherBody,
    Another,
}

impl OwnershipStamp {
    pub fn new(request_id: &str, key: Option<BoundKey>) -> Self {
        Self { request_id: request_id.to_owned(), create_id: create_id(), key }
    }

    pub const fn has_key(&self) -> bool {
        self.key.is_some()
    }

    pub fn annotate(&self, annotations: &mut Members) {
        annotations.insert(REQUEST_ID.to_owned(), raw::write(&self.request_id));
        annotations.insert(CREATE_ID.to_owned(), raw::write(&self.create_id));
        // The manifest may be the copy of another job.
        annotations.remove(IDEMPOTENCY);
        if let Some(BoundKey { key, body }) = &self.key {
            annotations.insert(IDEMPOTENCY.to_owned(), raw::write(&format!("{key}.{body}")));
        }
    }

    pub fn owner(&self, annotations: &BTreeMap<String, String>) -> Owner {
        if !self.create_id.is_empty() && annotations.get(CREATE_ID) == Some(&self.create_id) {
            return Owner::Ours;
        }
        let theirs = annotations.get(IDEMPOTENCY).and_then(|value| value.split_once('.'));
        match (&self.key, theirs) {
            (Some(ours), Some((key, body))) if ours.key == key => {
                if ours.body == body {
                    Owner::SameKeyAndBody
                } else {
                    Owner::SameKeyOtherBody
                }
            }
            _ => Owner::Another,
        }
    }
}

/// Returns 128 random bits in hex.
fn create_id() -> String {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map(|()| hex::encode(&bytes)).unwrap_or_default()
}

/// Returns the first 128 bits of the SHA-256 in hex.
pub fn hash(bytes: &[u8]) -> String {
    hex::encode(&digest(&SHA256, bytes).as_ref()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotations(stamp: &OwnershipStamp) -> BTreeMap<String, String> {
        let mut map = Members::from_iter([(IDEMPOTENCY.to_owned(), raw::write("copied.along"))]);
        stamp.annotate(&mut map);
        map.into_iter().map(|(key, value)| (key, raw::parse(&value).unwrap())).collect()
    }

    #[test]
    fn a_stamp_knows_its_own_job_and_no_other() {
        let (one, two) = (OwnershipStamp::new("id", None), OwnershipStamp::new("id", None));
        assert_eq!(one.owner(&annotations(&one)), Owner::Ours);
        assert_eq!(one.owner(&annotations(&two)), Owner::Another, "the caller's request id proves nothing");
        assert_eq!(one.owner(&BTreeMap::new()), Owner::Another);
    }

    #[test]
    fn b15_a_create_id_does_not_come_from_the_generator_of_public_ids() {
        let (ids, seeded): (Vec<_>, _) = (
            (0..2)
                .map(|_| {
                    fastrand::seed(7);
                    OwnershipStamp::new("id", None).create_id
                })
                .collect(),
            fastrand::u64(..),
        );
        assert_ne!(ids[0], ids[1], "the same state of the public generator gives other ids");
        fastrand::seed(7);
        assert_eq!(fastrand::u64(..), seeded, "and it was not asked");
        assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|c| c.is_ascii_hexdigit())), "{ids:?}");
    }

    #[test]
    fn b15_without_a_create_id_no_job_is_recognized() {
        let mut stamp = OwnershipStamp::new("id", None);
        stamp.create_id.clear();
        assert_eq!(stamp.owner(&annotations(&stamp)), Owner::Another);
    }

    #[test]
    fn a_key_is_recognized_across_calls() {
        let key = IdempotencyKey::parse("nightly 2026-01-20").unwrap();
        let with = |key: &IdempotencyKey, body: &[u8]| OwnershipStamp::new("2", Some(key.bind(body)));
        let first = OwnershipStamp::new("1", Some(key.bind(b"body")));
        assert_eq!(with(&key, b"body").owner(&annotations(&first)), Owner::SameKeyAndBody);
        assert_eq!(first.owner(&annotations(&first)), Owner::Ours);
        assert_eq!(with(&key, b"other").owner(&annotations(&first)), Owner::SameKeyOtherBody);
        let other = IdempotencyKey::parse("weekly").unwrap();
        assert_eq!(with(&other, b"body").owner(&annotations(&first)), Owner::Another);
        assert_eq!(OwnershipStamp::new("2", None).owner(&annotations(&first)), Owner::Another);
        assert_eq!(key.letters(), IdempotencyKey::parse("nightly 2026-01-20").unwrap().letters());
        assert_ne!(key.letters(), other.letters());
    }

    #[test]
    fn a_key_is_printable_ascii_of_bounded_length() {
        for bad in ["", "a\nb", "ä", &"k".repeat(256)] {
            assert_eq!(IdempotencyKey::parse(bad), None, "{bad:?}");
        }
    }
}
