//! Decides which log of a job is sent next, and sends it: no faster than the caller reads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::api::jobs::logs::End;
use crate::api::jobs::logs::source::{Source, Target};
use crate::api::jobs::logs::wanted::Wanted;
use crate::http::response::stream_body::Sink;
use crate::jobs::logs::availability::{self, LogAvailability};
use crate::jobs::logs::{self, JobPods, LogUnavailable, NO_PODS};
use crate::util::backoff::Backoff;

/// How often the cluster is asked about what is waited for.
const PAUSE: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(2));
/// How long a failure that may pass is waited out: of the API server, of a kubelet, of an image registry. The certificate
/// of a new node, and an image that is pulled again, take up to a minute.
pub(super) const PATIENCE: Duration = Duration::from_mins(2);

pub(super) struct Reading<S> {
    pub(super) source: S,
    pub(super) wanted: Wanted,
    pub(super) sink: Sink,
    /// Whether there is something to send, and so a head.
    begun: watch::Sender<bool>,
    /// Whether what was sent last did not end its line.
    open_line: AtomicBool,
    /// The pod whose log is open.
    pub(super) pod: watch::Sender<Option<String>>,
    /// Whether lines are missing in what was sent.
    pub(super) is_lossy: AtomicBool,
    /// For how long, in milliseconds, failures were waited out where logs are not followed.
    pub(super) waited: AtomicU64,
}

/// What was done for one container of several.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// The last run that was read.
    read: Option<i32>,
    /// Whether the caller was told why there is no log yet.
    is_told: bool,
    is_done: bool,
}

impl<S: Source> Reading<S> {
    pub(super) fn new(source: S, wanted: Wanted, sink: Sink, begun: watch::Sender<bool>) -> Self {
        let (open_line, pod, is_lossy) = (AtomicBool::new(false), watch::Sender::default(), AtomicBool::new(false));
        Self { source, wanted, sink, begun, open_line, pod, is_lossy, waited: AtomicU64::new(0) }
    }

    pub(super) fn has_begun(&self) -> bool {
        *self.begun.borrow()
    }

    /// Returns without an error only if all that is wanted was sent.
    pub(super) async fn run(&self, seen: JobPods) -> Result<(), End> {
        if self.wanted.all {
            self.all(seen).await?;
        } else {
            self.one(seen).await?;
        }
        if self.is_lossy.load(Ordering::Relaxed) {
            return Err(End::NotWhole("lines of the log are missing".to_owned()));
        }
        Ok(())
    }

    /// One container of one pod, when it has something to say.
    async fn one(&self, mut seen: JobPods) -> Result<(), End> {
        let (options, follow) = (self.wanted.options, self.wanted.options.follow);
        let (mut chosen, mut read, mut pause, mut blocked) = (None, None, PAUSE, None);
        loop {
            let target = match (&chosen, seen.pod(self.wanted.pod.as_ref())) {
                (Some(target), _) => Some(Target::clone(target)),
                (None, Ok(pod)) => {
                    let container = logs::container(&seen.job, pod, self.wanted.container.as_ref())?.to_owned();
                    Some(Target { pod: pod.metadata.name.clone(), container })
                }
                (None, Err(missing)) if missing.reason == NO_PODS && follow && !seen.is_over() => None,
                (None, Err(missing)) => return Err(missing.into()),
            };
            if let Some(target) = target {
                let no_log = |why| target.no_log(why);
                let outlook = availability::log_availability(seen.find(&target.pod), &target.container, read);
                let since = *blocked.get_or_insert_with(Instant::now);
                match outlook {
                    LogAvailability::Log { run } => {
                        // What comes after this run is wanted whole.
                        let options = if read.is_some() { options.whole() } else { options };
                        self.read(&mut seen, &target, run, options, &mut None).await?;
                        if !follow {
                            return Ok(());
                        }
                        (chosen, read, pause, blocked) = (Some(target), Some(run), PAUSE, None);
                        continue;
                    }
                    // Until it has begun, a newer pod may take this one's place.
                    LogAvailability::Pending(_) if follow => blocked = None,
                    LogAvailability::Blocked(_) if follow && since.elapsed() < PATIENCE => {}
                    LogAvailability::Pending(_) | LogAvailability::Blocked(_) | LogAvailability::Never(_)
                        if options.previous =>
                    {
                        return Err(no_log(LogUnavailable::NoPrevious));
                    }
                    LogAvailability::Pending(waiting)
                    | LogAvailability::Blocked(waiting)
                    | LogAvailability::Never(waiting) => {
                        return Err(no_log(LogUnavailable::Waiting(waiting)));
                    }
                    LogAvailability::Finished => return Ok(()),
                    LogAvailability::Gone => return Err(no_log(LogUnavailable::Gone)),
                }
            }
            sleep(pause.pause()).await;
            seen = self.look(&seen).await?;
        }
    }

