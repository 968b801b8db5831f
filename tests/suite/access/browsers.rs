//! Web pages: those of other sites can make a browser call the service, by its own name or by one of theirs.

use serde_json::Value;

use super::{FORGED, ask, bearer, job_in, keygen, reason, since, told, with_keys};
use crate::given::{BINARY, job};
use crate::support::service::Service;
use crate::support::{Lab, builder, surroundings};
use crate::wire::{Answer, Wire};

const TOOLS: &str = "https://tools.example.com";
const CREATE: &str = "/api/eks-create-job";
const SUSPEND: &str = "/api/eks-suspend-job?job_name=hello";

/// All calls that change something, so that each would do if it were let.
const CHANGES: [(&str, &str); 6] = [
    ("POST", CREATE),
    ("DELETE", "/api/eks-delete-job?job_name=hello"),
    ("POST", SUSPEND),
    ("POST", "/api/eks-resume-job?job_name=hello"),
    ("POST", "/api/eks-create-namespace"),
    ("DELETE", "/api/eks-delete-namespace?namespace_name=team-a"),
];

/// A request for this target with exactly these header lines.
async fn exactly(service: &Service, method: &str, target: &str, lines: &str) -> Answer {
    let mut wire = Wire::connect(service).await;
    wire.send(&format!("{method} {target} HTTP/1.1\r\n{lines}\r\n")).await;
    wire.answer().await
}

#[tokio::test]
async fn on_loopback_the_service_answers_to_no_name_but_its_own() {
    let lab = Lab::start(BINARY).await;
    let before = lab.cluster.requests().len();
    for path in ["/api/eks-list-namespaces", "/api/eks-list-jobs", "/health", "/metrics"] {
        for host in ["evil.example", "localhost.evil.example", "10.0.0.7:8000", "localhost@evil.example", ""] {
            let answer = exactly(&lab.service, "GET", path, &format!("Host: {host}\r\n")).await;
            assert_eq!(reason(&answer), (421, "host_not_allowed".to_owned()), "{path} {host}");
        }
        let target = format!("http://evil.example{path}");
        assert_eq!(exactly(&lab.service, "GET", &target, "Host: localhost\r\n").await.status(), 421, "{target}");
        let two = "Host: localhost\r\nHost: evil.example\r\n";
        assert!([400, 421].contains(&exactly(&lab.service, "GET", path, two).await.status()), "{path}");
    }
    for (method, path) in CHANGES {
        // As a page of that name would send it: to itself.
        let lines = "Host: evil.example\r\nOrigin: http://evil.example\r\nSec-Fetch-Site: same-origin\r\n";
        assert_eq!(exactly(&lab.service, method, path, lines).await.status(), 421, "{method} {path}");
    }
    assert!(since(&lab.cluster, before).is_empty());
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1:8000", "[::1]:8000", lab.service.address()] {
        assert_eq!(exactly(&lab.service, "GET", "/health", &format!("Host: {host}\r\n")).await.status(), 200, "{host}");
    }
}

#[tokio::test]
async fn a_name_that_is_set_is_one_of_its_own_and_loopback_stays_one_on_loopback() {
    let lab = Lab::with(BINARY, &[("EKS_API_ALLOWED_HOSTS", "jobs.example.com")]).await;
    for (host, status) in
        [("jobs.example.com", 200), ("Jobs.Example.Com:443", 200), ("localhost", 200), ("x.example", 421)]
    {
        let answer = exactly(&lab.service, "GET", "/health", &format!("Host: {host}\r\n")).await;
        assert_eq!(answer.status(), status, "{host}");
    }
}

