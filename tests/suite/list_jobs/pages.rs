//! Pages: each job once, in the order of age, whatever comes and goes meanwhile.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{count_of, job, list, names, path, put};
use crate::calls::lab;
use crate::live::{complete, is_hit, until};
use crate::support::Lab;
use crate::support::service::Reply;

/// More than the cluster itself gives out at a time.
const JOBS: usize = 1201;

/// Of ten minutes, so that many were created in the same second, and in two namespaces.
fn numbered(number: usize) -> Value {
    let created = format!("2026-11-20T10:{:02}:{:02}Z", number % 10, number % 7);
    let labels = json!({ "third": (number % 3).to_string() });
    job(if number.is_multiple_of(2) { "team-a" } else { "team-b" }, &format!("job-{number}"), &created, &labels)
}

async fn lab_with_many() -> Lab {
    let lab = lab().await;
    put(&lab, (0..JOBS).map(numbered).collect()).await;
    lab
}

/// Reads all pages; between two of them this happens. Returns them all.
async fn pages(lab: &Lab, query: &[(&str, &str)], direct: bool, mut between: impl AsyncFnMut(usize)) -> Vec<Reply> {
    let mut pages = Vec::new();
    let mut token = None::<String>;
    loop {
        let more = token.as_deref().map(|token| ("continue", token));
        let path = path(&query.iter().copied().chain(more).collect::<Vec<_>>());
        let page = if direct { lab.service.get_directly(&path).await } else { lab.service.get(&path).await };
        let page = page.expect_status(200);
        token = page.json()["continue"].as_str().map(str::to_owned);
        // Of a long list that the cluster itself gives nobody counts the rest.
        assert_eq!(token.is_some(), page.json()["remaining"] != 0);
        pages.push(page);
        if token.is_none() {
            return pages;
        }
        between(pages.len()).await;
    }
}

fn all_names(pages: &[Reply]) -> Vec<String> {
    pages.iter().flat_map(names).collect()
}

#[tokio::test]
async fn the_pages_of_a_list_are_the_whole_list_in_order_of_age() {
    let lab = lab_with_many().await;
    let read = pages(&lab, &[], false, async |_| ()).await;
    let sizes: Vec<_> = read.iter().map(|page| (names(page).len(), count_of(&page.json()["remaining"]))).collect();
    assert_eq!(sizes, [(500, 701), (500, 201), (201, 0)], "500 at most, and as many unless told otherwise");
    let jobs: Vec<Value> = read.iter().flat_map(|page| page.json()["jobs"].as_array().unwrap().clone()).collect();
    let unique: BTreeSet<_> = jobs.iter().map(|job| job["job_name"].as_str().unwrap()).collect();
    assert_eq!(unique.len(), JOBS);
    let ages: Vec<_> = jobs.iter().map(|job| job["creation_timestamp"].as_str().unwrap()).collect();
    assert!(ages.is_sorted_by(|newer, older| newer >= older));
    for limit in ["1", "7", "499", "500"] {
        let query = [("limit", limit), ("state", "pending"), ("label_selector", "third=1"), ("namespace", "team-a")];
        let read = pages(&lab, &query, false, async |_| ()).await;
        let expected = jobs.iter().filter(|job| job["labels"]["third"] == "1" && job["namespace"] == "team-a");
        let expected: Vec<_> = expected.map(|job| job["job_name"].as_str().unwrap()).collect();
        assert_eq!(all_names(&read), expected, "{limit}");
        assert_eq!(names(&read[0]).len(), expected.len().min(limit.parse().unwrap()), "{limit}");
    }
}

