//! The body of create-batch, from the files and the options of the command: [`Body`]. The service checks it.

use std::collections::BTreeMap;

use hyper::body::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::client::exit::{Exit, REFUSED};
use crate::client::manifest::{json_object, object, read, shown};
use crate::client::options::{BatchOptions, JobSource};
use crate::util::strict_json;

/// The service takes at most this many MiB for a batch.
const MAX_MIB: u64 = 4;
/// The JSON of a YAML file may be as large.
const MAX_JSON_BYTES: usize = 4 << 20;
/// The service takes at most this many jobs.
const MAX_JOBS: usize = 1000;

#[derive(Debug)]
pub struct Body {
    /// The members of the body besides `jobs`.
    members: BTreeMap<String, Box<RawValue>>,
    jobs: Vec<Box<RawValue>>,
}

/// The parts of the common manifest that name its namespace.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Job {
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    namespace: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Id {
    id: Option<String>,
}

impl Body {
    /// Reads the files. A value of a file and one of an option must be equal.
    pub fn read(options: &BatchOptions) -> Result<Self, Exit> {
        let (named, mut members) = match &options.source {
            JobSource::File(file) => {
                let object = object(&read(file, MAX_MIB)?, MAX_JSON_BYTES, "a batch")
                    .map_err(|(code, why)| Exit::new(code, format!("{} {why}", shown(file))))?;
                (shown(file), of_object(object).map_err(unreadable)?)
            }
            JobSource::Template(job) => {
                ("--from", serde_json::from_slice(&job.manifest(None, &[])?.body).map_err(unreadable)?)
            }
        };
        let own = members.remove("jobs");
        let (named, jobs) = match (&options.jobs, own) {
            (None, None) => {
                return Err(Exit::usage(format!("{named} has no jobs; add jobs to it, or use --jobs FILE")));
            }
            (Some(_), Some(_)) => return Err(Exit::usage(format!("{named} has jobs; use it without --jobs"))),
            (Some(file), None) => (shown(file), lines(file)?),
            (None, Some(own)) => {
                let jobs = serde_json::from_str(own.get());
                (named, jobs.map_err(|_| Exit::usage(format!("jobs of {named} must be a list")))?)
            }
        };
        match jobs.len() {
            0 => return Err(Exit::usage(format!("{named} has no jobs"))),
            1..=MAX_JOBS => {}
            count => {
                let text = format!("{named} has {count} jobs; a batch has at most {MAX_JOBS}. Make several batches");
                return Err(Exit::new(REFUSED, text));
            }
        }
        if options.retry_failed.is_some() {
            // It is the name of the batch that failed.
            members.remove("batch_name");
        }
        let mut body = Self { members, jobs };
        let text = |value: &Option<String>| value.as_deref().map(Value::from);
        for (member, option, value) in [
            ("namespace", "--namespace", text(&options.namespace)),
            ("batch_name", "--name", text(&options.name)),
            ("on_error", "--on-error", text(&options.on_error)),
            ("notify", "--notify", (!options.notify.is_empty()).then(|| Value::from(options.notify.clone()))),
        ] {
            if let Some(value) = value {
                let old = body.set(member, &value)?;
                if old.is_some_and(|old| serde_json::from_str(old.get()).ok() != Some(value)) {
                    return Err(Exit::usage(format!("the file has another {member} than {option}; use one of them")));
                }
            }
        }
        Ok(body)
    }

    /// Sets a member. Returns its old value.
    pub fn set(&mut self, member: &str, value: &(impl Serialize + ?Sized)) -> Result<Option<Box<RawValue>>, Exit> {
        Ok(self.members.insert(member.to_owned(), to_raw_value(value).map_err(unreadable)?))
    }

    pub fn has_name(&self) -> bool {
        self.members.contains_key("batch_name")
    }

    /// Whether the other jobs are created after one is refused.
    pub fn continues(&self) -> bool {
        self.members.get("on_error").is_some_and(|value| value.get() == r#""continue""#)
    }

    /// Returns the namespace that the body names.
    pub fn namespace(&self) -> Option<String> {
        if let Some(own) = self.members.get("namespace") {
            return serde_json::from_str(own.get()).ok();
        }
        let manifest = self.members.get("job_manifest")?;
        serde_json::from_str::<Job>(manifest.get()).ok()?.metadata.namespace
    }

    /// Returns the id of each job.
    pub fn ids(&self) -> Vec<Option<String>> {
        self.jobs.iter().map(|job| serde_json::from_str::<Id>(job.get()).unwrap_or_default().id).collect()
    }

    /// Keeps only the jobs with these indexes.
    pub fn keep(&mut self, indexes: &[usize]) {
        let mut index = 0;
        self.jobs.retain(|_| {
            index += 1;
            indexes.contains(&(index - 1))
        });
    }

    pub fn size(&self) -> usize {
        self.jobs.len()
    }

    pub fn bytes(&self) -> Result<Bytes, Exit> {
        let mut members = self.members.clone();
        members.insert("jobs".to_owned(), to_raw_value(&self.jobs).map_err(unreadable)?);
        serde_json::to_vec(&members).map(Bytes::from).map_err(unreadable)
    }
}

/// Returns the members of a batch. A file with `spec` is the manifest that all its jobs have.
fn of_object(object: Box<RawValue>) -> serde_json::Result<BTreeMap<String, Box<RawValue>>> {
    let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(object.get())?;
    let is_job = members.contains_key("spec");
    Ok(if is_job { BTreeMap::from([("job_manifest".to_owned(), object)]) } else { members })
}

/// Reads jobs as JSON lines.
fn lines(file: &str) -> Result<Vec<Box<RawValue>>, Exit> {
    let bytes = read(file, MAX_MIB)?;
    let named = shown(file);
    let text = strict_json::text(&bytes).map_err(|why| Exit::usage(format!("{named} {why}")))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
    let job = |(index, line): (usize, &str)| {
        json_object(line, "a job as a JSON object").map_err(|(code, why)| {
            // The parser counts the lines of one job.
            let why = why.replace(" at line 1 column ", " at column ");
            Exit::new(code, format!("{named} line {} {why}", index + 1))
        })
    };
    lines.map(job).collect()
}

#[allow(clippy::needless_pass_by_value, reason = "it is for map_err")]
fn unreadable(error: serde_json::Error) -> Exit {
    Exit::usage(format!("the batch cannot be read: {error}"))
}
