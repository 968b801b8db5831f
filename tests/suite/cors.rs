//! Pages of other origins: shut out unless their origin is named.

use crate::given::{BINARY, status_of};
use crate::support::Lab;
use crate::support::service::Reply;

const TOOLS: &str = "https://tools.example.com";

async fn named() -> Lab {
    Lab::with(BINARY, &[("EKS_API_CORS_ORIGINS", "https://tools.example.com, http://localhost:3000")]).await
}

async fn from(lab: &Lab, method: &str, path: &str, origin: &str) -> Reply {
    let headers = [("origin", origin), ("access-control-request-method", "DELETE")];
    lab.service.send(method, path, &headers, "").await
}

fn cors_headers(reply: &Reply) -> Vec<String> {
    let names = reply.headers.keys().map(ToString::to_string);
    names.filter(|name| name.starts_with("access-control-") || name == "vary").collect()
}

#[tokio::test]
async fn by_default_no_origin_is_let_in() {
    let lab = Lab::start(BINARY).await;
    for (method, path) in [("GET", "/health"), ("OPTIONS", "/api/eks-delete-job"), ("GET", "/nowhere")] {
        assert_eq!(cors_headers(&from(&lab, method, path, TOOLS).await), [""; 0], "{method} {path}");
    }
}

#[tokio::test]
async fn a_named_origin_may_read_successes_and_failures() {
    let lab = named().await;
    for origin in [TOOLS, "http://localhost:3000"] {
        for path in ["/health", &status_of("none"), "/nowhere", &status_of("NOT_A_NAME")] {
            let reply = from(&lab, "GET", path, origin).await;
            assert_eq!(reply.header("access-control-allow-origin"), Some(origin), "{path}");
            assert_eq!(reply.header("vary"), Some("origin"));
            assert!(reply.header("access-control-expose-headers").unwrap().contains("x-request-id"));
            assert_eq!(reply.header("access-control-allow-credentials"), None);
        }
    }
}

#[tokio::test]
async fn an_origin_that_is_not_named_may_not() {
    let lab = named().await;
    for origin in
        ["https://evil.example.com", "https://tools.example.com.evil.example", "http://tools.example.com", "null", "*"]
    {
        let reply = from(&lab, "GET", "/health", origin).await;
        assert_eq!(cors_headers(&reply), ["vary"], "{origin}: a cache must tell origins apart all the same");
        let preflight = from(&lab, "OPTIONS", "/api/eks-delete-job", origin).await;
        assert_eq!(cors_headers(&preflight), ["vary"], "{origin}");
    }
}

#[tokio::test]
async fn a_preflight_tells_the_methods_and_headers_that_are_taken() {
    let lab = named().await;
    let preflight = from(&lab, "OPTIONS", "/api/eks-delete-job", TOOLS).await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), Some(TOOLS));
    assert!(preflight.header("access-control-allow-methods").unwrap().contains("DELETE"));
    for name in ["content-type", "idempotency-key", "x-request-id"] {
        assert!(preflight.header("access-control-allow-headers").unwrap().contains(name), "{name}");
    }
    assert!(preflight.body.is_empty());
    assert_eq!(lab.cluster.count("DELETE", "/"), 0);
}
