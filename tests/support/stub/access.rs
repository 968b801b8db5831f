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
    /// Those who have any may do that and nothing else.
    rights: HashMap<String, Vec<Right>>,
}

/// What a user may do, as a rule of RBAC says it.
#[derive(Clone, Debug)]
pub struct Right {
    verbs: Vec<String>,
    resource: String,
    namespace: Option<String>,
    name: Option<String>,
}

impl Right {
    /// These verbs on this resource (`*` is any), in all namespaces.
    pub fn to(verbs: &[&str], resource: &str) -> Self {
        let verbs = verbs.iter().map(|verb| (*verb).to_owned()).collect();
        Self { verbs, resource: resource.to_owned(), namespace: None, name: None }
    }

    /// In this namespace only.
    pub fn within(self, namespace: &str) -> Self {
        Self { namespace: Some(namespace.to_owned()), ..self }
    }

    /// On the object of this name only.
    pub fn named(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    fn covers(&self, verb: &str, resource: &str, namespace: &str, name: &str) -> bool {
        let fits = |wanted: &str, found: &str| wanted == "*" || wanted == found;
        self.verbs.iter().any(|wanted| fits(wanted, verb))
            && fits(&self.resource, resource)
            && self.namespace.as_ref().is_none_or(|wanted| wanted == namespace)
            && self.name.as_ref().is_none_or(|wanted| wanted == name)
    }
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
            rights: HashMap::new(),
        }
    }

    pub fn deny(&mut self, user: Option<&str>, verb: &str, resource: &str) {
        self.denials.push((user.map(str::to_owned), verb.to_owned(), resource.to_owned()));
    }

    pub fn allow(&mut self, user: &str, right: Right) {
        self.rights.entry(user.to_owned()).or_default().push(right);
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
        let (namespace, name) = (action.namespace.as_deref(), action.name.as_deref());
        let place = (namespace.unwrap_or_default(), name.unwrap_or_default());
        self.denied(user, action.verb, &action.resource, place).then(|| forbidden(user, &action))
    }

    /// Answers a `SelfSubjectAccessReview`.
    pub fn review(&self, user: &str, review: &Value) -> Reply {
        // A path that is not of a resource counts as a resource of that name.
        let (asked, resource) = match &review["spec"]["nonResourceAttributes"] {
            Value::Null => (&review["spec"]["resourceAttributes"], "resource"),
            asked => (asked, "path"),
        };
        let mut resource = text(&asked[resource]).to_owned();
        if !text(&asked["subresource"]).is_empty() {
            resource = format!("{resource}/{}", text(&asked["subresource"]));
        }
        let place = (text(&asked["namespace"]), text(&asked["name"]));
        let status = if self.denied(user, text(&asked["verb"]), &resource, place) {
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

    /// The namespace and the name are empty for all of them.
    fn denied(&self, user: &str, verb: &str, resource: &str, (namespace, name): (&str, &str)) -> bool {
        let fits = |wanted: &str, found: &str| wanted == "*" || wanted == found;
        self.denials.iter().any(|(who, what, whereto)| {
            who.as_ref().is_none_or(|who| who == user) && fits(what, verb) && fits(whereto, resource)
        }) || self
            .rights
            .get(user)
            .is_some_and(|rights| !rights.iter().any(|right| right.covers(verb, resource, namespace, name)))
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
