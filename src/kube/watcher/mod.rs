//! Lists the jobs of one cluster, then watches them: [`follow`]. [`state_machine`] decides what follows what.

pub mod event;
pub mod failure;
mod forbidden_grace;
pub mod lines;
pub mod state_machine;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

use crate::kube::api_server::ApiServer;
use crate::kube::client::Client;
use crate::kube::client::stream::Stream;
use crate::kube::error::Error;
use crate::kube::types::json;
use crate::kube::types::{Job, List};
use crate::kube::url::Path;
use crate::util::backoff::Backoff;
pub use event::{Version, WatchEvent};
pub use failure::Failure;
use forbidden_grace::ForbiddenGrace;
use lines::Lines;
use state_machine::{Backlog, Event, Input, Pause, State, Step};

/// Jobs in one page of a list. A page of usual jobs has some 2 MiB.
const PAGE_SIZE: u32 = 500;
const PAGE_TIMEOUT: Duration = Duration::from_secs(30);
/// Seconds that the server keeps a stream open, at most. A random part less keeps services from reconnecting in step.
const MAX_STREAM_SECONDS: u64 = 300;
/// The server sends a bookmark a minute. A stream is dead if two of them are missing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(150);
/// A server that answers and sends nothing for this long has sent the whole backlog.
const BACKLOG_TIMEOUT: Duration = Duration::from_secs(10);
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
/// A person grants a missing right.
const LONG_BACKOFF: Duration = Duration::from_mins(3);

/// Reports all changes of the jobs with these labels. Lists again when `store_was_reset` is notified. Runs until it is
/// dropped.
pub async fn follow(
    api_server: &Arc<ApiServer>,
    label_selector: &str,
    store_was_reset: &Notify,
    mut report: impl FnMut(WatchEvent),
) -> Infallible {
    let mut transport = api_server.subscribe();
    let _ = transport.wait_for(Option::is_some).await;
    let mut watcher = Watcher { api_server, label_selector, page_size: PAGE_SIZE, stream: None, current_version: None };
    let (mut state, mut grace, mut backoff) = (State::default(), ForbiddenGrace::default(), BACKOFF);
    loop {
        let input = tokio::select! {
            () = store_was_reset.notified() => Input::Failed(Failure::SetBack),
            () = api_server.unanswered.notified() => {
                Input::Failed(Failure::Broken("the API server does not answer".to_owned()))
            }
            input = watcher.input(&state) => input,
        };
        let input = grace.filter(input, Instant::now());
        if matches!(&input, Input::Event(event) if !matches!(event, Event::Error(_))) {
            backoff = BACKOFF;
        }
        let Step { state: next, events, pause } = state.step(input);
        state = next;
        if !matches!(state, State::Watching { .. }) {
            (watcher.stream, watcher.current_version) = (None, None);
        }
        events.into_iter().for_each(&mut report);
        let pause = match pause {
            Pause::No => continue,
            Pause::Backoff => backoff.pause(),
            Pause::AtLeast(time) => time.min(LONG_BACKOFF) + backoff.pause(),
            Pause::LongBackoff => LONG_BACKOFF + backoff.pause(),
        };
        tokio::select! {
            () = sleep(pause) => {}
            _ = transport.changed() => {}
        }
    }
}

struct Watcher<'a> {
    api_server: &'a Arc<ApiServer>,
    label_selector: &'a str,
    page_size: u32,
    stream: Option<EventStream>,
    /// Asks for the API server's current version while a backlog is read.
    current_version: Option<Pin<Box<dyn Future<Output = Version> + Send>>>,
}

impl Watcher<'_> {
    /// Sends the request of this state, or reads on, and returns the result.
    async fn input(&mut self, state: &State) -> Input {
        match state {
            State::Listing { next } => {
                let page = self.page(next.as_ref().map(|next| next.token.as_str()));
                let page = timeout(PAGE_TIMEOUT, page).await.unwrap_or(Err(Error::Timeout));
                page.map_or_else(failed, Input::Page)
            }
            State::Connecting { version, resumes } => {
                let seconds = fastrand::u64(MAX_STREAM_SECONDS - 60..=MAX_STREAM_SECONDS);
                let path = Path::jobs_watch(self.label_selector, *version, seconds);
                match client(self.api_server).open(&path).await {
                    Ok(stream) => {
                        self.stream = Some(EventStream { stream, lines: Lines::default(), inputs: VecDeque::new() });
                        self.current_version = resumes.then(|| {
                            let path = Path::jobs_page(None, self.label_selector, 1, None);
                            Box::pin(current_version(Arc::clone(self.api_server), path)) as _
                        });
                        Input::Opened
                    }
                    Err(error) => failed(error),
                }
            }
            State::Watching { backlog, .. } => {
                let Some(stream) = &mut self.stream else { return Input::Ended };
                match (backlog, &mut self.current_version) {
                    (Backlog::Unknown, Some(current_version)) => tokio::select! {
                        biased;
                        input = stream.next() => input,
                        version = current_version => {
                            self.current_version = None;
                            Input::Current(version)
                        }
                    },
                    (Backlog::UpTo(_), _) => timeout(BACKLOG_TIMEOUT, stream.next()).await.unwrap_or(Input::Quiet),
                    _ => stream.next().await,
                }
            }
        }
    }

    /// Reads a page of the list, in one attempt.
    async fn page(&mut self, token: Option<&str>) -> Result<List<Job>, Error> {
        let path = Path::jobs_page(None, self.label_selector, self.page_size, token);
        let body = client(self.api_server).open(&path).await?.collect().await;
        if matches!(body, Err(Error::BadReply(_))) {
            // The page is too large. The next attempt asks for fewer jobs.
            self.page_size = (self.page_size / 4).max(1);
        }
        let page: List<Job> =
            json::read(&body?).map_err(|error| Error::BadReply(format!("a page of the list: {error}")))?;
        if page.metadata.r#continue.is_empty() {
            self.page_size = PAGE_SIZE;
        }
        Ok(page)
    }
}

fn client(api_server: &Arc<ApiServer>) -> Client {
    Client::new(Arc::clone(api_server), Instant::now() + PAGE_TIMEOUT)
}

/// Returns the API server's current version. Asks until there is an answer.
async fn current_version(api_server: Arc<ApiServer>, path: Path) -> Version {
    let mut backoff = BACKOFF;
    loop {
        if let Ok(list) = client(&api_server).get::<List<Job>>(&path).await
            && let Ok(version) = list.metadata.resource_version.parse()
        {
            return version;
        }
        sleep(backoff.pause()).await;
    }
}

fn failed(error: Error) -> Input {
    Input::Failed(error.into())
}

/// The events of a watch that is open.
struct EventStream {
    stream: Stream,
    lines: Lines,
    inputs: VecDeque<Input>,
}

impl EventStream {
    async fn next(&mut self) -> Input {
        loop {
            if let Some(input) = self.inputs.pop_front() {
                return input;
            }
            let chunk = async {
                // A busy stream always has a next chunk. Other tasks run first.
                yield_now().await;
                self.stream.next().await
            };
            let chunk = match timeout(IDLE_TIMEOUT, chunk).await {
                Err(_) => return Input::Failed(Failure::IdleTimeout),
                Ok(Err(error)) => return failed(error),
                Ok(Ok(None)) => return Input::Ended,
                Ok(Ok(Some(chunk))) => chunk,
            };
            let inputs = &mut self.inputs;
            if self.lines.feed(&chunk, |line| inputs.push_back(Input::from_line(line))).is_err() {
                inputs.push_back(Input::Failed(Failure::Unreadable("an event is longer than any job".to_owned())));
            }
        }
    }
}
