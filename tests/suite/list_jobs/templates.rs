//! Jobs by the template that they were made from, in lists and in their status.

use serde_json::{Value, json};

use super::{job, list, names, path, put};
use crate::calls::{detail, lab, problem};
use crate::live::{complete, is_hit, without_right_to};
use crate::support::Lab;

/// A job with this annotation, if it is one, in the order of age.
fn made_from(annotation: &Value, name: &str, day: usize) -> Value {
    let mut job = job(if day.is_multiple_of(2) { "team-a" } else { "default" }, name, &created(day), &json!({}));
    job["metadata"]["annotations"] = json!({ "kubectl.kubernetes.io/last-applied-configuration": "{\"a\":\"é\\n\"}" });
    if annotation.is_string() {
        job["metadata"]["annotations"]["eks-api/template"] = annotation.clone();
    }
    job
}

fn created(day: usize) -> String {
    format!("2026-11-{day:02}T00:00:00Z")
}

/// Jobs of several templates. The annotation of some names no template.
fn jobs() -> Vec<Value> {
    let annotations = [
        json!("cronjob/etl@71"),
        json!("cronjob/etl@72"),
        json!("job/etl@71"),
        json!("preset/report.v2@0123456789ab"),
        json!("cronjob/etl-2@73"),
        json!("cronjob/etl"),
        json!("CronJob/etl@71"),
        Value::Null,
    ];
    let jobs = annotations.iter().enumerate();
    jobs.map(|(at, annotation)| made_from(annotation, &format!("j{}", at + 1), at + 1)).collect()
}

async fn lab_with_templates() -> Lab {
    let lab = lab().await;
    put(&lab, jobs()).await;
    lab
}

type Query = &'static [(&'static str, &'static str)];

const QUERIES: [(Query, &[&str]); 8] = [
    (&[("template", "cronjob/etl")], &["j2", "j1"]),
    (&[("template", "job/etl")], &["j3"]),
    (&[("template", "preset/etl")], &[]),
    (&[("template", "preset/report.v2")], &["j4"]),
    (&[("template", "cronjob/etl-2")], &["j5"]),
    (&[("template", "cronjob/etl"), ("namespace", "team-a")], &["j2"]),
    (&[("template", "cronjob/etl"), ("state", "completed")], &[]),
    (&[("template", "cronjob/etl"), ("label_selector", "job-id=j1")], &["j1"]),
];

#[tokio::test]
async fn a_template_selects_its_jobs_in_memory_and_in_the_cluster() {
    let lab = lab_with_templates().await;
    for (query, expected) in QUERIES {
        let known = list(&lab.service, query).await.expect_status(200);
        assert_eq!(names(&known), expected, "{query:?}");
        let direct = lab.service.get_directly(&path(query)).await.expect_status(200);
        assert_eq!((is_hit(&known), is_hit(&direct)), (true, false));
        assert_eq!(direct.json(), known.json(), "{query:?}");
    }
}

#[tokio::test]
async fn without_the_right_to_watch_a_template_selects_its_jobs_too() {
    let lab = without_right_to("watch", &[]).await;
    lab.cluster.put_jobs(jobs());
    for (query, expected) in QUERIES {
        let reply = list(&lab.service, query).await.expect_status(200);
        assert_eq!((names(&reply), is_hit(&reply)), (expected.iter().map(ToString::to_string).collect(), false));
    }
}

#[tokio::test]
async fn a_page_and_the_next_have_the_jobs_of_the_template() {
    let lab = lab_with_templates().await;
    let query = [("template", "cronjob/etl"), ("limit", "1")];
    for direct in [false, true] {
        let get = async |query: &[(&str, &str)]| {
            let path = path(query);
            let reply = if direct { lab.service.get_directly(&path).await } else { lab.service.get(&path).await };
            reply.expect_status(200)
        };
        let first = get(&query).await;
        let told = first.json();
        let token = told["continue"].as_str().unwrap_or_else(|| panic!("{told}"));
        assert_eq!((names(&first), &told["remaining"]), (vec!["j2".to_owned()], &json!(1)));
        let next = get(&[&query[..], &[("continue", token)]].concat()).await;
        assert_eq!((names(&next), &next.json()["continue"]), (vec!["j1".to_owned()], &Value::Null));
    }
}

#[tokio::test]
async fn a_wait_is_for_the_jobs_of_the_template_alone() {
    let lab = lab_with_templates().await;
    lab.cluster.set_job_status("default", "j3", complete());
    lab.cluster.set_job_status("default", "j1", complete());
    for (template, wait, all_ended) in
        [("job/etl", "5m", true), ("preset/none", "5m", true), ("cronjob/etl", "1ms", false)]
    {
        let reply = list(&lab.service, &[("template", template), ("wait", wait)]).await.expect_status(200).json();
        assert_eq!(reply["all_ended"], all_ended, "{template}: {reply}");
    }
    let path = path(&[("template", "cronjob/etl"), ("wait", "5m")]);
    let waiting = lab.service.get(&path);
    let ended = async { lab.cluster.set_job_status("team-a", "j2", complete()) };
    let (reply, ()) = tokio::join!(waiting, ended);
    let reply = reply.expect_status(200);
    assert_eq!((names(&reply), &reply.json()["all_ended"]), (vec!["j2".to_owned(), "j1".into()], &json!(true)));
}

#[tokio::test]
async fn the_status_names_the_template_and_its_version() {
    let lab = lab_with_templates().await;
    for (name, template, version) in [
        ("j1", json!("cronjob/etl"), json!("71")),
        ("j4", json!("preset/report.v2"), json!("0123456789ab")),
        ("j6", Value::Null, Value::Null),
        ("j7", Value::Null, Value::Null),
        ("j8", Value::Null, Value::Null),
    ] {
        let namespace = if ["j4", "j6", "j8"].contains(&name) { "team-a" } else { "default" };
        let path = format!("/api/eks-get-job-status?job_name={name}&namespace={namespace}");
        let known = lab.service.get(&path).await;
        let direct = lab.service.get_directly(&path).await;
        // This one reads the job in full.
        let details = lab.service.get(&format!("{path}&details=true")).await;
        assert_eq!((is_hit(&known), is_hit(&direct)), (true, false));
        for reply in [known, direct, details] {
            let told = reply.expect_status(200).json();
            assert_eq!((&told["template"], &told["template_version"]), (&template, &version), "{name}");
        }
    }
}

#[tokio::test]
async fn a_value_that_is_no_template_is_refused_with_what_is_expected() {
    let lab = lab().await;
    let long = format!("cronjob/{}", "n".repeat(64));
    for value in
        ["", "etl", "cronjob/", "CronJob/etl", "cronjob/Etl", "cronjob/etl@71", "cron_job/etl", "job/a/b", &long]
    {
        for call in ["list", "watch"] {
            let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("template", value).finish();
            let reply = lab.service.get(&format!("/api/eks-{call}-jobs?{query}")).await;
            let told = problem(&reply, 400, "BadRequest");
            assert_eq!(told["causes"][0]["field"], "template", "{value}: {told}");
            let told = detail(&reply, 400, "BadRequest");
            assert!(told.contains("cronjob/NAME, job/NAME, preset/NAME"), "{told}");
        }
    }
    let twice = lab.service.get("/api/eks-list-jobs?template=job/a&template=job/b").await;
    assert_eq!(problem(&twice, 400, "BadRequest")["causes"][0]["field"], "template");
}
