//! Whether a real reply is like the one that the page shows: the status, the keys, the types, and whatever is the same
//! each time.

use std::collections::BTreeMap;

use serde_json::Value;

/// Strings that do not change from one time to the next; of all others only the type counts.
const FIXED: [&str; 13] = [
    "status",
    "state",
    "reason",
    "phase",
    "title",
    "detail",
    "type",
    "field",
    "namespace",
    "cluster",
    "x-cache",
    "cache-control",
    "content-type",
];
/// Strings that are given back to the service later on, and so have to be this run's own.
const MARKS: [&str; 5] = ["etag", "continue", "uid", "id", "delivery_id"];
/// What stands for whatever is left out.
const MORE: &str = "…";

/// What the page shows of one run, and what it is in this one.
#[derive(Debug, Default)]
pub(crate) struct Likeness(BTreeMap<String, String>);

impl Likeness {
    /// The text of a request, with this run's own marks.
    pub(crate) fn real(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (shown, real)| text.replace(shown, real))
    }

    /// If the two differ, where.
    pub(crate) fn check(&mut self, shown: &Value, real: &Value, at: &str) -> Result<(), String> {
        let differ = || Err(format!("{at} is {real}, but the page shows {shown}"));
        match (shown, real) {
            (Value::Object(shown), Value::Object(real)) => {
                let mut keys = shown.keys().filter(|key| *key != MORE);
                let same = if shown.contains_key(MORE) {
                    keys.all(|key| real.contains_key(key))
                } else {
                    keys.eq(real.keys())
                };
                if !same {
                    return differ();
                }
                let mut pairs = shown.iter().filter(|(key, _)| *key != MORE);
                pairs.try_for_each(|(key, value)| self.check(value, &real[key], &format!("{at}/{key}")))
            }
            (Value::Array(shown), Value::Array(real)) => {
                let gap = shown.iter().position(|item| item == MORE);
                let (first, last) = gap.map_or((&shown[..], &shown[..0]), |gap| (&shown[..gap], &shown[gap + 1..]));
                let count = first.len() + last.len();
                if real.len() < count || (gap.is_none() && real.len() > count) {
                    return differ();
                }
                let real = real[..first.len()].iter().chain(&real[real.len() - last.len()..]);
                let mut pairs = first.iter().chain(last).zip(real).enumerate();
                pairs.try_for_each(|(index, (shown, real))| self.check(shown, real, &format!("{at}/{index}")))
            }
            (Value::String(shown), Value::String(real)) => {
                let key = at.rsplit('/').next().unwrap_or_default();
                let is_known = || self.0.get(shown).is_none_or(|known| known == real);
                if (FIXED.contains(&key) && shown != real) || (MARKS.contains(&key) && !is_known()) {
                    return differ();
                }
                if MARKS.contains(&key) {
                    self.0.insert(shown.clone(), real.clone());
                }
                Ok(())
            }
            _ if shown == real => Ok(()),
            _ => differ(),
        }
    }
}
