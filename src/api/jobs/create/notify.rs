//! The webhooks that a call names: [`Notify`].

use serde::Deserialize;

use crate::api::context::RequestContext;
use crate::api::templates::source::authorize_create;
use crate::http::response::problem::Problem;
use crate::kube::names::Namespace;
use crate::util::first_items::FirstItems;
use crate::util::text::shown_name;

const MAX_NAMES: usize = 16;

/// The member `notify` of create-job and create-batch.
#[derive(Deserialize)]
pub(in crate::api) struct Notify(FirstItems<String, { MAX_NAMES + 1 }>);

impl Notify {
    /// Returns the value of the annotation. Send it only after [`Notify::check`].
    pub(in crate::api) fn annotation(&self) -> String {
        self.0.0.join(",")
    }

    /// 422 unless each name is that of another endpoint which takes events of this namespace. The caller's rights are
    /// checked first, so a refusal reveals no names.
    pub(in crate::api) async fn check(&self, ctx: &mut RequestContext, namespace: &Namespace) -> Result<(), Problem> {
        authorize_create(ctx, namespace).await?;
        self.check_names(|name| is_endpoint(ctx, name, namespace))
    }

    /// `is_endpoint` returns `None` without webhooks.
    fn check_names(&self, is_endpoint: impl Fn(&str) -> Option<bool>) -> Result<(), Problem> {
        let invalid = |message: &str| Err(Problem::invalid("notify", message));
        let Self(FirstItems(names)) = self;
        if !(1..=MAX_NAMES).contains(&names.len()) {
            return invalid(&format!("must have 1 to {MAX_NAMES} names of webhooks"));
        }
        for (index, name) in names.iter().enumerate() {
            let shown = shown_name(name);
            if names.iter().take(index).any(|other| other == name) {
                return invalid(&format!("\"{shown}\" is given twice; give each name once"));
            }
            let why = match is_endpoint(name) {
                Some(true) => continue,
                // A caller of one namespace does not learn the endpoints of the others.
                Some(false) => "for this namespace: the operator names endpoints and namespaces in the webhooks file",
                None => "of this service: its operator can set EKS_API_WEBHOOKS_FILE",
            };
            return invalid(&format!("\"{shown}\" is not a webhook {why}"));
        }
        Ok(())
    }
}

/// Whether an endpoint of this name takes events of the namespace. `None` without webhooks.
#[cfg(feature = "history")]
fn is_endpoint(ctx: &RequestContext, name: &str, namespace: &Namespace) -> Option<bool> {
    let endpoint = ctx.state.webhooks.as_ref()?.endpoint(name);
    Some(endpoint.is_some_and(|endpoint| endpoint.covers(ctx.cluster.name(), namespace.as_str())))
}

#[cfg(not(feature = "history"))]
fn is_endpoint(_: &RequestContext, _: &str, _: &Namespace) -> Option<bool> {
    None
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn notify(names: &Value) -> serde_json::Result<Notify> {
        serde_json::from_value(names.clone())
    }

    fn refused(names: &Value) -> String {
        let known = |name: &str| Some(name != "other");
        let problem = notify(names).unwrap().check_names(known).unwrap_err();
        assert_eq!((problem.status.as_u16(), &*problem.reason), (422, "Invalid"), "{names}");
        assert_eq!(&*problem.causes[0].field, "notify");
        problem.detail.into()
    }

    #[test]
    fn the_names_are_kept_in_their_order() {
        let names = notify(&json!(["ops", "dev-2"])).unwrap();
        names.check_names(|_| Some(true)).unwrap();
        assert_eq!(names.annotation(), "ops,dev-2");
        let most: Vec<_> = (0..MAX_NAMES).map(|number| number.to_string()).collect();
        notify(&json!(most)).unwrap().check_names(|_| Some(true)).unwrap();
    }

    #[test]
    fn other_types_are_refused() {
        for names in [json!("ops"), json!({ "ops": true }), json!([7]), json!([null]), json!([["ops"]])] {
            assert!(notify(&names).is_err(), "{names}");
        }
    }

    #[test]
    fn other_names_are_refused() {
        let many: Vec<_> = (0..=MAX_NAMES).map(|number| number.to_string()).collect();
        for (names, message) in [
            (json!([]), "must have 1 to 16 names"),
            (json!(many), "must have 1 to 16 names"),
            (json!(vec![""; 100_000]), "must have 1 to 16 names"),
            (json!(["ops", "dev", "ops"]), "\"ops\" is given twice"),
            (json!(["ops", "other"]), "\"other\" is not a webhook for this namespace"),
        ] {
            assert!(refused(&names).contains(message), "{}", refused(&names));
        }
        let long = refused(&json!(["other", "x".repeat(100_000)]));
        assert!(long.chars().count() < 1000, "{long}");
    }

    #[test]
    fn a_service_without_webhooks_says_so() {
        let problem = notify(&json!(["ops"])).unwrap().check_names(|_| None).unwrap_err();
        assert_eq!(problem.status.as_u16(), 422);
        assert!(problem.detail.contains("\"ops\" is not a webhook of this service"), "{}", problem.detail);
    }
}
