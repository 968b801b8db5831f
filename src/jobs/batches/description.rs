//! The annotation of a head, which describes its batch: [`Description`].

use serde::{Deserialize, Serialize};

/// The most members of a batch. Their indexes have four digits.
pub const MAX_MEMBERS: u32 = 1000;

/// The value of the annotation `eks-api/batch`, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The number of members.
    pub size: u32,
    /// The id of each member. Empty if none has an id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<Option<Box<str>>>,
    /// The batch is deleted this long after the end of its last member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds_after_finished: Option<u32>,
    /// The hash of the Idempotency-Key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Box<str>>,
    /// The hash of the call's body.
    #[serde(default)]
    pub body: Box<str>,
}

impl Description {
    /// Reads the annotation. `None` if it is not one that the service wrote.
    pub fn parse(annotation: &str) -> Option<Self> {
        let description: Self = serde_json::from_str(annotation).ok()?;
        let has_size = (1..=MAX_MEMBERS).contains(&description.size);
        let has_ids = description.ids.is_empty() || description.ids.len() == description.size as usize;
        (has_size && has_ids).then_some(description)
    }

    /// Returns the id of a member, if it has one.
    pub fn id(&self, index: usize) -> Option<&str> {
        self.ids.get(index)?.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(size: u32, ids: &[Option<&str>]) -> Description {
        let ids = ids.iter().map(|id| id.map(Into::into)).collect();
        Description { size, ids, ttl_seconds_after_finished: None, key: None, body: "b".into() }
    }

    #[test]
    fn what_is_written_is_read() {
        for mut description in [description(1000, &[]), description(2, &[None, Some("a\"é")]), description(1, &[None])]
        {
            for ttl in [None, Some(0)] {
                description.ttl_seconds_after_finished = ttl;
                description.key = ttl.map(|_| "k".into());
                let text = serde_json::to_string(&description).unwrap();
                assert_eq!(Description::parse(&text), Some(description.clone()), "{text}");
            }
        }
        assert_eq!(serde_json::to_string(&description(7, &[])).unwrap(), r#"{"size":7,"body":"b"}"#);
    }

    #[test]
    fn a_later_version_may_add_members() {
        let text = r#"{"size": 2, "ids": ["a", null], "later": {}}"#;
        assert_eq!(Description::parse(text).map(|read| read.ids), Some(description(2, &[Some("a"), None]).ids));
    }

    #[test]
    fn a_damaged_annotation_is_none() {
        for text in [
            "",
            "7",
            "[]",
            "{}",
            r#"{"size": 0}"#,
            r#"{"size": 1001}"#,
            r#"{"size": -1}"#,
            r#"{"size": "2"}"#,
            r#"{"size": 2, "ids": ["a"]}"#,
            r#"{"size": 2, "ids": ["a", "b", "c"]}"#,
            r#"{"size": 1, "ids": [7]}"#,
            r#"{"size": 1"#,
        ] {
            assert_eq!(Description::parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_a_member_with_an_id_has_one() {
        let description = description(2, &[None, Some("b")]);
        assert_eq!([0, 1, 2].map(|index| description.id(index)), [None, Some("b"), None]);
    }
}
