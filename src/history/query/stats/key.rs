//! The properties that group runs: [`GroupBy`], and the values of a run: [`Keys`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::Row;

use crate::history::query::run::{Timestamp, json};
use crate::kube::types::Labels;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// The numbers of the columns.
const CREATED: usize = 1;
const NAMESPACE: usize = 2;
const TEMPLATE: usize = 4;
const CALLER: usize = 5;
const LABELS: usize = 12;
const IMAGES: usize = 13;

/// A property that groups runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    Day,
    Hour,
    Template,
    Namespace,
    /// A run is in the group of each of its images.
    Image,
    Caller,
    Label(String),
}

impl GroupBy {
    /// Returns the name in the reply, such as `day` or `label:team`.
    pub fn name(&self) -> String {
        match self {
            Self::Day => "day".to_owned(),
            Self::Hour => "hour".to_owned(),
            Self::Template => "template".to_owned(),
            Self::Namespace => "namespace".to_owned(),
            Self::Image => "image".to_owned(),
            Self::Caller => "caller".to_owned(),
            Self::Label(label) => ["label:", label].concat(),
        }
    }

    /// Whether no index has the value.
    pub(super) const fn is_of_row(&self) -> bool {
        matches!(self, Self::Image | Self::Label(_))
    }

    /// Returns the length of a day or an hour.
    pub const fn seconds(&self) -> i64 {
        if matches!(self, Self::Day) { DAY } else { HOUR }
    }

    /// Returns the start of a day or an hour as replies show it. It has this number since 1970.
    pub fn start(&self, number: i64) -> Option<String> {
        let text = Timestamp(number.saturating_mul(self.seconds())).text()?;
        Some(if *self == Self::Day { text.chars().take("2026-01-20".len()).collect() } else { text })
    }
}

/// The values of a group: the number of the day or hour, or of a text. None if a run has no value.
pub(super) type Key = [Option<i64>; 2];

/// Reads the values of runs. Each text has a number.
#[derive(Debug)]
pub(super) struct Keys<'a> {
    group_by: Vec<(&'a GroupBy, Texts)>,
    /// The keys of the last row.
    keys: Vec<Key>,
}

#[derive(Debug, Default)]
struct Texts {
    numbers: HashMap<Box<str>, i64>,
    next: i64,
}

impl Texts {
    fn number(&mut self, text: &str) -> i64 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.next;
        self.numbers.insert(text.into(), number);
        self.next += 1;
        number
    }

    fn text(&self, number: i64) -> Option<String> {
        let found = self.numbers.iter().find(|(_, known)| **known == number);
        found.map(|(text, _)| text.to_string())
    }
}

impl<'a> Keys<'a> {
    pub(super) fn new(group_by: &'a [GroupBy]) -> Self {
        let group_by = group_by.iter().take(Key::default().len()).map(|by| (by, Texts::default())).collect();
        Self { group_by, keys: Vec::new() }
    }

    /// Returns the keys of a row. There are several only if it has several images.
    pub(super) fn of(&mut self, row: &Row<'_>) -> rusqlite::Result<&[Key]> {
        self.keys.clear();
        self.keys.push(Key::default());
        for (at, (by, texts)) in self.group_by.iter_mut().enumerate() {
            let mut text = |column| {
                Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_str_or_null()?.map(|text| texts.number(text)))
            };
            let value = match by {
                GroupBy::Day | GroupBy::Hour => Some(row.get::<_, i64>(CREATED)?.div_euclid(by.seconds())),
                GroupBy::Template => text(TEMPLATE)?,
                GroupBy::Namespace => text(NAMESPACE)?,
                GroupBy::Caller => text(CALLER)?,
                GroupBy::Label(label) => json::<Labels>(row, LABELS)?.get(label).map(|value| texts.number(value)),
                GroupBy::Image => {
                    let images: Option<BTreeMap<String, String>> = json(row, IMAGES)?;
                    let images: BTreeSet<String> = images.into_iter().flatten().map(|(_, image)| image).collect();
                    let mut numbers: Vec<_> = images.iter().map(|image| Some(texts.number(image))).collect();
                    if numbers.is_empty() {
                        numbers.push(None);
                    }
                    let keys = std::mem::take(&mut self.keys);
                    for number in numbers {
                        self.keys.extend(keys.iter().map(|key| with(*key, at, number)));
                    }
                    continue;
                }
            };
            for key in &mut self.keys {
                *key = with(*key, at, value);
            }
        }
        Ok(&self.keys)
    }

    /// Returns the names of the groupings and the values of a key.
    pub(super) fn names(&self, key: Key) -> Vec<(String, Option<String>)> {
        let name = |((by, texts), value): (&(&GroupBy, Texts), Option<i64>)| {
            let text = value.and_then(|value| match by {
                GroupBy::Day | GroupBy::Hour => by.start(value),
                _ => texts.text(value),
            });
            (by.name(), text)
        };
        self.group_by.iter().zip(key).map(name).collect()
    }
}

fn with(mut key: Key, at: usize, value: Option<i64>) -> Key {
    if let Some(place) = key.get_mut(at) {
        *place = value;
    }
    key
}
