//! Compares this machine's clock with a server's `Date` header: [`difference`].

use std::time::{Duration, SystemTime};

/// AWS refuses a signature that is five minutes off
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>).
/// A smaller difference already causes a warning.
const TOLERANCE: Duration = Duration::from_mins(1);

/// Describes the difference of the clocks, or returns `None` if it is at most a minute.
///
/// The text counts minutes, so that a constant difference gives the same text again.
pub fn difference(theirs: SystemTime, ours: SystemTime) -> Option<String> {
    let (off, direction) = match ours.duration_since(theirs) {
        Ok(ahead) => (ahead, "ahead"),
        Err(behind) => (behind.duration(), "behind"),
    };
    (off > TOLERANCE).then(|| {
        let minutes = (off.as_secs() + 30) / 60;
        format!(
            "this machine's clock differs from that of AWS: it is {minutes} min {direction}; \
             set it, as AWS refuses tokens that are 5 min off"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_of_more_than_a_minute_is_named_with_its_direction() {
        let ours = SystemTime::UNIX_EPOCH + Duration::from_hours(1);
        let off = |theirs| difference(theirs, ours);
        assert_eq!([off(ours - TOLERANCE), off(ours + TOLERANCE), off(ours)], [const { None }; 3]);
        assert!(off(ours - Duration::from_mins(20)).unwrap().contains("it is 20 min ahead"));
        assert!(off(ours + Duration::from_secs(61)).unwrap().contains("it is 1 min behind"));
    }
}
