//! The example for cron in docs/EXAMPLES.md, run as cron runs it: with its own PATH, and with output that becomes mail.

use std::process::Output;

use tokio::process::Command;

use crate::calls::BINARY;
use crate::client::examples::blocks;
use crate::client::lively;
use crate::support::Lab;
use crate::support::service::Folder;

const DOCUMENT: &str = include_str!("../../../../docs/EXAMPLES.md");

/// What the document shows, with a folder in the place of `/usr/local/bin` and of `/etc/jobs`.
struct Cron {
    folder: Folder,
    path: String,
    command: String,
}

impl Cron {
    fn new(script: &str) -> Self {
        let blocks = blocks(DOCUMENT);
        let at = blocks.iter().position(|block| block.language == "crontab").unwrap();
        let (crontab, manifest) = (&blocks[at].text, &blocks[at + 1]);
        let entry = crontab.lines().find(|line| line.starts_with(['*', '0'])).unwrap();
        let command = entry.splitn(6, ' ').nth(5).unwrap().replace("\\%", "\0");
        assert!(!command.contains('%'), "cron takes % for a newline");
        let folder = Folder::new();
        let bin = folder.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(BINARY, bin.join("eks-api")).unwrap();
        assert_eq!(manifest.language, "json");
        assert!(manifest.text.contains("echo report"));
        folder.write("report.json", &manifest.text.replace("echo report", script));
        let path = crontab.lines().find_map(|line| line.strip_prefix("PATH=")).unwrap_or("/usr/bin:/bin");
        let path = path.replace("/usr/local/bin", bin.to_str().unwrap());
        let command = command.replace('\0', "%").replace("/etc/jobs", folder.path().to_str().unwrap());
        Self { folder, path, command }
    }

    async fn run(&self, lab: &Lab, variables: &[(&str, &str)]) -> Output {
        let mut sh = Command::new("/bin/sh");
        sh.arg("-c").arg(&self.command).env_clear().current_dir(self.folder.path()).kill_on_drop(true);
        sh.env("HOME", self.folder.path()).env("SHELL", "/bin/sh").env("PATH", &self.path);
        sh.env("EKS_API_URL", format!("http://{}", lab.service.address())).envs(variables.iter().copied());
        sh.output().await.unwrap()
    }
}

async fn jobs(lab: &Lab) -> usize {
    let list = lab.service.get_directly("/api/eks-list-jobs?namespace=demo").await;
    list.json()["jobs"].as_array().unwrap().len()
}

#[tokio::test]
async fn cron_mail_nothing_is_printed_unless_the_job_fails() {
    let (lab, cron) = (lively(&[]).await, Cron::new("echo report"));
    for _ in 0..2 {
        let output = cron.run(&lab, &[]).await;
        assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    }
    assert_eq!(jobs(&lab).await, 1);
    let lab = lively(&[]).await;
    let output = Cron::new("echo no; exit 3").run(&lab, &[]).await;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let mail = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = mail.lines().collect();
    let log = ["eks-api: the last lines of the log:", "step 1 of 3", "step 2 of 3", "step 3 of 3"];
    assert_eq!(lines[..4], log, "{mail}");
    assert!(lines.len() == 5 && lines[4].contains("failed (exit code 3): BackoffLimitExceeded"), "{mail}");
    assert!(output.stdout.is_empty());
    let readme = include_str!("../../../../README.md");
    assert!(readme.contains("/usr/local/bin/"), "the program is installed where the example looks for it");
}

#[tokio::test]
async fn cron_dst_all_runs_of_a_night_have_one_key() {
    let (lab, cron) = (lively(&[]).await, Cron::new("echo report"));
    let date = cron.folder.path().join("bin/date");
    std::fs::write(&date, "#!/bin/sh\nexec /bin/date -d \"$NOW\" \"$@\"\n").unwrap();
    std::fs::set_permissions(&date, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // 03:10 and 03:40 of one night in Tehran, whose days begin at 20:30 UTC.
    for now in ["2026-03-01T23:40:00Z", "2026-03-02T00:10:00Z"] {
        let output = cron.run(&lab, &[("TZ", "<+0330>-3:30"), ("NOW", now)]).await;
        assert!(output.status.success(), "{output:?}");
    }
    assert_eq!(jobs(&lab).await, 1);
    let output = cron.run(&lab, &[("TZ", "<+0330>-3:30"), ("NOW", "2026-03-02T23:40:00Z")]).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(jobs(&lab).await, 2, "the next night has another key");
}
