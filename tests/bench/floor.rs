//! The floor that answers from memory are measured against: a bare hyper server, on the runtime that the service has,
//! that answers everything with the same bytes. It is this very program, started once more.

use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

const SIZE: &str = "EKS_API_BENCH_FLOOR_SIZE";

/// Serves, if this process was started for that.
pub(crate) fn serve_if_asked() {
    let Ok(size) = std::env::var(SIZE) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(serve(Bytes::from("x".repeat(size.parse().unwrap()))));
}

async fn serve(body: Bytes) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let body = body.clone();
        let service = service_fn(move |_: Request<Incoming>| {
            let body = body.clone();
            async move { Ok::<_, Infallible>(Response::new(Full::new(body))) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// The floor as a process of its own, which ends with this value.
#[derive(Debug)]
pub(crate) struct Floor {
    child: Child,
    pub(crate) address: String,
}

impl Floor {
    /// One that answers with a body of this size.
    pub(crate) fn start(size: u64) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.env(SIZE, size.to_string()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, address: line.trim().to_owned() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
