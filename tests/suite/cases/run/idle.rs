//! Proxies in between that end what is idle.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eks_api::client::connection;
use eks_api::client::credential::Credential;
use eks_api::client::job::state::RunState;
use eks_api::client::job::{JobStatus, submit};
use eks_api::client::log::Until;
use eks_api::client::log::follow::follow;
use eks_api::client::manifest::Manifest;
use eks_api::client::options::{Connection, LogQuery, Url};
use eks_api::client::output::{LogWriter, Output};
use eks_api::client::progress::Progress;
use eks_api::client::service::{IDLE_TIMEOUT, Service};
use serde_json::json;
use tokio::time::timeout;

use super::fake::{After, Fake, Reply, created, log, status};
use super::run_at;
use crate::client::manifest;
use crate::support::service::{Folder, PATIENCE};

#[tokio::test]
async fn run_idle_limit_a_wait_that_is_cut_is_not_a_service_that_is_away() {
    for cut in [|| Reply::Cut, || Reply::Page(504), || Reply::Page(502)] {
        let fake = Fake::start(move |asked| match asked.operation.as_str() {
            "create-job" => created(),
            _ if asked.has("wait") => cut(),
            _ => Reply::Json(200, status(if asked.count > 5 { "completed" } else { "running" })),
        })
        .await;
        let ended = run_at(&fake, &[]).ended().await;
        ended.expect(0, "job demo/t1 completed");
        assert!(!ended.stderr.contains("trying again"), "{ended:?}");
        let asked = fake.asked("get-job-status");
        // Each wait that fails is followed by a call that does not wait.
        assert!(asked.windows(2).all(|pair| pair[0].has("wait") != pair[1].has("wait")), "{asked:?}");
        assert!(asked.len() >= 6);
    }
}

#[tokio::test]
async fn run_idle_limit_no_wait_is_longer_than_20_s() {
    let fake = Fake::start(|asked| match asked.operation.as_str() {
        "create-job" => created(),
        "get-job-logs" => Reply::Log(log(&["a"]), After::End),
        _ => Reply::Json(200, status(if asked.count > 2 { "completed" } else { "running" })),
    })
    .await;
    run_at(&fake, &["--follow"]).ended().await.expect(0, "completed");
    let waits: Vec<String> =
        fake.asked("get-job-status").into_iter().filter_map(|mut a| a.query.remove("wait")).collect();
    assert!(!waits.is_empty());
    for wait in waits {
        let seconds: u64 = wait.strip_suffix('s').unwrap().parse().unwrap();
        assert!((1..=20).contains(&seconds) && Duration::from_secs(seconds) < IDLE_TIMEOUT, "{wait}");
    }
    assert!(IDLE_TIMEOUT <= Duration::from_secs(20));
}

struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is shown of a log that ends after so many readings, with an idle limit that is short.
async fn followed(fake: &Fake, readings: usize) -> String {
    let (url, progress) = (Url::parse(&format!("http://{}", fake.address())).unwrap(), Progress::of_stderr(true));
    let connections = connection::connect(&url, None::<&Path>, None).unwrap();
    let options = Connection { url, cluster: None, key_file: None, ca_file: None, certificate: None, timeout: None };
    let mut service = Service::new(&options, connections, Credential::None, &progress);
    let folder = Folder::new();
    folder.write("t1.json", &manifest("t1", "true"));
    let manifest = Manifest::read(folder.path().join("t1.json").to_str().unwrap(), None, &[]).unwrap();
    let job = submit(&service, &manifest, "key").await.unwrap();
    service.idle_timeout = Duration::from_millis(100);
    let (state, kept) = (RunState::default(), Arc::new(Mutex::new(Vec::new())));
    let over = async {
        fake.wait_for("get-job-logs", readings).await;
        state.end(JobStatus::Found(serde_json::from_value(status("completed")).unwrap()));
    };
    let output: Output = Arc::new(Mutex::new(Kept(Arc::clone(&kept))));
    let query = LogQuery { all: true, follow: true, ..LogQuery::default() };
    let writer = LogWriter::new(&output, None);
    let both = async { tokio::join!(follow(&service, &job, &state, &query, writer, Until::JobEnd), over) };
    timeout(PATIENCE, both).await.expect("the log does not end").0.unwrap();
    let shown = kept.lock().unwrap().clone();
    String::from_utf8(shown).unwrap()
}

#[tokio::test]
async fn run_idle_limit_a_silent_log_is_opened_again_without_loss_or_doubling() {
    let fake = Fake::start(|asked| match asked.operation.as_str() {
        "create-job" => created(),
        _ if !asked.follows() => Reply::Log(log(&["a", "b", "c", "d"]), After::End),
        _ if asked.count == 1 => Reply::Log(log(&["a", "b"]), After::Hold),
        _ => Reply::Log(log(&["a", "b", "c"]), After::Hold),
    })
    .await;
    assert_eq!(followed(&fake, 4).await, "a\nb\nc\nd\n");
    let asked = fake.asked("get-job-logs");
    assert!(asked.iter().any(|asked| asked.has("tail_lines")), "a long log is not read again as a whole: {asked:?}");
}

#[tokio::test]
async fn run_idle_limit_a_log_that_does_not_begin_is_asked_for_again() {
    let fake = Fake::start(|asked| match asked.operation.as_str() {
        "create-job" => created(),
        _ if asked.count < 4 => Reply::Hold,
        _ => Reply::Log(log(&["a"]), After::End),
    })
    .await;
    assert_eq!(followed(&fake, 4).await, "a\n");
}

#[tokio::test]
async fn run_idle_limit_a_container_that_begins_after_a_silence_is_shown_from_its_first_line() {
    let two = |second: &str| log(&["a"]) + "\n==> q/main <==\n" + second;
    let fake = Fake::start(move |asked| match asked.operation.as_str() {
        "create-job" => created(),
        _ if asked.count == 1 => Reply::Log(log(&["a"]), After::Hold),
        _ if asked.has("tail_lines") => Reply::Log(two("2026-11-28T15:00:09Z last\n"), After::Hold),
        _ => {
            let after = if asked.follows() { After::Hold } else { After::End };
            Reply::Log(two("2026-11-28T15:00:08Z first\n2026-11-28T15:00:09Z last\n"), after)
        }
    })
    .await;
    assert_eq!(followed(&fake, 3).await, "a\nfirst\nlast\n");
}

#[tokio::test]
async fn sa_missing_the_time_out_says_why_the_job_waits() {
    let refused = "Error creating: pods \"t1-abcde\" is forbidden: exceeded quota: nopods, requested: pods=1, used: \
        pods=0, limited: pods=0";
    let fake = Fake::start(move |asked| match asked.operation.as_str() {
        "create-job" => created(),
        _ if asked.has("details") => {
            let mut status = status("pending");
            status["events"] = json!([{ "type": "Warning", "reason": "FailedCreate", "message": refused }]);
            status["pods"] = json!([]);
            Reply::Json(200, status)
        }
        _ if asked.has("wait") => Reply::Hold,
        _ => Reply::Json(200, status("pending")),
    })
    .await;
    let ended = run_at(&fake, &["--timeout", "500ms"]).ended().await;
    ended.expect(124, &format!("the time is up; job demo/t1 goes on and waits: FailedCreate: {refused}"));
}
