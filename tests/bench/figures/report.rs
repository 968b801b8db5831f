//! All that was measured, in one value: what the table, the JSON file and the page are made of.

use std::collections::BTreeMap;

use serde::Serialize;

use super::statistics::Spread;

/// What the figures were measured on.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gb: f64,
    pub(crate) kernel: String,
    /// The load average, before and after.
    pub(crate) load: Vec<f64>,
}

/// What one way achieved in a row. Times are microseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Cell {
    pub(crate) way: String,
    /// Replies a second.
    pub(crate) rate: Spread,
    pub(crate) p50: Spread,
    pub(crate) p99: Spread,
    /// Of the rate, to the row's first way, round by round.
    pub(crate) ratio: Spread,
    /// Microseconds of the server's CPU time for each reply.
    pub(crate) server_cpu: f64,
    /// How much of a core the generator took.
    pub(crate) generator: f64,
    /// Of bodies, a second.
    pub(crate) megabytes: f64,
    pub(crate) failed: BTreeMap<String, u64>,
    /// Why nothing was measured.
    pub(crate) missing: Option<String>,
}

impl Cell {
    pub(crate) fn missing(way: &str, why: &str) -> Self {
        Self { way: way.to_owned(), missing: Some(why.to_owned()), ..Self::default() }
    }
}

/// One request by several ways.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) scenario: String,
    pub(crate) connections: usize,
    pub(crate) cells: Vec<Cell>,
}

impl Row {
    pub(crate) fn way(&self, name: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.way == name && cell.missing.is_none())
    }
}

/// A figure that stands alone.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: String,
    /// Nothing if it could not be measured.
    pub(crate) value: Option<Spread>,
    pub(crate) note: String,
}

/// How something grows with something else.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Series {
    pub(crate) file: String,
    pub(crate) title: String,
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) lines: Vec<(String, Vec<(f64, f64)>)>,
}

/// What the service is held to.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) met: bool,
    pub(crate) measured: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) binary_bytes: u64,
    /// What played the API server where the service is compared with others.
    pub(crate) api_server: String,
    pub(crate) quick: bool,
    pub(crate) scenarios: Vec<String>,
    pub(crate) seconds: f64,
    pub(crate) rows: Vec<Row>,
    pub(crate) figures: Vec<Figure>,
    pub(crate) series: Vec<Series>,
    pub(crate) bars: Vec<Bar>,
}

impl Report {
    pub(crate) fn figure(&mut self, name: &str, unit: &str, values: &[f64], note: &str) {
        let [name, unit, note] = [name, unit, note].map(str::to_owned);
        self.figures.push(Figure { name, unit, value: Spread::of(values), note });
    }

    pub(crate) fn bar(&mut self, name: &str, met: bool, measured: String) {
        self.bars.push(Bar { name: name.to_owned(), met, measured });
    }

    pub(crate) fn series(
        &mut self,
        file: &str,
        title: &str,
        (x, y): (&str, &str),
        lines: Vec<(String, Vec<(f64, f64)>)>,
    ) {
        let [file, title, x, y] = [file, title, x, y].map(str::to_owned);
        self.series.push(Series { file, title, x, y, lines });
    }

    pub(crate) fn row(&self, scenario: &str, connections: usize) -> Option<&Row> {
        self.rows.iter().find(|row| row.scenario == scenario && row.connections == connections)
    }
}
