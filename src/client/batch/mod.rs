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
use crate::client::batch::status::{Batch, jobs};
use crate::client::command::print::print;
use crate::client::exit::{Exit, INTERRUPTED, TERMINATED, TIMED_OUT};
use crate::client::options::BatchOptions;
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
    let same = match &new {
        Some(key) => format!("the same command with --idempotency-key {key}"),
        None => "the same command".to_owned(),
    };
    let again = format!("{same} completes the batch");
    consequence.replace(format!("it is not known which jobs are created; {again}"));
    let has_timeout = options.connection.timeout.is_some();
    let created = submit::submit(service, &body, key.map(String::as_str), has_timeout, &again).await?;
    let batch = Batch { name: created.batch_name.clone(), namespace: Some(created.namespace.clone()) };
    let delete = delete_command(service, &batch);
    consequence.replace(format!("{batch} goes on; {same} goes on waiting; to delete the batch: {delete}"));
    service.progress.clear();
    let size = body.size();
    let how = match created.created {
        0 if !created.was_repeated => format!("already exists ({})", jobs(size)),
        new if new < size && !created.was_repeated => {
            format!("is completed: {new} of {} created, {} existed", jobs(size), size - new)
        }
        _ => format!("is created ({})", jobs(size)),
    };
    if created.refusal.is_none() {
        service.progress.note(&format!("{batch} {how}"));
    }
    created.warnings.iter().for_each(|warning| service.progress.warn(&format!("warning: {warning}")));
    let existing = created.refusal.as_ref().map(|_| created.existing());
    let ended = match &created.refusal {
        Some(_) if !options.follow || !body.continues() => Ok(()),
        _ if options.follow => follow::follow(service, &batch, existing).await,
        _ => print(service, format!("{}\n", batch.name).into_bytes()).await,
    };
    let Some(refusal) = created.refusal else { return ended };
    if let Err(end) = ended {
        service.progress.note(&end.text);
    }
    Err(refusal)
}

/// Returns the command that deletes the batch.
fn delete_command(service: &Service<'_>, batch: &Batch) -> String {
    let connection = service.options;
    let cluster = connection.cluster.as_deref().map(|cluster| ("cluster", cluster));
    let path = ServiceRequest::delete("delete-batch", batch.query(cluster.as_slice())).path;
    format!("curl -X DELETE '{}{}'", connection.url.as_str(), path.replacen("?&", "?", 1))
}
