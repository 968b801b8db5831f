//! Shows a log, also while it is written: [`follow`]. Lines are neither lost nor repeated if the connection breaks or the
//! service restarts.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::client::exit::{Exit, UNAVAILABLE};
use crate::client::job::state::{RunState, ended_for};
use crate::client::job::{Job, JobStatus};
use crate::client::log::lines::{Extent, Lines, Piece, TAIL};
use crate::client::log::{LogEnd, Until};
use crate::client::options::LogQuery;
use crate::client::output::{LogWriter, Reader};
use crate::client::problem::Problem;
use crate::client::service::{BACKOFF, Error, Service};
use crate::util::backoff::Backoff;
use crate::util::error_chain::causes;

/// How often the whole log is read after the end of the job.
const LAST_READS: usize = 5;
/// After the end of the job, the client closes a stream that is idle for this long. It then reads the whole log.
const LAST_IDLE_TIMEOUT: Duration = Duration::from_secs(1);
/// If a container had no log yet, a stream that is idle for this long is opened again.
const REMARK_IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// How a read of the log ended.
#[derive(Debug)]
enum Read {
    Complete,
    Broken,
    /// No byte came until the idle timeout.
    Idle,
    /// The last lines do not reach back to the lines that were shown.
    Behind,
    /// There is no log, or not yet.
    Missing(Problem),
    Refused(Problem),
    /// Stdout is closed.
    Closed,
}

struct Follower<'a> {
    service: &'a Service<'a>,
    job: &'a Job,
    state: &'a RunState,
    query: &'a LogQuery,
    writer: LogWriter,
    until: Until,
    outcome: watch::Receiver<Option<JobStatus>>,
    lines: Lines,
    section: String,
    backoff: Backoff,
    /// Whether a container had no log in this read.
    has_remark: bool,
}

