//! Callers with keys: from `eks-api keygen` to a call, what a key is confined to, and files that are wrong.

use serde_json::{Value, json};

use super::{
    Key, ask, bearer, file, keygen, listed, own_job_in, reason, record, sha256, since, told, until_known, with_keys,
};
use crate::given::{BINARY, job};
use crate::readme::stream::Stream;
use crate::support::aws::AwsMock;
use crate::support::service::{Folder, run};
use crate::support::{Lab, builder};
use crate::wire::Answer;

async fn get(lab: &Lab, key: &Key, path: &str) -> Answer {
    ask(&lab.service, "GET", path, &bearer(&key.secret), None).await
}

async fn create(lab: &Lab, key: &Key, body: &Value) -> Answer {
    ask(&lab.service, "POST", "/api/eks-create-job", &bearer(&key.secret), Some(body)).await
}

#[tokio::test]
async fn keygen_prints_a_key_once_and_the_line_that_lets_it_in() {
    let arguments = ["keygen", "ci", "--role=write", "--namespaces", "team-a, build-*"];
    let output = run(BINARY, &arguments, &[]).await;
    assert_eq!(output.status.code(), Some(0));
    let printed = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    let [Some(secret), Some(line)] = printed.each_ref().map(|text| text.strip_suffix('\n')) else {
        panic!("{printed:?}")
    };
    assert!(secret.starts_with("eks-api-") && secret.len() == 51, "{secret}");
    assert!(line.starts_with("ci role=write namespaces=team-a,build-* sha256="), "{line}");
    assert!(line.ends_with(&format!("={}", sha256(secret))), "{line}");

    let key = Key { secret: secret.to_owned(), line: line.to_owned() };
    let lab = with_keys(&[&key], &[]).await;
    lab.cluster.put_namespace(json!({ "metadata": { "name": "build-7" } }));
    assert_eq!(create(&lab, &key, &super::job_in("build-7", "hello")).await.status(), 201);
    assert_eq!(create(&lab, &key, &super::job_in("prod", "hello")).await.status(), 403);
}

#[tokio::test]
async fn keygen_adds_the_line_to_a_file_that_only_its_owner_can_read_and_prints_only_the_key() {
    let folder = Folder::new();
    let keys = folder.path().join("keys");
    let keygen = async |name| {
        let path = keys.to_str().unwrap();
        run(BINARY, &["keygen", name, "--role=write", "--namespaces=*", "--add", path], &[]).await
    };
    let output = keygen("ci").await;
    assert_eq!((output.status.code(), &output.stderr[..]), (Some(0), &b""[..]));
    let secret = String::from_utf8(output.stdout).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&keys).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(&keys).unwrap();
    assert_eq!(text, format!("ci role=write namespaces=* sha256={}\n", sha256(secret.trim_end())));
    assert_eq!(keygen("nightly").await.status.code(), Some(0));
    assert!(std::fs::read_to_string(&keys).unwrap().starts_with(&(text + "nightly role=write ")));
    // The second key of a caller, for a rotation.
    let second = keygen("ci").await;
    let note = "the file now has two keys with the name \"ci\"\n";
    assert_eq!((second.status.code(), &second.stderr[..]), (Some(0), note.as_bytes()));
    let secret = String::from_utf8(second.stdout).unwrap();
    let line = format!("\nci role=write namespaces=* sha256={}\n", sha256(secret.trim_end()));
    assert!(std::fs::read_to_string(&keys).unwrap().ends_with(&line));
}

#[tokio::test]
async fn keygen_writes_the_clusters_into_the_line() {
    let folder = Folder::new();
    let keys = folder.path().join("keys");
    let arguments = ["keygen", "ci", "--role=write", "--namespaces=*", "--clusters", "prod, eu-*"];
    let output = run(BINARY, &arguments, &[]).await;
    let line = String::from_utf8(output.stderr).unwrap();
    assert!(line.starts_with("ci role=write namespaces=* clusters=prod,eu-* sha256="), "{line}");
    let added = run(BINARY, &[&arguments[..], &["--add", keys.to_str().unwrap()]].concat(), &[]).await;
    assert_eq!((added.status.code(), &added.stderr[..]), (Some(0), &b""[..]));
    let text = std::fs::read_to_string(&keys).unwrap();
    assert!(text.starts_with("ci role=write namespaces=* clusters=prod,eu-* sha256="), "{text}");
    let help = String::from_utf8(run(BINARY, &["keygen", "--help"], &[]).await.stdout).unwrap();
    assert!(help.contains("Without --clusters the key is for the default cluster only."), "{help}");
}

