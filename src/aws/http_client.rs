//! The HTTP client for AWS: [`from_environment`].
//!
//! `HTTPS_PROXY`, `NO_PROXY` and `AWS_CA_BUNDLE` mean what they mean to the AWS CLI
//! (<https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-proxy.html>). The cluster's own client does not use them.

use std::path::Path;

use aws_sdk_eks::config::{RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use hyper::Uri;

use crate::util::net;

/// Loopback, and the addresses of instance metadata, of ECS' and of Pod Identity's credentials
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>). A proxy cannot reach ours.
const NEVER_BY_PROXY: &str = "localhost,127.0.0.0/8,::1/128,169.254.0.0/16,fd00:ec2::/32";
/// Addresses that the SDK loads credentials from.
const CREDENTIALS_ENDPOINTS: [&str; 2] = ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_EC2_METADATA_SERVICE_ENDPOINT"];

/// Makes the client for EKS, STS and the sources of credentials. The error names the variable.
pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<SharedHttpClient, String> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let proxy = proxy(&variable)?;
    let mut trust = TrustStore::default();
    if let Some(path) = variable("AWS_CA_BUNDLE") {
        // The SDK panics if a certificate cannot be read.
        let bundle = net::ca_bundle(Path::new(&path)).map_err(|why| format!("AWS_CA_BUNDLE is {path}: {why}"))?;
        trust.add_pem_certificate(bundle);
    }
    let tls = TlsContext::builder().with_trust_store(trust).build();
    let tls = tls.map_err(|error| format!("the TLS client for AWS cannot be set up: {error}"))?;
    Ok(Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector =
            Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(tls.clone());
        connector.set_proxy_config(Some(proxy.clone()));
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.build()
    }))
}

/// Returns the proxy for `https`. Most sources of credentials use `http` and are local.
fn proxy(variable: &impl Fn(&str) -> Option<String>) -> Result<ProxyConfig, String> {
    let either = |upper: &str, lower: &str| variable(upper).or_else(|| variable(lower));
    let Some(url) = either("HTTPS_PROXY", "https_proxy") else { return Ok(ProxyConfig::disabled()) };
    let url = if url.contains("://") { url } else { format!("http://{url}") };
    // The URL may contain a password, so no message shows it.
    let proxy =
        ProxyConfig::https(url).map_err(|_| "HTTPS_PROXY must be a URL such as http://proxy.example.com:3128")?;
    let endpoints = CREDENTIALS_ENDPOINTS.into_iter().filter_map(variable);
    let hosts = endpoints.filter_map(|url| Some(url.parse::<Uri>().ok()?.host()?.trim_matches(['[', ']']).to_owned()));
    let exceptions = either("NO_PROXY", "no_proxy").into_iter().chain([NEVER_BY_PROXY.to_owned()]).chain(hosts);
    Ok(proxy.no_proxy(exceptions.collect::<Vec<_>>().join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(name: &'static str, value: &str) -> String {
        from_environment(|asked| (asked == name).then(|| value.to_owned())).unwrap_err()
    }

    #[test]
    fn the_error_of_a_bad_proxy_does_not_show_its_password() {
        for bad in ["socks5://u:secret@proxy:1080", "http://u:secret@", "http://u:sec ret@proxy"] {
            let text = error("HTTPS_PROXY", bad);
            assert!(text.starts_with("HTTPS_PROXY must be") && !text.contains("ret@"), "{text}");
        }
        for good in ["http://u:secret@proxy:3128", "proxy:3128", "https://proxy", ""] {
            assert!(from_environment(|name| (name == "https_proxy").then(|| good.to_owned())).is_ok(), "{good}");
        }
    }

    #[test]
    fn the_error_of_a_bad_bundle_names_the_file() {
        let license = concat!(env!("CARGO_MANIFEST_DIR"), "/LICENSE");
        for (path, why) in
            [("/nowhere", "No such file"), ("/dev/zero", "regular file"), (license, "has no certificate")]
        {
            let text = error("AWS_CA_BUNDLE", path);
            assert!(text.contains(path) && text.contains(why), "{text}");
        }
    }
}
