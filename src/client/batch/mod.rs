//! `eks-api batch`: [`run`] submits a batch, and follows it to its end if that is asked for.

pub mod body;
pub mod follow;
pub mod retry;
pub mod status;
pub mod submit;

use std::cell::RefCell;

use tokio::signal::unix::SignalKind;
use tokio::time::{Duration, sleep};

use crate::client::batch::body::Body;
use crate::client::batch::status::Batch;
use crate::client::command::print::print;
use crate::client::exit::{Exit, INTERRUPTED, TERMINATED, TIMED_OUT};
use crate::client::options::{BatchOptions, Connection};
use crate::client::service::{Service, ServiceRequest};
use crate::client::session::{listen, new_key, with_service};

/// Submits a batch. `Ok` means that all jobs are created, and if the batch is followed, that all completed.
pub async fn run(options: &BatchOptions) -> Result<(), Exit> {
    with_service(&options.connection, false, async |service| Box::pin(run_at(service, options)).await).await
}

async fn run_at(service: &Service<'_>, options: &BatchOptions) -> Result<(), Exit> {
    // While stdin is read, signals still have their default action.
    let body = Body::read(options)?;
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let consequence = RefCell::new("nothing is created".to_owned());
    let (code, what) = tokio::select! {
        ended = service.progress.during(work(service, options, body, &consequence)) => return ended,
        () = sleep(options.connection.timeout.unwrap_or(Duration::MAX)) => (TIMED_OUT, "the time is up"),
        _ = interrupt.recv() => (INTERRUPTED, "interrupted"),
        _ = terminate.recv() => (TERMINATED, "terminated"),
    };
    if code == TIMED_OUT
        && let Some(exit) = service.unreached()
    {
        return Err(exit);
    }
    Err(Exit::new(code, format!("{what}; {}", consequence.borrow())))
}

/// Does the work. `consequence` says what is open if the command is stopped.
async fn work(
    service: &Service<'_>,
    options: &BatchOptions,
    mut body: Body,
    consequence: &RefCell<String>,
) -> Result<(), Exit> {
    if let Some(name) = &options.retry_failed
        && !retry::select(service, &mut body, name).await?
    {
        return Ok(());
    }
    // The service makes a key of the name.
    let new = (options.idempotency_key.is_none() && !body.has_name()).then(new_key);
    let key = options.idempotency_key.as_ref().or(new.as_ref());
    let again = match &new {
        Some(key) => format!("the same command with --idempotency-key {key} completes the batch"),
        None => "the same command completes the batch".to_owned(),
    };
    consequence.replace(format!("it is not known which jobs are created; {again}"));
    let has_timeout = options.connection.timeout.is_some();
    let created = submit::submit(service, &body, key.map(String::as_str), has_timeout, &again).await?;
    let batch = Batch { name: created.batch_name.clone(), namespace: Some(created.namespace.clone()) };
    consequence.replace(format!("{batch} goes on; to delete it: DELETE {}", delete_url(&options.connection, &batch)));
    service.progress.clear();
    let how = if created.created > 0 || created.was_repeated { "is created" } else { "already exists" };
    service.progress.note(&format!("{batch} {how} ({} jobs)", body.size()));
    created.warnings.iter().for_each(|warning| service.progress.warn(&format!("warning: {warning}")));
    if options.follow {
        return follow::follow(service, &batch).await;
    }
    print(service, format!("{}\n", batch.name).into_bytes()).await
}

fn delete_url(connection: &Connection, batch: &Batch) -> String {
    let cluster = connection.cluster.as_deref().map(|cluster| ("cluster", cluster));
    let path = ServiceRequest::delete("delete-batch", batch.query(cluster.as_slice())).path;
    format!("{}{}", connection.url.as_str(), path.replacen("?&", "?", 1))
}
