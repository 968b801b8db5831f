//! What is measured, by name. Each room adds what it found to the report; none of them knows another.

mod access;
mod batches;
mod clusters;
mod growth;
#[cfg(feature = "history")]
mod history;
mod ingest;
mod lists;
mod logs;
mod memory;
mod reads;
mod start;
mod streams;
mod waits;
#[cfg(feature = "history")]
mod webhooks;
mod writes;

use crate::bench::Bench;

type Run = for<'a> fn(&'a mut Bench) -> std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;

pub(crate) const ALL: &[(&str, &str, Run)] = &[
    ("start", "start-up time, size of the binary", |bench| Box::pin(start::run(bench))),
    ("cached", "status from the cache", |bench| Box::pin(reads::cached(bench))),
    ("direct", "status from the cluster itself", |bench| Box::pin(reads::direct(bench))),
    ("writes", "create and delete", |bench| Box::pin(writes::run(bench))),
    ("list", "100 jobs of 10,000", |bench| Box::pin(lists::run(bench))),
    ("access", "TLS on and off, each way to say who calls", |bench| Box::pin(access::run(bench))),
    ("waits", "how soon who waits for a job is told", |bench| Box::pin(waits::run(bench))),
    ("streams", "1,000 who follow a job's events", |bench| Box::pin(streams::run(bench))),
    ("logs", "a job's log", |bench| Box::pin(logs::run(bench))),
    ("growth", "status and list with more and more jobs", |bench| Box::pin(growth::run(bench))),
    ("ingest", "more and more changes a second from the cluster", |bench| Box::pin(ingest::run(bench))),
    ("memory", "with more and more jobs, connections, streams", |bench| Box::pin(memory::run(bench))),
    ("clusters", "several clusters: memory, broken ones, reloads", |bench| Box::pin(clusters::run(bench))),
    ("batches", "500 jobs at once, status and end of 1,000", |bench| Box::pin(batches::run(bench))),
    #[cfg(feature = "history")]
    ("history", "a million runs: size, pages, statistics, writing", |bench| Box::pin(history::run(bench))),
    #[cfg(feature = "history")]
    ("webhooks", "deliveries beside dead receivers, and reads meanwhile", |bench| Box::pin(webhooks::run(bench))),
];
