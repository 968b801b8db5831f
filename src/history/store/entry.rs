//! The entries of the queue: [`Entry`].

use tokio::sync::oneshot;

use crate::history::record::Record;
use crate::history::store::apply::Outcome;
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
    /// Answers after the commit. Without an outcome the entry is lost.
    pub(super) fn settle(self, outcome: Option<Outcome>, shared: &Shared) {
        match (self, outcome) {
            (Self::Flush(done) | Self::Close(done), _)
            | (
                Self::Record(Record::BatchesEnded { done, .. } | Record::Attempt { done, .. }),
                Some(Outcome::Written),
            ) => {
                let _ = done.send(());
            }
            (Self::Record(Record::Redelivery { done, .. }), Some(Outcome::Redelivered(redelivered))) => {
                let _ = done.send(redelivered);
            }
            (Self::Record(record), None) => shared.lose(&record),
            (Self::Record(_), Some(_)) => {}
        }
    }
}
