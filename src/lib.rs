//! eks-api: a plain REST API for Kubernetes Jobs and Namespaces on Amazon EKS.
//!
//! The rooms, from the top down; each imports only rooms below it (tests/suite/layers.rs holds that):
//!
//! - [`app`]: wiring, the order of start, readiness and drain, the one-shot commands
//! - [`http`]: the server, the routes, the one pipeline, the handlers, the errors a caller reads
//! - [`client`]: `eks-api run`, which knows the service by its calls alone
//! - [`auth`]: who calls, and whether they may
//! - [`jobs`]: what a request means as a manifest, what a Job means as a status
//! - [`kube`]: names, URLs, the cluster's client, its TLS and its errors
//! - [`aws`]: credentials, the bearer token, `DescribeCluster`
//! - [`config`], [`log_lines`], [`net`], [`ops`], [`secret`], [`util`]: leaves

pub mod api;
pub mod app;
pub mod audit;
pub mod auth;
pub mod aws;
pub mod cli;
pub mod client;
pub mod clusters;
pub mod config;
pub mod http;
pub mod jobs;
pub mod kube;
pub mod telemetry;
pub mod util;
