//! What the service is measured in front of, and what it is measured against: an API server, the real one where
//! `KUBEBUILDER_ASSETS` names it and else the stub, and `kubectl proxy` before it. Whoever goes there directly has the
//! service's own identity.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::generator::Target;
use crate::process;
use crate::support::aws::AwsMock;
use crate::support::real::{ControlPlane, SERVICE, assets};
use crate::support::service::{Builder, Folder, Service, run};
use crate::support::stub::StubCluster;
use crate::support::{builder, surroundings};

/// Longer than a run, so that what is measured is not the webhook.
const TOKEN_TTL: Duration = Duration::from_mins(30);

/// The binary that is measured.
pub(crate) fn binary() -> String {
    std::env::var("EKS_API_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_eks-api").to_owned())
}

enum Servers {
    Stub(Box<StubCluster>),
    Real(Box<ControlPlane>),
}

pub(crate) struct Cluster {
    servers: Servers,
    aws: AwsMock,
}

impl Cluster {
    pub(crate) async fn stub() -> Self {
        let (cluster, aws) = surroundings().await;
        Self { servers: Servers::Stub(Box::new(cluster)), aws }
    }

    /// The real one, if there is one.
    pub(crate) async fn real() -> Option<Self> {
        let cluster = ControlPlane::start(&assets()?, TOKEN_TTL).await;
        let verbs = ["create", "delete", "get", "list", "patch", "watch"];
        let jobs = json!({ "verbs": verbs, "apiGroups": ["batch"], "resources": ["jobs"] });
        let rest = json!({ "verbs": ["get", "list", "create"], "apiGroups": [""],
            "resources": ["namespaces", "pods", "pods/log", "events"] });
        cluster.allow(SERVICE, vec![jobs, rest]).await;
        let namespace = json!({ "metadata": { "name": "bench" } });
        cluster.admin.post("/api/v1/namespaces", &namespace).await.expect_status(201);
        let aws = cluster.aws().await;
        Some(Self { servers: Servers::Real(Box::new(cluster)), aws })
    }

    pub(crate) const fn name(&self) -> &'static str {
        match &self.servers {
            Servers::Stub(_) => "stub",
            Servers::Real(_) => "kube-apiserver",
        }
    }

    /// The stub, for what only it can be told to do.
    pub(crate) fn controls(&self) -> &StubCluster {
        match &self.servers {
            Servers::Stub(stub) => stub,
            Servers::Real(_) => panic!("a scenario that needs the stub has the real cluster"),
        }
    }

    fn endpoint(&self) -> (String, String) {
        match &self.servers {
            Servers::Stub(stub) => (stub.endpoint(), stub.ca_pem()),
            Servers::Real(real) => (real.endpoint(), real.ca_pem().to_owned()),
        }
    }

    pub(crate) fn target(&self) -> Target {
        let (endpoint, ca_pem) = self.endpoint();
        Target::tls(&endpoint, &ca_pem)
    }

    /// Its processes. The stub's is this one.
    pub(crate) fn pids(&self) -> Vec<u32> {
        match &self.servers {
            Servers::Stub(_) => vec![std::process::id()],
            Servers::Real(_) => process::descendants(&["kube-apiserver", "etcd"]),
        }
    }

    /// A service that is not started yet. All clients call from one address, and faster than one is meant to.
    pub(crate) fn builder(&self) -> Builder {
        let limits = ["EKS_API_RATE_LIMIT", "EKS_API_PEER_RATE_LIMIT"].map(|name| (name, "off"));
        builder(&binary(), &self.aws).env("LOG_LEVEL", "INFO").envs(&limits)
    }

    /// A service that follows the jobs, as the one that people run does.
    pub(crate) async fn service(&self, settings: &[(&str, &str)]) -> Service {
        let service = self.builder().envs(settings).log_file().start().await;
        service.ready().await;
        if let Servers::Stub(stub) = &self.servers {
            stub.wait_for_watches(1).await;
        }
        service
    }

    /// A token of the service's own identity, good for a quarter of an hour.
    pub(crate) async fn token(&self) -> String {
        let url = self.aws.url();
        let environment = [
            ("EKS_CLUSTER_NAME", "lab"),
            ("EKS_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL_EKS", &url),
            ("AWS_ACCESS_KEY_ID", "AKIALABSTATIC0000001"),
            ("AWS_SECRET_ACCESS_KEY", "lab-secret-one/with+chars"),
        ];
        let printed: Value = serde_json::from_slice(&run(&binary(), &["token"], &environment).await.stdout).unwrap();
        printed["status"]["token"].as_str().unwrap().to_owned()
    }

    /// `kubectl proxy` before this cluster, with this token; or why there is none.
    pub(crate) fn proxy(&self, token: &str) -> Result<Proxy, String> {
        let (endpoint, ca_pem) = self.endpoint();
        Proxy::start(&endpoint, &ca_pem, token)
    }
}

/// The process, which ends with this value.
#[derive(Debug)]
pub(crate) struct Proxy {
    child: Child,
    pub(crate) address: String,
    /// Closed, it would end a proxy that has something to say.
    _output: BufReader<ChildStdout>,
    _folder: Folder,
}

impl Proxy {
    fn start(endpoint: &str, ca_pem: &str, token: &str) -> Result<Self, String> {
        let folder = Folder::new();
        folder.write("ca.pem", ca_pem);
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{ "name": "it",
                "cluster": { "server": endpoint, "certificate-authority": folder.path().join("ca.pem") } }],
            "users": [{ "name": "it", "user": { "token": token } }],
            "contexts": [{ "name": "it", "context": { "cluster": "it", "user": "it" } }],
        });
        folder.write("config", &config.to_string());
        let child = Command::new("kubectl")
            .args(["proxy", "--port=0", "--kubeconfig"])
            .arg(folder.path().join("config"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.map_err(|error| format!("kubectl: {error}"))?;
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let read = output.read_line(&mut line);
        let mut this = Self { child, address: String::new(), _output: output, _folder: folder };
        match line.trim().strip_prefix("Starting to serve on ") {
            Some(address) => address.clone_into(&mut this.address),
            None => return Err(format!("kubectl proxy does not start: {read:?} {line:?}")),
        }
        Ok(this)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
