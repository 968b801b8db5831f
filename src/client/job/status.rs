//! The fields of the status object that the client reads, and the exit code: [`Status`].

use hyper::body::Bytes;
use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
pub struct Status {
    /// The status object as it came.
    #[serde(skip)]
    pub reply: Bytes,
    pub job_name: String,
    #[serde(default)]
    pub namespace: String,
    pub uid: String,
    pub state: String,
    pub active: Option<i64>,
    pub succeeded: Option<i64>,
    pub failed: Option<i64>,
    pub creation_timestamp: Option<String>,
    pub ready: Option<i64>,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub deletion_timestamp: Option<String>,
    /// Whether the job is deleted. Then this is its last status.
    #[serde(default)]
    pub gone: bool,
    pub managed_by: Option<String>,
    exit_code: Option<i64>,
    /// Only with `details`.
    #[serde(default)]
    pub pods: Vec<Pod>,
    /// Only with `details`.
    #[serde(default)]
    pub events: Vec<Event>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Pod {
    pub name: String,
    pub phase: Option<String>,
    pub node: Option<String>,
    pub reason: Option<String>,
    pub message: Option<String>,
    conditions: Vec<Condition>,
    pub containers: Vec<Container>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Condition {
    r#type: String,
    status: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Container {
    pub name: String,
    init: bool,
    sidecar: bool,
    injected: bool,
    pub state: String,
    pub reason: Option<String>,
    pub message: Option<String>,
    /// How often it was restarted.
    restart_count: i64,
    exit_code: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Event {
    pub r#type: Option<String>,
    pub reason: Option<String>,
    pub message: Option<String>,
}

impl Status {
    pub fn parse(reply: Bytes) -> serde_json::Result<Self> {
        let status: Self = serde_json::from_slice(&reply)?;
        Ok(Self { reply, ..status })
    }

    /// Returns the numbers of pods in parentheses, such as ` (1 active, 2 succeeded)`.
    pub fn pod_counts(&self) -> String {
        let counts = [(self.active, "active"), (self.succeeded, "succeeded"), (self.failed, "failed")];
        let counts =
            counts.into_iter().filter_map(|(count, what)| Some(format!("{} {what}", count.filter(|c| *c > 0)?)));
        let counts: Vec<String> = counts.collect();
        if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) }
    }

    pub fn is_final(&self) -> bool {
        ["completed", "failed"].contains(&self.state.as_str())
    }

    /// Returns reason and message, each after a colon.
    pub fn why(&self) -> String {
        let parts = [Some(""), self.reason.as_deref(), self.message.as_deref()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
    }

    /// Returns the exit code of the service's reply. Services before 0.2.0 send none; then it is the code with which all
    /// decisive containers failed.
    pub fn exit_code(&self) -> Option<u8> {
        let code = self.exit_code.or_else(|| {
            // A disrupted pod decides only if there is no other pod.
            let (disrupted, others): (Vec<&Pod>, _) = self.pods.iter().partition(|pod| pod.is_disrupted());
            same(others.into_iter().filter_map(Pod::exit_code))
                .or_else(|| same(disrupted.into_iter().filter_map(Pod::exit_code)))
        });
        code.and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0)
    }
}

impl Container {
    /// Whether it has run, also if it waits for its next start.
    pub fn has_log(&self) -> bool {
        self.state != "waiting" || self.restart_count > 0
    }
}

impl Pod {
    fn is_disrupted(&self) -> bool {
        self.conditions.iter().any(|condition| condition.r#type == "DisruptionTarget" && condition.status == "True")
    }

    /// Returns the name of the main container, if there is only one. Init containers, sidecars and injected containers do not
    /// count.
    pub fn only_container(&self) -> Option<&str> {
        let mut own = self.containers.iter().filter(|c| !c.init && !c.sidecar && !c.injected);
        let first = own.next()?;
        own.next().is_none().then_some(&first.name)
    }

    /// Returns the code of the main containers that failed. If no main container has started, it is the code of the init
    /// containers. A sidecar is stopped with its pod, so its code does not count.
    fn exit_code(&self) -> Option<i64> {
        let own = |init| self.containers.iter().filter(move |c| c.init == init && !c.sidecar && !c.injected);
        let failed = |init| own(init).filter_map(|container| container.exit_code).filter(|code| *code != 0);
        let has_begun = own(false).any(|container| container.exit_code.is_some());
        same(failed(!has_begun && failed(false).next().is_none()))
    }
}

/// Returns the code if all are equal.
fn same(mut codes: impl Iterator<Item = i64>) -> Option<i64> {
    let first = codes.next()?;
    codes.all(|code| code == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn status(fields: &Value) -> Status {
        let mut status = json!({ "job_name": "t1", "uid": "u1", "state": "failed" });
        status.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(status).unwrap()
    }

    fn code(pods: &Value) -> Option<u8> {
        status(&json!({ "pods": pods })).exit_code()
    }

    fn main(code: Option<i64>) -> Value {
        json!({ "name": "main", "init": false, "exit_code": code })
    }

    fn init(code: i64) -> Value {
        json!({ "name": "prep", "init": true, "exit_code": code })
    }

    fn pod(containers: &[Value]) -> Value {
        json!({ "name": "p", "phase": "Failed", "containers": containers })
    }

    #[test]
    fn exit_sidecar_the_decisive_container_gives_the_code() {
        let sidecar = |mut container: Value| {
            container["sidecar"] = json!(true);
            container
        };
        let mut injected = main(Some(2));
        injected["injected"] = json!(true);
        for (containers, expected) in [
            (vec![main(Some(3))], Some(3)),
            // A service that does not mark sidecars.
            (vec![init(143), main(Some(3))], Some(3)),
            (vec![init(137), main(Some(3))], Some(3)),
            (vec![init(143), main(Some(0))], None),
            (vec![init(9), main(None)], Some(9)),
            (vec![sidecar(init(143)), init(9), main(None)], Some(9)),
            (vec![sidecar(init(143)), main(None)], None),
            (vec![injected, main(Some(3))], Some(3)),
            (vec![main(Some(3)), main(Some(4))], None),
            (vec![main(Some(3)), main(Some(0))], Some(3)),
            (vec![main(Some(259))], None),
            (vec![], None),
        ] {
            assert_eq!(code(&json!([pod(&containers)])), expected, "{containers:?}");
        }
    }

    #[test]
    fn exit_preempted_a_disrupted_pod_decides_only_without_others() {
        let mut disrupted = pod(&[main(Some(137))]);
        disrupted["conditions"] =
            json!([{ "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler" }]);
        assert_eq!(code(&json!([disrupted, pod(&[main(Some(3))])])), Some(3));
        assert_eq!(code(&json!([disrupted])), Some(137));
        disrupted["conditions"][0]["status"] = json!("False");
        assert_eq!(code(&json!([disrupted, pod(&[main(Some(3))])])), None);
        assert_eq!(code(&json!([pod(&[main(Some(3))]), pod(&[main(Some(0))]), pod(&[main(Some(3))])])), Some(3));
    }

    #[test]
    fn exit_sidecar_the_services_own_code_comes_first() {
        assert_eq!(status(&json!({ "exit_code": 7, "pods": [pod(&[main(Some(3))])] })).exit_code(), Some(7));
    }
}
