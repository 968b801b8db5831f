//! What the queue holds: [`Entry`].

use tokio::sync::oneshot;

use crate::history::record::Record;
use crate::history::store::shared::Shared;

#[derive(Debug)]
pub(super) enum Entry {
    Record(Record),
    /// Is answered when everything before it is written, or lost.
    Flush(oneshot::Sender<()>),
    /// Ends the thread. The sender is dropped when the database is closed.
    Close(oneshot::Sender<()>),
}

impl Entry {
    /// Counts a record that is lost, and answers a flush.
    pub(super) fn settle(self, is_lost: bool, shared: &Shared) {
        match self {
            Self::Record(_) if is_lost => shared.lose(),
            Self::Record(_) => {}
            Self::Flush(done) | Self::Close(done) => drop(done.send(())),
        }
    }
}
