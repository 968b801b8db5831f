//! One watch of jobs: a stream that stays open and tells of each change as it happens.

mod events;

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::sleep;

use super::connection::Connection;
use super::exchange::Answer;
use super::routes::Call;
use super::selector::Selector;
use super::server::Server;
use super::status::{self, Reply};
use super::store::{Resource, Store};
use super::watches::{Act, Entered, Order};
use events::Scope;

struct Watch {
    server: Arc<Server>,
    connection: Arc<Connection>,
    entered: Entered,
    scope: Scope,
    bookmarks: bool,
    timeout: Option<Duration>,
    /// What is to be sent before all changes.
    first: Vec<Bytes>,
    /// All changes up to this one were sent.
    sent: u64,
}

pub fn open(
    server: &Arc<Server>,
    connection: Arc<Connection>,
    call: &Call,
    namespace: Option<&str>,
) -> Result<Answer, Reply> {
    let scope = Scope { namespace: namespace.map(str::to_owned), selector: Selector::of(call)? };
    let version = call.parameter("resourceVersion").unwrap_or_default();
    let asked = if version.is_empty() { 0 } else { version.parse().map_err(|_| bad_version(version))? };
    let bookmarks = call.flag("allowWatchBookmarks");
    let timeout = call.parameter("timeoutSeconds").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);

    let store = server.store();
    let from_now = call.flag("sendInitialEvents") || asked == 0;
    if !from_now && asked < store.history.oldest() {
        server.watches.missed(version);
        return Ok(Answer::lines(vec![events::gone(asked, store.history.oldest())]));
    }
    let mut first = if from_now { present(&store, &scope) } else { Vec::new() };
    let sent = if from_now { store.revision() } else { asked };
    if call.flag("sendInitialEvents") && bookmarks {
        first.push(events::bookmark(sent, true));
    }
    drop(store);

    let entered = server.watches.enter(version);
    let server = Arc::clone(server);
    let watch = Watch { server, connection, entered, scope, bookmarks, timeout, first, sent };
    Ok(Answer::told(|lines| watch.run(lines)))
}

/// The jobs that are there, as if they had just been created.
fn present(store: &Store, scope: &Scope) -> Vec<Bytes> {
    let jobs = store.list(Resource::Jobs, scope.namespace.as_deref());
    jobs.filter(|job| scope.selector.fits(job)).map(|job| events::line("ADDED", job)).collect()
}

/// As recorded: an internal error without a reason.
fn bad_version(version: &str) -> Reply {
    let message =
        format!("resourceVersion: Invalid value: {version:?}: strconv.ParseUint: parsing {version:?}: invalid syntax");
    let mut refused = status::failure(500, "", &message, None);
    refused.body.as_object_mut().unwrap().remove("reason");
    refused
}

impl Watch {
    async fn run(mut self, lines: UnboundedSender<Bytes>) {
        let mut revision = self.server.store().revision.subscribe();
        let timeout = self.timeout;
        let end = async {
            match timeout {
                Some(timeout) => sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(end);
        loop {
            // The revision is read before the orders: what a test does after an order cannot be
            // sent before it is obeyed.
            let newest = *revision.borrow_and_update();
            while let Ok(order) = self.entered.orders.try_recv() {
                if !self.obey(order, &lines).await {
                    return;
                }
            }
            self.send_up_to(newest, &lines);
            tokio::select! {
                order = self.entered.orders.recv() => {
                    let Some(order) = order else { return };
                    if !self.obey(order, &lines).await {
                        return;
                    }
                }
                _ = revision.changed() => {}
                () = &mut end, if !self.entered.silent => return,
            }
        }
    }

    /// Returns whether the watch goes on.
    async fn obey(&mut self, order: Order, lines: &UnboundedSender<Bytes>) -> bool {
        self.send_up_to(order.revision, lines);
        let bytes = match order.act {
            Act::Bookmark if self.bookmarks && !self.entered.silent => events::bookmark(order.revision, false),
            Act::Bookmark => return true,
            Act::Send(bytes) => bytes,
            Act::Hush(silent) => {
                self.entered.silent = silent;
                return true;
            }
            Act::End => return false,
            Act::Break => self.connection.cut_now().await,
        };
        // The receiver lives as long as this future does.
        let _ = lines.send(bytes);
        true
    }

    /// Sends what is not sent yet, unless the watch is to be silent. Each line is a chunk of its own.
    fn send_up_to(&mut self, revision: u64, lines: &UnboundedSender<Bytes>) {
        if self.entered.silent {
            return;
        }
        let mut new = std::mem::take(&mut self.first);
        let store = self.server.store();
        let changes = store.history.between(self.sent, revision);
        new.extend(changes.filter_map(|change| self.scope.tell(change)));
        drop(store);
        self.sent = self.sent.max(revision);
        for line in new {
            let _ = lines.send(line);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.server.watches.leave(self.entered.number);
    }
}
