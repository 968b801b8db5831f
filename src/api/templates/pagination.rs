//! The `continue` of list-templates: the API server's own `continue`, or the last preset. Each begins with the tag prefix
//! of its cluster.
//!
//! Callers need not understand it. It holds no secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::http::response::problem::Problem;
use crate::util::template_name::{TemplateKind, TemplateName};

/// The most bytes of the API server's `continue`, which usually has a few hundred.
const MAX_TOKEN_LEN: usize = 2048;
const CRON_JOBS: &str = "c/";
const PRESETS: &str = "p/";

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cursor {
    /// In the `CronJobs`, at the API server's own `continue`.
    CronJobs(String),
    /// In the presets, after the one with this name. Without a name at the first one.
    Presets(Option<String>),
}

impl Cursor {
    pub(super) fn encode(&self, prefix: &str) -> String {
        let text = match self {
            Self::CronJobs(token) => format!("{prefix}{CRON_JOBS}{token}"),
            Self::Presets(last) => format!("{prefix}{PRESETS}{}", last.as_deref().unwrap_or_default()),
        };
        URL_SAFE_NO_PAD.encode(text)
    }

    /// Parses the value of the cluster with this prefix. That of another cluster is an error.
    pub(super) fn parse(prefix: &str, token: &str) -> Result<Self, Problem> {
        let parse = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
            let text = text.strip_prefix(prefix)?;
            if let Some(token) = text.strip_prefix(CRON_JOBS) {
                let is_valid =
                    (1..=MAX_TOKEN_LEN).contains(&token.len()) && token.bytes().all(|c| c.is_ascii_graphic());
                return is_valid.then(|| Self::CronJobs(token.to_owned()));
            }
            let last = Some(text.strip_prefix(PRESETS)?).filter(|last| !last.is_empty());
            let last = last.map(|last| TemplateName::new(TemplateKind::Preset, last).ok_or(()));
            Some(Self::Presets(last.transpose().ok()?.map(|last| last.name().to_owned())))
        };
        let message = "is not a value that list-templates returned for this cluster; list again without it";
        parse().ok_or_else(|| Problem::malformed("continue", message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_returns_its_cursor_and_nothing_else_is_accepted() {
        let server = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6ODUxLCJzdGFydCI6Ii9oZWxsb1x1MDAwMCJ9";
        for cursor in [
            Cursor::CronJobs(server.to_owned()),
            Cursor::CronJobs("x".repeat(MAX_TOKEN_LEN)),
            Cursor::Presets(None),
            Cursor::Presets(Some("report.v2".to_owned())),
        ] {
            let token = cursor.encode("lab-");
            assert_eq!(Cursor::parse("lab-", &token).unwrap(), cursor);
            assert_eq!(Cursor::parse("eu-", &token).unwrap_err().status, 400, "of another cluster");
        }
        let encoded = |text: &str| URL_SAFE_NO_PAD.encode(format!("lab-{text}"));
        let long = format!("c/{}", "x".repeat(MAX_TOKEN_LEN + 1));
        let own = ["c/", "c/a b", "c/a\r\nb", "c/é", "p/Report", "p/../x", "p/a/b", "k/token", "1/a/b", "", &long];
        for bad in own.map(encoded).iter().map(String::as_str).chain(["garbage", "%%%", ""]) {
            assert_eq!(Cursor::parse("lab-", bad).unwrap_err().status, 400, "{bad}");
        }
    }
}
