//! Failures of the watch: the next state and the pause.

use super::*;

#[test]
fn a_broken_exchange_is_repeated_in_the_same_place() {
    let resuming = State::Connecting { version: 863, resumes: true };
    for (state, expected) in
        [(START, START), (in_the_list(), in_the_list()), (OPENING, resuming.clone()), (FOLLOWING, resuming.clone())]
    {
        let (next, events, pause) = step(&state, broken());
        assert_eq!((next, events, pause), (expected, vec!["lost: connection reset".to_owned()], Pause::Backoff));
    }
    let unheard = State::Watching { version: 863, heard: false, backlog: Backlog::Read };
    assert_eq!(step(&unheard, broken()).0, resuming, "a stream that broke proves nothing about its version");
}

#[test]
fn an_idle_timeout_and_unreadable_lines_list_again() {
    for input in [
        Input::Failed(Failure::IdleTimeout),
        line("rubbish"),
        line(r#"{"type":"ADDED"}"#),
        line(r#"{"type":"RENAMED","object":{}}"#),
        line(r#"{"type":"ADDED","object":{"metadata":{"resourceVersion":"abc"}}}"#),
        line(r#"{"type":"BOOKMARK","object":{"metadata":{}}}"#),
    ] {
        let shown = format!("{input:?}");
        let (state, events, pause) = step(&FOLLOWING, input);
        assert_eq!((state, events.len(), pause), (START, 1, Pause::Backoff), "{shown}");
        assert!(events[0].starts_with("lost: "), "{shown}: {events:?}");
    }
}

#[test]
fn a_list_without_a_version_is_requested_again() {
    for metadata in [serde_json::json!({}), serde_json::json!({ "resourceVersion": "1x", "continue": "token" })] {
        let (state, events, pause) = step(&START, page("job-list-page-1", Some(metadata)));
        assert_eq!((state, pause), (START, Pause::Backoff));
        assert!(events.len() == 1 && events[0].contains("is not a number"), "{events:?}");
    }
}

#[test]
fn a_missing_right_lists_again_after_a_long_pause() {
    let body = recorded("forbidden-rbac")["body"].take();
    for state in [START, in_the_list(), OPENING] {
        let (next, events, pause) = step(&state, refused(403, None, &body));
        assert_eq!((next, pause), (START, Pause::LongBackoff));
        assert!(events[0].starts_with("lost: no right to list and watch jobs: secrets is forbidden"), "{events:?}");
    }
}

#[test]
fn a_throttled_request_is_repeated_in_the_same_place() {
    let (body, seven) = (serde_json::json!({ "kind": "Status", "code": 429 }), Duration::from_secs(7));
    let resuming = State::Connecting { version: 863, resumes: true };
    for state in [START, in_the_list(), resuming] {
        for code in [429, 503] {
            let (next, events, pause) = step(&state, refused(code, Some("7"), &body));
            assert_eq!((&next, pause), (&state, Pause::AtLeast(seven)));
            assert_eq!(events, ["lost: the API server asks for a pause of 7 s"]);
        }
        let (next, _, pause) = step(&state, refused(429, None, &body));
        assert_eq!((&next, pause), (&state, Pause::Backoff), "the reply has no Retry-After");
    }
}

#[test]
fn a_refused_token_is_retried_in_the_same_place() {
    for state in [START, in_the_list(), State::Connecting { version: 863, resumes: true }] {
        let (next, events, pause) = step(&state, Input::Failed(Error::Unauthorized { is_passing: false }.into()));
        assert_eq!((&next, pause), (&state, Pause::Backoff));
        assert!(events[0].contains("does not accept our token"), "{events:?}");
    }
}

#[test]
fn an_error_of_any_kind_in_the_stream_lists_again() {
    let (state, events, pause) = step(&FOLLOWING, line(r#"{"type":"ERROR","object":{"code":500,"message":"etcd"}}"#));
    assert_eq!((state, pause), (START, Pause::Backoff));
    assert_eq!(events, ["lost: the watch ended with an error: etcd"]);

    let later = r#"{"type":"ERROR","object":{"code":429,"details":{"retryAfterSeconds":3}}}"#;
    let (state, _, pause) = step(&FOLLOWING, line(later));
    assert_eq!((state, pause), (START, Pause::AtLeast(Duration::from_secs(3))));
}

#[test]
fn an_input_of_another_state_changes_nothing() {
    for (state, input) in [
        (START, Input::Opened),
        (START, Input::Quiet),
        (OPENING, Input::Current(900)),
        (OPENING, Input::Ended),
        (FOLLOWING, page("job-list-page-1", None)),
    ] {
        assert_eq!(step(&state, input), (state, Vec::new(), Pause::Backoff));
    }
}

#[test]
fn a_refusal_is_classified_by_its_code() {
    let failure = |code, retry_after| {
        let refusal = Refusal::new(code, Status::default(), retry_after);
        Failure::from(Error::Refused(Box::new(refusal)))
    };
    let time = Some(Duration::from_secs(1));
    assert_eq!(failure(410, time), Failure::Gone);
    assert!(matches!(failure(403, time), Failure::Forbidden(_)));
    assert!(matches!(failure(400, None), Failure::Unreadable(_)));
    assert!(matches!(failure(404, None), Failure::Broken(_)));
    assert!(matches!(failure(500, None), Failure::Broken(_)));
    assert_eq!(failure(500, time), Failure::Throttled(Duration::from_secs(1)));
    assert!(matches!(Failure::from(Error::Timeout), Failure::Broken(_)));
}
