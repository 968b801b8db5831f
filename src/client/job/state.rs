//! [`RunState`]: shared by all parts of a command, with the outcome of the job and the reason why it waits.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::client::job::JobStatus;
use crate::client::job::reason;
use crate::client::job::status::Status;

/// After this time without progress the details are requested.
const STALLED_AFTER: Duration = Duration::from_secs(10);
/// The time between two requests for the details.
const INTERVAL: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub struct RunState {
    /// When the job last changed, or wrote something.
    progressed_at: Cell<Instant>,
    /// Whether a pod of the job is running and ready.
    is_ready: Cell<bool>,
    reason: RefCell<Option<String>>,
    outcome: watch::Sender<Option<JobStatus>>,
    has_changed: Notify,
    /// The notes on the log so far. A log that is read again would repeat them.
    noted: RefCell<BTreeSet<String>>,
}

impl Default for RunState {
    fn default() -> Self {
        Self {
            progressed_at: Cell::new(Instant::now()),
            is_ready: Cell::default(),
            reason: RefCell::default(),
            outcome: watch::Sender::default(),
            has_changed: Notify::new(),
            noted: RefCell::default(),
        }
    }
}

impl RunState {
    pub fn progressed(&self) {
        self.progressed_at.set(Instant::now());
    }

    pub fn changed(&self, status: &Status) {
        self.progressed();
        self.is_ready.set(status.ready.is_some_and(|ready| ready > 0));
        self.has_changed.notify_one();
    }

    /// Waits for a change of the status.
    pub async fn next_change(&self) {
        self.has_changed.notified().await;
    }

    /// Returns whether this note is new.
    pub fn is_new_note(&self, text: &str) -> bool {
        self.noted.borrow_mut().insert(text.to_owned())
    }

    /// Stores how the job ended.
    pub fn end(&self, outcome: JobStatus) {
        self.outcome.send_replace(Some(outcome));
    }

    pub fn outcome(&self) -> Option<JobStatus> {
        self.outcome.borrow().clone()
    }

    /// Returns a receiver whose value is set when the job has ended.
    pub fn subscribe(&self) -> watch::Receiver<Option<JobStatus>> {
        self.outcome.subscribe()
    }

    /// Returns why the job waits, if that is known.
    pub fn reason(&self) -> Option<String> {
        self.reason.borrow().clone()
    }

    /// Takes the reason from a status with details.
    pub fn explain(&self, status: &Status) {
        self.reason.replace(reason::of(status));
    }

    /// Requests the details while the job makes no progress. Notes why it waits, and each change of that.
    pub async fn keep_explaining(&self, ask: impl AsyncFn() -> Option<Status>, note: impl Fn(&str)) -> Infallible {
        let (mut noted, mut last_progress) = (String::new(), None);
        loop {
            let progressed_at = self.progressed_at.get();
            if last_progress.replace(progressed_at) != Some(progressed_at) {
                noted.clear();
                self.reason.take();
            }
            if self.is_ready.get() {
                sleep(STALLED_AFTER).await;
                continue;
            }
            if progressed_at.elapsed() < STALLED_AFTER {
                sleep_until(progressed_at + STALLED_AFTER).await;
                continue;
            }
            if let Some(status) = ask().await {
                self.explain(&status);
                if let Some(reason) = self.reason() {
                    let key = reason::key(&reason, &status.job_name);
                    if key != noted {
                        note(&reason);
                        noted = key;
                    }
                }
            }
            sleep(INTERVAL).await;
        }
    }
}

/// Returns this time after the end of the job.
pub async fn ended_for(outcome: &mut watch::Receiver<Option<JobStatus>>, time: Duration) {
    if outcome.wait_for(Option::is_some).await.is_ok() {
        sleep(time).await;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::time::timeout;

    use super::*;

    fn status(reason: &str, message: &str) -> Status {
        let container = json!({ "name": "main", "state": "waiting", "reason": reason, "message": message });
        let pod = json!({ "name": "t1-x", "phase": "Pending", "containers": [container] });
        serde_json::from_value(json!({ "job_name": "t1", "uid": "u1", "state": "running", "pods": [pod] })).unwrap()
    }

    /// Returns the messages of this time with their seconds. The answers come one after another.
    async fn said(state: &RunState, seconds: u64, answers: &[Option<Status>]) -> Vec<(u64, String)> {
        let (start, asked, said) = (Instant::now(), Cell::new(0), RefCell::new(Vec::new()));
        let ask = async || {
            asked.set(asked.get() + 1);
            answers.get(asked.get() - 1).or(answers.last()).unwrap().clone()
        };
        let say = |reason: &str| {
            said.borrow_mut().push((start.elapsed().as_secs(), reason.rsplit(": ").next().unwrap().to_owned()));
        };
        let end = timeout(Duration::from_secs(seconds), state.keep_explaining(ask, say)).await;
        assert!(end.is_err());
        said.into_inner()
    }

    #[tokio::test(start_paused = true)]
    async fn sa_missing_a_reason_is_noted_after_10_s_and_again_when_it_changes() {
        let (pull, back_off) = (status("ErrImagePull", "one"), status("ImagePullBackOff", "one"));
        let config = status("CreateContainerConfigError", "two");
        let state = RunState::default();
        let answers = [Some(pull.clone()), Some(back_off), None, Some(config), Some(pull)];
        let expected = [(10, "one"), (70, "two"), (90, "one")].map(|(at, text)| (at, text.to_owned()));
        assert_eq!(said(&state, 300, &answers).await, expected);
        assert!(state.reason().unwrap().contains("ErrImagePull"));
    }

    #[tokio::test(start_paused = true)]
    async fn sa_missing_a_job_with_progress_is_not_explained() {
        let state = RunState::default();
        let mut ready = status("CrashLoopBackOff", "one");
        ready.ready = Some(1);
        state.changed(&ready);
        assert_eq!(said(&state, 300, &[Some(ready.clone())]).await, []);
        ready.ready = Some(0);
        state.changed(&ready);
        let later = async {
            sleep(Duration::from_secs(5)).await;
            state.progressed();
        };
        let answers = [Some(ready)];
        let (said, ()) = tokio::join!(said(&state, 20, &answers), later);
        assert_eq!(said, [(15, "one".to_owned())]);
    }
}
