//! Shows a job's log as it is written, over breaks and restarts of the service, each line once.

use std::collections::BTreeSet;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Incoming;
use tokio::time::sleep;

use super::connection;
use super::end::End;
use super::job::Job;
use super::lines::{Lines, Piece};
use super::output::{self, Reader};
use super::service::{Error, Service};

/// Between two readings of a log that ended although the job has not. It grows while they bring nothing.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often the whole log is tried, once the job has ended.
const LAST_READINGS: usize = 5;

/// What is done with a log after a reading.
enum Read {
    ToItsEnd,
    Broken,
    /// There is none that could be read.
    Not,
    /// Nobody listens any more.
    Enough,
}

struct Follower<'a> {
    service: &'a Service<'a>,
    job: &'a Job,
    container: Option<&'a str>,
    lines: Lines,
    section: String,
    /// What was said besides the log: a log that is read again would say it again.
    said: BTreeSet<String>,
    pause: Duration,
}

/// Returns when the job has ended and its log was shown to the end, or when nobody reads it.
pub async fn follow(service: &Service<'_>, job: &Job, container: Option<&str>) -> Result<(), End> {
    let (lines, section, said) = (Lines::default(), String::new(), BTreeSet::new());
    let mut follower = Follower { service, job, container, lines, section, said, pause: SHORTEST_PAUSE };
    loop {
        match follower.read(true).await? {
            // A service that ends itself ends the log, too.
            Read::ToItsEnd | Read::Broken => {}
            Read::Not | Read::Enough => return Ok(()),
        }
        if job.status(service).await?.is_final() {
            break;
        }
        follower.rest().await;
    }
    // A log that the service ended in its last moments is not whole, and a container that had none yet may have been
    // passed over. What is there at the end is all there will be.
    for _ in 0..LAST_READINGS {
        match follower.read(false).await? {
            Read::Broken => follower.rest().await,
            Read::ToItsEnd | Read::Not | Read::Enough => return Ok(()),
        }
    }
    service.progress.note("the log is not whole");
    Ok(())
}

impl Follower<'_> {
    async fn read(&mut self, follow: bool) -> Result<Read, End> {
        let body = match self.service.open(&self.job.logs(self.container, follow)).await {
            Ok(response) => response.into_body(),
            Err(Error::End(end)) => return Err(end),
            // A job that is gone is for the status to tell of; and pods may be gone when a job has ended.
            Err(Error::Problem(problem)) if problem.status == StatusCode::NOT_FOUND => return Ok(Read::Not),
            Err(Error::Problem(problem)) => {
                self.say(format!("the log cannot be read: {}", problem.text));
                return Ok(Read::Not);
            }
        };
        self.lines.reopen();
        self.copy(body).await
    }

    async fn rest(&mut self) {
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    /// Shows what comes.
    async fn copy(&mut self, mut body: Incoming) -> Result<Read, End> {
        while let Some(frame) = body.frame().await {
            let bytes = match frame {
                Ok(frame) => frame.into_data().unwrap_or_default(),
                Err(error) => {
                    self.say(format!("the log broke off ({}) and is taken up again", connection::cause(&error)));
                    return Ok(Read::Broken);
                }
            };
            for piece in self.lines.read(&bytes) {
                match piece {
                    Piece::Output(bytes) => {
                        self.service.progress.clear();
                        self.pause = SHORTEST_PAUSE;
                        if output::write(bytes).await? == Reader::Gone {
                            return Ok(Read::Enough);
                        }
                    }
                    Piece::Section(name) => {
                        self.say(format!("log of {name}"));
                        self.section = name;
                    }
                    Piece::Remark(text) => self.say(format!("{}: {text}", self.section)),
                }
            }
        }
        Ok(Read::ToItsEnd)
    }

    fn say(&mut self, text: String) {
        if !self.said.contains(&text) {
            self.service.progress.note(&text);
            self.said.insert(text);
        }
    }
}
