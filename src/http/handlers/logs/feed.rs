//! Reads logs and sends them on, one piece at a time: no faster than the caller reads, and no longer than it listens.

mod source;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::End;
use super::wanted::Wanted;
use crate::http::audit::Account;
use crate::http::error::Problem;
use crate::http::handlers::Shared;
use crate::http::stream::{LAST_WORDS, Sink};
use crate::jobs::logs::{self, Missing, NoLog, Seen};
use crate::jobs::outlook::{self, Outlook};
use crate::kube::backoff::Backoff;
use crate::kube::error::Error as KubeError;
use crate::kube::name::{JobName, Namespace};
use crate::kube::path::LogOptions;
use crate::kube::stream::Stream;

/// How often the cluster is asked about what is waited for.
const PAUSE: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(2));
/// How often it is asked, after a log has ended, about a container that should have ended with it. A kubelet reports
/// within seconds; the log of a container that still runs then was cut short.
const LOOKS: usize = 20;
/// How long a drain lets a log be read that has an end.
const LAST_PIECES: Duration = Duration::from_secs(10);

pub(super) struct Feed {
    shared: Arc<Shared>,
    account: Box<Account>,
    namespace: Namespace,
    name: JobName,
    wanted: Wanted,
    sink: Sink,
    /// Whether there is something to send, and so a head.
    begun: watch::Sender<bool>,
    /// Whether what was sent last did not end its line.
    open_line: AtomicBool,
    /// The pod whose log is open.
    reading: watch::Sender<Option<String>>,
}

impl Feed {
    pub(super) fn new(
        shared: Arc<Shared>,
        account: Box<Account>,
        (namespace, name): (Namespace, JobName),
        wanted: Wanted,
        sink: Sink,
        begun: watch::Sender<bool>,
    ) -> Self {
        let (open_line, reading) = (AtomicBool::new(false), watch::Sender::default());
        Self { shared, account, namespace, name, wanted, sink, begun, open_line, reading }
    }

    /// Sends all that is wanted. A problem is for a caller to whom nothing was sent.
    pub(super) async fn run(self, seen: Seen) -> Result<(), Problem> {
        let ended = tokio::select! {
            ended = self.read(seen) => ended,
            () = self.sink.gone() => Err(End::CallerGone),
            () = self.drained() => Err(End::Draining),
            denied = self.denied() => Err(End::Denied(denied)),
        };
        match ended {
            Err(End::CallerGone) => {}
            Err(end) if !self.has_begun() && !matches!(end, End::CallerGone) => return Err(end.into()),
            // If the job is gone, so is all that it wrote.
            Ok(()) | Err(End::JobGone(_)) => self.sink.end().await,
            // There is no telling where a log that is followed ends.
            Err(End::Draining) if self.wanted.options.follow => drop(timeout(LAST_WORDS, self.sink.end()).await),
            Err(end) => {
                let is_denied = matches!(end, End::Denied(_));
                let problem = Problem::from(end);
                let (request_id, cause) = (self.account.line.request_id, problem.cause.as_deref());
                let cause = cause.unwrap_or(&problem.detail);
                log::warn!(request_id = request_id.as_str(), cause = cause; "a stream of logs breaks off");
                if is_denied {
                    self.shared.audit.came_to(&self.account.subject(), problem.status, &problem.reason);
                }
            }
        }
        Ok(())
    }

    fn has_begun(&self) -> bool {
        *self.begun.borrow()
    }

    /// Returns when the drain leaves no more time.
    async fn drained(&self) {
        let _ = self.shared.draining.clone().wait_for(|draining| *draining).await;
        if !self.wanted.options.follow {
            sleep(LAST_PIECES).await;
        }
    }

    async fn read(&self, seen: Seen) -> Result<(), End> {
        if self.wanted.all { self.all(seen).await } else { self.one(seen).await }
    }

    /// One container of one pod, when it has something to say.
    async fn one(&self, mut seen: Seen) -> Result<(), End> {
        let (wanted, mut pause) = (&self.wanted, PAUSE);
        loop {
            match seen.pod(wanted.pod.as_ref()) {
                Ok(pod) => {
                    let container = logs::container(pod, wanted.container.as_ref())?;
                    let is_to_come = matches!(outlook::of(Some(pod), container, None), Outlook::Soon(_));
                    if !(wanted.options.follow && is_to_come) {
                        let (pod, container) = (pod.metadata.name.clone(), container.to_owned());
                        return self.container(&mut seen, &pod, &container, &mut None).await;
                    }
                }
                Err(Missing::Pods { .. }) if wanted.options.follow && !seen.is_over() => {}
                Err(missing) => return Err(missing.into()),
            }
            // Until it has begun, a newer pod may take this one's place.
            seen = self.look_again(&mut pause).await?;
        }
    }

