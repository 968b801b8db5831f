//! The generator's own end: obeys one order after another on a single thread.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant as TimestampGauge, sleep_until, timeout};

use super::connection::{Connection, Connector};
use super::{ASKED, Follow, Load, NUMBER, Order, Outcome, Report};
use crate::figures::statistics;
use crate::process;

/// Whoever does not answer for so long will not.
const PATIENCE: Duration = Duration::from_secs(30);
/// Far from the number before it, and with no common divisor with any number of jobs that is used here.
const STRIDE: u64 = 7919;

/// Serves as the generator, if this process was started for that. It ends with its standard input.
pub(crate) fn serve_if_asked() -> bool {
    if std::env::var_os(ASKED).is_none() {
        return false;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut worker = Worker::default();
        let (sender, mut lines) = mpsc::unbounded_channel();
        // Reading waits for a line, and streams have to go on meanwhile.
        std::thread::spawn(move || {
            std::io::stdin().lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        while let Some(line) = lines.recv().await {
            let report = worker.obey(serde_json::from_str(&line).unwrap()).await;
            println!("{}", serde_json::to_string(&report.unwrap_or_else(Report::Failed)).unwrap());
        }
    });
    true
}

/// Nanoseconds since the epoch, which all processes of a machine agree on.
pub(crate) fn instance_id() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()).unwrap_or_default()
}

/// Streams that are open, and when each was told something.
struct Followers {
    tasks: JoinSet<()>,
    told: UnboundedReceiver<Result<u64, String>>,
}

#[derive(Default)]
struct Worker {
    open: HashMap<u32, Vec<Connection>>,
    followed: HashMap<u32, Followers>,
}

impl Worker {
    async fn obey(&mut self, order: Order) -> Result<Report, String> {
        match order {
            Order::Open { id, target, connections } => {
                let connector = Connector::new(&target)?;
                let mut open = Vec::new();
                for _ in 0..connections {
                    let opened = timeout(PATIENCE, Connection::open(&connector)).await;
                    open.push(opened.map_err(|_| "connecting takes too long")??);
                }
                self.open.insert(id, open);
            }
            Order::Run { id, load } => {
                let connections = self.open.remove(&id).ok_or("no such group")?;
                let (outcome, connections) = run(connections, load).await?;
                self.open.insert(id, connections);
                return Ok(Report::Ran(outcome));
            }
            Order::Follow { id, follow } => drop(self.followed.insert(id, begin(follow).await?)),
            Order::Told { id } => {
                let followers = self.followed.get_mut(&id).ok_or("no such group")?;
                let mut times = Vec::new();
                while times.len() < followers.tasks.len() {
                    let told = timeout(PATIENCE, followers.told.recv()).await;
                    let told = told.map_err(|_| format!("only {} were told", times.len()))?;
                    times.push(told.ok_or("all streams have ended")??);
                }
                return Ok(Report::Told(times));
            }
            Order::Close { id } => {
                self.open.remove(&id);
                self.followed.remove(&id);
            }
        }
        Ok(Report::Done)
    }
}

/// What all connections of a run share.
struct Course {
    load: Load,
    parts: Vec<String>,
    next: AtomicU64,
    started: TimestampGauge,
    connections: u64,
}

impl Course {
    /// The number of the next request, unless it is over.
    fn number(&self) -> Option<u64> {
        if self.started.elapsed() >= Duration::from_millis(self.load.millis) {
            return None;
        }
        let taken = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| {
            self.load.count.is_none_or(|count| next < count).then_some(next + 1)
        });
        taken.ok()
    }

    fn write(&self, number: u64, request: &mut Vec<u8>) {
        let number = match self.load.of {
            0 => self.load.from + number,
            of => self.load.from + number * STRIDE % of,
        };
        request.clear();
        request.extend_from_slice(self.parts[0].as_bytes());
        let mut digits = *b"00000000";
        let mut left = number;
        for digit in digits.iter_mut().rev() {
            *digit += u8::try_from(left % 10).unwrap_or_default();
            left /= 10;
        }
        for part in &self.parts[1..] {
            request.extend_from_slice(&digits);
            request.extend_from_slice(part.as_bytes());
        }
    }
}

#[derive(Default)]
struct Tally {
    nanos: Vec<u32>,
    bytes: u64,
    failed: BTreeMap<String, u64>,
}