#[tokio::test]
async fn keygen_writes_the_templates_into_the_line() {
    let folder = Folder::new();
    let keys = folder.path().join("keys");
    let arguments = ["keygen", "ci", "--role", "run", "--namespaces=*", "--templates", "cronjob/etl, preset/report-*"];
    let output = run(BINARY, &arguments, &[]).await;
    let line = String::from_utf8(output.stderr).unwrap();
    let start = "ci role=run namespaces=* templates=cronjob/etl,preset/report-* sha256=";
    assert!(line.starts_with(start), "{line}");
    // The second reads the line of the first.
    for _ in 0..2 {
        let added = run(BINARY, &[&arguments[..], &["--add", keys.to_str().unwrap()]].concat(), &[]).await;
        assert_eq!(added.status.code(), Some(0), "{added:?}");
    }
    assert_eq!(std::fs::read_to_string(&keys).unwrap().matches(start).count(), 2);
    let help = String::from_utf8(run(BINARY, &["keygen", "--help"], &[]).await.stdout).unwrap();
    for text in ["--role read|run|write|admin", "--role run needs --templates."] {
        assert!(help.contains(text), "{help}");
    }
}

#[tokio::test]
async fn keygen_says_what_is_wrong_with_what_it_is_told() {
    for (arguments, told) in [
        (&["keygen"][..], "name"),
        (&["keygen", "ci"], "--role"),
        (&["keygen", "ci", "--role", "root", "--namespaces", "*"], "--role"),
        (&["keygen", "ci", "--role", "read"], "--namespaces"),
        (&["keygen", "ci", "--role", "read", "--namespaces", "A"], "--namespaces"),
        (
            &["keygen", "ci", "--role", "read", "--namespaces", "*", "--clusters", "A"],
            "--clusters: \"A\" is not the name",
        ),
        (&["keygen", "ci", "--role", "read", "--namespaces", "*", "--clusters", "eu-"], "did you mean 'eu-*'?"),
        (&["keygen", "ci", "--role", "read", "--namespaces", "*", "--clusters", ","], "--clusters must be"),
        (&["keygen", "ci", "--role", "read", "--namespaces", "*", "--clusters="], "needs a value"),
        (&["keygen", "ci", "--namespaces", "*"], "--role must be read, run, write or admin"),
        (&["keygen", "ci", "--role", "run", "--namespaces", "*"], "--role run needs --templates, such as cronjob/etl"),
        (&["keygen", "ci", "--role", "run", "--namespaces", "*", "--templates", ","], "--role run needs --templates"),
        (&["keygen", "ci", "--role", "run", "--namespaces", "*", "--templates="], "needs a value"),
        (
            &["keygen", "ci", "--role", "run", "--namespaces", "*", "--templates", "etl,job/x"],
            "--templates: \"job/x\" is invalid: use cronjob/NAME, preset/NAME or NAME, with at most one *",
        ),
        (
            &["keygen", "ci", "--role", "write", "--namespaces", "*", "--templates", "etl"],
            "--templates is for --role run only",
        ),
        (&["keygen", "c i", "--role", "read", "--namespaces", "*"], "name"),
        (&["keygen", "cert:x", "--role", "read", "--namespaces", "*"], "name"),
        (&["keygen", "ci", "more", "--role", "read", "--namespaces", "*"], "one name"),
        (&["keygen", "ci", "--rule", "read"], "--rule"),
        (&["keygen", "ci", "--role"], "needs a value"),
    ] {
        let output = run(BINARY, arguments, &[]).await;
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {error}");
        assert!(error.contains(told) && output.stdout.is_empty(), "{arguments:?}: {error}");
    }
}