    /// Every pod, the oldest first; if they are followed, those to come too.
    async fn all(&self, mut seen: Seen) -> Result<(), End> {
        let (only, follow) = (self.wanted.container.as_ref(), self.wanted.options.follow);
        let (mut done, mut pause) = (BTreeSet::new(), PAUSE);
        loop {
            let next = seen.pods.iter().find(|pod| !done.contains(&pod.metadata.name));
            let Some(pod) = next else {
                if follow && !seen.is_over() {
                    seen = self.look_again(&mut pause).await?;
                    continue;
                }
                if !self.has_begun() {
                    // There is no pod, or none that has this container: the newest tells which it has.
                    logs::container(seen.pod(None)?, only)?;
                }
                return Ok(());
            };
            let name = pod.metadata.name.clone();
            let containers: Vec<String> = logs::containers(pod, only).into_iter().map(str::to_owned).collect();
            for container in &containers {
                self.section(&mut seen, &name, container).await?;
            }
            done.insert(name);
            if follow {
                (seen, pause) = (self.look().await?, PAUSE);
            }
        }
    }

    /// One container of several, under a line that names it; without a log, with a word why.
    async fn section(&self, seen: &mut Seen, pod: &str, container: &str) -> Result<(), End> {
        let mut heading = Some(format!("==> {pod}/{container} <==\n"));
        match self.container(seen, pod, container, &mut heading).await {
            Err(End::NoLog { why, .. }) => {
                self.begin(&mut heading).await?;
                let gap = if self.open_line.load(Ordering::Relaxed) { "\n" } else { "" };
                self.send(format!("{gap}({why})\n").into()).await
            }
            ended => ended,
        }
    }

    /// One container, through its runs if it is followed.
    async fn container(
        &self,
        seen: &mut Seen,
        pod: &str,
        container: &str,
        heading: &mut Option<String>,
    ) -> Result<(), End> {
        let no_log = |why| End::NoLog { pod: pod.to_owned(), container: container.to_owned(), why };
        let mut options = self.wanted.options;
        let (follow, mut read, mut pause, mut looks) = (options.follow, None, PAUSE, 0);
        loop {
            match outlook::of(seen.find(pod), container, read) {
                Outlook::Log { run } => match self.open(pod, container, &options).await {
                    Ok(stream) => {
                        self.begin(heading).await?;
                        self.reading.send_replace(Some(pod.to_owned()));
                        self.copy(stream).await?;
                        self.reading.send_replace(None);
                        if !follow {
                            return Ok(());
                        }
                        // What comes after this run is wanted whole.
                        options = LogOptions { tail_lines: None, since_seconds: None, ..options };
                        (*seen, read, pause, looks) = (self.look().await?, Some(run), PAUSE, 0);
                        continue;
                    }
                    Err(error) if follow && logs::is_not_begun(&error) => {}
                    Err(error) => return Err(no_log(NoLog::of(error, pod)?)),
                },
                Outlook::Soon(_) if follow => {}
                Outlook::Soon(_) | Outlook::Stuck(_) if options.previous => return Err(no_log(NoLog::NoPrevious)),
                Outlook::Soon(waiting) | Outlook::Stuck(waiting) => return Err(no_log(NoLog::Waiting(waiting))),
                Outlook::Running if looks < LOOKS => looks += 1,
                Outlook::Running => {
                    return Err(KubeError::Broken(format!("the log of {pod}/{container} ended before it")).into());
                }
                Outlook::Over => return Ok(()),
                Outlook::Gone => return Err(no_log(NoLog::Gone)),
            }
            *seen = self.look_again(&mut pause).await?;
        }
    }

    /// From now on there is a head, and under it this heading, if it was not sent yet.
    async fn begin(&self, heading: &mut Option<String>) -> Result<(), End> {
        let is_first = !self.begun.send_replace(true);
        let Some(heading) = heading.take() else { return Ok(()) };
        let gap = match self.open_line.load(Ordering::Relaxed) {
            _ if is_first => "",
            true => "\n\n",
            false => "\n",
        };
        self.send(format!("{gap}{heading}").into()).await
    }

    async fn copy(&self, mut stream: Stream) -> Result<(), End> {
        while let Some(piece) = stream.next().await? {
            self.send(piece).await?;
        }
        Ok(())
    }

    async fn send(&self, piece: Bytes) -> Result<(), End> {
        if let Some(last) = piece.last() {
            self.open_line.store(*last != b'\n', Ordering::Relaxed);
        }
        Ok(self.sink.send(piece).await?)
    }
}
