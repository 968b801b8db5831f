//! A request that is refused before its body is read: the caller sees the answer, whatever it is still sending.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use tokio::task::{JoinSet, spawn_blocking};

use crate::given::BINARY;
use crate::support::Lab;
use crate::tls::Files;

const TIMES: usize = 20;

/// Heads of requests that are refused by their head alone, and the status of the refusal.
const REFUSED: [(&str, u16); 4] = [
    ("POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json", 404),
    ("POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json", 405),
    ("POST /api/eks-create-job HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain", 415),
    ("POST /api/eks-create-job HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json", 421),
];

/// Sends all of it before it reads anything, as simple clients do.
fn exchange(address: &str, sent: &[u8]) -> String {
    let mut tcp = TcpStream::connect(address).unwrap();
    tcp.write_all(sent).unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).unwrap();
    answer
}

async fn sees_the_refusal(lab: &Lab, sent: Vec<u8>, status: u16) {
    for _ in 0..TIMES {
        let (address, sent) = (lab.service.address().to_owned(), sent.clone());
        let answer = spawn_blocking(move || exchange(&address, &sent)).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("\"request_id\""), "the whole problem: {answer}");
    }
}

#[tokio::test]
async fn c8_a_caller_that_sends_a_large_body_sees_that_it_is_refused() {
    let lab = Lab::start(BINARY).await;
    for length in [100_000, 1_000_000, 3_000_000] {
        for (head, status) in REFUSED {
            let head = format!("{head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
            sees_the_refusal(&lab, [head.into_bytes(), vec![b' '; length]].concat(), status).await;
        }
    }
}

#[tokio::test]
async fn c8_a_caller_that_sends_too_large_a_body_sees_that_it_is_refused() {
    let lab = Lab::start(BINARY).await;
    let head = "POST /api/eks-create-job HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let length = 3_000_000;
    let whole = format!("{head}Content-Length: {length}\r\n\r\n").into_bytes();
    sees_the_refusal(&lab, [whole, vec![b' '; length]].concat(), 413).await;
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(46));
    sees_the_refusal(&lab, chunked.into_bytes(), 413).await;
}

#[tokio::test]
async fn c8_a_caller_whose_header_is_no_header_sees_that_it_is_refused() {
    let lab = Lab::start(BINARY).await;
    let long = format!("GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n\r\n", "a".repeat(3_000_000));
    for _ in 0..TIMES {
        let (address, sent) = (lab.service.address().to_owned(), long.clone());
        let answer = spawn_blocking(move || exchange(&address, sent.as_bytes())).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
}

#[tokio::test]
async fn c2_curl_sees_over_tls_that_a_body_is_refused() {
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("skipped: there is no curl");
        return;
    }
    let files = Files::new();
    let settings = files.settings();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let lab = Lab::with(BINARY, &settings).await;
    let folder = crate::support::service::Folder::new();
    folder.write("ca.pem", &files.authority.pem());
    let authority = folder.path().join("ca.pem");
    let port = lab.service.address().rsplit(':').next().unwrap().to_owned();
    for (path, status) in [("nowhere", "404"), ("health", "405"), ("api/eks-create-job", "415")] {
        for length in [2, 100_000, 3_000_000] {
            folder.write("body", &" ".repeat(length));
            let body = format!("@{}", folder.path().join("body").display());
            let mut all = JoinSet::new();
            for _ in 0..TIMES {
                let mut curl = tokio::process::Command::new("curl");
                curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "30", "--cacert"]);
                curl.arg(&authority).args(["-H", "Content-Type: text/plain", "--data-binary", &body]);
                curl.arg(format!("https://localhost:{port}/{path}"));
                all.spawn(async move { curl.output().await.unwrap() });
            }
            for output in all.join_all().await {
                let told = (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned());
                let errors = String::from_utf8_lossy(&output.stderr);
                assert_eq!(told, (Some(0), status.to_owned()), "{length} bytes to /{path}: {errors}");
            }
        }
    }
}
