//! Several stub clusters, the AWS that describes them, and the clusters file of a service for them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::aws::{AwsMock, Role};
use super::builder;
use super::service::Builder;
use super::stub::{StubCluster, StubConfig};

/// The file that `EKS_API_CLUSTERS_FILE` names, in the folder of the service.
pub const FILE: &str = "clusters";
const REGION: &str = "us-east-1";

/// One stub cluster with its line. Its EKS name is `eks-NAME`, so that a test sees which of the names is used.
#[derive(Debug)]
pub struct Member {
    pub name: String,
    pub stub: StubCluster,
    /// The keys and values of its line.
    line: BTreeMap<String, String>,
}

impl Member {
    /// Sets a key of its line.
    pub fn set(&mut self, key: &str, value: &str) {
        self.line.insert(key.to_owned(), value.to_owned());
    }

    pub fn eks_name(&self) -> String {
        format!("eks-{}", self.name)
    }

    pub fn line(&self) -> String {
        let mut line = self.name.clone();
        self.line.iter().for_each(|(key, value)| write!(line, " {key}={value}").unwrap());
        line
    }
}

pub struct Clusters {
    pub aws: AwsMock,
    /// In the order of the file. The first is the default.
    members: Vec<Member>,
}

impl Clusters {
    /// Starts a stub cluster for each name, and an AWS that describes all of them. The service's own credentials may use
    /// each.
    pub async fn start(names: &[&str]) -> Self {
        let mut clusters = Self { aws: AwsMock::start().await, members: Vec::new() };
        for name in names {
            clusters.add(name).await;
        }
        clusters
    }

    /// Starts one more stub cluster, and adds its line to [`Self::text`].
    pub async fn add(&mut self, name: &str) -> &mut Member {
        let mut config = StubConfig::default();
        config.rules.cluster = format!("eks-{name}");
        let stub = StubCluster::start(config).await;
        let mut member = Member { name: name.to_owned(), stub, line: BTreeMap::new() };
        member.set("cluster", &member.eks_name());
        member.set("region", REGION);
        if self.members.is_empty() {
            member.set("default", "true");
        }
        self.aws.describes_cluster(&member.eks_name(), &member.stub.endpoint(), &member.stub.ca_pem());
        self.members.push(member);
        self.member(name)
    }

    /// The stub cluster of this name.
    pub fn stub(&self, name: &str) -> &StubCluster {
        &self.members.iter().find(|member| member.name == name).unwrap().stub
    }

    /// The member of this name, to change its line.
    pub fn member(&mut self, name: &str) -> &mut Member {
        self.members.iter_mut().find(|member| member.name == name).unwrap()
    }

    /// Lets this cluster be used by a role only: its line names the role, STS knows it, and the cluster accepts no other
    /// credentials.
    pub fn assumes(&mut self, name: &str, role: Role) {
        let member = self.member(name);
        for key in StubConfig::default().rules.keys {
            member.stub.forget_key(&key.id);
        }
        member.stub.accept_role(&role.arn);
        member.set("role", &role.arn);
        if let Some(id) = &role.external_id {
            member.set("external_id", id);
        }
        if role.session_name != "eks-api" {
            member.set("role_session_name", &role.session_name);
        }
        self.aws.trusts(role);
    }

    /// Writes the endpoint of this cluster into its line. The file of its CA is part of [`Self::builder`].
    pub fn has_static_endpoint(&mut self, name: &str) {
        let member = self.member(name);
        let endpoint = member.stub.endpoint();
        member.set("endpoint", &endpoint);
        member.set("ca_file", &ca_file(name));
    }

    /// The text of the clusters file.
    pub fn text(&self) -> String {
        self.members.iter().map(|member| member.line() + "\n").collect()
    }

    /// A service that is not started yet, with the clusters file in its folder. A test may write [`FILE`] again in
    /// `Service::folder` and send SIGHUP.
    pub fn builder(&self, binary: &str) -> Builder {
        let builder = builder(binary, &self.aws).without("EKS_CLUSTER_NAME").without("EKS_REGION");
        let builder = builder.env("EKS_API_CLUSTERS_FILE", FILE).file(FILE, &self.text());
        let cas = self.members.iter().map(|member| (ca_file(&member.name), member.stub.ca_pem()));
        cas.fold(builder, |builder, (name, pem)| builder.file(&name, &pem))
    }
}

fn ca_file(name: &str) -> String {
    format!("{name}.crt")
}
