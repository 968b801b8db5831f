//! What the parts of a run know of its job: the last status, whether it is over, and why it waits.

use std::cell::{Cell, OnceCell, RefCell};
use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::client::job::Seen;
use crate::client::job::reason;
use crate::client::job::status::Status;

/// How long a job may make no progress before it is asked why, and how often it is asked then.
const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Known {
    /// When the job last changed, or wrote something.
    progressed_at: Cell<Instant>,
    /// Whether a pod of the job runs and is ready.
    is_ready: Cell<bool>,
    reason: RefCell<Option<String>>,
    /// How the job ended.
    pub outcome: OnceCell<Seen>,
    over: watch::Sender<bool>,
}

impl Default for Known {
    fn default() -> Self {
        let progressed_at = Cell::new(Instant::now());
        let (is_ready, reason, outcome) = (Cell::default(), RefCell::default(), OnceCell::new());
        Self { progressed_at, is_ready, reason, outcome, over: watch::Sender::new(false) }
    }
}

impl Known {
    pub fn progressed(&self) {
        self.progressed_at.set(Instant::now());
    }

    pub fn changed(&self, status: &Status) {
        self.progressed();
        self.is_ready.set(status.ready.is_some_and(|ready| ready > 0));
    }

    /// The job has ended, or is gone.
    pub fn end(&self, outcome: Seen) {
        let _ = self.outcome.set(outcome);
        self.over.send_replace(true);
    }

    /// Becomes true when the job is over.
    pub fn over(&self) -> watch::Receiver<bool> {
        self.over.subscribe()
    }

    /// What holds the job up, as far as it is known.
    pub fn reason(&self) -> Option<String> {
        self.reason.borrow().clone()
    }

    /// Takes what holds the job up from its status with details.
    pub fn explain(&self, status: &Status) {
        self.reason.replace(reason::of(status));
    }

    /// Asks for the status with details while there is no progress. Says what holds the job up, and again when that is
    /// something else.
    pub async fn keep_explaining(&self, ask: impl AsyncFn() -> Option<Status>, say: impl Fn(&str)) -> Infallible {
        let (mut said, mut pause, mut last_progress) = (String::new(), FIRST, None);
        loop {
            let progressed_at = self.progressed_at.get();
            if last_progress.replace(progressed_at) != Some(progressed_at) {
                (said, pause) = (String::new(), FIRST);
                self.reason.take();
            }
            if self.is_ready.get() {
                sleep(FIRST).await;
                continue;
            }
            if progressed_at.elapsed() < FIRST {
                sleep_until(progressed_at + FIRST).await;
                continue;
            }
            if let Some(status) = ask().await {
                self.explain(&status);
                if let Some(reason) = self.reason() {
                    let key = reason::key(&reason, &status.job_name);
                    if key != said {
                        say(&reason);
                        said = key;
                    }
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
    }
}

/// Returns when the job is over, and was for this time.
pub async fn over_for(over: &mut watch::Receiver<bool>, time: Duration) {
    if over.wait_for(|is_over| *is_over).await.is_ok() {
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

    /// What is said in this time, each with its second, if these are the answers one after another.
    async fn said(known: &Known, seconds: u64, answers: &[Option<Status>]) -> Vec<(u64, String)> {
        let (start, asked, said) = (Instant::now(), Cell::new(0), RefCell::new(Vec::new()));
        let ask = async || {
            asked.set(asked.get() + 1);
            answers.get(asked.get() - 1).or(answers.last()).unwrap().clone()
        };
        let say = |reason: &str| {
            said.borrow_mut().push((start.elapsed().as_secs(), reason.rsplit(": ").next().unwrap().to_owned()));
        };
        let end = timeout(Duration::from_secs(seconds), known.keep_explaining(ask, say)).await;
        assert!(end.is_err());
        said.into_inner()
    }

    #[tokio::test(start_paused = true)]
    async fn sa_missing_a_reason_is_said_after_10_s_and_again_when_it_is_another() {
        let (pull, back_off) = (status("ErrImagePull", "one"), status("ImagePullBackOff", "one"));
        let config = status("CreateContainerConfigError", "two");
        let known = Known::default();
        let answers = [Some(pull.clone()), Some(back_off), None, Some(config), Some(pull)];
        let expected = [(10, "one"), (70, "two"), (100, "one")].map(|(at, text)| (at, text.to_owned()));
        assert_eq!(said(&known, 300, &answers).await, expected);
        assert!(known.reason().unwrap().contains("ErrImagePull"));
    }

    #[tokio::test(start_paused = true)]
    async fn sa_missing_a_job_that_gets_on_is_not_asked_about() {
        let known = Known::default();
        let mut ready = status("CrashLoopBackOff", "one");
        ready.ready = Some(1);
        known.changed(&ready);
        assert_eq!(said(&known, 300, &[Some(ready.clone())]).await, []);
        ready.ready = Some(0);
        known.changed(&ready);
        let later = async {
            sleep(Duration::from_secs(5)).await;
            known.progressed();
        };
        let answers = [Some(ready)];
        let (said, ()) = tokio::join!(said(&known, 20, &answers), later);
        assert_eq!(said, [(15, "one".to_owned())]);
    }
}
