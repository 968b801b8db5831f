//! Tests of followed logs with a kubelet whose streams end early, break, or fall silent. Time is paused: it advances when
//! all tasks wait.

#[path = "kubelet_tests.rs"]
mod kubelet;

use std::time::Duration;

use super::tests::kubelet::{Fault, Kubelet, Line, read};
use crate::api::jobs::logs::error::LogError;
use crate::jobs::logs::LogUnavailable;
use crate::kube::error::Error as KubeError;

/// The lines that the container writes.
const LINES: &[Line] = &[(0, 50, "a"), (1, 50, "b"), (4, 7, "c"), (5, 51, "b"), (30, 52, "d")];
const TEXT: &str = "a\nb\nc\nb\nd\n";

fn refused(reason: &str, message: &str) -> KubeError {
    kubelet::refused(500, reason, message)
}

#[tokio::test(start_paused = true)]
async fn log_rotated_a_stream_that_ended_early_is_reopened() {
    for all in [false, true] {
        for end in 0..33 {
            let kubelet = Kubelet::new(LINES, 33).with([Fault::End(end)]);
            let (ended, text, _) = read(kubelet, all).await;
            assert_eq!((ended.is_ok(), kubelet::body(&text)), (true, TEXT), "ended after {end} s");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn log_order_a_stream_that_breaks_is_reopened() {
    for cut in 0..33 {
        for kind in [Fault::Cut, Fault::CutInLine, Fault::End] {
            let kubelet = Kubelet::new(LINES, 33).with([kind(cut), Fault::Cut(cut + 2), Fault::End(cut + 9)]);
            let (ended, text, _) = read(kubelet, false).await;
            assert_eq!((ended.is_ok(), &text[..]), (true, TEXT), "cut after {cut} s");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn log_silent_end_a_silent_stream_ends_with_its_container() {
    for lines in [&LINES[..1], LINES] {
        for hang in 0..33 {
            let kubelet = Kubelet::new(lines, 33).with([Fault::Hang(hang), Fault::Hang(hang + 3)]);
            let (ended, text, time) = read(kubelet, false).await;
            let expected: String = lines.iter().flat_map(|line| [line.2, "\n"]).collect();
            assert_eq!((ended.is_ok(), text), (true, expected), "silent after {hang} s");
            assert!(time < Duration::from_secs(33 + 25), "{time:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn log_silent_end_a_silent_stream_of_a_container_that_writes_is_replaced_within_20_s() {
    let lines: &[Line] = &[(0, 0, "a"), (2, 1, "b"), (300, 2, "c")];
    let (ended, text, _) = read(Kubelet::new(lines, 301).with([Fault::Hang(1)]), false).await;
    assert_eq!((ended.is_ok(), &text[..]), (true, "a\nb\nc\n"));
    // A new stream of a quiet log reads its last lines, not all of it.
    let kubelet = Kubelet::new(lines, 301);
    let asked = kubelet.asked();
    read(kubelet, false).await.0.unwrap();
    let asked = asked.lock().unwrap();
    assert!((13..=20).contains(&asked.len()), "{}", asked.len());
    assert!(asked[1..].iter().all(|options| options.tail_lines == Some(1024)), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn log_tls_newnode_a_temporary_failure_is_retried() {
    let tls = || refused("InternalError", "remote error: tls: internal error");
    let away = || refused("", "dial tcp 10.0.3.7:10250: connect: connection refused");
    for all in [false, true] {
        for times in [1, 2, 6] {
            for error in [&tls as &dyn Fn() -> KubeError, &away] {
                let kubelet = Kubelet::new(LINES, 33).with((0..times).map(|_| Fault::Refuse(error())));
                let (ended, text, _) = read(kubelet, all).await;
                assert_eq!((ended.is_ok(), kubelet::body(&text)), (true, TEXT));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn log_tls_newnode_a_lasting_failure_is_reported() {
    let away = || Fault::Refuse(refused("InternalError", "i/o timeout"));
    let (ended, text, time) = read(Kubelet::new(LINES, 9999).with((0..999).map(|_| away())), false).await;
    assert!(matches!(ended, Err(LogError::LogUnavailable { why: LogUnavailable::Refused(_), .. })), "{ended:?}");
    assert_eq!(text, "");
    assert!((120..140).contains(&time.as_secs()), "{time:?}");
    // With several containers, the others are sent, and the stream is aborted.
    let (ended, text, _) = read(Kubelet::new(LINES, 0).with((0..999).map(|_| away())), true).await;
    assert!(matches!(ended, Err(LogError::Incomplete(_))), "{ended:?}");
    assert_eq!(text, "==> p/main <==\n(the API server answered 500: i/o timeout)\n");
    // A log that was sent in part is an error.
    let faults = std::iter::once(Fault::Cut(3)).chain((0..999).map(|_| away()));
    let (ended, text, _) = read(Kubelet::new(LINES, 9999).with(faults), false).await;
    assert_eq!((ended.is_err(), &text[..]), (true, "a\nb\n"));
}

#[tokio::test(start_paused = true)]
async fn log_kubelet_200_a_message_of_the_kubelet_is_not_sent_as_a_line() {
    let sentence = "unable to retrieve container logs for containerd://0123abcd";
    let said = |times| (0..times).map(move |_| Fault::Say(0, sentence));
    let (ended, text, time) = read(Kubelet::new(&[], 0).with(said(99)), true).await;
    assert_eq!((ended.is_ok(), text), (true, format!("==> p/main <==\n({sentence})\n")));
    assert!(time < Duration::from_secs(10), "{time:?}");
    let (ended, ..) = read(Kubelet::new(&[], 0).with(said(99)), false).await;
    assert!(
        matches!(ended, Err(LogError::LogUnavailable { why: LogUnavailable::Kubelet(text), .. }) if text == sentence)
    );
    // The message is temporary, or follows a part of the log.
    let watcher = "failed to create fsnotify watcher: too many open files";
    for faults in [vec![Fault::Say(0, sentence)], vec![Fault::Say(2, watcher), Fault::Say(9, watcher)]] {
        let (ended, text, _) = read(Kubelet::new(LINES, 33).with(faults), false).await;
        assert_eq!((ended.is_ok(), &text[..]), (true, TEXT));
    }
}

#[tokio::test(start_paused = true)]
async fn log_restart_rules_every_run_is_followed() {
    let (zero, one): (&[Line], &[Line]) = (&[(0, 1, "run zero")], &[(5, 2, "run one")]);
    // If the stream of the first run ends early, its rest is read as the previous run.
    for faults in [vec![], vec![Fault::End(0)], vec![Fault::Hang(0)], vec![Fault::Cut(0)]] {
        let kubelet = Kubelet::new(zero, 2).then(5, one, 9).with(faults);
        let (ended, text, _) = read(kubelet, false).await;
        assert_eq!((ended.is_ok(), &text[..]), (true, "run zero\nrun one\n"));
    }
}

#[tokio::test(start_paused = true)]
async fn log_tls_newnode_an_image_that_cannot_be_pulled_is_retried() {
    let (ended, text, _) = read(Kubelet::new(LINES, 133).waiting(100, "ImagePullBackOff"), false).await;
    assert_eq!((ended.is_ok(), &text[..]), (true, TEXT));
    let (ended, text, time) = read(Kubelet::new(LINES, 9999).waiting(9998, "ErrImagePull"), false).await;
    assert!(matches!(ended, Err(LogError::LogUnavailable { why: LogUnavailable::Waiting(_), .. })), "{ended:?}");
    assert_eq!((&text[..], time.as_secs() / 10), ("", 12));
    let (ended, _, time) = read(Kubelet::new(LINES, 9999).waiting(9998, "InvalidImageName"), false).await;
    assert!(ended.is_err() && time.is_zero());
    // With several containers, the reason is sent at once, and the log when it exists.
    let (ended, text, _) = read(Kubelet::new(LINES, 633).waiting(600, "ImagePullBackOff"), true).await;
    let expected = format!("==> p/main <==\n(waiting: ImagePullBackOff)\n\n==> p/main <==\n{TEXT}");
    assert_eq!((ended.is_ok(), text), (true, expected));
}

#[tokio::test(start_paused = true)]
async fn log_rotated_missing_lines_abort_the_stream() {
    // When the log is reopened, its first four lines are gone; two of them were not sent.
    let kubelet = Kubelet::new(LINES, 33).with([Fault::Cut(4)]).rotated(4, 4);
    let (ended, text, _) = read(kubelet, false).await;
    assert!(matches!(ended, Err(LogError::Incomplete(_))), "{ended:?}");
    assert_eq!(text, "a\nb\nd\n");
}

#[tokio::test(start_paused = true)]
async fn log_silent_end_a_job_that_is_gone_ends_the_stream_regularly_only_if_its_log_did() {
    let (whole, hangs, cut) = (vec![], vec![Fault::Hang(1)], vec![Fault::Cut(1)]);
    for (faults, gone, is_whole) in [(whole, 2, true), (hangs, 2, false), (cut, 1, false)] {
        let (ended, text, _) = read(Kubelet::new(&LINES[..2], 2).gone(gone).with(faults), false).await;
        let ended_well = matches!(ended, Ok(()) | Err(LogError::JobGone(_)));
        assert_eq!(ended_well, is_whole, "{ended:?} {text}");
    }
}
