//! The audit in a real journal. A journald of its own runs in a mount namespace, where its sockets are at the usual
//! place and hide nothing of the machine's; the service runs there too. That takes root and systemd's journald: without
//! them it is skipped, unless `SYSTEMD_JOURNALD` says where that is.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;
use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::audit::is_record;
use crate::given::{BINARY, job};
use crate::support::service::{Builder, Folder, PATIENCE};
use crate::support::{builder, surroundings};

/// A journald that serves one journal namespace takes nothing from the kernel. It is killed when this process ends in
/// whatever way, as the shell that waits for its input sees that end.
const HOLD: &str = r#"
    mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/log || exit 1
    mkdir /run/systemd && ln -s journal.lab /run/systemd/journal || exit 1
    "$0" lab </dev/null &
    read -r _; kill -9 $!; wait
"#;

/// Tells the program that its stderr is the journal, as systemd does. It is a pipe, so that the test can read it.
const CONNECTED: &str = r#"JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$0""#;

struct Journald {
    shell: Child,
}

impl Journald {
    async fn start(binary: &Path) -> Self {
        let folder = Folder::new();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let shell = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", HOLD])
            .arg(binary)
            .env("NOTIFY_SOCKET", &path)
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut buffer = [0; 256];
        let told = timeout(PATIENCE, manager.recv(&mut buffer)).await.expect("journald does not start").unwrap();
        assert!(buffer[..told].starts_with(b"READY=1"));
        Self { shell }
    }

    fn namespace(&self) -> String {
        format!("--mount=/proc/{}/ns/mnt", self.shell.id().unwrap())
    }

    /// A program beside this journald, whose stderr it believes to be the journal.
    fn inhabitant(&self, builder: Builder) -> Builder {
        let arguments = [&self.namespace(), "--", "sh", "-c", CONNECTED, BINARY];
        arguments.into_iter().fold(builder, Builder::arg)
    }

    async fn journalctl(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("nsenter");
        command.arg(self.namespace()).args(["--", "journalctl", "--namespace=lab"]).args(arguments);
        timeout(PATIENCE, command.output()).await.expect("journalctl does not end").unwrap()
    }

    /// The entries that match, once journald has taken in all that it was sent.
    async fn entries(&self, matches: &[&str]) -> Vec<Value> {
        let synced = self.journalctl(&["--sync"]).await;
        assert!(synced.status.success(), "{}", String::from_utf8_lossy(&synced.stderr));
        let output = self.journalctl(&[&["--output=json", "--quiet"], matches].concat()).await;
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }

    async fn stop(mut self) {
        drop(self.shell.stdin.take());
        timeout(PATIENCE, self.shell.wait()).await.expect("journald does not end").unwrap();
    }
}

/// Where journald is, if it can be run here.
fn journald() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os("SYSTEMD_JOURNALD") {
        return Some(given.into());
    }
    let usual = ["/usr/lib/systemd/systemd-journald", "/lib/systemd/systemd-journald"].map(PathBuf::from);
    let found = usual.into_iter().find(|path| path.exists());
    let mut probe = std::process::Command::new("unshare");
    let script = "mount -t tmpfs tmpfs /run && command -v nsenter && command -v journalctl";
    let probe = probe.args(["--mount", "--propagation", "private", "sh", "-c", script]);
    let is_able = probe.output().is_ok_and(|output| output.status.success());
    found.filter(|_| is_able)
}

#[tokio::test]
async fn records_are_found_in_a_real_journal_by_their_fields() {
    let Some(binary) = journald() else {
        // Past the test harness, which swallows what tests print.
        let _ = writeln!(std::io::stderr().lock(), "journald: skipped; it takes root and systemd-journald");
        return;
    };
    let journald = Journald::start(&binary).await;
    let (_cluster, aws) = surroundings().await;
    let service = journald.inhabitant(builder("nsenter", &aws)).start().await;
    service.ready().await;

    let created = service.post("/api/eks-create-job", &job("nightly")).await.expect_status(201).json();
    service.post("/api/eks-create-job", &job("hourly")).await.expect_status(201);
    service.delete("/api/eks-delete-job?job_name=nightly").await.expect_status(200);
    service.delete("/api/eks-delete-job?job_name=none").await.expect_status(404);
    service.delete("/api/eks-delete-namespace?namespace_name=kube-system").await.expect_status(403);

    let found = journald.entries(&["EKS_API_JOB=nightly"]).await;
    let operations: Vec<&Value> = found.iter().map(|entry| &entry["EKS_API_OPERATION"]).collect();
    assert_eq!(operations, ["create_job", "delete_job"]);
    for entry in &found {
        for (name, value) in [
            ("SYSLOG_IDENTIFIER", "eks-api"),
            ("PRIORITY", "6"),
            ("_TRANSPORT", "journal"),
            ("EKS_API_CLUSTER", "lab"),
            ("EKS_API_NAMESPACE", "default"),
            ("EKS_API_OBJECT_KIND", "Job"),
            ("EKS_API_CALLER_METHOD", "none"),
            ("EKS_API_CALLER_ADDRESS", "127.0.0.1"),
            ("EKS_API_OUTCOME", "success"),
        ] {
            assert_eq!(entry[name], value, "{name} of {entry}");
        }
        assert_eq!(entry["EKS_API_UID"], created["uid"]);
        assert!(entry["EKS_API_DURATION_MS"].as_str().unwrap().parse::<f64>().unwrap() > 0.0);
    }
    assert_eq!(found[0]["MESSAGE"], "create_job default/nightly from 127.0.0.1: success (201)");
    assert_eq!(found[0]["_PID"], service.pid().to_string());

    let all = journald.entries(&["MESSAGE_ID=aaea3a039a1f4a6280389f15d80cbc13"]).await;
    assert_eq!(all.len(), 5);
    let refused = journald.entries(&["EKS_API_OUTCOME=refused"]).await;
    assert_eq!(refused.len(), 1);
    assert_eq!((&refused[0]["EKS_API_REASON"], &refused[0]["PRIORITY"]), (&"namespace_protected".into(), &"4".into()));
    assert!(!service.logs().iter().any(|line| is_record(line)), "told twice");

    // A journal that has gone keeps nobody waiting, and loses nothing.
    journald.stop().await;
    service.delete("/api/eks-delete-job?job_name=hourly").await.expect_status(200);
    let line = service.log_line(is_record).await;
    let record: Value = serde_json::from_str(line.strip_prefix("<6>").unwrap()).unwrap();
    assert_eq!((&record["operation"], &record["job"]), (&"delete_job".into(), &"hourly".into()));
}
