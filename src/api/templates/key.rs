//! [`Key`]: the place of a template in the list. `continue` is the key of the last template on a page, after the tag
//! prefix of its cluster.
//!
//! So `continue` names nothing that the caller has not seen, and callers need not understand it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::http::response::problem::Problem;
use crate::kube::names::Namespace;
use crate::util::template_name::TemplateName;

/// No `continue` of list-jobs begins with it.
const MARK: &str = "t/";

/// The list is in the order of its keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// Presets for every namespace come last.
    is_for_all: bool,
    namespace: String,
    template: TemplateName,
}

impl Key {
    pub(super) fn new(namespace: Option<&str>, template: &TemplateName) -> Self {
        let is_for_all = namespace.is_none();
        Self { is_for_all, namespace: namespace.unwrap_or_default().to_owned(), template: template.clone() }
    }

    pub(super) fn encode(&self, prefix: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("{prefix}{MARK}{}/{}", self.namespace, self.template))
    }

    /// Parses the value of the cluster with this prefix. That of another cluster is an error.
    pub(super) fn parse(prefix: &str, token: &str) -> Result<Self, Problem> {
        let parse = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
            let (namespace, template) = text.strip_prefix(prefix)?.strip_prefix(MARK)?.split_once('/')?;
            let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
            namespace.map(Namespace::parse).transpose().ok()?;
            Some(Self::new(namespace, &TemplateName::parse(template)?))
        };
        let message = "is not a value that list-templates returned for this cluster; list again without it";
        parse().ok_or_else(|| Problem::malformed("continue", message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(namespace: &str, template: &str) -> Key {
        Key::new(Some(namespace).filter(|namespace| !namespace.is_empty()), &TemplateName::parse(template).unwrap())
    }

    #[test]
    fn a_token_returns_its_key_and_nothing_else_is_accepted() {
        for (namespace, template) in [("demo", "cronjob/etl"), ("", "preset/report.v2"), ("1", "cronjob/job")] {
            let key = key(namespace, template);
            let token = key.encode("lab-");
            assert_eq!(Key::parse("lab-", &token).unwrap(), key);
            assert_eq!(Key::parse("eu-", &token).unwrap_err().status, 400, "of another cluster");
        }
        let encoded = |text: &str| URL_SAFE_NO_PAD.encode(format!("lab-{text}"));
        let own = [
            "t/",
            "t/demo",
            "t/cronjob/etl",
            "t/a/cronjob/Etl",
            "t/a/cron/etl",
            "t/a/cronjob/",
            "t/No/cronjob/etl",
            "t/a/b/cronjob/etl",
            "1/a/b",
            "",
        ];
        for bad in own.map(encoded).iter().map(String::as_str).chain(["garbage", "%%%", ""]) {
            assert_eq!(Key::parse("lab-", bad).unwrap_err().status, 400, "{bad}");
        }
    }

    #[test]
    fn keys_are_in_the_order_of_namespace_and_name_and_those_for_all_namespaces_come_last() {
        let sorted = [
            ("team", "cronjob/z"),
            ("team", "preset/a"),
            ("team-a", "cronjob/a"),
            ("team-a", "cronjob/a-b"),
            ("team0", "cronjob/a"),
            ("", "preset/a"),
        ];
        assert!(sorted.map(|(namespace, template)| key(namespace, template)).is_sorted());
    }
}
