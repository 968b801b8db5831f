//! The first items of a JSON list: [`FirstItems`]. A body of some MiB holds a million.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// At most this many items. The rest of the list is skipped.
#[derive(Debug)]
pub struct FirstItems<T, const COUNT: usize>(pub Vec<T>);

struct Items<T, const COUNT: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const COUNT: usize> Deserialize<'de> for FirstItems<T, COUNT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Items::<T, COUNT>(PhantomData)).map(Self)
    }
}

impl<'de, T: Deserialize<'de>, const COUNT: usize> Visitor<'de> for Items<T, COUNT> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while items.len() < COUNT {
            match list.next_element()? {
                Some(item) => items.push(item),
                None => return Ok(items),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(items)
    }
}
