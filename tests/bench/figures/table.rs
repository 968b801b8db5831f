//! The report in words: tables in Markdown, which can be read as they are.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::report::{Bar, Cell, Figure, Report, Row};
use super::statistics::Spread;

pub(crate) fn markdown(report: &Report) -> String {
    let mut text = machine(report);
    let mut scenarios: Vec<&str> = report.rows.iter().map(|row| row.scenario.as_str()).collect();
    let mut known = BTreeSet::new();
    scenarios.retain(|scenario| known.insert(*scenario));
    for scenario in scenarios {
        let _ = write!(text, "\n### {}\n\n", capital(scenario));
        text.push_str("| connections | way | replies/s | of the first | p50 µs | p99 µs | ");
        text.push_str("server's CPU µs | generator | MB/s |\n|---|---|---|---|---|---|---|---|---|\n");
        for row in report.rows.iter().filter(|row| row.scenario == scenario) {
            row.cells.iter().for_each(|cell| text.push_str(&line(row, cell)));
        }
    }
    if !report.figures.is_empty() {
        text.push_str("\n### Single figures\n\n| what | median | least to most | |\n|---|---|---|---|\n");
        report.figures.iter().for_each(|found| text.push_str(&figure(found)));
    }
    if !report.bars.is_empty() {
        let _ = write!(text, "\n### Bars\n\n{}", bars(&report.bars));
    }
    text
}

/// The bars alone, for docs/PERFORMANCE.md.
pub(crate) fn bars(bars: &[Bar]) -> String {
    let mut text = "| bar | measured | |\n|---|---|---|\n".to_owned();
    for Bar { name, met, measured } in bars {
        let _ = writeln!(text, "| {name} | {measured} | {} |", if *met { "met" } else { "MISSED" });
    }
    text
}

fn machine(report: &Report) -> String {
    let machine = &report.machine;
    let load: Vec<String> = machine.load.iter().map(|load| format!("{load:.1}")).collect();
    format!(
        "{}, {} cores, {} GB, Linux {}; load average {} (before, after). The API server is {}; the binary has {} bytes. \
         {} run of {:.0} s: {}.\n",
        machine.processor,
        machine.cores,
        machine.memory_gb,
        machine.kernel,
        load.join(", "),
        report.api_server,
        report.binary_bytes,
        if report.quick { "A quick" } else { "A full" },
        report.seconds,
        report.scenarios.join(", ")
    )
}

pub(crate) fn line(row: &Row, cell: &Cell) -> String {
    let Row { connections, .. } = row;
    if let Some(why) = &cell.missing {
        return format!("| {connections} | {} | {} | | | | | | |\n", cell.way, plain(why));
    }
    let failed: u64 = cell.failed.values().sum();
    let failed = if failed > 0 { format!(" ({failed} FAILED: {})", plain(&reasons(cell))) } else { String::new() };
    // A generator that has no time left is what was measured, and not the server.
    let bound = if cell.generator > 0.95 { " (all of it)" } else { "" };
    format!(
        "| {connections} | {} | {}{failed} | {} | {} | {} | {} | {:.0} %{bound} | {} |\n",
        cell.way,
        spread(cell.rate),
        ratio(cell.ratio),
        short(cell.p50.median),
        short(cell.p99.median),
        short(cell.server_cpu),
        cell.generator * 100.0,
        short(cell.megabytes)
    )
}

fn reasons(cell: &Cell) -> String {
    let reasons: Vec<String> = cell.failed.iter().map(|(why, times)| format!("{why}: {times}")).collect();
    reasons.join(", ")
}

pub(crate) fn figure(Figure { name, unit, value, note }: &Figure) -> String {
    let Some(value) = value else { return format!("| {name} | not measured | | {} |\n", plain(note)) };
    let one = value.least.to_bits() == value.most.to_bits();
    let range = if one { String::new() } else { format!("{} to {}", short(value.least), short(value.most)) };
    format!("| {name} | {} {unit} | {range} | {} |\n", short(value.median), plain(note))
}

fn spread(Spread { median, least, most }: Spread) -> String {
    format!("{} ({} to {})", short(median), short(least), short(most))
}

fn ratio(Spread { median, least, most }: Spread) -> String {
    if median >= 10.0 { format!("{median:.1}") } else { format!("{median:.3} ({least:.3} to {most:.3})") }
}

/// Three digits that count, and no more.
pub(crate) fn short(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 || size == 0.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        size if size >= 1.0 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

/// A text that stays within its cell.
fn plain(text: &str) -> String {
    text.replace(['\r', '\n'], " ").replace('|', "/")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}
