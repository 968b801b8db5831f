//! The `continue` of list-jobs: a place in the order of age, or the API server's own `continue` of a list that was read
//! from the cluster. There is nothing in it that callers need to read, or that may not be read.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::http::response::problem::Problem;
use crate::jobs::store::index::PageCursor;
use crate::kube::names::{JobName, Namespace};

/// The API server's own are a few hundred bytes long.
const LONGEST: usize = 2048;
/// No number, with which a place begins.
const CLUSTER: &str = "k/";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    PageCursor(PageCursor),
    /// The API server's own.
    Cluster(String),
}

pub fn of_cluster(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{CLUSTER}{token}"))
}

pub fn of(place: &PageCursor) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}/{}", place.created(), place.key()))
}

pub fn parse(token: &str) -> Result<Token, Problem> {
    let parse = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        if let Some(token) = text.strip_prefix(CLUSTER) {
            let is_one = (1..=LONGEST).contains(&token.len()) && token.bytes().all(|c| c.is_ascii_graphic());
            return is_one.then(|| Token::Cluster(token.to_owned()));
        }
        let (created, key) = text.split_once('/')?;
        let (namespace, name) = key.split_once('/')?;
        Namespace::parse(namespace).and(JobName::parse(name)).ok()?;
        let created: u32 = created.parse().ok()?;
        Some(Token::PageCursor(PageCursor::new(created.into(), key)))
    };
    parse().ok_or_else(|| Problem::malformed("continue", "is not what a list-jobs call returned; begin without it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_back_to_its_place_and_nothing_else_is_one() {
        let there = PageCursor::new(1_769_000_000, "team-a/nightly");
        assert_eq!(parse(&of(&there)).unwrap(), Token::PageCursor(there));
        let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for bad in ["", "garbage", "%%%", &encoded("1/a"), &encoded("x/a/b"), &encoded("1/a/../b"), &encoded("-1/a/b")]
        {
            assert_eq!(parse(bad).unwrap_err().status, 400, "{bad}");
        }
    }

    #[test]
    fn b7_the_api_servers_own_token_comes_back_as_it_was_and_is_bounded() {
        let own = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6ODUxLCJzdGFydCI6Ii9oZWxsb1x1MDAwMCJ9";
        assert_eq!(parse(&of_cluster(own)).unwrap(), Token::Cluster(own.to_owned()));
        assert!(parse(&of_cluster(&"x".repeat(LONGEST))).is_ok());
        for bad in ["", "a b", "a\r\nb", "é", &"x".repeat(LONGEST + 1)] {
            assert_eq!(parse(&of_cluster(bad)).unwrap_err().status, 400, "{bad}");
        }
    }
}
