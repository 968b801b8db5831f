//! The table of variables, for `--help`, for README's table (a test compares them) and for spotting unknown names.

#[derive(Clone, Copy, Debug)]
pub struct Variable {
    pub name: &'static str,
    pub default: &'static str,
    pub meaning: &'static str,
}

const fn variable(name: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable { name, default, meaning }
}

pub const VARIABLES: [Variable; 30] = [
    variable("EKS_CLUSTER_NAME", "required", "name of the EKS cluster"),
    variable("EKS_REGION", "AWS_REGION, else AWS_DEFAULT_REGION", "AWS region of the cluster"),
    variable("LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING, ERROR or CRITICAL"),
    variable("EKS_API_LISTEN", "127.0.0.1:8000", "address and port to listen on"),
    variable(
        "EKS_API_AUTH",
        "none",
        "who may call: none (everybody), api-key or kubernetes; must be set beyond loopback",
    ),
    variable("EKS_API_KEYS_FILE", "none", "the file with the keys for EKS_API_AUTH=api-key"),
    variable("EKS_API_ALLOWED_HOSTS", "none", "names the service is called by; on loopback beside localhost"),
    variable(
        "EKS_API_TLS_CERT_FILE",
        "none",
        "PEM file of the certificate, then its chain, to speak TLS to callers with",
    ),
    variable("EKS_API_TLS_KEY_FILE", "none", "PEM file of the certificate's private key"),
    variable("EKS_API_TLS_CLIENT_CA_FILE", "none", "PEM file of the CAs of which every caller must show a certificate"),
    variable("EKS_API_CORS_ORIGINS", "none", "origins whose pages may call, separated by commas"),
    variable("EKS_API_LOG_FORMAT", "text", "text (key=value pairs) or json"),
    variable("EKS_API_METRICS", "true", "whether /metrics is served"),
    variable("EKS_API_DOCS", "true", "whether /openapi.json and /docs are served"),
    variable("EKS_API_AUTO_CREATE_NAMESPACE", "true", "whether create-job makes a missing namespace"),
    variable(
        "EKS_API_PROTECTED_NAMESPACES",
        "kube-system,kube-public,kube-node-lease,default",
        "names or patterns that cannot be deleted",
    ),
    variable("EKS_API_ALLOWED_NAMESPACES", "all", "names or patterns outside of which nothing is served"),
    variable("EKS_API_REQUEST_TIMEOUT", "30s", "how long one request may take, retries included (1s to 5m)"),
    variable("EKS_API_MAX_CONNECTIONS", "4096", "open connections; more wait to be accepted"),
    variable(
        "EKS_API_MAX_CONNECTIONS_PER_PEER",
        "2048",
        "open connections of one address (IPv6: one /64); more are closed at once",
    ),
    variable("EKS_API_MAX_REQUESTS", "1024", "requests at a time; more are answered 503"),
    variable("EKS_API_MAX_WAITS", "2048", "calls that wait for a job at a time; more are answered 503"),
    variable("EKS_API_MAX_STREAMS", "2048", "event and log streams at a time; more are answered 503"),
    variable(
        "EKS_API_MAX_WRITES",
        "64",
        "changes to the cluster at a time; one caller has at most half of them; others wait for 2s, then are answered 503",
    ),
    variable("EKS_API_RATE_LIMIT", "500", "calls a second of one caller; or off. A status from memory is not counted"),
    variable("EKS_API_PEER_RATE_LIMIT", "1000", "the same of one address, whoever calls from it; or off"),
    variable(
        "HTTPS_PROXY",
        "none",
        "proxy for EKS and STS, such as http://proxy.example.com:3128; never for the cluster",
    ),
    variable("NO_PROXY", "none", "hosts reached without the proxy; instance metadata and loopback always are"),
    variable("AWS_CA_BUNDLE", "none", "PEM file of further CAs for EKS and STS, such as a proxy's"),
    variable("AWS_*", "the SDK's", "credentials, profile, endpoints: as any AWS SDK reads them"),
];
