//! What the service refuses or cannot do, and a service that is not there.

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::fake::{Fake, Reply, created, problem, status};
use super::run_at;
use crate::calls::lab;
use crate::client::manifest;
use crate::client::run::Run;
use crate::support::port::Port;

const DENIED: &str = "admission webhook \"policy.example.com\" denied the request: image must come from \
    registry.example.com";

#[tokio::test]
async fn webhook_noreason_a_refusal_ends_the_run_at_once() {
    for (code, reason, exit) in [
        (400, "BadRequest", 65),
        (403, "Forbidden", 77),
        (404, "NotFound", 65),
        (409, "Conflict", 65),
        (413, "RequestEntityTooLarge", 65),
        (418, "upstream_refused", 65),
        (422, "Invalid", 65),
    ] {
        let fake = Fake::start(move |_| problem(code, reason, DENIED)).await;
        run_at(&fake, &[]).ended().await.expect(exit, &format!("the job is not created: {DENIED} ({code} {reason}, "));
        assert_eq!(fake.asked("create-job").len(), 1, "{code}");
    }
}

#[tokio::test]
async fn webhook_500_what_may_pass_is_repeated() {
    for reason in ["upstream_unreachable", "upstream_timeout", "overloaded", "TooManyRequests"] {
        let code = match reason {
            "upstream_unreachable" => 502,
            "upstream_timeout" => 504,
            "overloaded" => 503,
            _ => 429,
        };
        let fake = Fake::start(move |asked| match asked.operation.as_str() {
            "create-job" if asked.count == 1 => problem(code, reason, "not now"),
            "create-job" => created(),
            _ => Reply::Json(200, status("completed")),
        })
        .await;
        run_at(&fake, &[]).ended().await.expect(0, "not now");
        assert_eq!(fake.asked("create-job").len(), 2, "{reason}");
    }
}

#[tokio::test]
async fn quota_conflict_a_quota_that_refuses_the_job_is_to_be_tried_later() {
    let quota = "jobs.batch \"t1\" is forbidden: exceeded quota: one, requested: count/jobs.batch=1";
    let fake = Fake::start(move |_| problem(403, "Forbidden", quota)).await;
    run_at(&fake, &[]).ended().await.expect(75, &format!("the job is not created: {quota}"));
    assert_eq!(fake.asked("create-job").len(), 1);
}

#[tokio::test]
async fn unsent_a_time_out_without_a_request_is_not_the_jobs() {
    let port = Port::new();
    let run = |address: &str| Run::of(&manifest("t1", "true"), address).args(&["--timeout", "300ms"]);
    let ended = run(&port.address().to_string()).ended().await;
    ended.expect(69, &format!("http://{} was not reached, and nothing was sent: ", port.address()));
    assert!(ended.stderr.to_lowercase().contains("refused"), "{ended:?}");
    let ended = run("no-such-host.invalid:80").ended().await;
    ended.expect(69, "http://no-such-host.invalid:80 was not reached, and nothing was sent: ");
    // Nobody answers the TLS handshake.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", silent.local_addr().unwrap());
    let arguments = ["-f", "job.json", "--url", &url, "--timeout", "300ms"];
    let ended = Run::with(&manifest("t1", "true"), &arguments).ended().await;
    ended.expect(69, "nothing was sent: no connection was made in that time\n");
    // A request that was sent may have had an effect.
    let fake = Fake::start(|_| Reply::Hold).await;
    let ended = run(fake.address()).ended().await;
    ended.expect(124, "the time is up; it is not known whether the job was created");
    let fake = Fake::start(|_| Reply::Cut).await;
    run(fake.address()).ended().await.expect(124, "it is not known whether the job was created");
}

#[tokio::test]
async fn unsent_a_wrong_scheme_is_said_at_once() {
    // What a TLS port answers to plain HTTP: the alert "unexpected message", or more.
    let tls = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tls.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tls.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"\x15\x03\x03\x00\x02\x02\x0a").await;
        }
    });
    let ended = Run::of(&manifest("t1", "true"), &address).ended().await;
    ended.expect(69, "does not speak HTTP: ");
    assert!(ended.stderr.contains("use https:// for a service with TLS"), "{ended:?}");
    let lab = lab().await;
    let url = format!("https://{}", lab.service.address());
    let ended = Run::with(&manifest("t1", "true"), &["-f", "job.json", "--url", &url]).ended().await;
    ended.expect(69, "use http:// for a service without TLS");
}
