//! A real Kubernetes control plane on loopback: etcd, kube-apiserver with RBAC and, where it is at hand,
//! kube-controller-manager. The binaries come from the folder that `KUBEBUILDER_ASSETS` names, as envtest's do. There
//! is no kubelet and no scheduler: what they would do is `kubelet`'s. IAM is `webhook`'s, AWS the mock's.

mod api;
mod etcd;
mod flags;
mod kubelet;
mod node;
mod process;
mod proxy;
mod relay;
mod stream;
mod webhook;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::aws::AwsMock;
use super::pki::Authority;
use super::service::Folder;
pub use api::Api;
pub use kubelet::Kubelet;
pub use node::{Node, register};
use process::Process;
pub use proxy::CronJobProxy;
pub use relay::Relay;
pub use stream::Stream;
pub use webhook::{FOLLOWER, MODEST, SERVICE, STRANGERS, Webhook};

/// A machine with few cores that builds at the same time needs most of a minute to start an API server.
const START_PATIENCE: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The folder with the binaries, if the environment names one.
pub fn assets() -> Option<PathBuf> {
    std::env::var_os("KUBEBUILDER_ASSETS").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// A second API server. It keeps no events in memory: what etcd has forgotten, it cannot tell.
#[derive(Debug)]
pub struct Spare {
    _process: Process,
    pub admin: Api,
    pub port: u16,
}

/// The running servers. They are killed when this is dropped, or when this process ends, however it ends.
#[derive(Debug)]
pub struct ControlPlane {
    // In the order in which they are to go: each talks to the next.
    controllers: Option<Process>,
    apiserver: Mutex<Option<Process>>,
    spare: OnceCell<Spare>,
    /// None if another cluster's is used.
    etcd: Option<Process>,
    pub webhook: Webhook,
    pub admin: Api,
    authority: Authority,
    ca_pem: String,
    assets: PathBuf,
    files: flags::Files,
    folder: Folder,
}

impl ControlPlane {
    /// Starts etcd and the API server with fresh state, and waits until they can be used. The API server remembers for `token_ttl`
    /// what the webhook said of a token.
    pub async fn start(assets: &Path, token_ttl: Duration) -> Self {
        for name in ["etcd", "kube-apiserver"] {
            assert!(assets.join(name).is_file(), "KUBEBUILDER_ASSETS: {} holds no {name}", assets.display());
        }
        let mut this = Self::prepare(assets, "lab", token_ttl).await;
        let etcd = Process::start(&assets.join("etcd"), &this.files.etcd(), &this.log("etcd"));
        this.etcd = Some(etcd);
        this.start_apiserver().await;
        this
    }

    /// Starts an API server of another cluster. It has a CA, a token judge and service accounts of its own. Only etcd is
    /// shared, where its keys have another prefix.
    pub async fn start_another(&self, eks_name: &str) -> Self {
        let mut this = Self::prepare(&self.assets, eks_name, self.files.token_ttl).await;
        this.files.etcd_client = self.files.etcd_client;
        this.start_apiserver().await;
        this
    }

    async fn prepare(assets: &Path, eks_name: &str, token_ttl: Duration) -> Self {
        let folder = Folder::new();
        let authority = Authority::new("control-plane-ca");
        let webhook = Webhook::start(eks_name).await;
        let files = flags::Files::write(folder.path(), &authority, eks_name, webhook.url(), token_ttl);
        let admin = Api::new(&files.endpoint(), &authority.pem(), flags::ADMIN_TOKEN);
        Self {
            controllers: None,
            apiserver: Mutex::default(),
            spare: OnceCell::new(),
            etcd: None,
            webhook,
            admin,
            ca_pem: authority.pem(),
            authority,
            assets: assets.to_owned(),
            files,
            folder,
        }
    }

    /// Starts the controllers of jobs, namespaces and garbage. False if the binary is missing.
    pub fn start_controllers(&mut self) -> bool {
        let manager = self.assets.join("kube-controller-manager");
        if manager.is_file() {
            let arguments = self.files.controller_manager(&process::help(&manager));
            self.controllers = Some(Process::start(&manager, &arguments, &self.log("kube-controller-manager")));
        }
        self.controllers.is_some()
    }

    pub fn endpoint(&self) -> String {
        self.files.endpoint()
    }

    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// An AWS that describes this cluster.
    pub async fn aws(&self) -> AwsMock {
        let aws = AwsMock::start().await;
        aws.describes(&self.endpoint(), self.ca_pem());
        aws
    }

    /// A wire to the API server that can be cut.
    pub async fn relay(&self) -> Relay {
        Relay::to(self.files.apiserver).await
    }

    /// A way to the API server that knows `CronJobs` of batch/v1, for a server that knows them of batch/v1beta1 only.
    pub async fn cron_job_proxy(&self) -> Option<CronJobProxy> {
        let batch = self.admin.get("/apis/batch/v1").await.expect_status(200).json();
        let is_known = batch["resources"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == "cronjobs"));
        if is_known { None } else { Some(CronJobProxy::start(self.files.apiserver, &self.authority).await) }
    }

    /// A client that sends this token instead of the administrator's.
    pub fn api_as(&self, token: &str) -> Api {
        Api::new(&self.endpoint(), self.ca_pem(), token)
    }

    /// The administrator's client, at this endpoint.
    pub fn admin_at(&self, endpoint: &str) -> Api {
        Api::new(endpoint, self.ca_pem(), flags::ADMIN_TOKEN)
    }

    /// Kills the API server, as a failing machine does. What it stored stays.
    pub fn kill_apiserver(&self) {
        drop(self.apiserver.lock().unwrap().take());
    }

    /// Starts the API server, on the same port as ever, and waits until it says that it is ready.
    pub async fn start_apiserver(&self) {
        let process = self.serve(&self.files.apiserver(), "kube-apiserver", &self.admin).await;
        *self.apiserver.lock().unwrap() = Some(process);
    }

    /// The second API server on the same etcd, started when it is first asked for.
    pub async fn spare(&self) -> &Spare {
        let start = async || {
            let admin = Api::new(&self.files.spare_endpoint(), &self.ca_pem, flags::ADMIN_TOKEN);
            let process = self.serve(&self.files.spare_apiserver(), "kube-apiserver-spare", &admin).await;
            Spare { _process: process, admin, port: self.files.spare }
        };
        self.spare.get_or_init(start).await
    }

    async fn serve(&self, arguments: &[String], name: &str, admin: &Api) -> Process {
        let process = Process::start(&self.assets.join("kube-apiserver"), arguments, &self.log(name));
        let give_up = Instant::now() + START_PATIENCE;
        while !admin.try_get("/readyz").await.is_ok_and(|reply| reply.status == 200) {
            assert!(Instant::now() < give_up, "{name} does not start:\n{}", self.log_tails());
            tokio::time::sleep(LOOK_EVERY).await;
        }
        process
    }

    /// Has etcd forget all that was before the present, as it does every few minutes by itself.
    pub async fn compact(&self) {
        etcd::compact(&self.files.etcd_endpoint()).await;
    }

    /// Allows the group these rules in all namespaces.
    pub async fn allow(&self, group: &str, rules: Vec<Value>) {
        const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
        let role = json!({ "metadata": { "name": group }, "rules": rules });
        self.admin.post(&format!("{RBAC}/clusterroles"), &role).await.expect_status(201);
        let binding = json!({ "metadata": { "name": group },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": group },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group }] });
        self.admin.post(&format!("{RBAC}/clusterrolebindings"), &binding).await.expect_status(201);
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.log"))
    }

    /// The last lines of every server's log, for a test that fails.
    pub fn log_tails(&self) -> String {
        let names = ["etcd", "kube-apiserver", "kube-apiserver-spare", "kube-controller-manager"];
        names.map(|name| process::tail(&self.log(name), 15)).join("\n")
    }
}

/// Looks again and again until there is something to see. Panics, with what was waited for, if that takes too long.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let give_up = Instant::now() + super::service::PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < give_up, "waited in vain: {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
