//! What the servers are started with: certificates, kubeconfigs, ports, flags. Kubernetes 1.20 is the oldest that these
//! flags are known to suit.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::pki::Authority;

pub const ADMIN_TOKEN: &str = "the-administrators-token";

#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    pub apiserver: u16,
    pub spare: u16,
    pub etcd_client: u16,
    /// Tells the keys of this cluster from those of another on the same etcd.
    etcd_prefix: String,
    etcd_peer: u16,
    controller_manager: u16,
    pub token_ttl: Duration,
}

impl Files {
    /// Writes what the servers of this cluster read from files.
    pub fn write(folder: &Path, authority: &Authority, cluster: &str, webhook: &str, token_ttl: Duration) -> Self {
        let files = Self {
            folder: folder.to_owned(),
            apiserver: free_port(),
            spare: free_port(),
            etcd_client: free_port(),
            etcd_prefix: format!("/{cluster}"),
            etcd_peer: free_port(),
            controller_manager: free_port(),
            token_ttl,
        };
        let serving = authority.issue(&["127.0.0.1", "localhost"]);
        let accounts = authority.issue(&["service-accounts"]);
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        write("ca.pem", &authority.pem());
        write("serving.pem", &serving.chain_pem);
        write("serving.key", &serving.key_pem);
        write("accounts.pem", &accounts.chain_pem);
        write("accounts.key", &accounts.key_pem);
        write("tokens.csv", &format!("{ADMIN_TOKEN},admin,admin,system:masters\n"));
        write("webhook.yaml", &kubeconfig(&format!("server: {webhook}"), ""));
        let cluster = format!("server: {}, certificate-authority: {}", files.endpoint(), files.path("ca.pem"));
        write("manager.yaml", &kubeconfig(&cluster, &format!("token: {ADMIN_TOKEN}")));
        files
    }

    pub fn endpoint(&self) -> String {
        format!("https://127.0.0.1:{}", self.apiserver)
    }

    pub fn spare_endpoint(&self) -> String {
        format!("https://127.0.0.1:{}", self.spare)
    }

    pub fn etcd_endpoint(&self) -> String {
        loopback(self.etcd_client)
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    pub fn etcd(&self) -> Vec<String> {
        let (client, peer) = (loopback(self.etcd_client), loopback(self.etcd_peer));
        vec![
            format!("--data-dir={}", self.path("etcd")),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            "--unsafe-no-fsync".to_owned(),
        ]
    }

    pub fn apiserver(&self) -> Vec<String> {
        self.apiserver_at(self.apiserver)
    }

    /// The second API server on the same etcd reads what it tells from etcd, and remembers nothing of it.
    pub fn spare_apiserver(&self) -> Vec<String> {
        let mut arguments = self.apiserver_at(self.spare);
        arguments.push("--watch-cache=false".to_owned());
        arguments
    }

    fn apiserver_at(&self, port: u16) -> Vec<String> {
        vec![
            format!("--etcd-servers={}", loopback(self.etcd_client)),
            format!("--etcd-prefix={}", self.etcd_prefix),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            // Nobody reaches this API server through the Service `kubernetes`.
            "--endpoint-reconciler-type=none".to_owned(),
            format!("--secure-port={port}"),
            format!("--tls-cert-file={}", self.path("serving.pem")),
            format!("--tls-private-key-file={}", self.path("serving.key")),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", self.path("accounts.pem")),
            format!("--service-account-signing-key-file={}", self.path("accounts.key")),
            // Pods need no account here, and no controller makes one.
            "--disable-admission-plugins=ServiceAccount".to_owned(),
            "--authorization-mode=RBAC".to_owned(),
            format!("--token-auth-file={}", self.path("tokens.csv")),
            format!("--authentication-token-webhook-config-file={}", self.path("webhook.yaml")),
            "--authentication-token-webhook-version=v1".to_owned(),
            format!("--authentication-token-webhook-cache-ttl={}s", self.token_ttl.as_secs()),
        ]
    }

    /// `help` is the binary's own: Kubernetes 1.28 renamed the controllers, and before 1.24 a plain-text port has to
    /// be closed.
    pub fn controller_manager(&self, help: &str) -> Vec<String> {
        let controllers = if help.contains("garbage-collector-controller") {
            "job-controller,namespace-controller,garbage-collector-controller"
        } else {
            "job,namespace,garbagecollector"
        };
        let mut arguments = vec![
            format!("--kubeconfig={}", self.path("manager.yaml")),
            format!("--controllers={controllers}"),
            "--leader-elect=false".to_owned(),
            // All scenarios share it, and many run at a time: by default it makes 20 requests a second.
            "--kube-api-qps=300".to_owned(),
            "--kube-api-burst=600".to_owned(),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={}", self.controller_manager),
            format!("--cert-dir={}", self.path("manager")),
            format!("--service-account-private-key-file={}", self.path("accounts.key")),
        ];
        if help.contains("--port int") {
            arguments.push("--port=0".to_owned());
        }
        arguments
    }
}

fn loopback(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn kubeconfig(cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: it\n\
         clusters: [{{name: it, cluster: {{{cluster}}}}}]\n\
         users: [{{name: it, user: {{{user}}}}}]\n\
         contexts: [{{name: it, context: {{cluster: it, user: it}}}}]\n"
    )
}

/// A port that nobody listens on, below those that the kernel gives to clients: a server that is stopped for a while
/// must find its port free.
fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(20_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
