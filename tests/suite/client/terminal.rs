//! What a terminal shows: one line of progress, colours, and no mixture with the log.

use std::io::{self, Write};
use std::time::Duration;

use super::batches::batch;
use super::examples::is_there;
use super::run::Run;
use super::{BINARY, begin, end, lively_for, manifest};
use crate::calls::lab;
use crate::support::Lab;

/// Runs the command on a terminal, and returns all that it writes there.
async fn on_terminal(lab: &Lab, name: &str, arguments: &str, variables: &[(&str, &str)]) -> Option<String> {
    shown(lab, &format!("run {arguments}"), &manifest(name, "true"), 0, variables).await
}

/// The same of another command with this file and exit code.
async fn shown(lab: &Lab, command: &str, file: &str, code: i32, variables: &[(&str, &str)]) -> Option<String> {
    if !is_there("script") {
        let _ = writeln!(io::stderr().lock(), "client::terminal: skipped; it needs script of util-linux");
        return None;
    }
    let command = format!("{BINARY} {command} -f job.json --url http://{}", lab.service.address());
    let mut run = Run::program("script", file, &["-qfec", &command, "/dev/null"]);
    for (name, value) in [("TERM", "xterm"), ("PATH", "/usr/bin:/bin")].iter().chain(variables) {
        run = run.env(name, value);
    }
    let ended = run.ended().await;
    assert_eq!(ended.code, Some(code), "{ended:?}");
    // The terminal shows the end of its input.
    Some(ended.stdout.replace("^D\x08\x08", ""))
}

/// The lines that are left on the screen.
fn screen(written: &str) -> Vec<String> {
    let plain =
        ["\x1b[?7l", "\x1b[?7h", "\x1b[32m", "\x1b[0m"].iter().fold(written.to_owned(), |t, s| t.replace(s, ""));
    plain.split("\r\n").map(|line| line.rsplit("\r\x1b[K").next().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn the_line_of_progress_has_state_pods_and_time_and_leaves_the_log_whole() {
    let lab = lively_for(BINARY, Duration::from_millis(300), &[]).await;
    let Some(written) = on_terminal(&lab, "one", "", &[]).await else { return };
    assert!(written.contains("\r\x1b[K\x1b[?7leks-api: job default/one is running (1 active) (0:0"), "{written:?}");
    assert!(written.contains("\x1b[32meks-api: job default/one completed\x1b[0m\r\n"), "{written:?}");
    assert_eq!(screen(&written), ["eks-api: job default/one is created", "eks-api: job default/one completed", ""]);
    let Some(written) = on_terminal(&lab, "two", "--follow", &[]).await else { return };
    let lines = screen(&written);
    assert!(lines[1].starts_with("eks-api: log of two-") && lines.len() == 7, "{written:?}");
    assert_eq!(lines[2..5], ["step 1 of 3", "step 2 of 3", "step 3 of 3"], "{written:?}");
}

#[tokio::test]
async fn a_batch_has_a_bar_until_its_end() {
    let lab = lively_for(BINARY, Duration::from_millis(700), &[]).await;
    let Some(written) = shown(&lab, "batch --follow", &batch(&["true", "exit 3"]), 1, &[]).await else { return };
    assert!(written.contains("\r\x1b[K\x1b[?7leks-api: nightly [....................] 0/2 ("), "{written:?}");
    let lines = screen(&written);
    assert_eq!(lines[0], "eks-api: batch default/nightly is created (2 jobs)", "{written:?}");
    assert!(lines[1].starts_with("INDEX") && lines[2].starts_with("1      job-1  nightly-0001  failed"), "{written:?}");
    assert!(lines[3].contains("batch default/nightly failed: 2 of 2 jobs have ended (1 failed)"), "{written:?}");
}

#[tokio::test]
async fn a_last_line_without_its_newline_stays_on_the_screen() {
    let lab = lab().await;
    let on_terminal = on_terminal(&lab, "hello", "--follow", &[]);
    let cluster = async {
        while lab.cluster.job("default", "hello").is_none() && is_there("script") {
            tokio::task::yield_now().await;
        }
        if is_there("script") {
            begin(&lab.cluster);
            lab.cluster.put_log("default", "hello-a", "main", "one\nlast");
            end(&lab.cluster, 0);
        }
    };
    let (Some(written), ()) = tokio::join!(on_terminal, cluster) else { return };
    let lines = screen(&written);
    assert_eq!(lines[lines.len() - 4..], ["one", "last", "eks-api: job default/hello completed", ""], "{written:?}");
}

#[tokio::test]
async fn no_color_and_a_dumb_terminal_are_respected() {
    let lab = lively_for(BINARY, Duration::from_millis(300), &[]).await;
    let Some(written) = on_terminal(&lab, "one", "", &[("NO_COLOR", "1")]).await else { return };
    assert!(written.contains("\r\x1b[K") && !written.contains("\x1b[32m"), "{written:?}");
    let Some(written) = on_terminal(&lab, "two", "", &[("TERM", "dumb")]).await else { return };
    assert!(!written.contains('\x1b') && written.contains("eks-api: job default/two completed\r\n"), "{written:?}");
}
