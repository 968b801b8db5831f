//! A pod `p` with one container, `main`, and a kubelet that serves its log with faults.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Bytes;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::api::jobs::logs::error::LogError;
use crate::api::jobs::logs::reading::{Reading, Source, Target, Wanted};
use crate::http::response::stream_body::ReplyBody;
use crate::jobs::logs::JobPods;
use crate::kube::error::Error as KubeError;
use crate::kube::refusal::Refusal;
use crate::kube::types::Status;
use crate::kube::url::LogOptions;

/// A line: the second at which it is written, the second of its time stamp, and its text.
pub(super) type Line = (u64, u8, &'static str);

/// A fault of one stream, at a second since the start.
#[derive(Debug)]
pub(super) enum Fault {
    Refuse(KubeError),
    End(u64),
    Cut(u64),
    /// Within the next line.
    CutInLine(u64),
    Hang(u64),
    Say(u64, &'static str),
}

struct Run {
    begins: u64,
    ends: u64,
    lines: &'static [Line],
}

pub(super) struct Kubelet {
    began: Instant,
    runs: Vec<Run>,
    faults: Mutex<VecDeque<Fault>>,
    asked: Arc<Mutex<Vec<LogOptions>>>,
    waiting: (u64, &'static str),
    /// The second of the rotation, and how many of the first lines it removes.
    rotated: (u64, usize),
    gone: u64,
}

pub(super) struct Stream {
    began: Instant,
    lines: VecDeque<Line>,
    ends: u64,
    follow: bool,
    fault: Option<Fault>,
}

pub(super) fn refused(code: u16, reason: &str, message: &str) -> KubeError {
    let status = Status { reason: reason.to_owned(), message: message.to_owned(), ..Status::default() };
    KubeError::Refused(Box::new(Refusal::new(code, status, None)))
}

impl Kubelet {
    pub(super) fn new(lines: &'static [Line], ends: u64) -> Self {
        Self {
            began: Instant::now(),
            runs: vec![Run { begins: 0, ends, lines }],
            faults: Mutex::default(),
            asked: Arc::default(),
            waiting: (0, ""),
            rotated: (u64::MAX, 0),
            gone: u64::MAX,
        }
    }

    pub(super) fn with(self, faults: impl IntoIterator<Item = Fault>) -> Self {
        Self { faults: Mutex::new(faults.into_iter().collect()), ..self }
    }

    /// Adds another run of the container.
    pub(super) fn then(mut self, begins: u64, lines: &'static [Line], ends: u64) -> Self {
        self.runs.push(Run { begins, ends, lines });
        self
    }

    pub(super) fn waiting(self, until: u64, reason: &'static str) -> Self {
        Self { waiting: (until, reason), ..self }
    }

    pub(super) fn rotated(self, at: u64, lines: usize) -> Self {
        Self { rotated: (at, lines), ..self }
    }

    pub(super) fn gone(self, at: u64) -> Self {
        Self { gone: at, ..self }
    }

    pub(super) fn asked(&self) -> Arc<Mutex<Vec<LogOptions>>> {
        Arc::clone(&self.asked)
    }

    fn run(&self) -> usize {
        let now = self.began.elapsed().as_secs();
        self.runs.iter().rposition(|run| run.begins <= now).unwrap()
    }

    fn seen(&self) -> JobPods {
        let (now, run) = (self.began.elapsed().as_secs(), self.run());
        let (until, reason) = self.waiting;
        let state = match now {
            _ if now < until => json!({ "waiting": { "reason": reason } }),
            _ if now < self.runs[run].ends => json!({ "running": {} }),
            _ => json!({ "terminated": { "exitCode": 0 } }),
        };
        let is_over = now >= self.runs.last().unwrap().ends;
        let (phase, condition) = if is_over { ("Succeeded", "True") } else { ("Running", "False") };
        let status = json!({ "name": "main", "restartCount": run, "state": state });
        let container = json!({ "name": "main", "restartPolicy": (self.runs.len() > 1).then_some("Never") });
        let pod = json!({ "metadata": { "name": "p" },
            "spec": { "restartPolicy": "Never", "containers": [container] },
            "status": { "phase": phase, "containerStatuses": [status] } });
        let job = json!({ "metadata": { "name": "j", "uid": "u" },
            "status": { "conditions": [{ "type": "Complete", "status": condition }] } });
        JobPods { job: serde_json::from_value(job).unwrap(), pods: vec![serde_json::from_value(pod).unwrap()] }
    }
}

impl Source for Kubelet {
    type Stream = Stream;

    async fn fetch(&self) -> Result<JobPods, KubeError> {
        let is_gone = self.began.elapsed().as_secs() >= self.gone;
        if is_gone { Err(refused(404, "NotFound", "gone")) } else { Ok(self.seen()) }
    }

    async fn open(&self, target: &Target, options: &LogOptions) -> Result<Stream, KubeError> {
        assert_eq!((&target.pod[..], &target.container[..]), ("p", "main"));
        self.asked.lock().unwrap().push(*options);
        let fault = match self.faults.lock().unwrap().pop_front() {
            Some(Fault::Refuse(error)) => return Err(error),
            fault => fault,
        };
        let (now, run) = (self.began.elapsed().as_secs(), self.run() - usize::from(options.previous));
        let mut lines: VecDeque<Line> = self.runs[run].lines.iter().copied().collect();
        if now >= self.rotated.0 {
            lines.drain(..self.rotated.1);
        }
        let written = lines.iter().filter(|line| line.0 <= now).count();
        lines.drain(..options.tail_lines.map_or(0, |tail| written.saturating_sub(tail as usize)));
        Ok(Stream { began: self.began, lines, ends: self.runs[run].ends, follow: options.follow, fault })
    }

    async fn next(stream: &mut Stream) -> Result<Option<Bytes>, KubeError> {
        loop {
            let now = stream.began.elapsed().as_secs();
            let line = stream.lines.front().copied().filter(|line| line.0 <= now);
            let at = match stream.fault {
                Some(Fault::End(at) | Fault::Cut(at) | Fault::CutInLine(at) | Fault::Hang(at) | Fault::Say(at, _)) => {
                    at
                }
                _ => u64::MAX,
            };
            if let Some((_, second, text)) = line.filter(|line| line.0 < at) {
                stream.lines.pop_front();
                return Ok(Some(format!("2026-01-01T00:00:{second:02}Z {text}\n").into()));
            }
            if now >= at {
                match stream.fault {
                    Some(Fault::End(_)) => return Ok(None),
                    Some(Fault::Hang(_)) => std::future::pending().await,
                    Some(Fault::CutInLine(_)) if !stream.lines.is_empty() => {
                        stream.fault = Some(Fault::Cut(at));
                        let (_, second, text) = stream.lines[0];
                        return Ok(Some(format!("2026-01-01T00:00:{second:02}Z {text}").into()));
                    }
                    Some(Fault::Say(_, text)) => {
                        stream.fault = Some(Fault::End(at));
                        return Ok(Some(Bytes::from_static(text.as_bytes())));
                    }
                    _ => return Err(KubeError::Broken("reset".to_owned())),
                }
            }
            if !stream.follow || now >= stream.ends {
                return Ok(None);
            }
            let next = stream.lines.front().map_or(u64::MAX, |line| line.0).min(at).min(stream.ends);
            sleep_until(stream.began + Duration::from_secs(next)).await;
        }
    }
}

/// Follows the log. Returns the result, what was sent, and the time.
pub(super) async fn read(kubelet: Kubelet, all: bool) -> (Result<(), LogError>, String, Duration) {
    let options = LogOptions { follow: true, ..LogOptions::default() };
    let wanted = Wanted { pod: None, container: None, all, options };
    let (started, seen, (sink, body)) = (kubelet.began, kubelet.seen(), ReplyBody::stream());
    let reading = Reading::new(kubelet, wanted, sink, watch::Sender::new(false));
    let run = async move {
        let ended = reading.run(seen).await;
        reading.sink.end().await;
        ended
    };
    let (ended, body) = tokio::join!(run, body.collect());
    (ended, String::from_utf8(body.unwrap().to_bytes().to_vec()).unwrap(), started.elapsed())
}

/// Returns the text without the heading.
pub(super) fn body(text: &str) -> &str {
    text.trim_start_matches("==> p/main <==\n")
}
