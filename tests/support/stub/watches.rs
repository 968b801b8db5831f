//! The watches that are open, and what tests tell them to do. What a watch sends by itself is its
//! stream's part.

use std::collections::BTreeMap;

use hyper::body::Bytes;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;

/// What one watch is to do, once it has sent the changes up to this revision: they were made before
/// the test gave the order.
#[derive(Clone, Debug)]
pub struct Order {
    pub revision: u64,
    pub act: Act,
}

#[derive(Clone, Debug)]
pub enum Act {
    Bookmark,
    Send(Bytes),
    /// To be silent from now on, or no longer.
    Hush(bool),
    End,
    Break,
}

#[derive(Debug, Default)]
pub struct State {
    pub open: BTreeMap<usize, UnboundedSender<Order>>,
    /// The version that each watch asked to begin after.
    pub opened_at: Vec<String>,
    /// Whether new watches are silent.
    hushed: bool,
}

/// A watch that was counted in.
#[derive(Debug)]
pub struct Entered {
    pub number: usize,
    pub orders: UnboundedReceiver<Order>,
    pub silent: bool,
}

#[derive(Debug, Default)]
pub struct Watches {
    pub state: watch::Sender<State>,
}

impl Watches {
    /// Notes a watch that is over before it was open.
    pub fn missed(&self, version: &str) {
        self.state.send_modify(|state| state.opened_at.push(version.to_owned()));
    }

    /// Counts a watch in, until `leave` is called with its number.
    pub fn enter(&self, version: &str) -> Entered {
        let (sender, orders) = mpsc::unbounded_channel();
        let (mut number, mut silent) = (0, false);
        self.state.send_modify(|state| {
            (number, silent) = (state.opened_at.len(), state.hushed);
            state.opened_at.push(version.to_owned());
            state.open.insert(number, sender);
        });
        Entered { number, orders, silent }
    }

    pub fn leave(&self, number: usize) {
        self.state.send_if_modified(|state| state.open.remove(&number).is_some());
    }

    /// Gives all open watches this order. Those that it ends count as closed at once, so that
    /// whoever waits for a watch after that waits for a new one.
    pub fn order(&self, order: &Order) {
        let last = matches!(order.act, Act::End | Act::Break);
        self.state.send_if_modified(|state| {
            for sender in state.open.values() {
                // A watch whose client has just left takes no more orders.
                let _ = sender.send(order.clone());
            }
            if last {
                state.open.clear();
            }
            if let Act::Hush(hushed) = order.act {
                state.hushed = hushed;
            }
            last
        });
    }
}
