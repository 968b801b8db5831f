//! Refusals that repeat. The first of a kind is written at once; the others are counted, and the count is written once a
//! minute. So a flood of calls that cost nothing does not become a flood of lines.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::StatusCode;
use tokio::time::interval;

use crate::api::audit::{Account, Subject};
use crate::api::context::{AppState, ObjectRef};
use crate::api::routes::Route;
use crate::auth::{Caller, CallerId};
use crate::http::peer::client_prefix;
use crate::http::response::problem::Problem;

/// How often the counts are written.
const PERIOD: Duration = Duration::from_mins(1);
/// The most kinds that are told apart in this time. All further ones are counted as one kind.
const MAX_KINDS: usize = 1024;

/// What refusals have in common that are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kind {
    caller: CallerId,
    route: Option<Route>,
    status: StatusCode,
}

/// A refusal that repeated.
#[derive(Clone, Debug)]
pub struct Repeated {
    /// The first one's, without the object that it was about: the others can be about others.
    pub account: Account,
    pub status: StatusCode,
    pub reason: String,
    /// How many there were since the last count.
    pub count: u64,
}

#[derive(Debug, Default)]
pub struct Repeats(Mutex<HashMap<Option<Kind>, Repeated>>);

impl Repeats {
    /// Whether this refusal is the first of its kind. If not, it is counted.
    pub fn is_first(&self, subject: &Subject<'_>, problem: &Problem) -> bool {
        let (mut line, mut caller) = (subject.line.clone(), subject.caller.clone());
        let mut kind =
            Some(Kind { caller: caller.id(client_prefix(line.peer.ip())), route: line.route, status: problem.status });
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kinds.len() >= MAX_KINDS && !kinds.contains_key(&kind) {
            (kind, line.route, caller) = (None, None, Caller::anonymous());
        }
        match kinds.entry(kind) {
            Entry::Occupied(mut known) => {
                known.get_mut().count += 1;
                false
            }
            Entry::Vacant(place) => {
                let account = Account { line, caller, target: ObjectRef::default() };
                place.insert(Repeated { account, status: problem.status, reason: problem.reason.clone(), count: 0 });
                true
            }
        }
    }

    /// The refusals that repeated since the last time. Those that did not are forgotten: the next is a first one again.
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

/// Writes the counts, once a minute and for ever.
pub async fn report(shared: Arc<AppState>) {
    let mut ticks = interval(PERIOD);
    loop {
        ticks.tick().await;
        report_now(&shared);
    }
}

/// Writes the counts so far.
pub fn report_now(shared: &AppState) {
    for repeated in shared.repeats.take() {
        repeated.account.line.write_repeated(&repeated);
        shared.audit.repeated(&repeated);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};
    use std::time::Instant;

    use hyper::header::HeaderMap;

    use super::*;
    use crate::api::request_log::RequestInfo;
    use crate::http::request::request_id::RequestId;

    fn is_first(repeats: &Repeats, address: impl Into<IpAddr>, route: Route, status: StatusCode) -> bool {
        let peer = SocketAddr::new(address.into(), 1);
        let request_id = RequestId::parse(&HeaderMap::new());
        let line = RequestInfo { request_id, route: Some(route), peer, started: Instant::now() };
        let (caller, target) = (Caller::anonymous(), ObjectRef::default());
        let subject = Subject { line: &line, caller: &caller, target: &target };
        repeats.is_first(&subject, &Problem::new(status, "reason", "detail"))
    }

    #[test]
    fn b4_the_first_of_a_kind_is_told_and_the_others_are_counted() {
        const A: [u8; 4] = [10, 0, 0, 1];
        let (repeats, status) = (Repeats::default(), StatusCode::FORBIDDEN);
        let firsts = |count: usize| (0..count).filter(|_| is_first(&repeats, A, Route::ListJobs, status)).count();
        assert_eq!(firsts(100), 1);
        assert!(is_first(&repeats, [10, 0, 0, 2], Route::ListJobs, status), "another caller");
        assert!(is_first(&repeats, A, Route::GetJobStatus, status), "another call");
        assert!(is_first(&repeats, A, Route::ListJobs, StatusCode::UNAUTHORIZED), "another status");
        let taken = |repeats: &Repeats| repeats.take().into_iter().map(|repeated| repeated.count).collect::<Vec<_>>();
        assert_eq!(taken(&repeats), [99]);
        assert_eq!(firsts(10), 0, "it goes on");
        assert_eq!(taken(&repeats), [10]);
        assert_eq!(taken(&repeats), [0; 0], "it is over");
        assert_eq!(firsts(2), 1, "and begins anew");
    }

    #[test]
    fn b4_what_is_told_of_many_callers_is_bounded() {
        let (repeats, status) = (Repeats::default(), StatusCode::FORBIDDEN);
        let callers = u32::try_from(MAX_KINDS).unwrap() * 3;
        let firsts = (0..callers).filter(|caller| is_first(&repeats, caller.to_be_bytes(), Route::ListJobs, status));
        assert_eq!(firsts.count(), MAX_KINDS + 1);
        let taken = repeats.take();
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].count, u64::from(callers) - MAX_KINDS as u64 - 1);
        assert_eq!(taken[0].account.line.route, None, "they have no call in common");
    }
}
