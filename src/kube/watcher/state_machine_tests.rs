//! Steps of the watch, with replies recorded from a real API server.

use serde_json::Value;

use super::*;
use crate::kube::client::reply::decode;
use crate::kube::client::transport::RawReply;
use crate::kube::error::Error;
use crate::kube::refusal::Refusal;

fn recorded(name: &str) -> Value {
    let path = format!("{}/fixtures/kubernetes-1.36/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let mut recording: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    recording["response"].take()
}

/// The page as it was recorded, or with other metadata.
fn page(name: &str, metadata: Option<Value>) -> Input {
    let mut body = recorded(name)["body"].take();
    if let Some(metadata) = metadata {
        body["metadata"] = metadata;
    }
    Input::Page(serde_json::from_value(body).unwrap())
}

fn lines(name: &str) -> Vec<Input> {
    let response = recorded(name);
    response["lines"].as_array().unwrap().iter().map(|line| Input::from_line(line.to_string().as_bytes())).collect()
}

fn line(text: &str) -> Input {
    Input::from_line(text.as_bytes())
}

/// A refusal with this status and body.
fn refused(code: u16, retry_after: Option<&str>, body: &Value) -> Input {
    let mut headers = hyper::HeaderMap::new();
    if let Some(seconds) = retry_after {
        headers.insert(hyper::header::RETRY_AFTER, seconds.parse().unwrap());
    }
    let status = hyper::StatusCode::from_u16(code).unwrap();
    let reply = RawReply { status, headers, body: body.to_string().into() };
    Input::Failed(decode::<List<Job>>(&reply).unwrap_err().into())
}

fn broken() -> Input {
    Input::Failed(Failure::Broken("connection reset".to_owned()))
}

fn text(event: &WatchEvent) -> String {
    let named = |job: &Job| format!("{}@{}", job.metadata.name, job.metadata.resource_version);
    match event {
        WatchEvent::Init(version) => format!("listing {version}"),
        WatchEvent::InitApply(jobs) => format!("jobs {}", jobs.iter().map(named).collect::<Vec<_>>().join(" ")),
        WatchEvent::InitDone => "listed".to_owned(),
        WatchEvent::Watching => "following".to_owned(),
        WatchEvent::Apply(job) => format!("changed {}", named(job)),
        WatchEvent::Delete(job) => format!("deleted {}", named(job)),
        WatchEvent::Bookmark(version) => format!("up to {version}"),
        WatchEvent::Disconnected(failure) => format!("lost: {failure}"),
    }
}

/// The next state, the events as text, and the pause.
fn step(state: &State, input: Input) -> (State, Vec<String>, Pause) {
    let Step { state, events, pause } = state.clone().step(input);
    (state, events.iter().map(text).collect(), pause)
}

const START: State = State::Listing { next: None };
const OPENING: State = State::Connecting { version: 863, resumes: false };
const FOLLOWING: State = State::Watching { version: 863, heard: true, backlog: Backlog::Read };

fn in_the_list() -> State {
    step(&START, page("job-list-page-1", None)).0
}

fn token(state: &State) -> Option<&str> {
    match state {
        State::Listing { next: Some(next) } => Some(&next.token),
        _ => None,
    }
}

#[test]
fn a_watch_begins_with_a_list() {
    assert_eq!(State::default(), START);
}

#[test]
fn all_pages_of_a_list_have_the_version_of_the_first() {
    let (first, events, pause) = step(&START, page("job-list-page-1", None));
    let continues = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6ODUxLCJzdGFydCI6Ii9oZWxsb1x1MDAwMCJ9";
    assert_eq!((token(&first), pause), (Some(continues), Pause::No));
    assert_eq!(events, ["listing 851", "jobs fails@782 gen-64gfz@733 hello@729"]);

    let (second, events, pause) = step(&first, page("job-list-page-2", None));
    assert!(token(&second).is_some_and(|token| token != continues), "{second:?}");
    assert_eq!((events, pause), (vec!["jobs late@775 nopull@839 parallel@818".to_owned()], Pause::No));

    let last = page("job-list-page-2", Some(serde_json::json!({ "resourceVersion": "999" })));
    let (state, events, pause) = step(&second, last);
    assert_eq!((state, pause), (State::Connecting { version: 851, resumes: false }, Pause::No));
    assert_eq!(events, ["jobs late@775 nopull@839 parallel@818", "listed"]);
}

#[test]
fn a_list_of_one_page_or_of_no_items_is_complete_at_once() {
    let (state, events, _) = step(&START, page("job-list-empty-namespace", None));
    assert_eq!(
        (state, events),
        (State::Connecting { version: 851, resumes: false }, ["listing 851", "jobs ", "listed"].map(Into::into).into())
    );
    let nil = r#"{ "metadata": { "resourceVersion": "7" }, "items": null }"#;
    let (state, events, _) = step(&START, Input::Page(serde_json::from_str(nil).unwrap()));
    assert_eq!(
        (state, events),
        (State::Connecting { version: 7, resumes: false }, ["listing 7", "jobs ", "listed"].map(Into::into).into())
    );
}

#[test]
fn a_list_starts_over_if_its_next_page_is_refused() {
    let gone = recorded("watch-gone")["lines"][0]["object"].take();
    let (state, events, pause) = step(&in_the_list(), refused(410, None, &gone));
    assert_eq!((state, pause), (START, Pause::Backoff));
    assert_eq!(events, ["lost: the API server no longer has this version; listing again"]);

    let bad = recorded("job-list-bad-continue")["body"].take();
    let (state, events, pause) = step(&in_the_list(), refused(400, None, &bad));
    assert_eq!((state, pause), (START, Pause::Backoff), "the token stays bad");
    assert!(events[0].starts_with("lost: the API server answered 400: invalid continue token"), "{events:?}");
}

#[test]
fn every_line_of_a_jobs_life_is_an_event() {
    let (mut state, events, pause) = step(&OPENING, Input::Opened);
    assert_eq!((&state, pause), (&State::Watching { version: 863, heard: false, backlog: Backlog::Read }, Pause::No));
    assert_eq!(events, ["following"]);
    let expected = [
        (864, "changed retrying@864"),
        (866, "changed retrying@866"),
        (868, "changed watched@868"),
        (871, "changed watched@871"),
        (877, "changed watched@877"),
        (879, "changed watched@879"),
        (883, "deleted watched@883"),
        (883, "up to 883"),
    ];
    let lines = lines("watch-life-of-a-job");
    assert_eq!(lines.len(), expected.len());
    for (line, (version, expected)) in lines.into_iter().zip(expected) {
        let (next, events, pause) = step(&state, line);
        assert_eq!((&next, pause), (&State::Watching { version, heard: true, backlog: Backlog::Read }, Pause::No));
        assert_eq!(events, [expected]);
        state = next;
    }
}

#[test]
fn bookmarks_alone_advance_the_version() {
    let mut state = State::Watching { version: 863, heard: false, backlog: Backlog::Read };
    for line in lines("watch-quiet-bookmark") {
        let (next, events, _) = step(&state, line);
        assert_eq!(
            (&next, events),
            (&State::Watching { version: 925, heard: true, backlog: Backlog::Read }, vec!["up to 925".to_owned()])
        );
        state = next;
    }
    assert_eq!(step(&state, Input::Ended).0, State::Connecting { version: 925, resumes: false });
}

#[test]
fn an_older_line_does_not_lower_the_version() {
    let initial = lines("watch-from-initial-events").remove(1);
    let (state, events, _) = step(&FOLLOWING, initial);
    assert_eq!((state, events), (FOLLOWING, vec!["changed starved@851".to_owned()]));
}

#[test]
fn a_stream_that_ends_resumes_at_the_last_version_without_a_list() {
    assert_eq!(step(&FOLLOWING, Input::Ended), (OPENING, Vec::new(), Pause::Backoff));
}

#[test]
fn a_stream_that_ends_without_a_single_line_lists_again() {
    let recorded = recorded("watch-future-version");
    assert!(recorded["lines"].as_array().is_none_or(Vec::is_empty), "so a version from the future is answered");
    let opened = step(&State::Connecting { version: 999_999_999, resumes: false }, Input::Opened).0;
    assert_eq!(step(&opened, Input::Ended), (START, Vec::new(), Pause::Backoff));
}

#[test]
fn a_version_that_is_gone_lists_again_for_a_line_and_for_a_status() {
    let word = vec!["lost: the API server no longer has this version; listing again".to_owned()];
    for line in lines("watch-gone") {
        assert_eq!(step(&FOLLOWING, line), (START, word.clone(), Pause::Backoff));
    }
    let gone = recorded("watch-gone")["lines"][0]["object"].take();
    assert_eq!(step(&OPENING, refused(410, None, &gone)), (START, word, Pause::Backoff));
}

#[path = "state_machine_backlog_tests.rs"]
mod backlog;
#[path = "state_machine_failure_tests.rs"]
mod failures;
