//! The parameters of the calls about the history. A wrong one is an error also without a history.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::given::BINARY;
use crate::support::Lab;

const LIST: &str = "/api/eks-list-history";
const JOB: &str = "/api/eks-get-job-history";
const STATS: &str = "/api/eks-get-job-stats";
const PLOT: &str = "/api/eks-job-stats.svg";
const AUDIT: &str = "/api/eks-list-audit";

/// Returns the status, and the field that is wrong.
async fn asked(lab: &Lab, path: &str) -> (u16, String) {
    let reply = lab.service.get(path).await;
    let field = match &reply.json()["causes"][0]["field"] {
        Value::String(field) => field.clone(),
        _ => String::new(),
    };
    (reply.status.as_u16(), field)
}

#[tokio::test]
#[cfg_attr(not(feature = "history"), ignore = "built without the feature history")]
async fn each_wrong_parameter_is_named() {
    let lab = Lab::start(BINARY).await;
    let long = "n".repeat(257);
    let token = |text: &str| URL_SAFE_NO_PAD.encode(text);
    for (call, query, status, field) in [
        (LIST, "since=yesterday", 400, "since"),
        (LIST, "until=7w", 400, "until"),
        (LIST, "since=1d&until=2d", 400, "since"),
        (LIST, "state=done", 400, "state"),
        (LIST, "label_selector=a in b", 400, "label_selector"),
        (LIST, "template=etl", 400, "template"),
        (LIST, "namespace=A", 422, "namespace"),
        (LIST, "job_name=A", 422, "job_name"),
        (LIST, "batch_name=A", 422, "batch_name"),
        (LIST, &format!("caller={long}"), 400, "caller"),
        (LIST, "caller=", 400, "caller"),
        (LIST, "limit=0", 400, "limit"),
        (LIST, "limit=501", 400, "limit"),
        (LIST, "continue=x", 400, "continue"),
        (LIST, &format!("continue={}", token("a/1/1")), 400, "continue"),
        (LIST, "group_by=day", 400, "group_by"),
        (JOB, "", 400, "job_name"),
        (JOB, "job_name=a&namespace=A", 422, "namespace"),
        (JOB, "job_name=a&limit=501", 400, "limit"),
        (JOB, &format!("job_name=a&continue={}", token("h/1/1")), 400, "continue"),
        (STATS, "since=367d", 400, "since"),
        (STATS, "since=2020-01-01T00:00:00Z", 400, "since"),
        (STATS, "since=1d&until=2d", 400, "since"),
        (STATS, "group_by=day,hour,template", 400, "group_by"),
        (STATS, "group_by=day,day", 400, "group_by"),
        (STATS, "group_by=label:a b", 400, "group_by"),
        (STATS, "job_name=a", 400, "job_name"),
        (PLOT, "group_by=template", 400, "group_by"),
        (PLOT, "group_by=day,hour", 400, "group_by"),
        (PLOT, "group_by=hour&since=42d", 422, "group_by"),
        (AUDIT, "operation=create-job", 400, "operation"),
        (AUDIT, "outcome=ok", 400, "outcome"),
        (AUDIT, "namespace=A", 422, "namespace"),
        (AUDIT, &format!("continue={}", token("h/1/1")), 400, "continue"),
        (AUDIT, "since=x", 400, "since"),
    ] {
        let path = format!("{call}?{}", query.replace(' ', "%20"));
        assert_eq!(asked(&lab, &path).await, (status, field.to_owned()), "{path}");
    }
}

#[tokio::test]
#[cfg_attr(not(feature = "history"), ignore = "built without the feature history")]
async fn what_is_right_comes_as_far_as_the_history() {
    let lab = Lab::start(BINARY).await;
    let token = |text: &str| URL_SAFE_NO_PAD.encode(text);
    for (call, query) in [
        (LIST, "since=2026-01-20T10:30:00%2B05:30&until=0s"),
        (LIST, "namespace=demo&job_name=a&state=failed&batch_name=b&template=cronjob/etl&label_selector=a=b,!c"),
        (LIST, "caller=%22%3C%00&limit=500&continue="),
        (LIST, &format!("continue={}", token("h/-1/1"))),
        (JOB, "job_name=a&uid=x%22"),
        (JOB, &format!("job_name=a&continue={}", token("j/1/1"))),
        (STATS, "since=366d&group_by=image,label:app.kubernetes.io/name"),
        (STATS, "until=400d"),
        (PLOT, "group_by=hour&since=41d"),
        (AUDIT, "operation=none&outcome=refused&caller=ci&since=7d&until=1d"),
        (AUDIT, &format!("operation=list_audit&continue={}", token("a/1/1"))),
    ] {
        let path = format!("{call}?{query}");
        assert_eq!(asked(&lab, &path).await, (501, String::new()), "{path}");
    }
}