    /// Every container of every pod, the oldest pod first; if they are followed, those to come too. What cannot begin yet
    /// does not keep the others waiting.
    async fn all(&self, mut seen: JobPods) -> Result<(), End> {
        let (follow, mut pause) = (self.wanted.options.follow, PAUSE);
        let mut progress = BTreeMap::<Target, Progress>::new();
        loop {
            let (next, is_waiting) = self.next(&seen, &progress);
            let Some((target, outlook)) = next else {
                if follow && (is_waiting || !seen.is_over()) {
                    sleep(pause.pause()).await;
                    seen = self.look(&seen).await?;
                    continue;
                }
                if !self.has_begun() {
                    // There is no pod, or none that has this container: the newest tells which it has.
                    logs::container(&seen.job, seen.pod(None)?, self.wanted.container.as_ref())?;
                }
                return Ok(());
            };
            let done = progress.get(&target).copied().unwrap_or_default();
            let done = self.section(&mut seen, &target, outlook, done).await?;
            progress.insert(target, done);
            pause = PAUSE;
        }
    }

    /// The next container that there is something to say about, and whether there is one to wait for.
    fn next(&self, seen: &JobPods, progress: &BTreeMap<Target, Progress>) -> (Option<(Target, LogAvailability)>, bool) {
        let (follow, mut is_waiting) = (self.wanted.options.follow, false);
        for pod in &seen.pods {
            for container in logs::containers(pod, self.wanted.container.as_ref()) {
                let target = Target { pod: pod.metadata.name.clone(), container: container.to_owned() };
                let Progress { read, is_told, is_done } = progress.get(&target).copied().unwrap_or_default();
                if is_done {
                    continue;
                }
                match availability::log_availability(Some(pod), container, read) {
                    LogAvailability::Pending(_) if follow => is_waiting = true,
                    LogAvailability::Blocked(_) if follow && is_told => is_waiting = true,
                    outlook => return (Some((target, outlook)), is_waiting),
                }
            }
        }
        (None, is_waiting)
    }

    /// One container of several, under a line that names it; without a log, with a word why.
    async fn section(
        &self,
        seen: &mut JobPods,
        target: &Target,
        outlook: LogAvailability,
        done: Progress,
    ) -> Result<Progress, End> {
        let (options, mut heading) = (self.wanted.options, Some(target.heading()));
        let why = match outlook {
            LogAvailability::Log { run } => {
                let options = if done.read.is_some() { options.whole() } else { options };
                match self.read(seen, target, run, options, &mut heading).await {
                    Ok(()) => return Ok(Progress { read: Some(run), is_told: false, is_done: !options.follow }),
                    Err(End::LogUnavailable { why, .. }) => why,
                    Err(end) => return Err(end),
                }
            }
            LogAvailability::Finished => return Ok(Progress { is_done: true, ..done }),
            _ if options.previous => LogUnavailable::NoPrevious,
            LogAvailability::Blocked(waiting) if options.follow => {
                self.remark(&mut heading, &LogUnavailable::Waiting(waiting)).await?;
                return Ok(Progress { is_told: true, ..done });
            }
            LogAvailability::Pending(waiting) | LogAvailability::Blocked(waiting) | LogAvailability::Never(waiting) => {
                LogUnavailable::Waiting(waiting)
            }
            LogAvailability::Gone => LogUnavailable::Gone,
        };
        // The log is there, but nobody could read it.
        if matches!(&why, LogUnavailable::Refused(error) if error.may_pass()) {
            self.is_lossy.store(true, Ordering::Relaxed);
        }
        self.remark(&mut heading, &why).await?;
        Ok(Progress { is_done: true, ..done })
    }

    async fn remark(&self, heading: &mut Option<String>, why: &LogUnavailable) -> Result<(), End> {
        self.begin(heading).await?;
        let gap = if self.open_line.load(Ordering::Relaxed) { "\n" } else { "" };
        self.send(format!("{gap}({why})\n").into()).await
    }

    /// The job and its pods as they are now. While they are followed, a failure that may pass is waited out.
    pub(super) async fn look(&self, seen: &JobPods) -> Result<JobPods, End> {
        let (began, mut pause) = (Instant::now(), PAUSE);
        loop {
            match self.source.look().await {
                // A job of the same name is not this one.
                Ok(now) if now.job.metadata.uid != seen.job.metadata.uid => {
                    return Err(End::JobGone(logs::replaced(&now.job)));
                }
                Ok(now) => return Ok(now),
                Err(error) if error.is_not_found() => return Err(End::JobGone(error)),
                Err(error) if !(self.wanted.options.follow && error.may_pass()) => return Err(error.into()),
                Err(error) if began.elapsed() >= PATIENCE => return Err(error.into()),
                Err(_) => sleep(pause.pause()).await,
            }
        }
    }

    /// From now on there is a head, and under it this heading, if it was not sent yet.
    pub(super) async fn begin(&self, heading: &mut Option<String>) -> Result<(), End> {
        let is_first = !self.begun.send_replace(true);
        let Some(heading) = heading.take() else { return Ok(()) };
        let gap = match self.open_line.load(Ordering::Relaxed) {
            _ if is_first => "",
            true => "\n\n",
            false => "\n",
        };
        self.send(format!("{gap}{heading}").into()).await
    }

    pub(super) async fn send(&self, piece: Bytes) -> Result<(), End> {
        if let Some(last) = piece.last() {
            self.open_line.store(*last != b'\n', Ordering::Relaxed);
        }
        Ok(self.sink.send(piece).await?)
    }
}

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;
