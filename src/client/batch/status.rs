//! A batch and its status: [`Batch`] and [`BatchStatus`].

use std::fmt;

use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{HeaderValue, IF_NONE_MATCH};
use serde::Deserialize;

use crate::client::job::not_ours;
use crate::client::service::{Error, Service, ServiceRequest};

/// The width of the bar in characters.
const BAR: usize = 20;

/// The name of a batch. Without a namespace it is the service's default.
#[derive(Clone, Debug)]
pub struct Batch {
    pub name: String,
    pub namespace: Option<String>,
}

/// The fields of the status object that the client reads.
#[derive(Debug, Deserialize)]
pub struct BatchStatus {
    #[serde(default)]
    pub uid: String,
    pub state: String,
    pub size: usize,
    pub counts: Counts,
    /// Only with `details`.
    #[serde(default)]
    pub members: Vec<Member>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Counts {
    pub pending: usize,
    pub running: usize,
    pub suspended: usize,
    pub completed: usize,
    pub failed: usize,
    pub missing: usize,
}

#[derive(Debug, Deserialize)]
pub struct Member {
    pub index: usize,
    pub id: Option<String>,
    pub job_name: String,
    pub state: String,
    pub reason: Option<String>,
    pub exit_code: Option<i64>,
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "batch {namespace}/{}", self.name),
            None => write!(f, "batch {}", self.name),
        }
    }
}

impl Batch {
    /// Returns the parameters that name the batch, and more.
    pub fn query<'q>(&'q self, more: &[(&'q str, &'q str)]) -> Vec<(&'q str, &'q str)> {
        let namespace = self.namespace.as_deref().map(|namespace| ("namespace", namespace));
        [("batch_name", self.name.as_str())].into_iter().chain(namespace).chain(more.iter().copied()).collect()
    }

    /// Requests the status. With `retry` the request is repeated while the service is down.
    pub async fn status(
        &self,
        service: &Service<'_>,
        query: &[(&str, &str)],
        etag: Option<&HeaderValue>,
        retry: bool,
    ) -> Result<Response<Bytes>, Error> {
        let mut request = ServiceRequest::get("get-batch-status", self.query(query));
        request.headers.extend(etag.map(|etag| (IF_NONE_MATCH, etag.clone())));
        if retry { service.call(&request).await } else { service.once(&request).await }
    }

    /// Returns the status with all members.
    pub async fn details(&self, service: &Service<'_>) -> Result<BatchStatus, Error> {
        let response = self.status(service, &[("details", "true")], None, true).await?;
        Ok(serde_json::from_slice(response.body()).map_err(not_ours)?)
    }
}

impl BatchStatus {
    pub fn is_final(&self) -> bool {
        ["completed", "failed", "incomplete"].contains(&self.state.as_str())
    }

    /// Returns the members that failed or are missing.
    pub fn unsuccessful(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| ["failed", "missing"].contains(&member.state.as_str()))
    }

    pub fn failed(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.state == "failed")
    }

    pub fn ended(&self) -> usize {
        self.counts.completed + self.counts.failed
    }

    /// Returns `312 of 500 jobs have ended (16 running, 2 failed)`.
    pub fn progress(&self) -> String {
        format!("{} of {} jobs have ended{}", self.ended(), self.size, self.counts.text())
    }

    /// Returns `[############........] 312/500 (16 running, 2 failed)`.
    pub fn bar(&self) -> String {
        let filled = (self.ended() * BAR / self.size.max(1)).min(BAR);
        let bar: String = (0..BAR).map(|at| if at < filled { '#' } else { '.' }).collect();
        format!("[{bar}] {}/{}{}", self.ended(), self.size, self.counts.text())
    }
}

/// Returns `1 job` or `2 jobs`.
pub fn jobs(count: usize) -> String {
    format!("{count} job{}", if count == 1 { "" } else { "s" })
}

impl Counts {
    /// Returns all numbers but that of the completed jobs, in parentheses after a blank.
    fn text(&self) -> String {
        let Self { pending, running, suspended, failed, missing, .. } = *self;
        let counts = [
            (running, "running"),
            (pending, "pending"),
            (suspended, "suspended"),
            (failed, "failed"),
            (missing, "missing"),
        ];
        let counts = counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        let counts: Vec<String> = counts.collect();
        if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(size: usize, counts: Counts) -> BatchStatus {
        BatchStatus { uid: String::new(), state: "running".to_owned(), size, counts, members: Vec::new() }
    }

    #[test]
    fn the_bar_is_full_only_when_all_jobs_have_ended() {
        for (size, completed, bar) in [
            (1000, 0, "[....................] 0/1000"),
            (1000, 999, "[###################.] 999/1000"),
            (3, 1, "[######..............] 1/3"),
            (3, 3, "[####################] 3/3"),
            (0, 0, "[....................] 0/0"),
        ] {
            assert_eq!(status(size, Counts { completed, ..Counts::default() }).bar(), bar);
        }
    }

    #[test]
    fn counts_of_zero_are_left_out() {
        let counts = Counts { completed: 2, failed: 1, running: 4, missing: 3, ..Counts::default() };
        let text = status(10, counts).progress();
        assert_eq!(text, "3 of 10 jobs have ended (4 running, 1 failed, 3 missing)");
    }
}
