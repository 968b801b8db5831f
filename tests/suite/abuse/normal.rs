//! A caller who means well, while others do not.

use std::io;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

use super::site::Site;
use crate::given::{job, status_of};

const CALLS_A_CONNECTION: usize = 50;

/// What this many calls took, each tenth a create, the others the status of a job from memory. Panics if one is not
/// answered as it should be. `name` is what the jobs are called.
pub(super) async fn calls(site: &Site, name: &str, count: usize) -> Vec<Duration> {
    let (site, mut sender) = (site.offering("http/1.1"), None);
    let mut times = Vec::with_capacity(count);
    for number in 0..count {
        let started = Instant::now();
        if number % CALLS_A_CONNECTION == 0 {
            sender = Some(connect(&site).await.unwrap());
        }
        let sender = sender.as_mut().unwrap();
        let status = if number % 10 == 0 {
            let body = job(&format!("{name}-{number}")).to_string();
            send(sender, "POST", "/api/eks-create-job", body).await
        } else {
            send(sender, "GET", &status_of(&format!("{name}-{}", number / 10 * 10)), String::new()).await
        };
        times.push(started.elapsed());
        let expected = if number % 10 == 0 { 201 } else { 200 };
        assert_eq!(status.unwrap_or_else(|error| panic!("call {number}: {error}")), expected, "call {number}");
    }
    times
}

async fn connect(site: &Site) -> io::Result<SendRequest<Full<Bytes>>> {
    let (sender, connection) =
        http1::handshake(TokioIo::new(site.connect_well().await?)).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn send(sender: &mut SendRequest<Full<Bytes>>, method: &str, path: &str, body: String) -> hyper::Result<u16> {
    let request = Request::builder().method(method).uri(path).header("host", "localhost");
    let request = request.header("content-type", "application/json").body(Full::from(body)).unwrap();
    sender.ready().await?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    body.collect().await?;
    Ok(head.status.as_u16())
}