#[tokio::test]
async fn a_service_for_all_addresses_checks_the_name_all_the_same_for_who_comes_by_loopback() {
    let (_cluster, aws) = surroundings().await;
    let open = [("EKS_API_LISTEN", "0.0.0.0:0"), ("EKS_API_AUTH", "none")];
    let service = builder(BINARY, &aws).envs(&open).start().await;
    assert_eq!(exactly(&service, "GET", "/health", "Host: evil.example\r\n").await.status(), 421);
    assert_eq!(exactly(&service, "GET", "/health", "Host: localhost\r\n").await.status(), 200);
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing_with_or_without_a_key() {
    let key = keygen("ci", "admin", "*").await;
    let (open, keyed) = (Lab::start(BINARY).await, with_keys(&[&key], &[]).await);
    for (lab, credential) in [(&open, String::new()), (&keyed, bearer(&key.secret))] {
        let before = lab.cluster.requests().len();
        for (method, path) in CHANGES {
            for lines in [
                "Origin: https://evil.example\r\n",
                "Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n",
                "Sec-Fetch-Site: cross-site\r\n",
                "Sec-Fetch-Site: same-site\r\n",
                "Origin: null\r\n",
                // The same machine, another port: another page.
                "Origin: http://localhost:3000\r\n",
            ] {
                let body = (path == CREATE).then(|| job("hello"));
                let answer = ask(&lab.service, method, path, &(credential.clone() + lines), body.as_ref()).await;
                let (status, reason, detail) = told(&answer);
                assert_eq!((status, reason.as_str()), (403, "cross_site_request"), "{method} {path} {lines}");
                assert!(detail.contains("EKS_API_CORS_ORIGINS"), "{detail}");
            }
        }
        assert!(since(&lab.cluster, before).is_empty());
    }
}

#[tokio::test]
async fn a_form_is_no_call() {
    let lab = Lab::start(BINARY).await;
    let before = lab.cluster.requests().len();
    for label in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"] {
        for path in [CREATE, "/api/eks-create-namespace", "/api/eks-suspend-job"] {
            let headers = [("content-type", label)];
            let reply = lab.service.send("POST", path, &headers, job("hello").to_string()).await;
            assert_eq!(reply.status, 415, "{label} {path}");
        }
    }
    assert!(since(&lab.cluster, before).is_empty());
}

#[tokio::test]
async fn a_page_of_a_named_origin_may_call_with_a_credential_that_it_has_itself() {
    let key = keygen("page", "admin", "*").await;
    let lab = with_keys(&[&key], &[("EKS_API_CORS_ORIGINS", TOOLS)]).await;
    let origin = format!("Origin: {TOOLS}\r\nSec-Fetch-Site: cross-site\r\n");
    let asks = "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization, content-type\r\n";
    let preflight = exactly(&lab.service, "OPTIONS", CREATE, &format!("Host: localhost\r\n{origin}{asks}")).await;
    assert_eq!((preflight.status(), preflight.header("access-control-allow-origin")), (204, Some(TOOLS)));
    let allowed = preflight.header("access-control-allow-headers").unwrap();
    for name in ["authorization", "x-api-key", "content-type"] {
        assert!(allowed.split(", ").any(|allowed| allowed == name), "{name} in {allowed}");
    }
    let body = job_in("default", "hello");
    let created = ask(&lab.service, "POST", CREATE, &(bearer(&key.secret) + &origin), Some(&body)).await;
    assert_eq!((created.status(), created.header("access-control-allow-origin")), (201, Some(TOOLS)), "{created:?}");
    let refused = ask(&lab.service, "POST", CREATE, &(bearer(FORGED) + &origin), Some(&body)).await;
    assert_eq!((refused.status(), refused.header("access-control-allow-origin")), (401, Some(TOOLS)));
    assert!(refused.header("access-control-expose-headers").unwrap().contains("www-authenticate"));
    for answer in [&preflight, &created, &refused] {
        assert_eq!(answer.header("access-control-allow-credentials"), None, "cookies mean nothing here");
        assert_ne!(answer.header("access-control-allow-origin"), Some("*"));
    }
}

#[tokio::test]
async fn what_a_page_of_another_site_asks_to_read_it_is_not_shown() {
    let lab = Lab::with(BINARY, &[("EKS_API_CORS_ORIGINS", TOOLS)]).await;
    let lines = "Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n";
    let answer = ask(&lab.service, "GET", "/api/eks-list-jobs", lines, None::<&Value>).await;
    let shown = answer.head.to_ascii_lowercase();
    assert!(answer.status() == 200 && !shown.contains("access-control-allow-origin"), "{shown}");
}
