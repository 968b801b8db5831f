//! Streams that resume a lost one: the end of their backlog, and an older store.

use super::*;

const RESUMING: State = State::Connecting { version: 863, resumes: true };

fn behind(version: Version, heard: bool, backlog: Backlog) -> State {
    State::Watching { version, heard, backlog }
}

fn event(version: Version) -> Input {
    line(&format!(r#"{{"type":"MODIFIED","object":{{"metadata":{{"name":"x","resourceVersion":"{version}"}}}}}}"#))
}

fn bookmark(version: Version) -> Input {
    line(&format!(r#"{{"type":"BOOKMARK","object":{{"metadata":{{"resourceVersion":"{version}"}}}}}}"#))
}

#[test]
fn b6_a_resumed_stream_is_watching_after_its_backlog() {
    let (state, events, pause) = step(&RESUMING, Input::Opened);
    assert_eq!((&state, events, pause), (&behind(863, false, Backlog::Unknown), Vec::new(), Pause::No));
    let (state, events, _) = step(&state, event(870));
    assert_eq!((&state, events), (&behind(870, true, Backlog::Unknown), vec!["changed x@870".to_owned()]));
    let (state, events, _) = step(&state, Input::Current(900));
    assert_eq!((&state, events), (&behind(870, true, Backlog::UpTo(900)), Vec::new()));
    let (state, events, _) = step(&state, event(899));
    assert_eq!((&state, events), (&behind(899, true, Backlog::UpTo(900)), vec!["changed x@899".to_owned()]));
    let (state, events, _) = step(&state, event(900));
    assert_eq!(state, behind(900, true, Backlog::Read));
    assert_eq!(events, ["changed x@900", "following"]);
}

#[test]
fn b6_a_bookmark_a_current_version_or_quiet_ends_a_backlog() {
    for state in [behind(863, false, Backlog::Unknown), behind(863, false, Backlog::UpTo(900))] {
        let (next, events, _) = step(&state, bookmark(880));
        assert_eq!(
            (next, events),
            (behind(880, true, Backlog::Read), ["up to 880", "following"].map(Into::into).into())
        );
    }
    let (next, events, _) = step(&behind(863, false, Backlog::Unknown), Input::Current(863));
    assert_eq!((next, events), (behind(863, false, Backlog::Read), vec!["following".to_owned()]));
    let (next, events, _) = step(&behind(863, false, Backlog::UpTo(900)), Input::Quiet);
    assert_eq!((next, events), (behind(863, false, Backlog::Read), vec!["following".to_owned()]));
}

#[test]
fn b6_a_stream_that_ends_in_its_backlog_keeps_it() {
    for backlog in [Backlog::Unknown, Backlog::UpTo(900)] {
        let state = behind(870, true, backlog);
        assert_eq!(step(&state, Input::Ended).0, State::Connecting { version: 870, resumes: true });
        assert_eq!(step(&state, broken()).0, State::Connecting { version: 870, resumes: true });
    }
}

#[test]
fn c3_a_server_with_an_older_version_was_set_back() {
    let (state, events, pause) = step(&behind(863, false, Backlog::Unknown), Input::Current(862));
    assert_eq!((state, pause), (START, Pause::No), "it lists at once");
    assert_eq!(events, ["lost: the API server's store went back to an older version; listing again"]);
    for state in [in_the_list(), OPENING, FOLLOWING] {
        assert_eq!(step(&state, Input::Failed(Failure::SetBack)).0, START);
    }
}
