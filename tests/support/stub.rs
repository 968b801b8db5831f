//! A stand-in for kube-apiserver: one TLS port on loopback that speaks HTTP/2 and HTTP/1.1, judges
//! bearer tokens, keeps namespaces, jobs, `CronJobs`, pods, events and logs, lets jobs be watched,
//! and fails on demand. This file owns the handle that tests hold, as far as identity, requests and connections
//! go; the rooms below it own its other controls, and what each route does.

mod access;
mod auto;
mod body;
mod connection;
mod contents;
mod controls;
mod exchange;
mod fault;
mod jobs;
mod lists;
mod logs;
mod namespaces;
mod recorded;
mod routes;
mod selector;
mod server;
mod status;
mod store;
mod streams;
mod watches;
mod watching;

use std::sync::Arc;
use std::time::SystemTime;

pub use access::Right;
pub use auto::AutoRun;
pub use fault::{Fault, Gate, Kind};
pub use recorded::Recorded;
pub use store::Deletion;

use super::judge::{Key, Rules};
use super::pki::Authority;
use server::Server;

/// What a stub cluster is started with.
#[derive(Clone, Debug)]
pub struct StubConfig {
    pub rules: Rules,
    /// Plays the controllers and the kubelet, for a demonstration. Tests move jobs by hand.
    pub auto: Option<AutoRun>,
}

impl Default for StubConfig {
    fn default() -> Self {
        let keys = vec![
            Key::new("AKIALABSTATIC0000001", "lab-secret-one/with+chars", None),
            Key::new("ASIALABSESSION000001", "lab-secret-two", Some("lab-session/token==")),
        ];
        let not_before = SystemTime::UNIX_EPOCH;
        let rules = Rules { cluster: "lab".into(), region: "us-east-1".into(), keys, roles: Vec::new(), not_before };
        Self { rules, auto: None }
    }
}

/// A running stub. Its store, its faults and its records outlive `stop`, as etcd outlives an API
/// server.
#[derive(Debug)]
pub struct StubCluster {
    server: Arc<Server>,
    authority: Authority,
}

impl StubCluster {
    #[expect(
        clippy::unused_async,
        reason = "what a listener takes to begin is its own affair, and every test awaits this"
    )]
    pub async fn start(config: StubConfig) -> Self {
        let authority = Authority::new("stub-cluster-ca");
        let server = Server::start(config, authority.server_config());
        Self { server, authority }
    }

    pub fn endpoint(&self) -> String {
        format!("https://{}", self.server.port.address())
    }

    pub fn ca_pem(&self) -> String {
        self.authority.pem()
    }

    // Identity.

    /// Refuses the tokens signed before this instant (to the second), as if their credentials were
    /// revoked.
    pub fn refuse_tokens_signed_before(&self, instant: SystemTime) {
        self.server.access().rules.not_before = instant;
    }

    /// Lets any bearer token in, but still asks for one.
    pub fn accept_any_token(&self) {
        self.server.access().any_token = true;
    }

    /// Lets this token in as this user, beside those that are judged: a caller's own cluster token.
    pub fn accept_token(&self, token: &str, user: &str) {
        self.server.access().tokens.insert(token.to_owned(), user.to_owned());
    }

    /// Adds a key that tokens may be signed with.
    pub fn accept_key(&self, key: Key) {
        self.server.access().rules.keys.push(key);
    }

    /// Lets the sessions of this role in, as an access entry does.
    pub fn accept_role(&self, arn: &str) {
        self.server.access().rules.roles.push(arn.to_owned());
    }

    /// Forgets an access key: tokens that it signed are refused from now on.
    pub fn forget_key(&self, id: &str) {
        self.server.access().rules.keys.retain(|key| key.id != id);
    }

    /// Denies everyone the verb on the resource (`*` is any), in access reviews and in the requests
    /// themselves.
    pub fn deny(&self, verb: &str, resource: &str) {
        self.server.access().deny(None, verb, resource);
    }

    /// Denies it to one user only.
    pub fn deny_user(&self, user: &str, verb: &str, resource: &str) {
        self.server.access().deny(Some(user), verb, resource);
    }

    /// From now on this user may do this, and nothing but what it was allowed so.
    pub fn allow_user(&self, user: &str, right: Right) {
        self.server.access().allow(user, right);
    }

    /// How many requests came with an acceptable token.
    pub fn accepted(&self) -> usize {
        self.server.access().accepted
    }

    /// How many requests were answered 401, and why the last token was refused.
    pub fn refused(&self) -> (usize, Option<String>) {
        let access = self.server.access();
        (access.refused, access.last_refusal.clone())
    }

    // Requests and faults.

    pub fn requests(&self) -> Vec<Recorded> {
        self.server.requests.borrow().clone()
    }

    /// How many requests of this method (`*` is any) came for a path with this prefix.
    pub fn count(&self, method: &str, path_prefix: &str) -> usize {
        recorded::count(&self.server.requests.borrow(), method, path_prefix)
    }

    /// Waits until that count is reached.
    pub async fn wait_for(&self, method: &str, path_prefix: &str, at_least: usize) {
        let enough = |all: &Vec<Recorded>| recorded::count(all, method, path_prefix) >= at_least;
        self.server.requests.subscribe().wait_for(enough).await.unwrap();
    }

    /// Queues a fault behind those that are there: the first that matches a request plays.
    pub fn fault(&self, fault: Fault) {
        self.server.faults.lock().unwrap().push(fault);
    }

    pub fn clear_faults(&self) {
        self.server.faults.lock().unwrap().clear();
    }

    // Connections.

    /// How many TCP connections were accepted since the start.
    pub fn connections(&self) -> usize {
        self.server.accepted()
    }

    /// Tears every connection down, as a load balancer does that loses its target. New ones are
    /// welcome.
    pub async fn close_connections(&self) {
        self.server.close_connections().await;
    }

    /// Plays a killed API server: the port refuses connections, and the open ones are torn down.
    pub async fn stop(&self) {
        self.server.stop().await;
    }

    #[expect(clippy::unused_async, reason = "as for `start`")]
    pub async fn restart_on_same_port(&self) {
        self.server.listen();
    }

    /// New connections are shown a leaf of this authority. `ca_pem` still tells the first one.
    pub fn replace_certificate(&self, authority: &Authority) {
        self.server.replace_tls(authority.server_config());
    }

    /// New connections are shown a leaf for these names, of the authority that is known.
    pub fn show_leaf_for(&self, names: &[&str]) {
        self.server.replace_tls(self.authority.server_config_for(names));
    }
}

impl Drop for StubCluster {
    fn drop(&mut self) {
        self.server.kill();
    }
}
