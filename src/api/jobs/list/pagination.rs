//! The `continue` of list-jobs: a cursor in the order of the store, or the API server's own `continue`. Each begins with
//! the tag prefix of its cluster.
//!
//! Callers need not understand it. It holds no secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::StatusCode;

use crate::http::response::problem::Problem;
use crate::jobs::store::index::PageCursor;
use crate::kube::names::{JobName, Namespace};

/// The most bytes of the API server's `continue`, which usually has a few hundred.
const MAX_TOKEN_LEN: usize = 2048;
/// Marks a token from the API server. A cursor starts with a digit.
const CLUSTER: &str = "k/";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    PageCursor(PageCursor),
    /// The API server's own `continue`.
    Cluster(String),
}

pub fn encode_cluster(prefix: &str, token: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{prefix}{CLUSTER}{token}"))
}

pub fn encode(prefix: &str, cursor: &PageCursor) -> String {
    URL_SAFE_NO_PAD.encode(format!("{prefix}{}/{}", cursor.created(), cursor.key()))
}

/// Parses a token of the cluster with this prefix. That of another cluster is an error.
pub fn parse(prefix: &str, token: &str) -> Result<Token, Problem> {
    let parse = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let text = text.strip_prefix(prefix)?;
        if let Some(token) = text.strip_prefix(CLUSTER) {
            let is_valid = (1..=MAX_TOKEN_LEN).contains(&token.len()) && token.bytes().all(|c| c.is_ascii_graphic());
            return is_valid.then(|| Token::Cluster(token.to_owned()));
        }
        let (created, key) = text.split_once('/')?;
        let (namespace, name) = key.split_once('/')?;
        Namespace::parse(namespace).and(JobName::parse(name)).ok()?;
        let created: u32 = created.parse().ok()?;
        Some(Token::PageCursor(PageCursor::new(created.into(), key)))
    };
    let message = "is not a value that list-jobs or list-batches returned for this cluster; list again without it";
    parse().ok_or_else(|| Problem::malformed("continue", message))
}

/// The API server no longer has the list that a token continues.
pub fn expired() -> Problem {
    let detail = "continue: the list has expired; list again without it";
    Problem::new(StatusCode::GONE, "Expired", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_returns_its_cursor_and_nothing_else_is_accepted() {
        let cursor = PageCursor::new(1_769_000_000, "team-a/nightly");
        assert_eq!(parse("lab-", &encode("lab-", &cursor)).unwrap(), Token::PageCursor(cursor.clone()));
        let encoded = |text: &str| URL_SAFE_NO_PAD.encode(format!("lab-{text}"));
        assert_eq!(parse("eu-", &encode("lab-", &cursor)).unwrap_err().status, 400, "of another cluster");
        for bad in ["", "garbage", "%%%", &encoded("1/a"), &encoded("x/a/b"), &encoded("1/a/../b"), &encoded("-1/a/b")]
        {
            assert_eq!(parse("lab-", bad).unwrap_err().status, 400, "{bad}");
        }
    }

    #[test]
    fn b7_the_api_servers_own_token_comes_back_as_it_was_and_is_bounded() {
        let token = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6ODUxLCJzdGFydCI6Ii9oZWxsb1x1MDAwMCJ9";
        assert_eq!(parse("lab-", &encode_cluster("lab-", token)).unwrap(), Token::Cluster(token.to_owned()));
        assert!(parse("lab-", &encode_cluster("lab-", &"x".repeat(MAX_TOKEN_LEN))).is_ok());
        for bad in ["", "a b", "a\r\nb", "é", &"x".repeat(MAX_TOKEN_LEN + 1)] {
            assert_eq!(parse("lab-", &encode_cluster("lab-", bad)).unwrap_err().status, 400, "{bad}");
        }
    }
}
