//! Follows the jobs of one cluster: lists them, then reads what happens to them, for ever. Owns the exchanges and the
//! pauses; what comes after what is [`machine`]'s, what is done with the news the caller's.

mod failure;
mod forbidden_grace;
pub mod items;
pub mod lines;
pub mod state_machine;
mod turns;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::kube::api_server::ApiServer;
use crate::kube::client::Client;
use crate::kube::error::Error;
use crate::kube::types::json;
use crate::kube::types::{Job, List};
use crate::kube::url::Path;
use crate::util::backoff::Backoff;
pub use failure::Failure;
use forbidden_grace::Rights;
use items::Items;
use lines::Lines;
use state_machine::{Backlog, Event, Input, Pause, State, Step};
pub use state_machine::{Version, WatchEvent};
use turns::Turns;

/// So many jobs of a few KiB each come as a reply of some 2 MiB.
const PAGE: u32 = 500;
const PAGE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the server is asked to keep a stream: at most this, and a random part less, so that many services do not
/// come back in step.
const LONGEST_STREAM: u64 = 300;
/// The server sends a bookmark a minute. Nothing for longer than two of them, and the stream is dead although nobody
/// said so.
const SILENCE: Duration = Duration::from_secs(150);
/// A server that answers, and sends nothing for so long, has nothing more to send.
const QUIET: Duration = Duration::from_secs(10);
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
/// A missing right is granted by a person.
const LASTING: Duration = Duration::from_mins(3);

/// Tells all that happens to the jobs with these labels. `store_was_reset` rings when the API server's store was set back.
/// It ends when it is dropped.
pub async fn follow(
    cluster: &Arc<ApiServer>,
    label_selector: &str,
    store_was_reset: &Notify,
    mut tell: impl FnMut(WatchEvent),
) -> Infallible {
    let mut described = cluster.described();
    described.first().await;
    let mut watch = Watch { cluster, label_selector, stream: None, current: None };
    let (mut state, mut rights, mut backoff) = (State::default(), Rights::default(), BACKOFF);
    loop {
        let input = tokio::select! {
            () = store_was_reset.notified() => Input::Failed(Failure::SetBack),
            () = cluster.unanswered.notified() => {
                Input::Failed(Failure::Broken("the API server does not answer".to_owned()))
            }
            input = watch.input(&state) => input,
        };
        let input = rights.weigh(input, Instant::now());
        if matches!(&input, Input::Event(event) if !matches!(event, Event::Error(_))) {
            backoff = BACKOFF;
        }
        let step = state.step(input);
        let Step { news, pause, .. } = step;
        state = step.state;
        if !matches!(state, State::Watching { .. }) {
            // Whatever ended it, nobody reads it any more.
            (watch.stream, watch.current) = (None, None);
        }
        news.into_iter().for_each(&mut tell);
        let pause = match pause {
            Pause::No => continue,
            Pause::Backoff => backoff.pause(),
            Pause::AtLeast(time) => time.min(LASTING) + backoff.pause(),
            Pause::LongBackoff => LASTING + backoff.pause(),
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = described.anew() => {}
        }
    }
}

struct Watch<'a> {
    cluster: &'a Arc<ApiServer>,
    label_selector: &'a str,
    stream: Option<Events>,
    /// Asks for the version that the API server is at, while a backlog is read.
    current: Option<Pin<Box<dyn Future<Output = Version> + Send>>>,
}

