//! Faults on demand: which requests they strike, how often, and what goes wrong. Playing them is
//! the exchange's part.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use super::recorded::Recorded;
use super::status;

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Kind {
    /// This answer instead of the real one. Nothing is processed. A body that is a string goes out
    /// as text.
    Reply { status: u16, headers: Vec<(String, String)>, body: Value },
    /// The recorded 401, whatever the token.
    Unauthorized,
    /// The connection is torn down, and nothing is processed.
    CutBefore,
    /// The request takes effect, then the connection is torn down before a byte of the answer.
    CutAfter,
    /// The request waits for the gate, and is processed then.
    HoldBefore(Gate),
    /// The request takes effect, and its answer waits for the gate.
    HoldAfter(Gate),
    /// 200 with broken JSON. Nothing is processed.
    Garbage,
    /// 200 with a body of this many bytes, of no announced length. Nothing is processed.
    Huge(u64),
    /// The request takes effect; the answer's head and half of its body are sent, then the
    /// connection ends. Under HTTP/2 a client that reads all this at once may report the break
    /// before it has looked at the head.
    Truncate,
}

impl Kind {
    /// An answer with a Status for its body, as an API server writes them.
    pub fn status(code: u16, reason: &str, message: &str) -> Self {
        let body = status::failure(code, reason, message, None).body;
        Self::Reply { status: code, headers: Vec::new(), body }
    }

    /// Too many requests: the client is to come back after so many seconds.
    pub fn too_many(retry_after: u32) -> Self {
        let message = "Too many requests, please try again later.";
        let body = status::failure(429, "TooManyRequests", message, None).body;
        Self::Reply { status: 429, headers: vec![("retry-after".to_owned(), retry_after.to_string())], body }
    }

    /// What a watch is told of whose version is gone, as the answer's status. `compact` has it told
    /// in the stream.
    pub fn gone() -> Self {
        Self::status(410, "Expired", "too old resource version: 1 (665)")
    }
}

/// A fault that waits for the requests it is meant for.
#[derive(Clone, Debug)]
pub struct Fault {
    method: String,
    path_prefix: String,
    times: usize,
    /// How many requests pass before it strikes.
    passes: usize,
    /// Whether it strikes watches only, or all but watches; nothing for both.
    watches: Option<bool>,
    kind: Kind,
}

impl Fault {
    /// Strikes once, at the next request of this method (`*` is any) for a path with this prefix.
    pub fn new(method: &str, path_prefix: &str, kind: Kind) -> Self {
        Self { method: method.into(), path_prefix: path_prefix.into(), times: 1, passes: 0, watches: None, kind }
    }

    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// Lets this many requests pass first.
    pub fn after(self, passes: usize) -> Self {
        Self { passes, ..self }
    }

    /// Strikes watches only. They share their paths with lists.
    pub fn of_watches(self) -> Self {
        Self { watches: Some(true), ..self }
    }

    /// Lets watches pass.
    pub fn but_watches(self) -> Self {
        Self { watches: Some(false), ..self }
    }

    /// Strikes until the faults are cleared.
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }
}

/// Takes the first fault that matches, and strikes it off when it is used up.
pub fn take(faults: &mut Vec<Fault>, request: &Recorded) -> Option<Kind> {
    let strikes = |fault: &mut Fault| {
        let matches = request.matches(&fault.method, &fault.path_prefix)
            && fault.watches.is_none_or(|watches| watches == request.is_watch());
        let passes = matches && fault.passes > 0;
        fault.passes -= usize::from(passes);
        matches && !passes
    };
    let at = faults.iter_mut().position(strikes)?;
    let kind = faults[at].kind.clone();
    faults[at].times -= 1;
    if faults[at].times == 0 {
        faults.remove(at);
    }
    Some(kind)
}

/// Holds requests until it is opened; one that is never opened holds them until their clients give
/// up.
#[derive(Clone, Debug)]
pub struct Gate {
    open: Arc<watch::Sender<bool>>,
    held: Arc<watch::Sender<usize>>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { open: Arc::new(watch::Sender::new(false)), held: Arc::new(watch::Sender::new(0)) }
    }
}

impl Gate {
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets all requests go on, those to come included.
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// Waits until this many requests are held at the same time.
    pub async fn held(&self, count: usize) {
        self.held.subscribe().wait_for(|held| *held >= count).await.unwrap();
    }

    /// Waits until no request is held: they went on, or their clients gave up.
    pub async fn deserted(&self) {
        self.held.subscribe().wait_for(|held| *held == 0).await.unwrap();
    }

    pub async fn pass(&self) {
        // The guard counts a request out even when its client leaves and this future is dropped.
        let _guard = Held::enter(&self.held);
        self.open.subscribe().wait_for(|open| *open).await.unwrap();
    }
}

struct Held<'a>(&'a watch::Sender<usize>);

impl<'a> Held<'a> {
    fn enter(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|held| *held += 1);
        Self(count)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|held| *held -= 1);
    }
}
