//! eks-api: a plain REST API for Kubernetes Jobs and Namespaces on Amazon EKS.
//!
//! The modules from top to bottom. Each imports only modules below it (`tests/suite/house.rs` checks that):
//!
//! - [`cli`]: the command line and its commands
//! - [`app`]: starts the service, runs it and drains it
//! - [`api`]: routes, access checks, handlers and errors
//! - [`http`]: listener, connections, TLS, limits, requests and responses
//! - [`audit`]: the record of changes and refusals
//! - [`auth`]: authenticates and authorizes callers
//! - [`clusters`]: background tasks that keep a cluster's endpoint, token and jobs up to date
//! - `webhooks` (with the feature `history`): sends signed messages about jobs and batches
//! - `history` (a feature): the runs of jobs and the audit, in a database
//! - [`jobs`]: manifests, statuses, pods, logs and the store of jobs
//! - [`kube`]: names, URLs, types, client and watcher of Kubernetes
//! - [`aws`]: credentials, the bearer token and `DescribeCluster`
//! - [`client`]: `eks-api run`, which uses the service by HTTP only
//! - [`config`], [`telemetry`]: settings; logs, metrics and systemd
//! - [`util`]: tools without a subject of their own

pub mod api;
pub mod app;
pub mod audit;
pub mod auth;
pub mod aws;
pub mod cli;
pub mod client;
pub mod clusters;
pub mod config;
#[cfg(feature = "history")]
pub mod history;
pub mod http;
pub mod jobs;
pub mod kube;
pub mod telemetry;
pub mod util;
#[cfg(feature = "history")]
pub mod webhooks;
