//! Shows a job's log as it is written, over breaks, silences and restarts of the service, each line once.

use std::collections::BTreeSet;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Incoming;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::client::connection;
use crate::client::exit::Exit;
use crate::client::job::Job;
use crate::client::job::known::{Known, over_for};
use crate::client::log::lines::{Extent, Lines, Piece, TAIL};
use crate::client::output::{self, Output, Reader};
use crate::client::pause::Pause;
use crate::client::service::{Error, Retryable, Service};

/// How often the whole log is tried, once the job is over.
const LAST_READINGS: usize = 5;
/// A stream that is silent for so long after the job's end is replaced by a reading of the whole log.
const LAST_SILENCE: Duration = Duration::from_secs(1);

/// The same where a container had no log when its turn came: by now it may have one.
const REMARK_SILENCE: Duration = Duration::from_secs(5);

/// How a reading ended.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    ToItsEnd,
    Broken,
    /// No byte came for the idle limit.
    Silent,
    /// The last lines do not reach back to what was shown.
    Behind,
    /// There is no log, or not yet.
    Missing,
    /// The log cannot be read, now or later.
    Refused,
    /// Nobody listens any more.
    Enough,
}

struct Follower<'a> {
    service: &'a Service<'a>,
    job: &'a Job,
    known: &'a Known,
    container: Option<&'a str>,
    output: Output,
    over: watch::Receiver<bool>,
    lines: Lines,
    section: String,
    /// What was said besides the log: a log that is read again would say it again.
    said: BTreeSet<String>,
    pause: Pause,
    /// Why there was no log last.
    missing: String,
    /// Whether a container of this reading has no log.
    has_remark: bool,
}

/// Returns when the job is over and its log was shown to the end, or when nobody reads it.
pub async fn follow(
    service: &Service<'_>,
    job: &Job,
    known: &Known,
    container: Option<&str>,
    output: Output,
) -> Result<(), Exit> {
    let follower = Follower {
        service,
        job,
        known,
        container,
        output,
        over: known.over(),
        lines: Lines::default(),
        section: String::new(),
        said: BTreeSet::new(),
        pause: Pause::default(),
        missing: String::new(),
        has_remark: false,
    };
    follower.run().await
}

impl Follower<'_> {
    async fn run(mut self) -> Result<(), Exit> {
        let (mut extent, mut follow, mut is_whole, mut last_readings) = (Extent::Whole, true, false, 0);
        loop {
            // What is there when the job is over is all there will be: containers that were passed over, too.
            let is_last = self.is_over();
            if is_last {
                (extent, follow) = (Extent::Whole, false);
            }
            let read = self.read(extent, follow).await?;
            let is_behind = self.lines.is_behind();
            match read {
                Read::Refused | Read::Enough => return Ok(()),
                Read::ToItsEnd if is_last && !is_behind => break,
                Read::Missing if is_last => {
                    if !is_whole {
                        let what = if self.lines.has_begun() { "the log is not whole" } else { "no log was shown" };
                        self.say(format!("{what}: {}", self.missing));
                    }
                    return Ok(());
                }
                _ => {}
            }
            last_readings += usize::from(is_last);
            if last_readings >= LAST_READINGS {
                self.say("the log is not whole".to_owned());
                return Ok(());
            }
            is_whole = read == Read::ToItsEnd && follow && !is_behind;
            // The last lines are enough to go on, unless they do not reach back to what was shown.
            let is_tail_enough = self.lines.has_begun() && !is_behind;
            extent = if is_tail_enough { Extent::Tail } else { Extent::Whole };
            follow = !is_behind;
            if !matches!(read, Read::Silent | Read::Behind) {
                self.rest().await;
            }
        }
        if self.lines.has_lost_lines() {
            self.say("the log is not whole: it was rotated, or its container was restarted".to_owned());
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        *self.over.borrow()
    }

    /// Pauses, or until the job is over.
    async fn rest(&mut self) {
        let pause = self.pause.next(None);
        if self.is_over() {
            sleep(pause).await;
        } else {
            let _ = timeout(pause, self.over.wait_for(|is_over| *is_over)).await;
        }
    }

    async fn read(&mut self, extent: Extent, follow: bool) -> Result<Read, Exit> {
        let mut query = vec![("follow", if follow { "true" } else { "false" })];
        query.extend((extent == Extent::Tail).then_some(("tail_lines", TAIL)));
        let ask = self.job.logs(self.container, &query);
        let limit = self.service.idle_limit;
        let opened = tokio::select! {
            opened = self.service.attempt(&ask) => opened,
            () = sleep(limit) => return Ok(Read::Silent),
            // The pod that is waited for may never come.
            () = over_for(&mut self.over, LAST_SILENCE), if follow => return Ok(Read::Silent),
        };
        let body = match opened {
            Ok(response) => response.into_body(),
            Err(Retryable::Final(Error::Exit(end))) => return Err(end),
            Err(Retryable::Final(Error::Problem(problem))) if problem.status == StatusCode::NOT_FOUND => {
                // A job that is gone is for the status to tell of; and pods may be gone when a job has ended.
                self.missing = problem.text;
                return Ok(Read::Missing);
            }
            Err(Retryable::Final(Error::Problem(problem))) => {
                self.say(format!("the log cannot be read: {}", problem.text));
                return Ok(Read::Refused);
            }
            Err(Retryable::Passing(passing)) => {
                // A service that is away is for the status to tell of.
                if passing.is_answered {
                    self.say(format!("the log cannot be read: {}; trying again", passing.why));
                }
                return Ok(Read::Broken);
            }
        };
        self.lines.reopen(extent);
        self.has_remark = false;
        let read = self.copy(body, follow).await?;
        if matches!(read, Read::ToItsEnd | Read::Silent) {
            let pieces = self.lines.finish();
            if self.show(pieces).await? == Reader::Gone {
                return Ok(Read::Enough);
            }
        }
        Ok(read)
    }

    /// Shows what comes.
    async fn copy(&mut self, mut body: Incoming, follow: bool) -> Result<Read, Exit> {
        loop {
            let limit = match (self.is_over(), self.has_remark) {
                (true, _) if follow => LAST_SILENCE,
                (false, true) => REMARK_SILENCE,
                _ => self.service.idle_limit,
            };
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = sleep(limit) => return Ok(Read::Silent),
                _ = self.over.changed() => continue,
            };
            let bytes = match frame {
                None => return Ok(Read::ToItsEnd),
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                Some(Err(error)) => {
                    self.say(format!("the log broke off ({}) and is taken up again", connection::cause(&error)));
                    return Ok(Read::Broken);
                }
            };
            let pieces = self.lines.read(&bytes);
            if self.show(pieces).await? == Reader::Gone {
                return Ok(Read::Enough);
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
                    self.known.progressed();
                    self.pause = Pause::default();
                    if output::write(&self.output, bytes).await? == Reader::Gone {
                        return Ok(Reader::Gone);
                    }
                }
                Piece::Section(name) => {
                    self.say(format!("log of {name}"));
                    self.section = name;
                }
                Piece::Remark(text) => {
                    self.has_remark = true;
                    self.say(format!("{}: {text}", self.section));
                }
            }
        }
        Ok(Reader::There)
    }

    fn say(&mut self, text: String) {
        if !self.said.contains(&text) {
            self.service.progress.note(&text);
            self.said.insert(text);
        }
    }
}