#[tokio::test]
async fn the_cluster_itself_gives_the_same_jobs_and_a_short_list_in_the_same_order() {
    let lab = lab_with_many().await;
    lab.cluster.set_job_status("team-a", "job-0", complete());
    until(async || list(&lab.service, &[("state", "completed")]).await, |reply| names(reply) == ["job-0"]).await;
    // A list that the cluster gives in one page is the same in every way.
    for query in [
        &[("label_selector", "third=0")][..],
        &[("namespace", "team-a"), ("label_selector", "third!=0"), ("limit", "333")],
        &[("namespace", "team-b"), ("label_selector", "third=1"), ("state", "pending"), ("limit", "7")],
    ] {
        let (known, direct) =
            (pages(&lab, query, false, async |_| ()).await, pages(&lab, query, true, async |_| ()).await);
        assert_eq!(known.len(), direct.len(), "{query:?}");
        for (known, direct) in known.iter().zip(&direct) {
            assert_eq!((is_hit(known), is_hit(direct)), (true, false));
            assert!(known.json()["jobs"] == direct.json()["jobs"], "{query:?}");
            assert_eq!(known.json()["remaining"], direct.json()["remaining"], "{query:?}");
            assert_eq!(known.json()["continue"], direct.json()["continue"], "one can be continued by the other");
        }
    }
    // A longer one comes in the cluster's order, and holds the same jobs.
    for query in [
        &[][..],
        &[("namespace", "team-b")],
        &[("label_selector", "third in (0,2)"), ("limit", "333")],
        &[("namespace", "team-a"), ("state", "completed")],
        &[("state", "pending"), ("limit", "450")],
    ] {
        let (known, direct) =
            (pages(&lab, query, false, async |_| ()).await, pages(&lab, query, true, async |_| ()).await);
        let jobs = |pages: &[Reply]| {
            let jobs = pages.iter().flat_map(|page| page.json()["jobs"].as_array().unwrap().clone());
            let mut jobs: Vec<String> = jobs.map(|job| job.to_string()).collect();
            jobs.sort_unstable();
            jobs
        };
        assert!(jobs(&known) == jobs(&direct), "{query:?}");
        assert!(direct.iter().all(|page| !is_hit(page)));
    }
}

#[tokio::test]
async fn jobs_that_come_and_go_between_pages_make_none_appear_twice_or_be_missed() {
    for direct in [false, true] {
        let lab = lab_with_many().await;
        let mut gone = BTreeSet::new();
        let between = async |page: usize| {
            // Jobs older and newer than where the reader is, and of the very same second.
            let ages = ["2026-11-01T00:00:00Z", "2026-11-20T10:05:03Z", "2026-11-20T10:00:00Z", "2026-12-01T00:00:00Z"];
            for number in (page * 40..page * 40 + 20).map(|number| number * 3 % JOBS) {
                let namespace = if number.is_multiple_of(2) { "team-a" } else { "team-b" };
                if gone.insert(format!("job-{number}")) {
                    lab.cluster.remove_job(namespace, &format!("job-{number}"));
                }
            }
            let new = ages.iter().enumerate();
            let labels = json!({ "page": page.to_string() });
            lab.cluster.put_jobs(new.map(|(at, age)| job("team-a", &format!("new-{page}-{at}"), age, &labels)));
            // The page that comes next is to be of the cluster as it is now: the watch tells things in their order.
            let selector = format!("page={page}");
            let new = async || list(&lab.service, &[("label_selector", &selector)]).await;
            until(new, |reply| names(reply).len() == ages.len()).await;
        };
        let read = pages(&lab, &[("limit", "100")], direct, between).await;
        let read = all_names(&read);
        let unique: BTreeSet<_> = read.iter().cloned().collect();
        assert_eq!(unique.len(), read.len(), "none twice");
        let there_all_along = (0..JOBS).map(|number| format!("job-{number}")).filter(|name| !gone.contains(name));
        let missed: Vec<_> = there_all_along.filter(|name| !unique.contains(name)).collect();
        assert!(missed.is_empty() && !gone.is_empty(), "{missed:?}");
    }
}

#[tokio::test]
async fn the_job_that_a_page_ended_with_may_be_gone_when_the_next_is_read() {
    let lab = lab_with_many().await;
    let whole = all_names(&pages(&lab, &[], false, async |_| ()).await);
    let first = list(&lab.service, &[("limit", "10")]).await;
    let (last, token) = (&names(&first)[9], first.json()["continue"].as_str().unwrap().to_owned());
    assert!(token.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c)), "it goes into a query as it is");
    let number: usize = last.trim_start_matches("job-").parse().unwrap();
    lab.cluster.remove_job(if number.is_multiple_of(2) { "team-a" } else { "team-b" }, last);
    until(async || list(&lab.service, &[("limit", "10")]).await, |reply| !names(reply).contains(last)).await;
    let next = list(&lab.service, &[("limit", "10"), ("continue", &token)]).await;
    assert_eq!(names(&next), whole[10..20]);
    // With another filter it is the same place.
    let filtered = list(&lab.service, &[("namespace", "team-a"), ("continue", &token)]).await.expect_status(200);
    assert!(names(&filtered).iter().all(|name| !whole[..10].contains(name)));
}
