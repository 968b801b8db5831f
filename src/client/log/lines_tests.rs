//! Logs that arrive whole, in pieces, and again after a break.

use super::*;

const LOG: &str = "==> p/c <==\n\
    2026-01-01T00:00:00Z one\n\
    2026-01-01T00:00:00.5Z two\n\
    2026-01-01T00:00:00.500000000Z three  \n\
    2026-01-01T00:00:00.51Z \n\
    2026-01-01T01:00:01+01:00 2026-01-01T00:00:00Z five\n";
const SHOWN: &str = "one\ntwo\nthree  \n\n2026-01-01T00:00:00Z five\n";

fn output(pieces: &[Piece]) -> String {
    let output =
        pieces.iter().filter_map(|piece| if let Piece::Output(bytes) = piece { Some(&bytes[..]) } else { None });
    output.map(String::from_utf8_lossy).collect()
}

#[test]
fn times_and_headings_are_removed() {
    let pieces = Lines::default().read(LOG.as_bytes());
    assert_eq!(pieces[0], Piece::Section("p/c".to_owned()));
    assert_eq!(output(&pieces), SHOWN);
}

#[test]
fn a_log_that_arrives_byte_by_byte_is_shown_immediately() {
    let mut lines = Lines::default();
    let mut shown = String::new();
    for byte in LOG.as_bytes() {
        shown += &output(&lines.read(&[*byte]));
    }
    assert_eq!(shown, SHOWN);
    assert_eq!(output(&lines.read(b"2026-01-01T00:00:02Z half")), "half", "a line without an end is shown too");
}

#[test]
fn after_a_break_no_line_is_lost_or_repeated() {
    for first in 0..=LOG.len() {
        for second in [0, first / 2, first, LOG.len()] {
            let mut lines = Lines::default();
            let mut shown = output(&lines.read(&LOG.as_bytes()[..first]));
            lines.reopen(Extent::Whole);
            shown += &output(&lines.read(&LOG.as_bytes()[..second]));
            lines.reopen(Extent::Whole);
            shown += &output(&lines.read(LOG.as_bytes()));
            assert_eq!(shown, SHOWN, "broken off after {first} and {second} bytes");
        }
    }
}

#[test]
fn a_rotated_log_continues_after_the_last_shown_line() {
    let mut lines = Lines::default();
    lines.read(LOG.as_bytes());
    lines.reopen(Extent::Whole);
    let rotated = "==> p/c <==\n2026-01-01T00:00:01Z 2026-01-01T00:00:00Z five\n2026-01-01T00:00:02Z six\n";
    assert_eq!(output(&lines.read(rotated.as_bytes())), "six\n");
}

#[test]
fn each_container_is_continued_on_its_own() {
    let log = |second: &str| {
        format!(
            "==> a/c <==\n2026-01-01T00:00:09Z a\n2026-01-01T00:00:09Z end\n\n==> b/c <==\n2026-01-01T00:00:01Z b\n{second}"
        )
    };
    let mut lines = Lines::default();
    assert_eq!(output(&lines.read(log("").as_bytes())), "a\nend\nb\n");
    lines.reopen(Extent::Whole);
    assert_eq!(output(&lines.read(log("2026-01-01T00:00:02Z more\n").as_bytes())), "more\n");
}

#[test]
fn lines_of_the_service_are_remarks() {
    let pieces = Lines::default()
        .read(b"==> p/c <==\n(waiting: ImagePullBackOff)\n\n==> q/c <==\n2026-01-01T00:00:00Z ==> r/c <==\n");
    let said = |text: &str| Piece::Remark(text.to_owned());
    let section = |text: &str| Piece::Section(text.to_owned());
    let wrote = Piece::Output(b"==> r/c <==\n".to_vec());
    assert_eq!(pieces, [section("p/c"), said("(waiting: ImagePullBackOff)"), section("q/c"), wrote]);
}

#[test]
fn log_kubelet_200_a_last_line_without_its_newline_is_a_remark() {
    let mut lines = Lines::default();
    let mut pieces = lines.read(b"==> p/c <==\nunable to retrieve container logs for containerd://0123abcd");
    assert_eq!(pieces, [Piece::Section("p/c".to_owned())]);
    pieces = lines.finish();
    let sentence = "unable to retrieve container logs for containerd://0123abcd";
    assert_eq!(pieces, [Piece::Remark(sentence.to_owned())]);
}

#[test]
fn log_rotated_a_read_without_overlap_needs_the_whole_log_and_a_loss_is_known() {
    let mut lines = Lines::default();
    lines.read(b"==> p/c <==\n2026-01-01T00:00:00Z a\n");
    let later = b"==> p/c <==\n2026-01-01T00:00:09Z z\n";
    lines.reopen(Extent::Tail);
    assert_eq!(output(&lines.read(later)), "");
    assert!(lines.is_behind() && !lines.has_lost_lines());
    lines.reopen(Extent::Whole);
    let shown = output(&lines.read(later)) + &output(&lines.finish());
    assert!(shown.is_empty() && lines.is_behind() && lines.has_lost_lines());
    lines.reopen(Extent::Whole);
    assert_eq!(output(&lines.read(later)) + &output(&lines.finish()), "z\n");
    assert!(!lines.is_behind() && lines.has_lost_lines());
}

#[test]
fn run_idle_limit_a_new_container_in_the_last_lines_needs_the_whole_log() {
    let mut lines = Lines::default();
    lines.read(b"==> p/c <==\n2026-01-01T00:00:00Z a\n");
    lines.reopen(Extent::Tail);
    let pieces = lines.read(b"==> p/c <==\n2026-01-01T00:00:00Z a\n\n==> q/c <==\n2026-01-01T00:00:01Z b\n");
    assert!(output(&pieces).is_empty() && lines.is_behind());
}
