//! The forms of values in the clusters file: [`is_role_arn`], [`is_endpoint`] and [`is_made_of`].

use std::ops::RangeInclusive;

use hyper::http::uri::Authority;
use rustls::pki_types::ServerName;

use crate::util::net;

/// The maximal length of an ARN in IAM.
const MAX_ARN_LEN: usize = 2048;

/// Whether a text has this length, and only letters, digits and these other characters.
pub(super) fn is_made_of(text: &str, len: RangeInclusive<usize>, others: &str) -> bool {
    len.contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

/// Whether this is `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`. The path may be empty
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>).
pub(super) fn is_role_arn(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts[..] else { return false };
    let Some(path) = resource.strip_prefix("role/") else { return false };
    let name = path.rsplit('/').next().unwrap_or_default();
    arn.len() <= MAX_ARN_LEN
        && partition.starts_with("aws")
        && partition.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
        && account.len() == 12
        && account.bytes().all(|c| c.is_ascii_digit())
        && path.bytes().all(|c| c.is_ascii_graphic())
        && is_made_of(name, 1..=64, "_+=,.@-")
}

/// Whether this is an address that the client of the cluster can connect to, without a path.
pub(super) fn is_endpoint(url: &str) -> bool {
    let authority = url.strip_prefix("https://").and_then(|rest| rest.parse::<Authority>().ok());
    let Some(authority) = authority.filter(|authority| !authority.as_str().contains('@')) else { return false };
    let has_good_port = net::port(&authority, 443).is_some();
    has_good_port && ServerName::try_from(authority.host().trim_matches(['[', ']'])).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{is_endpoint, is_role_arn};

    #[test]
    fn a_role_has_any_partition_and_path() {
        let long = format!("arn:aws:iam::111122223333:role/{}", "n".repeat(64));
        for good in [
            "arn:aws:iam::111122223333:role/eks-api",
            "arn:aws-cn:iam::111122223333:role/eks-api",
            "arn:aws-us-gov:iam::111122223333:role/eks-api",
            "arn:aws-iso-b:iam::111122223333:role/eks-api",
            "arn:aws:iam::111122223333:role/a/b:c/eks_api+=,.@-",
            &long,
        ] {
            assert!(is_role_arn(good), "{good}");
        }
        let (long_name, long_path) =
            (format!("{long}n"), format!("arn:aws:iam::111122223333:role/{}/n", "p".repeat(2048)));
        for bad in [
            "",
            "eks-api",
            "arn:aws:iam::111122223333:user/ada",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:role/path/",
            "arn:aws:iam::111122223333:role/a b",
            "arn:aws:iam::1111222233:role/eks-api",
            "arn:aws:iam::11112222333x:role/eks-api",
            "arn:aws:iam:us-east-1:111122223333:role/eks-api",
            "arn:aws:sts::111122223333:assumed-role/eks-api/session",
            "arn::iam::111122223333:role/eks-api",
            "arn:azure:iam::111122223333:role/eks-api",
            "arn:AWS:iam::111122223333:role/eks-api",
            "arn:aws:iam::111122223333:role/ä/n",
            "ARN:aws:iam::111122223333:role/eks-api",
            &long_name,
            &long_path,
        ] {
            assert!(!is_role_arn(bad), "{bad}");
        }
    }

    #[test]
    fn an_endpoint_is_https_with_a_host_and_a_port_only() {
        for good in
            ["https://ABC.gr7.us-east-1.eks.amazonaws.com", "https://a:443", "https://10.0.0.1", "https://[::1]:1"]
        {
            assert!(is_endpoint(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "https://",
            "http://a",
            "HTTPS://a",
            "https://a/",
            "https://a/b",
            "https://a?b",
            "https://a#b",
            "https://u@a",
            "https://a@a:443",
            "https://a:",
            "https://a:0",
            "https://a:65536",
            "https://a:x",
            "https://a:1:2",
            "https://:443",
            "https://[::1",
            "https://-a",
            "https://a b",
            "https://a..b",
            "https://*",
        ] {
            assert!(!is_endpoint(bad), "{bad}");
        }
    }
}
