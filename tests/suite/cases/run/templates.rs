//! Jobs from templates, and the list of templates.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::fake::{After, Fake, Reply, created, log, problem, status};
use crate::client::run::Run;

/// A run of a template at this service. The arguments may end with a command.
fn run_from(fake: &Fake, arguments: &[&str]) -> Run {
    let url = format!("http://{}", fake.address());
    Run::with("", &[&["--url", &url, "--from", "cronjob/etl"], arguments].concat())
}

fn body(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn templates(templates: &Value, next: Option<&str>, warnings: &[&str]) -> Reply {
    Reply::Json(200, json!({ "templates": templates, "continue": next, "warnings": warnings }))
}

#[tokio::test]
async fn a_run_from_a_template_sends_what_is_given_and_tells_the_warnings() {
    let fake = Fake::start(|asked| match asked.operation.as_str() {
        "create-job" => {
            let Reply::Json(code, mut reply) = created() else { unreachable!() };
            reply["warnings"] = json!(["the script contains $(DATE)"]);
            Reply::Json(code, reply)
        }
        _ => Reply::Json(200, status("completed")),
    })
    .await;
    let line = "-n demo --name t1 -p DATE=2026-11-27 -p Q=a=b --env MODE= --image etl:1.8 --container main";
    let words: Vec<&str> = line.split(' ').chain(["--", "sh", "-c", "echo \"$DATE\""]).collect();
    let ended = run_from(&fake, &words).ended().await;
    ended.expect(0, "eks-api: warning: the script contains $(DATE)\n");
    assert!(ended.stderr.contains("job demo/t1 completed"), "{ended:?}");
    let expected = json!({
        "namespace": "demo",
        "template": { "cron_job": "etl" },
        "job_name": "t1",
        "parameters": { "DATE": "2026-11-27", "Q": "a=b" },
        "overrides": {
            "container": "main",
            "image": "etl:1.8",
            "env": { "MODE": "" },
            "command": ["sh", "-c", "echo \"$DATE\""],
            "args": [],
        },
    });
    assert_eq!(body(&fake.asked("create-job")[0].body), expected);
    run_from(&fake, &[]).ended().await.expect(0, "completed");
    assert_eq!(fake.asked("create-job")[1].body, r#"{"template":{"cron_job":"etl"}}"#);
}

#[tokio::test]
async fn a_request_without_an_answer_is_repeated_as_it_was() {
    let fake = Fake::start(|asked| match (asked.operation.as_str(), asked.count) {
        ("create-job", 1) => Reply::Cut,
        ("create-job", _) => created(),
        _ => Reply::Json(200, status("completed")),
    })
    .await;
    run_from(&fake, &["-p", "DATE=1"]).ended().await.expect(0, "trying again");
    let asked = fake.asked("create-job");
    assert_eq!((asked.len(), &asked[0].body), (2, &asked[1].body));
    assert!(!asked[0].key.is_empty() && asked[0].key == asked[1].key, "{asked:?}");
}

#[tokio::test]
async fn refusals_of_templates_have_the_codes_of_refusals() {
    for (status, reason, code) in
        [(404, "template_not_found", 65), (422, "invalid_template", 65), (403, "template_not_allowed", 77)]
    {
        let fake = Fake::start(move |_| problem(status, reason, "not this one")).await;
        let told = format!("the job is not created: not this one ({status} {reason}, request r1)");
        run_from(&fake, &[]).ended().await.expect(code, &told);
        assert_eq!(fake.asked("create-job").len(), 1, "it is not repeated");
    }
}

#[tokio::test]
async fn wrong_arguments_of_a_template_are_a_usage_error() {
    let fake = Fake::start(|_| problem(500, "", "")).await;
    for (arguments, told) in [
        (&["-p", "DATE"][..], "--parameter must be NAME=VALUE; see eks-api run --help"),
        (&["-p", "A=hunter2", "-p", "A=hunter2"], "--parameter A is given twice;"),
        (&["-f", "job.json"], "use -f or --from, not both;"),
        (&["--"], "-- needs a word after it;"),
    ] {
        let ended = run_from(&fake, arguments).ended().await;
        ended.expect(2, told);
        assert!(!ended.stderr.contains("hunter2"), "{ended:?}");
    }
    Run::of("{}", fake.address()).args(&["--image", "a"]).ended().await.expect(2, "--image needs --from;");
    assert!(fake.asked("create-job").is_empty());
}

fn container(name: &str) -> Value {
    json!({ "name": name, "init": false, "injected": false, "state": "running" })
}

/// A service whose job gets a pod with these containers after the first look at its details. It ends once its log is read.
async fn with_pod(containers: Vec<Value>) -> Fake {
    let (looks, reads) = (AtomicUsize::new(0), AtomicUsize::new(0));
    Fake::start(move |asked| match asked.operation.as_str() {
        "create-job" => created(),
        "get-job-logs" => {
            reads.fetch_add(1, Ordering::SeqCst);
            Reply::Log(log(&["step 1"]), After::End)
        }
        _ => {
            let mut status = status(if reads.load(Ordering::SeqCst) > 0 { "completed" } else { "running" });
            if asked.has("details") && looks.fetch_add(1, Ordering::SeqCst) > 0 {
                status["pods"] = json!([{ "name": "p", "phase": "Running", "containers": containers }]);
            }
            Reply::Json(200, status)
        }
    })
    .await
}

#[tokio::test]
async fn the_log_of_a_template_is_that_of_the_only_container_or_of_all() {
    let prep = json!({ "name": "prep", "init": true, "injected": false, "state": "terminated" });
    let mesh = json!({ "name": "mesh", "init": false, "injected": true, "state": "running" });
    for (containers, given, looks, shown) in [
        (vec![prep.clone(), container("main"), mesh.clone()], &[][..], 2, Some("main")),
        (vec![container("main"), container("other"), mesh], &[], 2, None),
        (vec![container("main"), container("other")], &["--container", "other"], 0, Some("other")),
    ] {
        let fake = with_pod(containers).await;
        let ended = run_from(&fake, &[&["--follow"], given].concat()).ended().await;
        ended.expect(0, "job demo/t1 completed");
        assert_eq!(ended.stdout, "step 1\n");
        assert_eq!(fake.asked("get-job-status").iter().filter(|asked| asked.has("details")).count(), looks);
        for asked in fake.asked("get-job-logs") {
            assert_eq!(asked.query.get("container").map(String::as_str), shown, "{asked:?}");
        }
    }
}

#[tokio::test]
async fn the_log_of_a_job_that_has_ended_without_a_pod_is_not_waited_for() {
    let fake = Fake::start(|asked| match asked.operation.as_str() {
        "create-job" => created(),
        "get-job-logs" => problem(404, "no_pods", "job t1 has finished, and its pods are gone"),
        _ => Reply::Json(200, status("completed")),
    })
    .await;
    let ended = run_from(&fake, &["--follow"]).ended().await;
    ended.expect(0, "no log was shown: job t1 has finished, and its pods are gone");
    assert!(fake.asked("get-job-logs").iter().all(|asked| !asked.has("container")));
}

/// A service with three templates on two pages.
async fn with_templates() -> Fake {
    Fake::start(|asked| {
        let parameters = json!([
            { "name": "DATE", "required": true, "default": null },
            { "name": "MODE", "required": false, "default": null },
            { "name": "LEVEL", "required": false, "default": "in\u{1b}fo" },
        ]);
        let cron_job = |name: &str, suspended: bool| {
            json!({ "template": format!("cronjob/{name}"), "cluster": "prod", "namespace": "demo", "suspended": suspended,
                "schedule": "0 3 * * *", "containers": ["main"], "images": { "main": "etl:1" }, "parameters": parameters })
        };
        let warning = "CronJobs of namespace team-b cannot be listed";
        if asked.has("continue") {
            let preset = json!({ "template": "preset/etl", "cluster": null, "namespace": null, "suspended": null,
                "schedule": null, "containers": ["main"], "images": {}, "parameters": [] });
            return templates(&json!([cron_job("$(touch x)", false), preset]), None, &[warning]);
        }
        templates(&json!([cron_job("report", false), cron_job("etl", true)]), Some("next"), &[warning])
    })
    .await
}

#[tokio::test]
async fn templates_are_a_table_of_all_pages_with_the_warnings_on_stderr() {
    let fake = with_templates().await;
    let ended = Run::command(&["templates", "-n", "demo"], fake.address()).ended().await;
    ended.expect(0, "eks-api: warning: CronJobs of namespace team-b cannot be listed\n");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    let lines = [
        "TEMPLATE            NAMESPACE  SCHEDULE               PARAMETERS",
        "cronjob/report      demo       0 3 * * *              DATE! MODE LEVEL=in fo",
        "cronjob/etl         demo       0 3 * * * (suspended)  DATE! MODE LEVEL=in fo",
        "cronjob/$(touch x)  demo       0 3 * * *              DATE! MODE LEVEL=in fo",
        "preset/etl          -          -                      -",
    ];
    assert_eq!(ended.stdout.lines().map(str::trim_end).collect::<Vec<_>>(), lines);
    let asked = fake.asked("list-templates");
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|asked| asked.query["namespace"] == "demo" && asked.query["limit"] == "500"), "{asked:?}");
    assert_eq!(asked[1].query["continue"], "next");
}

/// These are the arguments of the completion scripts.
#[tokio::test]
async fn the_names_of_templates_are_sorted_and_safe_to_expand_in_a_shell() {
    let fake = with_templates().await;
    let ended = Run::command(&["templates", "--names", "--timeout", "2s"], fake.address()).ended().await;
    ended.expect(0, "");
    assert_eq!(ended.stdout, "cronjob/etl\ncronjob/report\npreset/etl\n");
}

#[tokio::test]
async fn templates_are_the_replies_too_and_a_refusal_has_its_code() {
    let fake = with_templates().await;
    let ended = Run::command(&["templates", "-o", "json"], fake.address()).ended().await;
    ended.expect(0, "warning: ");
    let pages: Vec<Value> = ended.stdout.lines().map(body).collect();
    assert_eq!(pages.iter().map(|page| page["templates"].as_array().unwrap().len()).collect::<Vec<_>>(), [2, 2]);
    for (status, code) in [(403, 77), (404, 65)] {
        let fake = Fake::start(move |_| problem(status, "refused", "not you")).await;
        let ended = Run::command(&["templates"], fake.address()).ended().await;
        ended.expect(code, "the templates are not listed: not you (");
        assert_eq!(ended.stdout, "");
    }
}
