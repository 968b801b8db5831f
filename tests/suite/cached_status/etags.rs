//! Entity tags: who has a status already is told so in a few bytes.

use serde_json::json;

use crate::calls::{create, lab, manifest, status};
use crate::given::status_of;
use crate::live::{etag, is_hit, own_job, until_status};
use crate::support::Lab;
use crate::support::service::Reply;

async fn unless(lab: &Lab, name: &str, known: &str) -> Reply {
    lab.service.send("GET", &status_of(name), &[("if-none-match", known)], "").await
}

#[tokio::test]
async fn a_status_that_the_caller_has_is_not_sent_again() {
    let lab = lab().await;
    create(&lab.service, &manifest("known")).await.expect_status(201);
    // That of a job which is read from the cluster has a tag as well.
    lab.cluster.put_job(manifest("stranger"));
    for (name, hit) in [("known", true), ("stranger", false)] {
        let read = status(&lab.service, name).await.expect_status(200);
        let tag = etag(&read);
        assert_eq!(tag, format!("\"{}\"", read.json()["resource_version"].as_str().unwrap()));
        let policies: Vec<_> = read.headers.get_all("cache-control").iter().collect();
        assert_eq!(policies, ["private, no-cache"], "a browser may keep it, and is to ask whether it is still so");
        for known in [tag.clone(), format!("W/{tag}"), format!("\"1\", {tag}"), format!("\"1\",W/{tag}"), "*".into()] {
            let same = unless(&lab, name, &known).await;
            assert_eq!((same.status.as_u16(), same.body.len()), (304, 0), "{known}");
            assert_eq!((etag(&same), is_hit(&same)), (tag.clone(), hit), "{known}");
        }
        for other in ["\"1\"", "W/\"1\"", "\"1\", \"2\"", "nonsense", &tag.replace('"', ""), ""] {
            let whole = unless(&lab, name, other).await;
            assert_eq!((whole.status.as_u16(), whole.json()), (200, read.json()), "{other}");
        }
    }
}

#[tokio::test]
async fn the_tag_is_another_when_the_job_has_changed() {
    let lab = lab().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let mut tags = vec![etag(&status(&lab.service, "hello").await)];
    for active in 1..4 {
        lab.cluster.set_job_status("default", "hello", json!({ "active": active }));
        let read = until_status(&lab.service, "hello", |reply| reply.json()["active"] == active).await;
        tags.push(etag(&read));
        assert_eq!(unless(&lab, "hello", &tags[tags.len() - 2]).await.status, 200);
        assert_eq!(unless(&lab, "hello", &tags[tags.len() - 1]).await.status, 304);
    }
    let unique: std::collections::BTreeSet<_> = tags.iter().collect();
    assert_eq!(unique.len(), tags.len(), "{tags:?}");
}

#[tokio::test]
async fn a_status_with_details_has_no_tag_as_pods_change_without_their_job() {
    let lab = lab().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let tag = etag(&status(&lab.service, "hello").await);
    let path = format!("{}&details=true", status_of("hello"));
    let read = lab.service.send("GET", &path, &[("if-none-match", &tag)], "").await.expect_status(200);
    assert_eq!((read.header("etag"), is_hit(&read)), (None, false));
    assert!(read.json()["pods"].is_array());
}

#[tokio::test]
async fn a_job_that_is_not_there_is_not_found_whatever_the_caller_has() {
    let lab = lab().await;
    lab.cluster.put_job(own_job("other"));
    for known in ["*", "\"1\""] {
        unless(&lab, "nope", known).await.expect_status(404);
    }
}
