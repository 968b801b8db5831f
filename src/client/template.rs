//! A job from a template, as `eks-api run --from` makes it: [`TemplateJob`]. The service checks it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::client::exit::Exit;
use crate::client::manifest::Manifest;
use crate::util::template_name::TemplateName;

/// The template, and what is given besides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateJob {
    pub template: TemplateName,
    pub job_name: Option<String>,
    pub parameters: BTreeMap<String, String>,
    /// The container that the parameters and the overrides are for, and whose log is followed.
    pub container: Option<String>,
    pub image: Option<String>,
    pub env: BTreeMap<String, String>,
    /// The command of the container. If it is empty, the template's command and arguments are kept.
    pub command: Vec<String>,
}

/// The body of create-job. It has only what is given.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notify: &'a [String],
    template: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    overrides: Option<Overrides<'a>>,
}

#[derive(Default, PartialEq, Eq, Serialize)]
struct Overrides<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    env: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'a [String]>,
    /// Empty beside a command, because the template's arguments are for its own command.
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<[&'a str; 0]>,
}

impl TemplateJob {
    /// Returns the body of create-job.
    pub fn manifest(&self, namespace: Option<&str>, notify: &[String]) -> Result<Manifest, Exit> {
        let command = (!self.command.is_empty()).then_some(&self.command[..]);
        let overrides = Overrides {
            container: self.container.as_deref(),
            image: self.image.as_deref(),
            env: given(&self.env),
            command,
            args: command.map(|_| []),
        };
        let body = Body {
            namespace,
            notify,
            template: BTreeMap::from([(self.template.kind().member(), self.template.name())]),
            job_name: self.job_name.as_deref(),
            parameters: given(&self.parameters),
            overrides: (overrides != Overrides::default()).then_some(overrides),
        };
        let body = serde_json::to_vec(&body).map_err(|error| Exit::usage(error.to_string()))?;
        Ok(Manifest { body: body.into(), container: self.container.clone() })
    }
}

fn given(pairs: &BTreeMap<String, String>) -> Option<&BTreeMap<String, String>> {
    (!pairs.is_empty()).then_some(pairs)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn job(template: &str) -> TemplateJob {
        TemplateJob {
            template: TemplateName::parse(template).unwrap(),
            job_name: None,
            parameters: BTreeMap::new(),
            container: None,
            image: None,
            env: BTreeMap::new(),
            command: Vec::new(),
        }
    }

    fn body(job: &TemplateJob, namespace: Option<&str>) -> Value {
        serde_json::from_slice(&job.manifest(namespace, &[]).unwrap().body).unwrap()
    }

    #[test]
    fn only_what_is_given_is_sent() {
        for (template, member) in [
            ("cronjob/etl", json!({ "cron_job": "etl" })),
            ("job/etl-x7", json!({ "job_name": "etl-x7" })),
            ("preset/etl", json!({ "preset": "etl" })),
        ] {
            assert_eq!(body(&job(template), None), json!({ "template": member }));
        }
        let image = TemplateJob { image: Some("etl:1.8".to_owned()), ..job("preset/etl") };
        let expected = json!({ "template": { "preset": "etl" }, "overrides": { "image": "etl:1.8" } });
        assert_eq!(body(&image, None), expected);
    }

    #[test]
    fn all_that_is_given_is_sent_and_a_command_has_no_arguments_of_the_template() {
        let pairs = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let full = TemplateJob {
            job_name: Some("etl-manual".to_owned()),
            parameters: pairs("DATE", "$(date) \"x\""),
            container: Some("main".to_owned()),
            image: Some("etl:1.8".to_owned()),
            env: pairs("MODE", ""),
            command: vec!["sh".to_owned(), String::new()],
            ..job("cronjob/etl")
        };
        let expected = json!({
            "namespace": "demo",
            "template": { "cron_job": "etl" },
            "job_name": "etl-manual",
            "parameters": { "DATE": "$(date) \"x\"" },
            "overrides": {
                "container": "main",
                "image": "etl:1.8",
                "env": { "MODE": "" },
                "command": ["sh", ""],
                "args": [],
            },
        });
        assert_eq!(body(&full, Some("demo")), expected);
        assert_eq!(full.manifest(None, &[]).unwrap().container.as_deref(), Some("main"));
    }
}
