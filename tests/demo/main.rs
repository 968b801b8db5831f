//! `cargo run --example demo`: the service, unchanged and as a process of its own, on loopback between stand-ins for
//! EKS and for the Kubernetes API (real TLS, real checking of tokens). Shows each call as curl would, and fails if an
//! answer is not the expected one. With `--serve` all of it stays up to be tried by hand, and the cluster has the `CronJob`
//! of docs/TEMPLATES.md.

#[path = "../support/mod.rs"]
mod support;

mod show;
#[path = "../suite/readme/stream.rs"]
mod stream;
mod tour;

use std::io::{self, Write};
use std::net::TcpListener;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use support::aws::AwsMock;
use support::builder;
use support::service::{Folder, Service};
use support::stub::{AutoRun, StubCluster, StubConfig};

/// The first argument of the process that is the service: an example cannot count on target/debug/eks-api being built.
const SERVICE: &str = "service";
/// Where the service listens by default, so that README's calls can be tried as they stand.
const USUAL: &str = "127.0.0.1:8000";

/// Slow enough to see a job go through its states, fast enough not to wait for it.
const PACE: AutoRun = AutoRun {
    pending: Duration::from_millis(200),
    running: Duration::from_millis(600),
    terminating: Duration::from_millis(300),
};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some(SERVICE) => service(arguments),
        None => ended(demonstrate(false)),
        Some("--serve") => ended(demonstrate(true)),
        Some(other) => ended(Err(io::Error::other(format!("{other:?} is unknown; there is --serve")))),
    }
}

/// As src/main.rs does.
fn service(arguments: impl Iterator<Item = String>) -> ExitCode {
    match eks_api::cli::run(arguments.map(Into::into)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // stderr may be gone; the exit code still tells.
            let _ = writeln!(io::stderr().lock(), "{error}");
            error.exit_code()
        }
    }
}

fn ended(outcome: io::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads through `| head` has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr().lock(), "demo: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn demonstrate(stays: bool) -> io::Result<()> {
    let cluster = StubCluster::start(StubConfig { auto: Some(PACE), ..StubConfig::default() }).await;
    let aws = AwsMock::start().await;
    aws.describes(&cluster.endpoint(), &cluster.ca_pem());
    let state = Folder::new();
    let service = start(&aws, &state, stays).await?;
    show::note(&format!(
        "eks-api listens on {}; its EKS is {}, its cluster {}.",
        service.address(),
        aws.url(),
        cluster.endpoint()
    ))?;
    if !stays {
        return tour::run(&service, &cluster).await;
    }
    cluster.put_cron_job(etl());
    serve(&service).await
}

/// The service, ready, with a history and a webhook: the binary that `EKS_API_BINARY` names, or this program again with another argument.
async fn start(aws: &AwsMock, state: &Folder, on_usual_port: bool) -> io::Result<Service> {
    let service = if let Ok(binary) = std::env::var("EKS_API_BINARY") {
        builder(&binary, aws)
    } else {
        let program = std::env::current_exe()?;
        let program = program.to_str().ok_or_else(|| io::Error::other("the demo's path is not UTF-8"))?;
        builder(program, aws).arg(SERVICE)
    };
    let usual = on_usual_port && TcpListener::bind(USUAL).is_ok();
    let address = if usual { USUAL } else { "127.0.0.1:0" };
    let address = std::env::var("EKS_API_LISTEN").unwrap_or_else(|_| address.to_owned());
    let service = service.env("EKS_API_LISTEN", &address).env("LOG_LEVEL", "INFO");
    let path = |name: &str| state.path().join(name).to_string_lossy().into_owned();
    // The service starts in another folder.
    let given = std::env::var("EKS_API_WEBHOOKS_FILE").map(std::path::absolute).ok().transpose()?;
    let webhooks = given.map_or_else(|| path("webhooks"), |given| given.to_string_lossy().into_owned());
    // Nobody listens there: deliveries wait.
    state.write("ops.key", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n");
    state.write("webhooks", &format!("ops url=http://127.0.0.1:9/ secret_file={}\n", path("ops.key")));
    let service = service.env("EKS_API_STATE_DIR", &path("")).env("EKS_API_WEBHOOKS_FILE", &webhooks);
    let service = service.start().await;
    service.ready().await;
    Ok(service)
}

/// A `CronJob` like that of docs/TEMPLATES.md. The cluster never runs it by its schedule.
fn etl() -> Value {
    let script = r#"etl --date "$DATE""#;
    let container = json!({ "name": "main", "image": "busybox:1.36", "command": ["sh", "-c", script] });
    let pod = json!({ "restartPolicy": "Never", "containers": [container] });
    let annotations = json!({ "eks-api/parameters": "DATE!,MODE,LEVEL=info" });
    json!({
        "metadata": { "name": "etl", "namespace": "demo", "annotations": annotations },
        "spec": { "schedule": "0 3 * * *", "jobTemplate": { "spec": { "template": { "spec": pod } } } },
    })
}

/// Stays up until Ctrl-C or SIGTERM.
async fn serve(service: &Service) -> io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let url = format!("http://{}", service.address());
    let job = tour::job("demo", "hello");
    show::note(
        "Try it from another terminal; Ctrl-C ends it. Jobs last about a second here, and no container is run.",
    )?;
    show::curl("GET", &format!("{url}/health"), None)?;
    show::curl("POST", &format!("{url}/api/eks-create-job"), Some(&job))?;
    show::curl("GET", &format!("{url}/api/eks-get-job-status?job_name=hello&namespace=demo&wait=1m"), None)?;
    show::stream(&format!("{url}/api/eks-get-job-logs?job_name=hello&namespace=demo&follow=true"), "")?;
    show::curl("DELETE", &format!("{url}/api/eks-delete-job?job_name=hello&namespace=demo"), None)?;
    show::stream(&format!("{url}/api/eks-watch-jobs"), "")?;
    show::curl("GET", &format!("{url}/api/eks-list-templates"), None)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
