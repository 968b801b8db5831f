//! Callers who mean harm: each attack in small on the binary of the tests, with a normal caller beside it. `heavy` has them
//! in their full size, on the binary that is shipped.

mod attacks;
mod heavy;
mod memory;
mod normal;
mod site;
mod smuggling;

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::given::BINARY;
use crate::support::Lab;
use crate::support::service::{PATIENCE, Service};
use crate::tls::Files;
use crate::tls::caller::Caller;
use attacks::Attack;
use site::Site;

const ATTACKERS: usize = 8;
const CALLS: usize = 20;

#[tokio::test]
async fn a_normal_caller_is_served_whatever_others_do_over_plain_http() {
    let lab = Lab::start(BINARY).await;
    let site = Site::of(&lab.service, None);
    withstands(&lab, &site, &Attack::PLAIN).await;
}

#[tokio::test]
async fn a_normal_caller_is_served_whatever_others_do_over_tls() {
    let files = Files::new();
    let settings = files.settings();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let lab = Lab::with(BINARY, &settings).await;
    let site = Site::of(&lab.service, Some(Caller::new(&files.authority)));
    withstands(&lab, &site, &Attack::TLS).await;
}

async fn withstands(lab: &Lab, site: &Site, attacks: &[Attack]) {
    for &attack in attacks {
        let (tell, begun) = oneshot::channel();
        let normal = async {
            begun.await.unwrap();
            normal::calls(site, &format!("{attack:?}").to_lowercase(), CALLS).await;
        };
        let both = async {
            tokio::select! {
                () = attack.run(site.clone(), ATTACKERS, || tell.send(()).unwrap()) => panic!("{attack:?} ends"),
                () = normal => {}
            }
        };
        timeout(PATIENCE * 2, both).await.unwrap_or_else(|_| panic!("{attack:?}: the normal caller is not served"));
        left(&lab.service, site).await;
    }
    tells_no_defect(&lab.service);
}

/// Waits until the attackers' connections are gone.
async fn left(service: &Service, site: &Site) {
    let gone = async {
        while open_connections(site).await > 2.0 {
            tokio::task::yield_now().await;
        }
    };
    let gone = timeout(PATIENCE * 2, gone).await;
    gone.unwrap_or_else(|_| panic!("connections stay open\n{}", service.logs().join("\n")));
}

async fn open_connections(site: &Site) -> f64 {
    metric(site, "eks_api_open_connections ").await
}

/// The value of the one sample that begins like this.
async fn metric(site: &Site, sample: &str) -> f64 {
    let stream = site.offering("http/1.1").connect_well().await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let request = Request::get("/metrics").header("host", "localhost").body(Empty::<Bytes>::new()).unwrap();
    let exchange = async {
        let response = sender.send_request(request).await.unwrap();
        response.into_body().collect().await.unwrap().to_bytes()
    };
    let text = tokio::select! {
        text = exchange => text,
        // It ends only after its last answer was handed over.
        () = async { let _ = connection.await; std::future::pending::<()>().await } => unreachable!(),
    };
    let text = std::str::from_utf8(&text).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(sample));
    value.unwrap_or_else(|| panic!("no {sample}: {text}")).trim().parse().unwrap()
}

fn tells_no_defect(service: &Service) {
    let defects: Vec<_> = service.logs().into_iter().filter(|line| line.contains("panic")).collect();
    assert!(defects.is_empty(), "{defects:?}");
}
