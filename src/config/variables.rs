//! The tables of all variables: [`VARIABLES`] and [`CLIENT_VARIABLES`]. `--help` prints them, and tests compare the
//! documents with them.

#[derive(Clone, Copy, Debug)]
pub struct Variable {
    pub name: &'static str,
    pub default: &'static str,
    pub meaning: &'static str,
}

const fn variable(name: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable { name, default, meaning }
}

/// The settings of the service.
pub const VARIABLES: [Variable; 37] = [
    variable("EKS_CLUSTER_NAME", "required", "name of the EKS cluster"),
    variable("EKS_REGION", "AWS_REGION, else AWS_DEFAULT_REGION", "AWS region of the cluster"),
    variable("EKS_API_CLUSTERS_FILE", "none", "file with the clusters, instead of EKS_CLUSTER_NAME and EKS_REGION"),
    variable(
        "EKS_API_PRESETS_DIR",
        "none",
        "directory with the presets, NAME.yaml each: manifests that jobs are created from",
    ),
    variable(
        "EKS_API_STATE_DIR",
        "none",
        "directory of the history: the runs of jobs and the audit, in a database; without it nothing is kept",
    ),
    variable("EKS_API_HISTORY_KEEP", "90d", "how long the history keeps a run after its end, and an audit record"),
    variable("EKS_API_HISTORY_MAX_SIZE", "1GiB", "the most bytes of the database; beyond it the oldest are deleted"),
    variable(
        "EKS_API_WEBHOOKS_FILE",
        "none",
        "file with the endpoints of webhooks, one a line; needs EKS_API_STATE_DIR",
    ),
    variable("LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING, ERROR or CRITICAL"),
    variable("EKS_API_LISTEN", "127.0.0.1:8000", "address and port to listen on"),
    variable(
        "EKS_API_AUTH",
        "none",
        "who may call: none (everyone), api-key or kubernetes; required if the address is not loopback",
    ),
    variable("EKS_API_KEYS_FILE", "none", "file with the API keys, for EKS_API_AUTH=api-key"),
    variable(
        "EKS_API_ALLOWED_HOSTS",
        "none",
        "host names of the service, separated by commas; on loopback, localhost is always allowed",
    ),
    variable("EKS_API_TLS_CERT_FILE", "none", "PEM file with the service's certificate and its chain; enables TLS"),
    variable("EKS_API_TLS_KEY_FILE", "none", "PEM file with the private key of the certificate"),
    variable(
        "EKS_API_TLS_CLIENT_CA_FILE",
        "none",
        "PEM file with the CAs for client certificates; every caller must then have one",
    ),
    variable("EKS_API_CORS_ORIGINS", "none", "origins of web pages that may call, separated by commas"),
    variable("EKS_API_LOG_FORMAT", "text", "text (key=value pairs) or json"),
    variable("EKS_API_METRICS", "true", "whether /metrics is served"),
    variable("EKS_API_METRICS_NAMESPACES", "false", "whether finished jobs are counted by namespace"),
    variable("EKS_API_DOCS", "true", "whether /openapi.json and /docs are served"),
    variable("EKS_API_AUTO_CREATE_NAMESPACE", "true", "whether create-job creates a missing namespace"),
    variable(
        "EKS_API_PROTECTED_NAMESPACES",
        "kube-system,kube-public,kube-node-lease,default",
        "names or patterns of namespaces that cannot be deleted",
    ),
    variable("EKS_API_ALLOWED_NAMESPACES", "all", "names or patterns of the namespaces that callers can use"),
    variable("EKS_API_REQUEST_TIMEOUT", "30s", "time limit of one request, including retries (1s to 5m)"),
    variable("EKS_API_MAX_CONNECTIONS", "4096", "maximum of open connections; more wait until one closes"),
    variable(
        "EKS_API_MAX_CONNECTIONS_PER_PEER",
        "2048",
        "maximum of open connections from one address (IPv6: one /64); more are closed immediately",
    ),
    variable("EKS_API_MAX_REQUESTS", "1024", "maximum of concurrent requests; more get 503"),
    variable("EKS_API_MAX_WAITS", "2048", "maximum of concurrent requests with wait; more get 503"),
    variable("EKS_API_MAX_STREAMS", "2048", "maximum of concurrent event and log streams; more get 503"),
    variable(
        "EKS_API_MAX_WRITES",
        "64",
        "maximum of concurrent changes to the cluster, half of them for one caller; more wait for 2s, then get 503",
    ),
    variable(
        "EKS_API_RATE_LIMIT",
        "500",
        "maximum of requests a second from one caller, or off; a status from memory does not count",
    ),
    variable("EKS_API_PEER_RATE_LIMIT", "1000", "maximum of requests a second from one address, or off"),
    variable(
        "HTTPS_PROXY",
        "none",
        "proxy for EKS and STS, such as http://proxy.example.com:3128; not used for the cluster",
    ),
    variable("NO_PROXY", "none", "hosts that are reached without the proxy; instance metadata and loopback always are"),
    variable("AWS_CA_BUNDLE", "none", "PEM file with additional CAs for EKS and STS, such as a proxy's"),
    variable("AWS_*", "the SDK's", "credentials, profile and endpoints, as for every AWS SDK"),
];

/// The variables of the commands that call a service. The service itself does not read them.
pub const CLIENT_VARIABLES: [Variable; 5] = [
    variable("EKS_API_URL", "http://127.0.0.1:8000", "address of the service (--url)"),
    variable("EKS_API_KEY", "none", "API key (--key-file)"),
    variable("EKS_API_TOKEN", "none", "token of the cluster, instead of an API key (--key-file)"),
    variable("EKS_API_CLIENT_CERT", "none", "PEM file with the client's certificate (--cert)"),
    variable("EKS_API_CLIENT_KEY", "none", "PEM file with its private key (--key)"),
];