#[tokio::test]
async fn a_key_is_in_no_log_no_answer_and_no_record_and_its_name_is() {
    let key = keygen("night-shift", "admin", "*").await;
    let lab = with_keys(&[&key], &[("LOG_LEVEL", "DEBUG")]).await;
    let mut answers = Vec::new();
    let wrong = format!("{}x", key.secret);
    for (id, lines, caller, method) in [
        ("bearer", bearer(&key.secret), json!("night-shift"), "api-key"),
        ("header", format!("X-API-Key: {}\r\n", key.secret), json!("night-shift"), "api-key"),
        ("wrong", bearer(&wrong), Value::Null, "none"),
        // In the wrong place it is as secret.
        ("basic", format!("Authorization: Basic {}\r\n", key.secret), Value::Null, "none"),
    ] {
        let lines = lines + &format!("X-Request-Id: {id}\r\n");
        // Refused again on the same call, it would only be counted.
        let path = if id == "basic" { "/api/eks-create-namespace" } else { "/api/eks-create-job" };
        let answer = ask(&lab.service, "POST", path, &lines, Some(&job(id))).await;
        answers.push(format!("{} {}", answer.head, answer.body));
        let record = record(&lab.service, id).await;
        assert_eq!((&record["caller"], &record["caller_method"]), (&caller, &json!(method)), "{record}");
    }
    for text in answers.iter().chain(&lab.service.logs()) {
        assert!(!text.contains(&key.secret) && !text.contains("sha256"), "{text}");
    }
    assert!(lab.cluster.requests().iter().all(|request| !format!("{request:?}").contains(&key.secret)));
}

#[tokio::test]
async fn two_keys_of_one_name_are_both_good_and_two_of_two_names_are_two_callers() {
    let (old, new, other) =
        (keygen("ci", "write", "*").await, keygen("ci", "write", "*").await, keygen("other", "read", "*").await);
    let lab = with_keys(&[&old, &new, &other], &[]).await;
    for (id, key, caller) in [("old", &old, "ci"), ("new", &new, "ci"), ("other", &other, "other")] {
        let lines = bearer(&key.secret) + &format!("X-Request-Id: {id}\r\n");
        let answer = ask(&lab.service, "POST", "/api/eks-create-job", &lines, Some(&job(id))).await;
        assert_eq!(answer.status(), if id == "other" { 403 } else { 201 });
        assert_eq!(record(&lab.service, id).await["caller"], caller);
    }
}

