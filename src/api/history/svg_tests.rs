//! Tests of the plot. How it looks is not tested.

use super::*;

fn slot(label: &str, runs: u64, failed: u64, times: Option<(u64, u64)>) -> Slot {
    let (p50, p95) = times.unzip();
    Slot { label: label.to_owned(), runs, completed: runs - failed, failed, p50, p95 }
}

fn chart(slots: Vec<Slot>) -> String {
    Chart { title: "Runs per day, cluster a<b>&c".to_owned(), slots }.svg()
}

/// The numbers of an attribute.
fn numbers(svg: &str, attribute: &str) -> Vec<u64> {
    let mark = format!(" {attribute}=\"");
    svg.split(&mark).skip(1).map(|rest| rest.split('"').next().unwrap().parse().unwrap()).collect()
}

#[test]
fn a_plot_without_runs_says_so() {
    for slots in [Vec::new(), vec![slot("2026-11-27", 0, 0, None)]] {
        let svg = chart(slots);
        assert!(svg.contains(">No runs in this time<") && svg.contains("prefers-color-scheme:dark"), "{svg}");
    }
    assert!(!chart(vec![slot("2026-11-27", 1, 0, None)]).contains("No runs"));
}

#[test]
fn texts_are_escaped() {
    let svg = chart(vec![slot("<x>", 1, 0, None)]);
    assert!(svg.contains("cluster a&lt;b&gt;&amp;c<") && svg.contains("<title>&lt;x&gt;: 1 runs"), "{svg}");
    assert!(!svg.contains("<x>") && !svg.contains("<b>"));
}

#[test]
fn a_bar_has_its_failures_at_the_bottom_and_a_tooltip() {
    let svg = chart(vec![slot("2026-11-27", 10, 4, Some((60_000, 3_660_000))), slot("2026-11-28", 5, 0, None)]);
    let rect =
        |class: &str| svg.lines().find(|line| line.starts_with(&format!("<rect class=\"{class}\" x=\"1206"))).unwrap();
    let (failed, completed) = (rect("failed"), rect("completed"));
    assert_eq!((numbers(failed, "y")[0], numbers(failed, "height")[0]), (BOTTOM - 1040, 1040));
    assert_eq!((numbers(completed, "y")[0], numbers(completed, "height")[0]), (TOP, 1560));
    let tooltip = "<title>2026-11-27: 10 runs, 6 completed, 4 failed, p50 1m, p95 1h01m</title>";
    assert!(svg.contains(tooltip) && svg.contains("<title>2026-11-28: 5 runs, 5 completed, 0 failed</title>"), "{svg}");
}

#[test]
fn a_line_has_a_gap_where_no_run_ended() {
    let times = [Some((1, 1)), Some((2, 2)), None, Some((3, 3))];
    let svg = chart(times.into_iter().map(|times| slot("", 1, 0, times)).collect());
    let path = svg.lines().find(|line| line.starts_with("<path class=\"p50\"")).unwrap();
    assert_eq!((path.matches('M').count(), path.matches('L').count()), (2, 1), "{path}");
}

#[test]
fn everything_is_within_the_picture_for_any_numbers() {
    for (runs, time) in [(0, 0), (1, 999), (7, 1000), (1_000_000, u64::MAX), (u64::MAX, 1)] {
        let svg = chart(vec![slot("2026-11-27", runs, runs / 3, Some((time / 2, time))); 366]);
        for (attribute, most) in [("x", WIDTH), ("y", HEIGHT), ("height", HEIGHT), ("width", WIDTH)] {
            assert!(numbers(&svg, attribute).into_iter().all(|number| number <= most), "{runs} {time} {attribute}");
        }
        assert!(svg.matches("<text").count() < 40, "{runs} {time}");
    }
}

#[test]
fn steps_are_easy_to_read() {
    assert_eq!([0, 1, 3, 6, 11, 21, 200].map(count_step), [1, 1, 5, 10, 20, 50, 200]);
    let seconds = |seconds: u64| time_step(seconds * 1000) / 1000;
    assert_eq!([0, 3, 40, 700, 40_000, 90_000].map(seconds), [1, 5, 60, 900, 43_200, 172_800]);
}
