//! How fast and how small the service is, side by side with a floor (a bare hyper server), the API server itself and
//! `kubectl proxy`, all in one run. `tests/bench/run` builds what is measured and starts this; docs/PERFORMANCE.md says
//! what the rows mean.
//!
//!     tests/bench/run [--quick] [--write] [SCENARIO...]
//!
//! The service, the load, the floor and a real API server are processes of their own; the stub is this one. Prints the
//! tables and writes them, as JSON and with a picture of each series, to target/bench. Ends with 1 if a bar is missed.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it prints what it measured, and panics if it cannot")]
#![allow(clippy::print_stderr, clippy::panic, reason = "a wrong argument is told, and ends it")]

#[path = "../support/mod.rs"]
mod support;

mod bench;
mod cluster;
mod contest;
mod figures;
mod floor;
mod generator;
mod process;
mod scenarios;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use bench::Bench;
use contest::Pace;
use figures::report::Report;
use figures::{chart, page, table};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

struct Arguments {
    quick: bool,
    write: bool,
    scenarios: Vec<String>,
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments { quick: false, write: false, scenarios: Vec::new() };
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            // cargo's own.
            "--bench" => {}
            "--quick" => found.quick = true,
            "--write" => found.write = true,
            name if scenarios::ALL.iter().any(|(known, ..)| *known == name) => found.scenarios.push(name.to_owned()),
            unknown => return Err(format!("{unknown:?} is no scenario and no option")),
        }
    }
    if found.write && (found.quick || !found.scenarios.is_empty()) {
        return Err("--write needs a full run: leave out --quick and the scenarios".to_owned());
    }
    Ok(found)
}

fn main() -> ExitCode {
    floor::serve_if_asked();
    if generator::serve_if_asked() {
        return ExitCode::SUCCESS;
    }
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(why) => {
            eprintln!("{why}\n\ntests/bench/run [--quick] [--write] [SCENARIO...]\n");
            for &(name, what, _) in scenarios::ALL {
                eprintln!("  {name:<8} {what}");
            }
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let report = runtime.block_on(measure(&arguments));
    let tables = table::markdown(&report);
    println!("{tables}");
    write(&report, &tables);
    if arguments.write {
        write_page(&report);
    }
    if report.bars.iter().all(|bar| bar.met) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn measure(arguments: &Arguments) -> Report {
    let begun = Instant::now();
    let report = Report {
        machine: process::machine(),
        binary_bytes: std::fs::metadata(cluster::binary()).unwrap().len(),
        api_server: "the stub".to_owned(),
        quick: arguments.quick,
        scenarios: Vec::new(),
        seconds: 0.0,
        rows: Vec::new(),
        figures: Vec::new(),
        series: Vec::new(),
        bars: Vec::new(),
    };
    let pace = if arguments.quick { Pace::QUICK } else { Pace::FULL };
    let mut bench = Bench::new(pace, report);
    for &(name, what, run) in scenarios::ALL {
        if !arguments.scenarios.is_empty() && !arguments.scenarios.iter().any(|wanted| wanted == name) {
            continue;
        }
        let started = Instant::now();
        eprint!("{name}: {what} ... ");
        run(&mut bench).await;
        eprintln!("{:.1} s", started.elapsed().as_secs_f64());
        bench.report.scenarios.push(name.to_owned());
    }
    let mut report = bench.report;
    report.machine.load.push(process::load());
    report.seconds = begun.elapsed().as_secs_f64();
    report
}

/// Writes the report to the target directory.
fn write(report: &Report, tables: &str) {
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| format!("{ROOT}/target"));
    let folder = Path::new(&target).join("bench");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("report.json"), serde_json::to_string_pretty(report).unwrap()).unwrap();
    std::fs::write(folder.join("report.md"), tables).unwrap();
    for series in &report.series {
        std::fs::write(folder.join(format!("{}.svg", series.file)), chart::svg(series)).unwrap();
    }
    println!("{} has report.json, report.md and {} pictures", folder.display(), report.series.len());
}

/// Puts the table of bars into docs/PERFORMANCE.md.
fn write_page(report: &Report) {
    let path = Path::new(ROOT).join("docs/PERFORMANCE.md");
    let text = page::with(&std::fs::read_to_string(&path).unwrap(), &table::bars(&report.bars));
    std::fs::write(&path, text.unwrap()).unwrap();
    println!("docs/PERFORMANCE.md has the table of bars");
}
