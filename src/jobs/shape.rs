//! What many jobs have in common: their labels, and the conditions that they have reached. It is kept once, and mostly as the
//! JSON that it becomes.

use std::hash::{Hash, Hasher};

use serde::Serialize;

use super::json::Json;
use crate::kube::types::Condition;

pub(super) const JOB_ID: &str = "job-id";

/// What many jobs have in common.
#[derive(Debug)]
pub struct Shape {
    pub(super) labels: Box<[Label]>,
    /// Whether there is a label `job-id` that repeats the name. It is not among the others.
    pub(super) has_job_id: bool,
    /// The labels as members of a JSON object, each with a comma: those that come before `job-id`, and those behind it.
    pub(super) members: [Box<str>; 2],
    pub(super) conditions: Box<[Text]>,
}

/// Key and value.
type Label = (Box<str>, Box<str>);

impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Shape {}

impl Hash for Shape {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl Shape {
    /// The labels are in it as JSON.
    fn identity(&self) -> (&[Box<str>; 2], bool, &[Text]) {
        (&self.members, self.has_job_id, &self.conditions)
    }

    pub(super) fn new(labels: Box<[Label]>, has_job_id: bool, conditions: Box<[Text]>) -> Self {
        let place = labels.iter().position(|(key, _)| **key > *JOB_ID);
        let (before, behind) = labels.split_at(place.unwrap_or(labels.len()));
        let members = [before, behind].map(members);
        Self { labels, has_job_id, members, conditions }
    }
}

fn members(labels: &[Label]) -> Box<str> {
    let mut json = Json::with_capacity(0);
    for (key, value) in labels {
        json.member(key, value);
    }
    String::from_utf8(json.into_bytes()).unwrap_or_default().into()
}

/// A condition without its time, as JSON. Thousands of jobs have the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Text {
    /// Up to the time, which comes last.
    pub(super) object: Box<str>,
    /// `"reason":…,"message":…` of the condition that decided the state.
    pub(super) decided: Option<Box<str>>,
}

#[derive(Serialize)]
struct Reasons<'a> {
    reason: Option<&'a str>,
    message: Option<&'a str>,
}

#[derive(Serialize)]
struct ConditionObject<'a> {
    r#type: &'a str,
    status: &'a str,
    reason: Option<&'a str>,
    message: Option<&'a str>,
    last_transition_time: Option<()>,
}

impl Text {
    pub(super) fn of(condition: &Condition, decided: Option<&Condition>) -> Self {
        let (reason, message) = (condition.reason.as_deref(), condition.message.as_deref());
        let Condition { r#type, status, .. } = condition;
        let object = ConditionObject { r#type, status, reason, message, last_transition_time: None };
        let object = serde_json::to_string(&object).unwrap_or_default();
        let reasons = || serde_json::to_string(&Reasons { reason, message }).unwrap_or_default();
        let is_decided = decided.is_some_and(|decided| std::ptr::eq(decided, condition));
        Self {
            object: object.strip_suffix("null}").unwrap_or_default().into(),
            decided: is_decided.then(|| reasons().trim_matches(['{', '}']).into()),
        }
    }
}