/// Returns when the whole log was shown, or cannot be shown.
pub async fn follow(
    service: &Service<'_>,
    job: &Job,
    state: &RunState,
    query: &LogQuery,
    writer: LogWriter,
    until: Until,
) -> Result<LogEnd, Exit> {
    let mut follower = Follower {
        service,
        job,
        state,
        query,
        writer,
        until,
        outcome: state.subscribe(),
        lines: Lines::new(query.timestamps),
        section: [query.pod.as_deref(), query.container.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("/"),
        backoff: BACKOFF,
        has_remark: false,
    };
    let end = follower.run().await?;
    follower.writer.finish().await?;
    Ok(end)
}

impl Follower<'_> {
    async fn run(&mut self) -> Result<LogEnd, Exit> {
        let (mut extent, mut follow, mut is_whole, mut last_reads) = (Extent::Whole, self.query.follow, false, 0);
        loop {
            // After the end of the job the log is complete, also that of containers that were skipped.
            let is_last = self.has_ended();
            if is_last {
                (extent, follow) = (Extent::Whole, false);
            }
            let read = self.read(extent, follow).await?;
            let (is_behind, may_end) = (self.lines.is_behind(), is_last || self.until == Until::LogEnd);
            let pauses = !matches!(read, Read::Idle | Read::Behind);
            let is_complete = matches!(read, Read::Complete) && !is_behind;
            match read {
                Read::Closed => return Ok(LogEnd::Closed),
                Read::Refused(problem) => {
                    return Ok(LogEnd::Incomplete(problem.into_late_exit("the log cannot be read")));
                }
                Read::Complete if may_end && !is_behind => break,
                Read::Missing(_) if may_end && is_whole => return Ok(LogEnd::Whole),
                Read::Missing(problem) if may_end => {
                    let what = if self.lines.has_begun() { "the log is not whole" } else { "no log was shown" };
                    return Ok(LogEnd::Incomplete(problem.into_exit(what)));
                }
                _ => {}
            }
            last_reads += usize::from(is_last);
            if last_reads >= LAST_READS {
                return Ok(LogEnd::Incomplete(Exit::new(UNAVAILABLE, "the log is not whole")));
            }
            is_whole = is_complete && follow;
            // The last lines are enough if they reach back to the lines that were shown.
            extent = if self.lines.has_begun() && !is_behind { Extent::Tail } else { Extent::Whole };
            follow = self.query.follow && !is_behind;
            if pauses {
                self.pause().await;
            }
        }
        let why = if self.until == Until::LogEnd && self.has_remark && !self.lines.has_begun() {
            "no log was shown"
        } else if self.lines.has_lost_lines() {
            "the log is not whole: it was rotated, or its container was restarted"
        } else {
            return Ok(LogEnd::Whole);
        };
        Ok(LogEnd::Incomplete(Exit::new(UNAVAILABLE, why)))
    }

    fn has_ended(&self) -> bool {
        self.outcome.borrow().is_some()
    }

    /// Pauses. The end of the job ends the pause.
    async fn pause(&mut self) {
        let pause = self.backoff.pause();
        if self.has_ended() {
            sleep(pause).await;
        } else {
            let _ = timeout(pause, self.outcome.wait_for(Option::is_some)).await;
        }
    }

    async fn read(&mut self, extent: Extent, follow: bool) -> Result<Read, Exit> {
        let mut query = LogQuery { follow, ..self.query.clone() };
        if self.lines.has_begun() {
            // A shorter log may not reach back to the lines that were shown.
            (query.since_seconds, query.tail_lines) = (None, (extent == Extent::Tail).then(|| TAIL.to_owned()));
        }
        let request = self.job.log(&query);
        let opened = tokio::select! {
            opened = self.service.open(&request) => opened,
            () = sleep(self.service.idle_timeout) => return Ok(Read::Idle),
            // The service may wait for a pod that never starts.
            () = ended_for(&mut self.outcome, LAST_IDLE_TIMEOUT), if follow => return Ok(Read::Idle),
        };
        let body = match opened {
            Ok(response) => response.into_body(),
            Err(Error::Exit(exit)) => return Err(exit),
            Err(Error::Problem(problem)) if problem.is_missing() => return Ok(Read::Missing(problem)),
            Err(Error::Problem(problem)) => return Ok(Read::Refused(problem)),
            Err(Error::Retryable { why, is_answered, .. }) => {
                // The requests for the status report a service that is down.
                if is_answered {
                    self.note(&format!("the log cannot be read: {why}; trying again"));
                }
                return Ok(Read::Broken);
            }
        };
        self.lines.reopen(extent);
        self.has_remark = false;
        let read = self.copy(body, follow).await?;
        if matches!(read, Read::Complete | Read::Idle) {
            let pieces = self.lines.finish();
            if self.show(pieces).await? == Reader::Closed {
                return Ok(Read::Closed);
            }
        }
        Ok(read)
    }

    /// Shows the log as it arrives.
    async fn copy(&mut self, mut body: Incoming, follow: bool) -> Result<Read, Exit> {
        loop {
            let limit = match (self.has_ended(), self.has_remark) {
                (true, _) if follow => LAST_IDLE_TIMEOUT,
                (false, true) => REMARK_IDLE_TIMEOUT,
                _ => self.service.idle_timeout,
            };
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = sleep(limit) => return Ok(Read::Idle),
                _ = self.outcome.changed() => continue,
            };
            let bytes = match frame {
                None => return Ok(Read::Complete),
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                Some(Err(error)) => {
                    self.note(&format!("the log broke off ({}); reading on", causes(&error)));
                    return Ok(Read::Broken);
                }
            };
            let pieces = self.lines.read(&bytes);
            if self.show(pieces).await? == Reader::Closed {
                return Ok(Read::Closed);
            }
            if self.lines.is_behind() {
                return Ok(Read::Behind);
            }
        }
    }

    async fn show(&mut self, pieces: Vec<Piece>) -> Result<Reader, Exit> {
        for piece in pieces {
            match piece {
                Piece::Output(bytes) => {
                    self.service.progress.clear();
                    self.state.progressed();
                    self.backoff = BACKOFF;
                    if self.writer.write(bytes).await? == Reader::Closed {
                        return Ok(Reader::Closed);
                    }
                    self.service.progress.wrote(self.writer.is_mid_line);
                }
                Piece::Section(name) => {
                    self.note(&format!("log of {name}"));
                    self.section = name;
                }
                Piece::Remark(text) => {
                    self.has_remark = true;
                    self.note(format!("{}: {text}", self.section).trim_start_matches(": "));
                }
            }
        }
        Ok(Reader::Open)
    }

    fn note(&self, text: &str) {
        if self.state.is_new_note(text) {
            self.service.progress.note(text);
        }
    }
}
