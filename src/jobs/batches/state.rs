//! The state of a batch, computed from its members: [`BatchState`].

use crate::jobs::state::State;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchState {
    Running,
    /// All members that have not ended are suspended.
    Suspended,
    Completed,
    /// All members have ended, and one has failed.
    Failed,
    /// All known members have ended, and some are missing.
    Incomplete,
    /// The head is being deleted.
    Deleting,
}

impl BatchState {
    pub const ALL: [Self; 6] =
        [Self::Running, Self::Suspended, Self::Completed, Self::Failed, Self::Incomplete, Self::Deleting];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Suspended => "suspended",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Incomplete => "incomplete",
            Self::Deleting => "deleting",
        }
    }

    /// Whether the batch has ended.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Incomplete)
    }
}

/// The final state of a batch, and its time in seconds since 1970: the end of the last member, or the creation of the
/// head if no member is known.
pub type End = (BatchState, i64);

/// The number of members in each state, in the order of [`State::ALL`], and the number of missing members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemberCounts {
    pub by_state: [usize; State::ALL.len()],
    pub missing: usize,
}

impl MemberCounts {
    /// Counts the members. `None` is a member that does not exist.
    pub fn of(members: impl Iterator<Item = Option<State>>) -> Self {
        let mut counts = Self::default();
        for member in members {
            match member {
                Some(state) => counts.by_state[state as usize] += 1,
                None => counts.missing += 1,
            }
        }
        counts
    }

    pub const fn get(&self, state: State) -> usize {
        self.by_state[state as usize]
    }

    fn unfinished(&self) -> usize {
        State::ALL.into_iter().filter(|state| !state.is_final()).map(|state| self.get(state)).sum()
    }
}

/// Returns the state. `may_grow` is whether missing members may still be submitted.
pub fn state(is_deleting: bool, counts: &MemberCounts, may_grow: bool) -> BatchState {
    let unfinished = counts.unfinished();
    if is_deleting {
        BatchState::Deleting
    } else if counts.missing > 0 && may_grow {
        BatchState::Running
    } else if unfinished > 0 && unfinished == counts.get(State::Suspended) {
        BatchState::Suspended
    } else if unfinished > 0 {
        BatchState::Running
    } else if counts.missing > 0 {
        BatchState::Incomplete
    } else if counts.get(State::Failed) > 0 {
        BatchState::Failed
    } else {
        BatchState::Completed
    }
}
