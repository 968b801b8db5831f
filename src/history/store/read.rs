//! Runs queries beside the writer: [`Readers`].

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, InterruptHandle, OpenFlags};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::history::store::error::Unusable;
use crate::history::store::shared::Shared;
use crate::kube::health::Outcome;

/// The most queries at a time.
const MAX_QUERIES: usize = 2;

/// Why a query has no answer.
#[derive(Debug)]
pub enum ReadError {
    /// The database cannot be used, with the reason and what to do.
    Unavailable(String),
    /// Too many queries run already.
    Busy,
    Timeout,
}

#[derive(Debug)]
pub(super) struct Readers(Arc<Semaphore>);

impl Default for Readers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_QUERIES)))
    }
}

impl Readers {
    pub(super) async fn read<T: Send + 'static>(
        &self,
        shared: &Arc<Shared>,
        timeout: Duration,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        let deadline = Instant::now() + timeout;
        let permit = timeout_at(deadline, Arc::clone(&self.0).acquire_owned()).await;
        let permit = permit.ok().and_then(Result::ok).ok_or(ReadError::Busy)?;
        match shared.state() {
            state if state.is_open => {}
            state => return Err(ReadError::Unavailable(why_not_open(state.check))),
        }
        let interrupt = Interrupt::default();
        let (progress, path) = (Arc::clone(&interrupt.0), shared.path.clone());
        let running = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path, flags)?;
            {
                let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
                if matches!(*progress, Progress::Ended) {
                    return Ok(None);
                }
                *progress = Progress::Running(connection.get_interrupt_handle());
            }
            query(&connection).map(Some)
        });
        match timeout_at(deadline, running).await {
            Ok(Ok(Ok(Some(answer)))) => Ok(answer),
            Ok(Ok(Err(error))) => Err(failure(shared, error)),
            Ok(Err(ended)) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(ReadError::Unavailable("the service stops".to_owned())),
            },
            Ok(Ok(Ok(None))) | Err(_) => Err(ReadError::Timeout),
        }
    }
}

fn why_not_open(check: Outcome) -> String {
    match check {
        Outcome::Failed(why) => why,
        Outcome::Pending | Outcome::Passed => "the history is being opened: try again in a few seconds".to_owned(),
    }
}

fn failure(shared: &Shared, error: rusqlite::Error) -> ReadError {
    if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) {
        return ReadError::Timeout;
    }
    let unusable = Unusable::from(error);
    if unusable.is_corrupt() {
        shared.suspect();
    }
    ReadError::Unavailable(unusable.to_string())
}

/// How far a query is.
#[derive(Default)]
enum Progress {
    #[default]
    Waiting,
    Running(InterruptHandle),
    Ended,
}

/// Interrupts the query when it is dropped. A query that has not begun is left out.
#[derive(Default)]
struct Interrupt(Arc<Mutex<Progress>>);

impl Drop for Interrupt {
    fn drop(&mut self) {
        let mut progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Progress::Running(handle) = mem::replace(&mut *progress, Progress::Ended) {
            handle.interrupt();
        }
    }
}
