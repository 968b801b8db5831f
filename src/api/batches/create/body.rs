//! The body of create-batch: [`CreateBatch`], and what it asks for: [`Call`].

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::api::jobs::create::body::{object, template_name};
use crate::api::jobs::create::notify::Notify;
use crate::http::limits::bounds::MAX_BODY_BYTES;
use crate::http::response::problem::Problem;
use crate::jobs::batches::MAX_MEMBERS;
use crate::jobs::batches::plan::{BatchInput, JobInput, Source, bind_call};
use crate::jobs::idempotency::IdempotencyKey;
use crate::jobs::manifest::Manifest;
use crate::jobs::manifest::raw::{self, Members};
use crate::util::first_items::FirstItems;
use crate::util::strict_json::path_of;
use crate::util::template_name::TemplateName;

const JOBS: &str = "must be a list with an object for each job, for example [{\"id\": \"de\"}]";

/// Whether the other jobs are sent after one is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum OnError {
    /// No further job is sent.
    #[default]
    Stop,
    /// The others are sent, unless the refusal can pass.
    Continue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateBatch {
    pub(super) namespace: Option<String>,
    pub(super) batch_name: Option<String>,
    pub(super) cluster: Option<String>,
    on_error: Option<OnError>,
    ttl_seconds_after_finished: Option<u32>,
    job_manifest: Option<Box<RawValue>>,
    template: Option<Box<RawValue>>,
    parameters: Option<Box<RawValue>>,
    overrides: Option<Box<RawValue>>,
    jobs: Option<Box<RawValue>>,
    notify: Option<Notify>,
}

/// The common part and the jobs of a call. Only the cluster knows whether the template exists.
pub(super) struct Call {
    pub(super) on_error: OnError,
    pub(super) template: Option<TemplateName>,
    pub(super) notify: Option<Notify>,
    /// Its source lacks the template.
    pub(super) input: BatchInput,
}

/// An item of `jobs`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    id: Option<String>,
    job_manifest: Option<Manifest>,
    parameters: Option<Members>,
    overrides: Option<Members>,
}

impl CreateBatch {
    /// Parses the members. The error names the first wrong field. `namespace` is that of the query or the body. `key` is
    /// bound to the members as they were given, and to the text of each job.
    pub(super) fn into_call(self, namespace: Option<&str>, key: &IdempotencyKey) -> Result<Call, Problem> {
        let ttl = self.ttl_seconds_after_finished;
        let members = [
            ("job_manifest", self.job_manifest),
            ("template", self.template),
            ("parameters", self.parameters),
            ("overrides", self.overrides),
        ];
        let mut given = Members::new();
        given.extend(members.into_iter().filter_map(|(name, raw)| Some((name.to_owned(), raw?))));
        let bytes: usize = given.values().map(|raw| raw.get().len()).sum();
        check_size("the common part", bytes)?;
        let template = given.get("template").map(|raw| template_name(raw)).transpose()?;
        let manifest = given.contains_key("job_manifest").then(|| object(&given, "job_manifest")).transpose()?;
        if manifest.is_some() && template.is_some() {
            return Err(Problem::malformed("template", "is given beside job_manifest: send one of them"));
        }
        let list = self.jobs.ok_or_else(|| Problem::malformed("jobs", &format!("is missing; it {JOBS}")))?;
        let items = items(&list)?;
        let jobs = items.iter().enumerate().map(|(index, raw)| item(&format!("jobs[{index}]"), raw));
        let jobs = jobs.collect::<Result<_, _>>()?;
        let (parameters, overrides) = (object(&given, "parameters")?, object(&given, "overrides")?);
        given.insert("jobs".to_owned(), raw::write(&items.iter().map(|raw| canonical(raw)).collect::<Vec<_>>()));
        given.extend(ttl.map(|ttl| ("ttl_seconds_after_finished".to_owned(), raw::write(&ttl))));
        let notify = self.notify.as_ref().map(Notify::annotation);
        given.extend(notify.as_ref().map(|notify| ("notify".to_owned(), raw::write(notify))));
        given.extend(namespace.map(|namespace| ("namespace".to_owned(), raw::write(namespace))));
        let source = manifest.map_or(Source::None, Source::Manifest);
        let bound = bind_call(key, &given)?;
        let input = BatchInput { source, parameters, overrides, jobs, ttl_seconds_after_finished: ttl, notify, bound };
        Ok(Call { on_error: self.on_error.unwrap_or_default(), template, notify: self.notify, input })
    }
}

impl Call {
    /// Returns the template of all jobs. `None` if a job has a manifest of the caller's own.
    pub(super) fn only_template(&self) -> Option<&TemplateName> {
        self.template.as_ref().filter(|_| self.input.jobs.iter().all(|job| job.manifest.is_none()))
    }

    /// Returns the overrides of the call and of each job.
    pub(super) fn all_overrides(&self) -> impl Iterator<Item = &Members> {
        [&self.input.overrides].into_iter().chain(self.input.jobs.iter().map(|job| &job.overrides))
    }
}

/// Returns the texts of the jobs.
fn items(list: &RawValue) -> Result<Vec<&RawValue>, Problem> {
    // One more than a batch may have.
    let items: Result<FirstItems<_, { MAX_MEMBERS as usize + 1 }>, _> = serde_json::from_str(list.get());
    let FirstItems(items) = items.map_err(|_| Problem::malformed("jobs", JOBS))?;
    if items.len() > MAX_MEMBERS as usize {
        return Err(Problem::invalid("jobs", &format!("has more than {MAX_MEMBERS} jobs: send several batches")));
    }
    Ok(items)
}

/// Returns the text of a job without spaces and the order of members. One job at a time, as a parsed value takes many
/// times the memory of its text.
fn canonical(raw: &RawValue) -> String {
    // A number that is too large, such as 1e400, counts as it is written.
    serde_json::from_str::<Value>(raw.get()).map_or_else(|_| raw.get().to_owned(), |value| value.to_string())
}

fn item(field: &str, raw: &RawValue) -> Result<JobInput, Problem> {
    let text = raw.get();
    check_size(field, text.len())?;
    // serde would accept an array of the fields' values.
    if !text.starts_with('{') {
        return Err(Problem::malformed(field, "must be an object"));
    }
    let item: Item = serde_json::from_str(text).map_err(|error| {
        let (path, message) = (path_of(text, &error), error.to_string());
        let field = if path.is_empty() { field.to_owned() } else { format!("{field}.{path}") };
        // The line and the column would count from the start of the item.
        Problem::malformed(&field, message.split(" at line ").next().unwrap_or_default())
    })?;
    Ok(JobInput {
        id: item.id,
        manifest: item.job_manifest,
        parameters: item.parameters.unwrap_or_default(),
        overrides: item.overrides.unwrap_or_default(),
    })
}

/// 413 for a part of the call that is larger than a job may be.
fn check_size(field: &str, bytes: usize) -> Result<(), Problem> {
    if bytes <= MAX_BODY_BYTES {
        return Ok(());
    }
    let detail = format!("{field}: has {bytes} bytes; a job may have {MAX_BODY_BYTES}");
    Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", detail))
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