/// Every place of a request in which a namespace can be named, or come in unnamed.
#[tokio::test]
async fn a_key_reaches_no_namespace_but_its_own_however_that_is_named() {
    let key = keygen("team", "admin", "team-*").await;
    let lab = with_keys(&[&key], &[]).await;
    for (namespace, name) in [("team-a", "ours"), ("prod", "theirs"), ("default", "theirs")] {
        lab.cluster.put_job(own_job_in(namespace, name));
    }
    until_known(&lab, 3).await;
    let before = lab.cluster.requests().len();
    let mut own = job("new");
    own["job_manifest"]["metadata"]["namespace"] = json!("prod");
    let mut generated = own.clone();
    generated["job_manifest"]["metadata"] = json!({ "generateName": "new-", "namespace": "prod" });
    let mut both = own.clone();
    both["namespace"] = json!("team-a");
    for (body, status) in [
        (super::job_in("prod", "new"), 403),
        (job("new"), 403),
        (own, 403),
        (generated, 403),
        (both, 400),
        (super::job_in("team", "new"), 403),
        (super::job_in("xteam-a", "new"), 403),
        (super::job_in("never-heard-of", "new"), 403),
    ] {
        let answer = create(&lab, &key, &body).await;
        assert_eq!(answer.status(), status, "{body}: {answer:?}");
        let repeated = bearer(&key.secret) + "Idempotency-Key: k\r\n";
        let answer = ask(&lab.service, "POST", "/api/eks-create-job", &repeated, Some(&body)).await;
        assert_eq!(answer.status(), status, "{body}: {answer:?}");
    }
    // A namespace written twice is refused, wherever it stands.
    let twice = r#"{"job_manifest":{"metadata":{"namespace":"team-a","namespace":"prod"}}}"#;
    let headers = [("authorization", format!("Bearer {}", key.secret)), ("content-type", "application/json".into())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    for body in [twice, r#"{"job_manifest":{},"namespace":"team-a","namespace":"prod"}"#] {
        assert_eq!(lab.service.send("POST", "/api/eks-create-job", &headers, body).await.status, 400);
    }
    for (method, path) in [
        ("GET", "get-job-status?job_name=theirs&namespace=prod"),
        ("GET", "get-job-status?job_name=theirs"),
        ("GET", "get-job-status?job_name=theirs&namespace=prod&details=true"),
        ("GET", "get-job-status?job_name=theirs&namespace=prod&wait=1m"),
        ("GET", "get-job-status?job_name=theirs&namespace=%70rod"),
        ("GET", "get-job-status?job_name=no-such-job&namespace=prod"),
        ("GET", "get-job-logs?job_name=theirs&namespace=prod&follow=true"),
        ("GET", "list-jobs?namespace=prod"),
        ("GET", "watch-jobs?namespace=prod"),
        ("GET", "watch-jobs?namespace=prod&job_name=theirs"),
        ("GET", "get-namespace-status?namespace_name=prod"),
        ("DELETE", "delete-job?job_name=theirs&namespace=prod"),
        ("DELETE", "delete-namespace?namespace_name=prod"),
        ("POST", "suspend-job?job_name=theirs&namespace=prod"),
        ("POST", "resume-job?job_name=theirs"),
    ] {
        for more in ["", "Cache-Control: no-cache\r\n", "If-None-Match: *\r\n"] {
            let path = format!("/api/eks-{path}");
            let answer = ask(&lab.service, method, &path, &(bearer(&key.secret) + more), None).await;
            let (status, reason, detail) = told(&answer);
            assert_eq!((status, reason.as_str()), (403, "namespace_not_allowed"), "{path}");
            assert!(detail.starts_with("you may use the namespaces team-* only, not "), "{detail}");
            assert_eq!(answer.header("etag"), None);
        }
    }
    let body = json!({ "job_name": "theirs", "namespace": "prod" });
    let answer = ask(&lab.service, "POST", "/api/eks-suspend-job", &bearer(&key.secret), Some(&body)).await;
    assert_eq!(answer.status(), 403);
    let body = json!({ "namespace_name": "prod-2" });
    let answer = ask(&lab.service, "POST", "/api/eks-create-namespace", &bearer(&key.secret), Some(&body)).await;
    assert_eq!(answer.status(), 403);
    assert!(since(&lab.cluster, before).is_empty(), "the cluster saw nothing of it");
}

#[tokio::test]
async fn what_goes_over_all_namespaces_shows_a_key_its_own() {
    let key = keygen("team", "read", "team-*").await;
    let lab = with_keys(&[&key], &[]).await;
    for (namespace, name) in [("team-a", "one"), ("prod", "hidden"), ("team-b", "two"), ("steam-1", "hidden")] {
        lab.cluster.put_job(own_job_in(namespace, name));
    }
    until_known(&lab, 4).await;
    for more in ["", "Cache-Control: no-cache\r\n"] {
        let lines = bearer(&key.secret) + more;
        let all = ask(&lab.service, "GET", "/api/eks-list-jobs", &lines, None).await;
        assert_eq!(listed(&all), ["team-a/one", "team-b/two"]);
        // Neither the pages nor what remains count the jobs of others.
        let (mut path, mut pages) = ("/api/eks-list-jobs?limit=1".to_owned(), Vec::new());
        loop {
            let page = ask(&lab.service, "GET", &path, &lines, None).await;
            pages.extend(listed(&page));
            let page: Value = serde_json::from_str(&page.body).unwrap();
            assert_eq!(page["remaining"], 2 - pages.len());
            let Some(next) = page["continue"].as_str() else { break };
            path = format!("/api/eks-list-jobs?limit=1&continue={next}");
        }
        pages.sort();
        assert_eq!(pages, ["team-a/one", "team-b/two"]);
        // Whoever makes up a place in the list goes on from there among its own.
        let forged = "MTc5NTQ3ODExMC9wcm9kL2hpZGRlbg";
        let page = ask(&lab.service, "GET", &format!("/api/eks-list-jobs?continue={forged}"), &lines, None).await;
        assert!(page.status() == 200 && !page.body.contains("hidden"), "{page:?}");
    }
    let namespaces = get(&lab, &key, "/api/eks-list-namespaces").await;
    assert!(namespaces.body.contains("team-a") && !namespaces.body.contains("prod"), "{namespaces:?}");

    let authorization = format!("Bearer {}", key.secret);
    let headers = [("authorization", authorization.as_str())];
    let mut stream = Stream::open(lab.service.address(), "/api/eks-watch-jobs", &headers).await.unwrap();
    let first = stream.before("snapshot-end").await.unwrap().unwrap();
    lab.cluster.remove_job("prod", "hidden");
    lab.cluster.put_job(own_job_in("steam-2", "hidden"));
    lab.cluster.put_job(own_job_in("team-c", "last"));
    let then = stream.before("\"last\"").await.unwrap().unwrap();
    assert!(first.contains("\"one\"") && first.contains("\"two\"") && !(first + &then).contains("hidden"), "{then}");
}

#[tokio::test]
async fn the_services_own_bounds_hold_for_every_key() {
    let key = keygen("all", "admin", "*").await;
    let lab = with_keys(&[&key], &[("EKS_API_ALLOWED_NAMESPACES", "team-*")]).await;
    let (status, _, detail) = told(&get(&lab, &key, "/api/eks-list-jobs?namespace=prod").await);
    assert_eq!((status, detail.as_str()), (403, "this service works in the namespaces team-* only, not in prod"));
    let answer = create(&lab, &key, &super::job_in("kube-system", "hello")).await;
    assert_eq!(reason(&answer), (403, "namespace_protected".to_owned()));
}

#[tokio::test]
async fn a_namespace_is_made_by_the_way_only_for_a_key_that_may_make_one() {
    let (writer, admin) = (keygen("writer", "write", "team-*").await, keygen("admin", "admin", "team-*").await);
    let lab = with_keys(&[&writer, &admin], &[]).await;
    let (status, reason, detail) = told(&create(&lab, &writer, &super::job_in("team-new", "hello")).await);
    assert_eq!((status, reason.as_str()), (403, "role_not_sufficient"));
    let why = "this needs the role admin, and yours is write";
    assert_eq!(detail, format!("the namespace does not exist and could not be created: {why}"));
    assert_eq!((lab.cluster.count("POST", "/api/v1/namespaces"), lab.cluster.namespace("team-new")), (0, None));
    assert_eq!(create(&lab, &admin, &super::job_in("team-new", "hello")).await.status(), 201);
    assert_eq!(create(&lab, &writer, &super::job_in("team-new", "more")).await.status(), 201, "now it is there");
}

#[tokio::test]
async fn switched_off_a_missing_namespace_is_not_found_whatever_the_role() {
    let (writer, admin) = (keygen("writer", "write", "*").await, keygen("admin", "admin", "*").await);
    let lab = with_keys(&[&writer, &admin], &[("EKS_API_AUTO_CREATE_NAMESPACE", "false")]).await;
    for key in [&writer, &admin] {
        let (status, reason, _) = told(&create(&lab, key, &super::job_in("team-new", "hello")).await);
        assert_eq!((status, reason.as_str()), (404, "NotFound"));
    }
}

#[tokio::test]
async fn a_file_that_is_wrong_is_told_of_before_anything_is_begun() {
    let key = keygen("ci", "read", "*").await;
    let misspelt = format!("{}ci role=red namespaces=* sha256=x\n", file(&[&key]));
    let twice = file(&[&key, &key]);
    let aws = AwsMock::start().await;
    for (text, told) in [
        (Some(misspelt.as_str()), "line 2: role= must be read, run, write or admin"),
        (Some(&twice), "line 2: this key is in the file already"),
        (Some("# none yet\n"), "there is no key in it: make one with eks-api keygen"),
        (Some(&key.secret), "line 1: role="),
        (None, "No such file"),
    ] {
        let builder = builder(BINARY, &aws).envs(&[("EKS_API_AUTH", "api-key"), ("EKS_API_KEYS_FILE", "keys")]);
        let builder = text.map_or(builder.clone(), |text| builder.file("keys", text));
        let output = builder.output().await;
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{error}");
        assert!(error.starts_with("EKS_API_KEYS_FILE is keys: ") && error.contains(told), "{error}");
        assert!(!error.contains("listening") && !error.contains(&key.secret[8..]), "{error}");
    }
}
