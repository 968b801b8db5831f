//! What the watch makes of failures: where it goes on, and after what pause.

use super::*;

#[test]
fn a_broken_exchange_is_repeated_from_where_it_was() {
    let resuming = State::Connecting { version: 863, resumes: true };
    for (state, expected) in
        [(START, START), (in_the_list(), in_the_list()), (OPENING, resuming.clone()), (FOLLOWING, resuming.clone())]
    {
        let (next, news, pause) = step(&state, broken());
        assert_eq!((next, news, pause), (expected, vec!["lost: connection reset".to_owned()], Pause::Backoff));
    }
    let unheard = State::Watching { version: 863, heard: false, backlog: Backlog::Read };
    assert_eq!(step(&unheard, broken()).0, resuming, "a stream that broke tells nothing of its version");
}

#[test]
fn silence_and_what_cannot_be_read_list_again() {
    for input in [
        Input::Failed(Failure::IdleTimeout),
        line("rubbish"),
        line(r#"{"type":"ADDED"}"#),
        line(r#"{"type":"RENAMED","object":{}}"#),
        line(r#"{"type":"ADDED","object":{"metadata":{"resourceVersion":"abc"}}}"#),
        line(r#"{"type":"BOOKMARK","object":{"metadata":{}}}"#),
    ] {
        let shown = format!("{input:?}");
        let (state, news, pause) = step(&FOLLOWING, input);
        assert_eq!((state, news.len(), pause), (START, 1, Pause::Backoff), "{shown}");
        assert!(news[0].starts_with("lost: "), "{shown}: {news:?}");
    }
}

#[test]
fn a_list_without_a_version_is_asked_for_again() {
    for metadata in [serde_json::json!({}), serde_json::json!({ "resourceVersion": "1x", "continue": "token" })] {
        let (state, news, pause) = step(&START, page("job-list-page-1", Some(metadata)));
        assert_eq!((state, pause), (START, Pause::Backoff));
        assert!(news.len() == 1 && news[0].contains("is no number"), "{news:?}");
    }
}

#[test]
fn a_missing_right_empties_all_and_is_asked_for_after_a_long_pause() {
    let body = recorded("forbidden-rbac")["body"].take();
    for state in [START, in_the_list(), OPENING] {
        let (next, news, pause) = step(&state, refused(403, None, &body));
        assert_eq!((next, pause), (START, Pause::LongBackoff));
        assert!(news[0].starts_with("lost: no right to list and watch jobs: secrets is forbidden"), "{news:?}");
    }
}

#[test]
fn whoever_asks_to_come_back_later_is_asked_again_in_the_same_place() {
    let (body, seven) = (serde_json::json!({ "kind": "Status", "code": 429 }), Duration::from_secs(7));
    let resuming = State::Connecting { version: 863, resumes: true };
    for state in [START, in_the_list(), resuming] {
        for code in [429, 503] {
            let (next, news, pause) = step(&state, refused(code, Some("7"), &body));
            assert_eq!((&next, pause), (&state, Pause::AtLeast(seven)));
            assert_eq!(news, ["lost: the API server asks to come back in 7 s"]);
        }
        let (next, _, pause) = step(&state, refused(429, None, &body));
        assert_eq!((&next, pause), (&state, Pause::Backoff), "it did not say how much later");
    }
}

#[test]
fn a_token_that_is_refused_for_good_is_tried_again_in_the_same_place() {
    for state in [START, in_the_list(), State::Connecting { version: 863, resumes: true }] {
        let (next, news, pause) = step(&state, Input::Failed(Error::Unauthorized { is_passing: false }.into()));
        assert_eq!((&next, pause), (&state, Pause::Backoff));
        assert!(news[0].contains("does not accept our token"), "{news:?}");
    }
}

#[test]
fn an_error_of_any_kind_in_the_stream_lists_again() {
    let (state, news, pause) = step(&FOLLOWING, line(r#"{"type":"ERROR","object":{"code":500,"message":"etcd"}}"#));
    assert_eq!((state, pause), (START, Pause::Backoff));
    assert_eq!(news, ["lost: the watch ended with an error: etcd"]);

    let later = r#"{"type":"ERROR","object":{"code":429,"details":{"retryAfterSeconds":3}}}"#;
    let (state, _, pause) = step(&FOLLOWING, line(later));
    assert_eq!((state, pause), (START, Pause::AtLeast(Duration::from_secs(3))));
}

#[test]
fn what_does_not_belong_to_a_state_changes_nothing() {
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
fn every_refusal_is_told_apart_by_its_code_before_its_words() {
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