impl Watch<'_> {
    /// Does what the state asks for, and says what came of it.
    async fn input(&mut self, state: &State) -> Input {
        let session = || Client::new(Arc::clone(self.cluster), Instant::now() + PAGE_TIMEOUT);
        match state {
            State::Listing { next } => {
                let token = next.as_ref().map(|next| next.token.as_str());
                let path = Path::jobs_page(None, self.label_selector, PAGE, token);
                let page = timeout(PAGE_TIMEOUT, page(&session(), &path)).await;
                page.unwrap_or(Err(Error::Timeout)).map_or_else(refused, Input::Page)
            }
            State::Connecting { version, resumes } => {
                let seconds = fastrand::u64(LONGEST_STREAM - 60..=LONGEST_STREAM);
                match session().open(&Path::jobs_watch(self.label_selector, *version, seconds)).await {
                    Ok(stream) => {
                        let (turns, lines) = (Turns::new(stream), Lines::default());
                        self.stream = Some(Events { turns, lines, whole: VecDeque::new() });
                        self.current = resumes.then(|| {
                            let path = Path::jobs_page(None, self.label_selector, 1, None);
                            Box::pin(current(Arc::clone(self.cluster), path)) as _
                        });
                        Input::Opened
                    }
                    Err(error) => refused(error),
                }
            }
            State::Watching { backlog, .. } => {
                let Some(events) = &mut self.stream else { return Input::Ended };
                match (backlog, &mut self.current) {
                    (Backlog::Unknown, Some(current)) => tokio::select! {
                        biased;
                        input = events.next() => input,
                        version = current => {
                            self.current = None;
                            Input::Current(version)
                        }
                    },
                    (Backlog::UpTo(_), _) => timeout(QUIET, events.next()).await.unwrap_or(Input::Quiet),
                    _ => events.next().await,
                }
            }
        }
    }
}

/// The version that the API server is at. It asks until there is an answer.
async fn current(cluster: Arc<ApiServer>, path: Path) -> Version {
    let mut backoff = BACKOFF;
    loop {
        let session = Client::new(Arc::clone(&cluster), Instant::now() + PAGE_TIMEOUT);
        if let Ok(list) = session.get::<List<Job>>(&path).await
            && let Ok(version) = list.metadata.resource_version.parse()
        {
            return version;
        }
        sleep(backoff.pause()).await;
    }
}

/// A page of the list, of which never more than an item is held as it came.
async fn page(session: &Client, path: &Path) -> Result<List<Job>, Error> {
    let unreadable = |error: serde_json::Error| Error::BadReply(format!("a page of the list: {error}"));
    let (mut reply, mut items) = (Turns::new(session.open(path).await?), Items::default());
    let (mut jobs, mut bad) = (Vec::with_capacity(PAGE as usize), None);
    while let Some(piece) = reply.next().await? {
        let fed = items.feed(&piece, |item| match json::read::<Job>(item) {
            Ok(job) => jobs.push(job),
            Err(error) => bad = Some(error),
        });
        fed.map_err(|_| Error::BadReply("a job of the list is longer than any job".to_owned()))?;
    }
    if let Some(error) = bad {
        return Err(unreadable(error));
    }
    let list: List<Job> = json::read(&items.into_rest()).map_err(unreadable)?;
    // What was not told apart on the way, as of a list that is written with other spaces, is still there.
    jobs.extend(list.items.into_iter().flatten());
    Ok(List { metadata: list.metadata, items: Some(jobs) })
}

fn refused(error: Error) -> Input {
    Input::Failed(error.into())
}

/// A stream, line by line.
struct Events {
    turns: Turns,
    lines: Lines,
    whole: VecDeque<Input>,
}

impl Events {
    async fn next(&mut self) -> Input {
        loop {
            if let Some(input) = self.whole.pop_front() {
                return input;
            }
            let silent = Instant::now() + SILENCE;
            let piece = match timeout_at(silent, self.turns.next()).await {
                Err(_) => return Input::Failed(Failure::IdleTimeout),
                Ok(Err(error)) => return refused(error),
                Ok(Ok(None)) => return Input::Ended,
                Ok(Ok(Some(piece))) => piece,
            };
            let whole = &mut self.whole;
            let fed = self.lines.feed(&piece, |line| whole.push_back(event(line)));
            if fed.is_err() {
                whole.push_back(Input::Failed(Failure::Unreadable("a line is longer than any job".to_owned())));
            }
        }
    }
}

fn event(line: &[u8]) -> Input {
    let unreadable = |error: serde_json::Error| Input::Failed(Failure::Unreadable(format!("a line: {error}")));
    json::read(line).map_or_else(unreadable, Input::Event)
}
