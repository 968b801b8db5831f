//! watch-jobs of one template: the jobs that are there, and their changes.

use serde_json::json;

use super::reader::Reader;
use super::{known, put, running, set, told};
use crate::calls::lab;
use crate::support::Lab;

const QUERY: &str = "template=cronjob/etl";

/// Sets or removes the annotation of a job in the cluster.
fn annotate(lab: &Lab, name: &str, template: Option<&str>) {
    let annotations = template.map_or(json!({}), |template| json!({ "eks-api/template": template }));
    lab.cluster.change_job("default", name, |job| job["metadata"]["annotations"] = annotations);
}

#[tokio::test]
async fn only_jobs_of_the_template_are_shown_and_their_changes() {
    let lab = lab().await;
    for (name, template) in [("ours", "cronjob/etl@71"), ("other", "job/etl@71"), ("broken", "cronjob/etl")] {
        put(&lab.cluster, name);
        annotate(&lab, name, Some(template));
        known(&lab, name).await;
    }
    let mut reader = Reader::open(&lab.service, QUERY).await;
    let first = reader.event().await;
    assert_eq!(first.told(), ("added".to_owned(), "ours".to_owned()));
    let shown = first.json();
    assert_eq!((&shown["template"], &shown["template_version"]), (&json!("cronjob/etl"), &json!("71")));
    assert_eq!(reader.told(1).await, told(&[("snapshot-end", "")]));

    for name in ["other", "broken", "ours"] {
        set(&lab.cluster, name, &running());
    }
    assert_eq!(reader.told(1).await, told(&[("modified", "ours")]));
    put(&lab.cluster, "late");
    annotate(&lab, "late", Some("cronjob/etl@72"));
    let late = reader.event().await;
    assert_eq!(late.told(), ("added".to_owned(), "late".to_owned()));
    assert_eq!(late.json()["template_version"], "72");
    annotate(&lab, "late", Some("cronjob/etl@73"));
    let changed = reader.event().await;
    assert_eq!(changed.told(), ("modified".to_owned(), "late".to_owned()));
    assert_eq!(changed.json()["template_version"], "73");
    annotate(&lab, "late", None);
    let left = reader.event().await;
    assert_eq!(left.told(), ("deleted".to_owned(), "late".to_owned()));
    assert_eq!(left.json()["template"], json!(null), "as it is, so that the reader sees why");
    lab.cluster.remove_job("default", "other");
    lab.cluster.remove_job("default", "ours");
    assert_eq!(reader.told(1).await, told(&[("deleted", "ours")]));
}

#[tokio::test]
async fn a_reader_that_comes_back_is_told_of_the_jobs_of_the_template_alone() {
    let lab = lab().await;
    put(&lab.cluster, "ours");
    annotate(&lab, "ours", Some("cronjob/etl@71"));
    known(&lab, "ours").await;
    let mut reader = Reader::open(&lab.service, QUERY).await;
    assert_eq!(reader.told(2).await, told(&[("added", "ours"), ("snapshot-end", "")]));
    let id = reader.id.clone();
    drop(reader);
    put(&lab.cluster, "other");
    annotate(&lab, "ours", None);
    put(&lab.cluster, "last");
    known(&lab, "last").await;
    let mut reader = Reader::after(&lab.service, QUERY, &id).await;
    assert_eq!(reader.told(1).await, told(&[("deleted", "ours")]));
    annotate(&lab, "last", Some("cronjob/etl@72"));
    assert_eq!(reader.told(1).await, told(&[("added", "last")]));
}
