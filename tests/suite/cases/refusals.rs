//! What the API server refuses, and what is sent to it again.

mod answers;
mod creates;
mod permits;
mod secrets;
mod tokens;

use serde_json::{Value, json};

use crate::support::stub::Kind;

const SUSPEND: &str = "/api/eks-suspend-job?job_name=hello";
const RESUME: &str = "/api/eks-resume-job?job_name=hello";
const LOGS: &str = "/api/eks-get-job-logs?job_name=hello";

const WEBHOOK: &str =
    r#"admission webhook "policy.example.com" denied the request: image must come from registry.example.com"#;

/// An answer with a Status that has no reason, as webhooks cause them.
fn without_reason(code: u16, message: &str) -> Kind {
    let body = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "code": code });
    reply(code, &[], body)
}

fn reply(status: u16, headers: &[(&str, &str)], body: Value) -> Kind {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Kind::Reply { status, headers, body }
}

/// A page of a load balancer.
fn page(code: u16) -> Kind {
    let headers = [("content-type", "text/html"), ("server", "awselb/2.0")];
    reply(code, &headers, json!("<html>10.0.0.7 says no</html>"))
}
