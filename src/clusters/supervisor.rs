//! Restarts background tasks that panic or end: [`supervise`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::util::backoff::Backoff;

/// Pauses before restarts.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
/// A run of this length resets the pauses.
const LONG_RUN: Duration = Duration::from_mins(1);

/// Starts the task, and restarts it when it fails. Calls `failed` before each pause; a panic in it is logged only.
pub async fn supervise<F>(name: &'static str, start: impl Fn() -> F, failed: impl Fn())
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut backoff = BACKOFF;
    loop {
        let started = Instant::now();
        // The set ends the task if the supervision is dropped.
        let mut task = JoinSet::from_iter([start()]);
        let why = match task.join_next().await {
            // The runtime ends.
            Some(Err(error)) if error.is_cancelled() => return,
            Some(Err(error)) => error.to_string(),
            Some(Ok(())) | None => "it ended".to_owned(),
        };
        if started.elapsed() > LONG_RUN {
            backoff = BACKOFF;
        }
        let pause = backoff.pause();
        log::error!(task = name, error = why, pause_ms = pause.as_millis(); "background task failed; it starts again");
        // The hook logs the panic.
        let _ = catch_unwind(AssertUnwindSafe(&failed));
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn b5_a_task_that_panics_or_ends_starts_again_after_growing_pauses() {
        let (starts, failures) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let task = {
            let starts = Arc::clone(&starts);
            move || {
                let run = starts.fetch_add(1, Relaxed);
                async move {
                    match run {
                        0 => panic!("injected"),
                        1 => {}
                        _ => std::future::pending().await,
                    }
                }
            }
        };
        let counted = Arc::clone(&failures);
        let running = tokio::spawn(supervise("test", task, move || {
            assert!(counted.fetch_add(1, Relaxed) > 0, "a panic in the report does not end the supervision");
        }));
        let begun = Instant::now();
        while starts.load(Relaxed) < 3 {
            sleep(Duration::from_millis(10)).await;
        }
        let took = begun.elapsed();
        assert_eq!(failures.load(Relaxed), 2);
        assert!(took > Duration::from_millis(1500) && took < Duration::from_millis(3100), "{took:?}");
        sleep(Duration::from_mins(10)).await;
        assert_eq!((starts.load(Relaxed), running.is_finished()), (3, false));
        running.abort();
    }
}
