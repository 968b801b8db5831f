//! Who a request comes from and what they may do: tokens, denials, access reviews. The judging of
//! IAM tokens itself is the judge's.

use std::collections::HashMap;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::routes::Call;
use super::status::{self, Reply};
use super::store::text;
use crate::support::judge::{Rules, judge};

#[derive(Debug)]
pub struct Access {
    pub rules: Rules,
    pub any_token: bool,
    /// Tokens that are no IAM tokens, with their users.
    pub tokens: HashMap<String, String>,
    pub accepted: usize,
    pub refused: usize,
    pub last_refusal: Option<String>,
    denials: Vec<(Option<String>, String, String)>,
}

/// A request in the terms of RBAC.
#[derive(Debug)]
struct Action {
    verb: &'static str,
    group: String,
    resource: String,
    namespace: Option<String>,
    name: Option<String>,
}

impl Access {
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            any_token: false,
            tokens: HashMap::new(),
            accepted: 0,
            refused: 0,
            last_refusal: None,
            denials: Vec::new(),
        }
    }

    pub fn deny(&mut self, user: Option<&str>, verb: &str, resource: &str) {
        self.denials.push((user.map(str::to_owned), verb.to_owned(), resource.to_owned()));
    }

    /// Returns the user, or the rule that the token breaks.
    pub fn authenticate(&mut self, token: Option<&str>) -> Result<String, String> {
        let token = token.ok_or("there is no bearer token")?;
        let user = match self.tokens.get(token) {
            Some(user) => user.clone(),
            None if self.any_token => "anyone".to_owned(),
            None => {
                let key = judge(token, &self.rules, SystemTime::now())?;
                format!("arn:aws:iam::123456789012:role/{}", key.to_lowercase())
            }
        };
        self.accepted += 1;
        Ok(user)
    }

    pub fn refuse(&mut self, rule: &str) -> Reply {
        self.refused += 1;
        self.last_refusal = Some(rule.to_owned());
        status::unauthorized()
    }

    /// Returns the refusal of a request that was denied.
    pub fn authorize(&self, user: &str, call: &Call) -> Option<Reply> {
        let action = action(call)?;
        self.denied(user, action.verb, &action.resource).then(|| forbidden(user, &action))
    }

    /// Answers a `SelfSubjectAccessReview`.
    pub fn review(&self, user: &str, review: &Value) -> Reply {
        let asked = &review["spec"]["resourceAttributes"];
        let mut resource = text(&asked["resource"]).to_owned();
        if !text(&asked["subresource"]).is_empty() {
            resource = format!("{resource}/{}", text(&asked["subresource"]));
        }
        let status = if self.denied(user, text(&asked["verb"]), &resource) {
            json!({"allowed": false})
        } else {
            let reason = r#"RBAC: allowed by ClusterRoleBinding "eks-api" of ClusterRole "eks-api" to Group "eks-api""#;
            json!({"allowed": true, "reason": reason})
        };
        let mut answer = review.clone();
        answer["metadata"] = json!({});
        answer["status"] = status;
        Reply::new(201, answer)
    }

    fn denied(&self, user: &str, verb: &str, resource: &str) -> bool {
        let fits = |wanted: &str, found: &str| wanted == "*" || wanted == found;
        self.denials.iter().any(|(who, what, whereto)| {
            who.as_ref().is_none_or(|who| who == user) && fits(what, verb) && fits(whereto, resource)
        })
    }
}

/// What a request asks for; nothing for paths that name no resource, and for reviews, which all may
/// make.
fn action(call: &Call) -> Option<Action> {
    let (group, rest) = match &call.path[..] {
        ["api", "v1", rest @ ..] => ("", rest),
        ["apis", group, "v1", rest @ ..] if *group != "authorization.k8s.io" => (*group, rest),
        _ => return None,
    };
    let (namespace, resource, name, subresource) = match rest {
        ["namespaces"] => (None, "namespaces", None, None),
        // A namespace counts as lying in itself.
        ["namespaces", name] => (Some(*name), "namespaces", Some(*name), None),
        ["namespaces", namespace, resource] => (Some(*namespace), *resource, None, None),
        ["namespaces", namespace, resource, name] => (Some(*namespace), *resource, Some(*name), None),
        ["namespaces", namespace, resource, name, sub] => (Some(*namespace), *resource, Some(*name), Some(*sub)),
        [resource] => (None, *resource, None, None),
        _ => return None,
    };
    let verb = match (call.method, name) {
        ("GET", _) if call.request.is_watch() => "watch",
        ("GET", Some(_)) => "get",
        ("GET", None) => "list",
        ("POST", _) => "create",
        ("PATCH", _) => "patch",
        ("DELETE", Some(_)) => "delete",
        ("DELETE", None) => "deletecollection",
        _ => "update",
    };
    Some(Action {
        verb,
        group: group.to_owned(),
        resource: subresource.map_or_else(|| resource.to_owned(), |sub| format!("{resource}/{sub}")),
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
    })
}

fn forbidden(user: &str, action: &Action) -> Reply {
    let Action { verb, group, resource, .. } = action;
    let plural = resource.split('/').next().unwrap_or_default();
    let mut subject = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
    let mut details = json!({"kind": plural});
    if !group.is_empty() {
        details["group"] = json!(group);
    }
    if let Some(name) = &action.name {
        subject = format!("{subject} \"{name}\"");
        details["name"] = json!(name);
    }
    let scope = match &action.namespace {
        Some(namespace) => format!("in the namespace \"{namespace}\""),
        None => "at the cluster scope".to_owned(),
    };
    let message = format!(
        "{subject} is forbidden: User \"{user}\" cannot {verb} resource \"{resource}\" in API group \"{group}\" {scope}"
    );
    status::failure(403, "Forbidden", &message, Some(details))
}