async fn run(connections: Vec<Connection>, load: Load) -> Result<(Outcome, Vec<Connection>), String> {
    let cpu = process::own_cpu();
    let parts = load.request.split(NUMBER).map(str::to_owned).collect();
    let (next, started) = (AtomicU64::new(0), TimestampGauge::now());
    let count = u64::try_from(connections.len()).unwrap_or_default();
    let course = Arc::new(Course { load, parts, next, started, connections: count });
    let mut tasks: Vec<JoinHandle<(Connection, Tally)>> = Vec::new();
    for (place, connection) in (0..).zip(connections) {
        tasks.push(tokio::spawn(ride(connection, Arc::clone(&course), place)));
    }
    let (mut all, mut connections) = (Tally::default(), Vec::new());
    for task in tasks {
        let (connection, tally) = task.await.map_err(|error| error.to_string())?;
        connections.push(connection);
        all.nanos.extend(tally.nanos);
        all.bytes += tally.bytes;
        tally.failed.into_iter().for_each(|(why, times)| *all.failed.entry(why).or_default() += times);
    }
    let seconds = started.elapsed().as_secs_f64();
    all.nanos.sort_unstable();
    let at = |share| statistics::quantile_of_sorted(&all.nanos, share).map_or(0.0, |nanos| f64::from(nanos) / 1e3);
    let outcome = Outcome {
        sent: course.next.load(Ordering::Relaxed),
        answered: all.nanos.len() as u64,
        bytes: all.bytes,
        seconds,
        cpu: process::own_cpu() - cpu,
        p50: at(0.5),
        p99: at(0.99),
        max: at(1.0),
        failed: all.failed,
    };
    Ok((outcome, connections))
}

/// What one connection does in a run.
async fn ride(mut connection: Connection, course: Arc<Course>, place: u32) -> (Connection, Tally) {
    let (mut tally, mut request) = (Tally::default(), Vec::new());
    let pause = course.load.rate.map(|rate| Duration::from_secs(course.connections) / u32::try_from(rate).unwrap_or(1));
    let mut due = course.started + pause.unwrap_or_default() * place / u32::try_from(course.connections).unwrap_or(1);
    while let Some(number) = course.number() {
        course.write(number, &mut request);
        let late = pause.is_some() && TimestampGauge::now() > due;
        if pause.is_some() {
            sleep_until(due).await;
        }
        // Who has to wait for the reply before counts that, too; that the clock wakes us late is not the server's doing.
        let begun = if late { due.into_std() } else { Instant::now() };
        due += pause.unwrap_or_default();
        match timeout(PATIENCE, connection.exchange(&request)).await {
            Ok(Ok(reply)) if (200..300).contains(&reply.status) => {
                tally.nanos.push(u32::try_from(begun.elapsed().as_nanos()).unwrap_or(u32::MAX));
                tally.bytes += reply.bytes;
            }
            Ok(Ok(reply)) => *tally.failed.entry(reply.status.to_string()).or_default() += 1,
            failed => {
                let why =
                    failed.map_or_else(|_| "no answer in time".to_owned(), |failed| failed.err().unwrap_or_default());
                *tally.failed.entry(why).or_default() += 1;
                break;
            }
        }
        if course.load.once {
            break;
        }
    }
    (connection, tally)
}

async fn begin(follow: Follow) -> Result<Followers, String> {
    let connector = Connector::new(&follow.target)?;
    let (sender, told) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    for _ in 0..follow.connections {
        let begun = async {
            let mut connection = Connection::open(&connector).await?;
            connection.send(follow.request.as_bytes()).await?;
            connection.read_until(follow.begun.as_bytes()).await?;
            Ok::<_, String>(connection)
        };
        let begun = timeout(PATIENCE, begun).await;
        let mut connection = begun.map_err(|_| format!("stream {} does not begin", tasks.len() + 1))??;
        let (sender, wanted) = (sender.clone(), follow.told.clone());
        tasks.spawn(async move {
            loop {
                let told = connection.read_until(wanted.as_bytes()).await.map(|()| instance_id());
                let over = told.is_err();
                if sender.send(told).is_err() || over {
                    return;
                }
            }
        });
    }
    Ok(Followers { tasks, told })
}
