//! The status, the reason and the advice of a reply, by what became of the jobs.

use serde_json::Value;

use super::*;
use crate::kube::names::{BatchName, Namespace};

fn created() -> Outcome {
    Outcome::Created { uid: "u1".into() }
}

fn existing() -> Outcome {
    Outcome::Existing { uid: "u2".into() }
}

fn refused(passes: bool) -> Outcome {
    let problem = Problem::new(StatusCode::FORBIDDEN, "Forbidden", "x".repeat(5000));
    let retry_after = Some(Duration::from_secs(7));
    Outcome::Refused(Refused::new(Problem { retry_after, is_temporary: passes, ..problem }))
}

fn reply(jobs: Vec<Outcome>, on_error: OnError, is_late: bool, is_repeatable: bool) -> Result<u16, Problem> {
    let batch = BatchRef { namespace: Namespace::parse("demo").unwrap(), name: BatchName::parse("nightly").unwrap() };
    let ids = (0..jobs.len()).map(|index| Some(format!("id-{index}").into())).collect();
    let size = u32::try_from(jobs.len()).unwrap();
    let description = &Description { size, ids, ttl_seconds_after_finished: None, key: None, body: "".into() };
    let new = Outcomes::new(&batch, "lab", description, on_error);
    let outcomes = Outcomes { jobs, is_late, is_repeatable, ..new };
    outcomes.reply().map(|reply| reply.status.as_u16())
}

#[test]
fn a_complete_batch_is_created_or_existed() {
    assert_eq!(reply(vec![created(), existing()], OnError::Stop, false, true).unwrap(), 201);
    assert_eq!(reply(vec![existing(), existing()], OnError::Stop, false, true).unwrap(), 200);
}

#[test]
fn an_incomplete_batch_is_422_only_if_a_repetition_cannot_complete_it() {
    use OnError::{Continue, Stop};
    let not_sent = || Outcome::NotSent;
    for (jobs, on_error, is_late, expected) in [
        (vec![created(), refused(false), not_sent()], Stop, false, 422),
        (vec![created(), refused(false), refused(true)], Stop, false, 422),
        (vec![created(), refused(false), created()], Continue, false, 422),
        (vec![created(), refused(false), refused(true)], Continue, false, 503),
        (vec![created(), refused(false), not_sent()], Continue, true, 504),
        (vec![created(), refused(true), not_sent()], Stop, false, 503),
        (vec![created(), not_sent()], Stop, true, 504),
    ] {
        let problem = reply(jobs, on_error, is_late, true).unwrap_err();
        assert_eq!((problem.status.as_u16(), &*problem.reason), (expected, "batch_incomplete"));
        assert_eq!(problem.retry_after.is_none(), expected == 422);
        assert_eq!(problem.detail.contains("repeat the same call"), expected != 422, "{}", problem.detail);
    }
    let problem = reply(vec![created(), refused(true)], OnError::Stop, false, false).unwrap_err();
    assert!(problem.detail.contains("cannot be repeated safely"), "{}", problem.detail);
    assert_eq!(problem.retry_after, Some(Duration::from_secs(7)));
}

#[test]
fn the_document_says_what_became_of_each_job() {
    let jobs = vec![created(), existing(), refused(true), Outcome::NotSent];
    let problem = reply(jobs, OnError::Stop, false, true).unwrap_err();
    let document: Value = serde_json::from_slice(&problem.document("req-1")).unwrap();
    assert_eq!((&document["status"], &document["created"], &document["existing"]), (&503.into(), &1.into(), &1.into()));
    let jobs = document["jobs"].as_array().unwrap();
    let statuses: Vec<_> = jobs.iter().map(|job| job["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["created", "existing", "refused", "not_sent"]);
    assert_eq!(
        (&jobs[1]["uid"], &jobs[1]["id"], &jobs[1]["job_name"]),
        (&"u2".into(), &"id-1".into(), &"nightly-0001".into())
    );
    assert_eq!((&jobs[2]["code"], &jobs[2]["reason"]), (&403.into(), &"Forbidden".into()));
    assert_eq!(jobs[2]["detail"].as_str().unwrap().len(), MAX_DETAIL);
}

#[test]
fn without_a_job_only_the_batch_is_to_be_deleted() {
    let jobs = vec![refused(false), Outcome::NotSent];
    let problem = reply(jobs, OnError::Stop, false, true).unwrap_err();
    assert!(problem.detail.starts_with("no job exists; jobs[0] was refused: x"), "{}", problem.detail);
    assert!(problem.detail.ends_with("; delete batch nightly, then send the corrected call"), "{}", problem.detail);
}
