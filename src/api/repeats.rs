//! [`Repeats`]: counts refusals that repeat, so that a flood of cheap calls does not become a flood of log lines.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::StatusCode;

use crate::audit::request_info::{NO_OPERATION, ObjectRef, RequestInfo};
use crate::auth::{Caller, CallerId};
use crate::http::peer::client_prefix;
use crate::http::response::problem::Problem;

/// The most kinds between two reports. Refusals of further kinds are counted together.
const MAX_KINDS: usize = 1024;

/// Refusals with the same kind are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kind {
    caller: CallerId,
    cluster: Arc<str>,
    operation: &'static str,
    status: StatusCode,
}

/// A refusal that repeated.
#[derive(Clone, Debug)]
pub struct Repeated {
    /// The first refusal's, without its object: the others can name other objects. The cluster is empty if they can be of
    /// several.
    pub info: RequestInfo,
    pub status: StatusCode,
    pub reason: String,
    /// How many followed since the last report.
    pub count: u64,
}

#[derive(Debug, Default)]
pub struct Repeats(Mutex<HashMap<Option<Kind>, Repeated>>);

impl Repeats {
    /// Returns whether this refusal is the first of its kind. If not, counts it.
    pub fn is_first(&self, info: &RequestInfo, problem: &Problem) -> bool {
        let caller = info.caller.id(client_prefix(info.peer.ip()));
        // A name that was refused could be anything.
        let is_refused = problem.reason.starts_with("cluster_not_");
        let cluster = if is_refused { Arc::default() } else { Arc::clone(&info.cluster) };
        let mut kind = Some(Kind { caller, cluster, operation: info.operation, status: problem.status });
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = kinds.len() >= MAX_KINDS && !kinds.contains_key(&kind);
        if is_full {
            kind = None;
        }
        match kinds.entry(kind) {
            Entry::Occupied(mut known) => {
                known.get_mut().count += 1;
                false
            }
            Entry::Vacant(entry) => {
                let mut info = RequestInfo { object: ObjectRef::default(), ..info.clone() };
                if is_full || is_refused {
                    info.cluster = Arc::default();
                }
                if is_full {
                    (info.caller, info.operation, info.object_kind) = (Caller::Unauthenticated, NO_OPERATION, "");
                    info.is_change = false;
                }
                entry.insert(Repeated { info, status: problem.status, reason: problem.reason.clone(), count: 0 });
                true
            }
        }
    }

    /// Returns the refusals that repeated since the last call, and forgets the others.
    pub fn take(&self) -> Vec<Repeated> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.retain(|_, repeated| repeated.count > 0);
        let take = |repeated: &mut Repeated| {
            let taken = repeated.clone();
            repeated.count = 0;
            taken
        };
        kinds.values_mut().map(take).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};
    use std::time::Instant;

    use super::*;

    fn is_first(repeats: &Repeats, address: impl Into<IpAddr>, operation: &'static str, status: StatusCode) -> bool {
        let info = RequestInfo {
            request_id: "1".to_owned(),
            operation,
            object_kind: "Job",
            is_change: false,
            is_dry_run: false,
            cluster: "lab".into(),
            peer: SocketAddr::new(address.into(), 1),
            caller: Caller::Unauthenticated,
            object: ObjectRef::default(),
            started: Instant::now(),
        };
        repeats.is_first(&info, &Problem::new(status, "reason", "detail"))
    }

    #[test]
    fn b4_the_first_of_a_kind_is_written_and_the_others_are_counted() {
        const A: [u8; 4] = [10, 0, 0, 1];
        let (repeats, status) = (Repeats::default(), StatusCode::FORBIDDEN);
        let firsts = |count: usize| (0..count).filter(|_| is_first(&repeats, A, "list_jobs", status)).count();
        assert_eq!(firsts(100), 1);
        assert!(is_first(&repeats, [10, 0, 0, 2], "list_jobs", status), "another caller");
        assert!(is_first(&repeats, A, "get_job_status", status), "another call");
        assert!(is_first(&repeats, A, "list_jobs", StatusCode::UNAUTHORIZED), "another status");
        let taken = |repeats: &Repeats| repeats.take().into_iter().map(|repeated| repeated.count).collect::<Vec<_>>();
        assert_eq!(taken(&repeats), [99]);
        assert_eq!(firsts(10), 0, "it goes on");
        assert_eq!(taken(&repeats), [10]);
        assert_eq!(taken(&repeats), [0; 0], "it is over");
        assert_eq!(firsts(2), 1, "and begins anew");
    }

    #[test]
    fn b4_the_number_of_kinds_is_bounded() {
        let (repeats, status) = (Repeats::default(), StatusCode::FORBIDDEN);
        let callers = u32::try_from(MAX_KINDS).unwrap() * 3;
        let firsts = (0..callers).filter(|caller| is_first(&repeats, caller.to_be_bytes(), "list_jobs", status));
        assert_eq!(firsts.count(), MAX_KINDS + 1);
        let taken = repeats.take();
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].count, u64::from(callers) - MAX_KINDS as u64 - 1);
        assert_eq!(taken[0].info.operation, "none", "the calls have no operation in common");
    }
}
