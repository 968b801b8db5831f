//! Decides after an attempt whether a delivery is tried again, and when: [`next`].

use std::time::Duration;

use crate::history::outbox::requests::Next;
use crate::webhooks::send::Sent;

/// The pauses after the first try, the second, and so on. After the tenth try there is none.
const PAUSES: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];

/// Returns what an attempt makes of its delivery. `attempts` is the number of attempts before it, and `now` its end in
/// milliseconds since 1970.
pub(super) fn next(sent: &Sent, attempts: u32, now: i64) -> Next {
    if sent.is_delivered() {
        return Next::Delivered;
    }
    if sent.is_gone() {
        return Next::Keep;
    }
    let step = usize::try_from(attempts).ok().and_then(|made| PAUSES.get(made));
    let Some(step) = step else { return Next::Failed };
    let asked = sent.retry_after.unwrap_or_default();
    // A receiver that was down does not get everything again in the same second.
    let pause = step.mul_f64(1.0 + fastrand::f64() / 5.0).max(asked);
    Next::Retry(now.saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
#[path = "tests/schedule_tests.rs"]
mod tests;
