//! The same request by several ways, in rounds that take turns: so all see the same machine, whatever else it does.

use crate::figures::report::{Cell, Row};
use crate::figures::statistics::{Spread, float};
use crate::generator::{Generator, Group, Load, Outcome, Target};
use crate::process;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) quick: bool,
    pub(crate) rounds: usize,
    pub(crate) millis: u64,
    pub(crate) connections: &'static [usize],
}

impl Pace {
    pub(crate) const FULL: Self = Self { quick: false, rounds: 7, millis: 300, connections: &[1, 16, 64, 512] };
    pub(crate) const QUICK: Self = Self { quick: true, rounds: 3, millis: 100, connections: &[1, 64] };

    /// A run of this pace.
    pub(crate) fn load(self, request: String) -> Load {
        Load { request, millis: self.millis, ..Load::default() }
    }

    /// With three times as many rounds: for what the API server does by each of the ways, which varies so much from one to
    /// the next that the median of a few says little.
    pub(crate) const fn patient(self) -> Self {
        Self { rounds: self.rounds * 3, ..self }
    }

    pub(crate) const fn pick<T: Copy>(self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// One of the ways to have a request answered.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) target: Target,
    /// Of the server at the other end.
    pub(crate) pids: Vec<u32>,
    pub(crate) load: Load,
    /// Undoes what a round has done, with the same numbers. It is measured, too, as a scenario of its own.
    pub(crate) undo: Option<Load>,
}

impl Way {
    pub(crate) fn new(name: &'static str, target: Target, pids: Vec<u32>, load: Load) -> Self {
        Self { name, target, pids, load, undo: None }
    }
}

/// What the rounds of one way gave.
#[derive(Default)]
struct Rounds {
    outcomes: Vec<Outcome>,
    cpu: f64,
}

impl Rounds {
    fn each(&self, value: impl Fn(&Outcome) -> f64) -> Vec<f64> {
        self.outcomes.iter().map(value).collect()
    }

    fn cell(&self, name: &str, reference: &Self) -> Cell {
        let sum = |value: fn(&Outcome) -> u64| float(self.outcomes.iter().map(value).sum::<u64>());
        let seconds: f64 = self.outcomes.iter().map(|outcome| outcome.seconds).sum();
        let mut failed = std::collections::BTreeMap::new();
        for (why, times) in self.outcomes.iter().flat_map(|outcome| &outcome.failed) {
            *failed.entry(why.clone()).or_insert(0) += times;
        }
        let spread = |value: fn(&Outcome) -> f64| Spread::of(&self.each(value)).unwrap_or_default();
        Cell {
            way: name.to_owned(),
            rate: spread(Outcome::rate),
            p50: spread(|outcome| outcome.p50),
            p99: spread(|outcome| outcome.p99),
            ratio: Spread::of_ratios(&self.each(Outcome::rate), &reference.each(Outcome::rate)).unwrap_or_default(),
            server_cpu: self.cpu * 1e6 / sum(|outcome| outcome.answered).max(1.0),
            generator: self.each(|outcome| outcome.cpu).iter().sum::<f64>() / seconds,
            megabytes: sum(|outcome| outcome.bytes) / 1e6 / seconds,
            failed,
            missing: None,
        }
    }
}

/// Has the ways compete, and returns the rows: one for the requests and, if they can be undone, one for that. The first
/// of the ways that are there is what the ratios are to.
pub(crate) fn contest(
    generator: &mut Generator,
    pace: Pace,
    (scenario, undoing): (&str, &str),
    connections: usize,
    ways: &mut [Result<Way, (&'static str, String)>],
) -> Vec<Row> {
    let mut missing: Vec<Cell> = Vec::new();
    let mut there: Vec<(Group, &mut Way)> = Vec::new();
    for way in ways {
        match way {
            Ok(way) => match generator.open(&way.target, connections) {
                Ok(group) => there.push((group, way)),
                Err(why) => missing.push(Cell::missing(way.name, &why)),
            },
            Err((name, why)) => missing.push(Cell::missing(name, why)),
        }
    }
    let mut done: Vec<[Rounds; 2]> = there.iter().map(|_| Default::default()).collect();
    for number in 0..=pace.rounds {
        // Each goes first as often as the others.
        for place in 0..there.len() {
            let which = (number + place) % there.len();
            let (group, way) = &mut there[which];
            match turn(generator, *group, way) {
                // The first round warms up.
                Ok(_) if number == 0 => {}
                Ok(turns) => {
                    for (rounds, (outcome, cpu)) in done[which].iter_mut().zip(turns) {
                        rounds.outcomes.push(outcome);
                        rounds.cpu += cpu;
                    }
                }
                Err(why) => missing.push(Cell::missing(way.name, &why)),
            }
        }
    }
    let names: Vec<_> = there.iter().map(|(_, way)| way.name).collect();
    for (group, _) in &there {
        generator.close(*group);
    }
    let mut rows = Vec::new();
    for (part, scenario) in [scenario, undoing].into_iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        let there = names.iter().zip(&done).filter(|(_, rounds)| !rounds[part].outcomes.is_empty());
        let mut cells: Vec<Cell> = there.map(|(name, rounds)| rounds[part].cell(name, &done[0][part])).collect();
        cells.extend(missing.iter().filter(|cell| !names.contains(&cell.way.as_str())).cloned());
        rows.push(Row { scenario: scenario.to_owned(), connections, cells });
    }
    rows
}

/// One round of one way, and its undoing, each with the server's CPU time.
fn turn(generator: &mut Generator, group: Group, way: &mut Way) -> Result<Vec<(Outcome, f64)>, String> {
    let pids = &way.pids;
    let mut measured = |load: &Load| {
        let busy = || pids.iter().map(|pid| process::cpu(*pid)).sum::<f64>();
        let before = busy();
        let outcome = generator.run(group, load)?;
        Ok::<_, String>((outcome, busy() - before))
    };
    let mut turns = vec![measured(&way.load)?];
    if let Some(undo) = &way.undo {
        let sent = turns[0].0.sent;
        turns.push(measured(&Load { from: way.load.from, count: Some(sent), ..undo.clone() })?);
        way.load.from += sent;
    }
    Ok(turns)
}
