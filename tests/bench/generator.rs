//! The load: a process of its own, this very program started once more, which keeps connections open and sends requests
//! on them when it is told to. It works on one thread, so that it takes one core at most, and tells how much it took. Here
//! is what is said to it; `worker` is the other end.

pub(crate) mod connection;
mod reply;
mod worker;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::{Deserialize, Serialize};

pub(crate) use connection::Target;
pub(crate) use worker::{instance_id, serve_if_asked};

const ASKED: &str = "EKS_API_BENCH_GENERATOR";
/// Stands in a request for a number of as many digits.
pub(crate) const NUMBER: &str = "########";

/// What is sent on the connections of a group: each sends the next request when the last is answered.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Load {
    /// The request, byte by byte.
    pub(crate) request: String,
    /// The numbers begin with this one.
    pub(crate) from: u64,
    /// And after so many they begin again, not in their order. 0: they go on.
    pub(crate) of: u64,
    /// Ends after so many requests at the latest,
    pub(crate) count: Option<u64>,
    /// and begins no more after so many milliseconds.
    pub(crate) millis: u64,
    /// So many requests a second, if they are not to be as many as can be.
    pub(crate) rate: Option<u64>,
    /// One request on each connection.
    pub(crate) once: bool,
}

/// What became of it. Times are microseconds.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Outcome {
    /// How many numbers were used.
    pub(crate) sent: u64,
    /// Replies of the class 2xx.
    pub(crate) answered: u64,
    /// All others, by what was wrong.
    pub(crate) failed: BTreeMap<String, u64>,
    pub(crate) bytes: u64,
    pub(crate) seconds: f64,
    /// How long the generator kept a processor busy, in seconds.
    pub(crate) cpu: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Outcome {
    pub(crate) fn rate(&self) -> f64 {
        crate::figures::statistics::float(self.answered) / self.seconds
    }
}

/// Streams that stay open, and what tells that they have begun, and that something was told on them.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Follow {
    pub(crate) target: Target,
    pub(crate) connections: usize,
    pub(crate) request: String,
    pub(crate) begun: String,
    pub(crate) told: String,
}

#[derive(Debug, Deserialize, Serialize)]
enum Order {
    Open {
        id: u32,
        target: Target,
        connections: usize,
    },
    Run {
        id: u32,
        load: Load,
    },
    Follow {
        id: u32,
        follow: Follow,
    },
    /// Until all streams of the group were told something once more.
    Told {
        id: u32,
    },
    Close {
        id: u32,
    },
}

#[derive(Debug, Deserialize, Serialize)]
enum Report {
    Done,
    Ran(Outcome),
    /// When each was told, in nanoseconds since the epoch.
    Told(Vec<u64>),
    Failed(String),
}

/// A group of connections or streams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group(u32);

/// The process, which ends with this value.
#[derive(Debug)]
pub(crate) struct Generator {
    child: Child,
    orders: ChildStdin,
    reports: BufReader<ChildStdout>,
    groups: u32,
}

impl Generator {
    pub(crate) fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.env(ASKED, "yes").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (orders, reports) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, orders, reports, groups: 0 }
    }

    pub(crate) fn open(&mut self, target: &Target, connections: usize) -> Result<Group, String> {
        let group = self.group();
        self.done(&Order::Open { id: group.0, target: target.clone(), connections })?;
        Ok(group)
    }

    pub(crate) fn run(&mut self, group: Group, load: &Load) -> Result<Outcome, String> {
        match self.ask(&Order::Run { id: group.0, load: load.clone() })? {
            Report::Ran(outcome) => Ok(outcome),
            other => Err(format!("{other:?}")),
        }
    }

    pub(crate) fn follow(&mut self, follow: Follow) -> Result<Group, String> {
        let group = self.group();
        self.done(&Order::Follow { id: group.0, follow })?;
        Ok(group)
    }

    /// Waits until all of the group were told something that `happen` makes happen.
    pub(crate) fn told(&mut self, group: Group, happen: impl FnOnce()) -> Result<Vec<u64>, String> {
        self.tell(&Order::Told { id: group.0 })?;
        happen();
        match self.report()? {
            Report::Told(times) => Ok(times),
            other => Err(format!("{other:?}")),
        }
    }

    pub(crate) fn close(&mut self, group: Group) {
        // A group that was never opened is closed already.
        let _ = self.done(&Order::Close { id: group.0 });
    }

    const fn group(&mut self) -> Group {
        self.groups += 1;
        Group(self.groups)
    }

    fn done(&mut self, order: &Order) -> Result<(), String> {
        match self.ask(order)? {
            Report::Done => Ok(()),
            other => Err(format!("{other:?}")),
        }
    }

    /// Blocks this thread: what else this process does, such as playing the cluster, is the others' work.
    fn ask(&mut self, order: &Order) -> Result<Report, String> {
        self.tell(order)?;
        self.report()
    }

    fn tell(&mut self, order: &Order) -> Result<(), String> {
        let line = serde_json::to_string(order).unwrap() + "\n";
        self.orders.write_all(line.as_bytes()).map_err(|error| error.to_string())
    }

    fn report(&mut self) -> Result<Report, String> {
        let mut line = String::new();
        tokio::task::block_in_place(|| self.reports.read_line(&mut line)).map_err(|error| error.to_string())?;
        match serde_json::from_str(&line) {
            Ok(Report::Failed(why)) => Err(why),
            Ok(report) => Ok(report),
            Err(error) => Err(format!("the generator said {line:?}: {error}")),
        }
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
