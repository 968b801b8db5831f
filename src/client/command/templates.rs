//! `eks-api templates`: [`templates`].

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::client::command::print::{print, table};
use crate::client::exit::Exit;
use crate::client::job::not_ours;
use crate::client::options::Command;
use crate::client::service::{Service, ServiceRequest};
use crate::util::template_name::TemplateName;
use crate::util::text::printable;

/// The largest page of the service.
const LIMIT: &str = "500";

const HEADINGS: [&str; 4] = ["TEMPLATE", "NAMESPACE", "SCHEDULE", "PARAMETERS"];

#[derive(Deserialize)]
struct Page {
    templates: Vec<Template>,
    r#continue: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Template {
    #[serde(rename = "template")]
    name: String,
    namespace: Option<String>,
    suspended: Option<bool>,
    schedule: Option<String>,
    #[serde(default)]
    parameters: Vec<Parameter>,
}

#[derive(Deserialize)]
struct Parameter {
    name: String,
    #[serde(default)]
    required: bool,
    default: Option<String>,
}

pub(super) async fn templates(service: &Service<'_>, command: &Command) -> Result<(), Exit> {
    let (mut templates, mut next, mut warned) = (Vec::new(), None::<String>, BTreeSet::new());
    loop {
        let filters = [("namespace", &command.namespace), ("continue", &next)];
        let filters = filters.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let request = ServiceRequest::get("list-templates", [("limit", LIMIT)].into_iter().chain(filters));
        let reply = service.call(&request).await.map_err(|error| error.into_exit("the templates are not listed"))?;
        let page: Page = serde_json::from_slice(reply.body()).map_err(not_ours)?;
        for warning in page.warnings {
            // Each page may repeat it.
            if warned.insert(warning.clone()) {
                service.progress.warn(&format!("warning: {warning}"));
            }
        }
        if command.json {
            print(service, [reply.body(), &b"\n"[..]].concat()).await?;
        } else {
            templates.extend(page.templates);
        }
        next = page.r#continue;
        if next.is_none() {
            break;
        }
    }
    if command.json {
        return Ok(());
    }
    let text = if command.names { names(&templates) } else { table(HEADINGS, templates.iter().map(row)) };
    print(service, text.into_bytes()).await
}

/// Returns each name once, for completion. A shell may expand these words, so it leaves out what is not a valid name.
fn names(templates: &[Template]) -> String {
    let mut names = BTreeSet::new();
    names.extend(templates.iter().filter_map(|t| TemplateName::parse(&t.name)));
    names.iter().flat_map(|name| [name.to_string(), "\n".to_owned()]).collect()
}

fn row(template: &Template) -> [String; 4] {
    let text = |text: &str| printable(if text.is_empty() { "-" } else { text });
    let schedule = [template.schedule.as_deref(), (template.suspended == Some(true)).then_some("(suspended)")];
    let schedule: Vec<&str> = schedule.into_iter().flatten().collect();
    let parameters: Vec<String> = template.parameters.iter().map(Parameter::declaration).collect();
    [
        text(&template.name),
        text(template.namespace.as_deref().unwrap_or_default()),
        text(&schedule.join(" ")),
        text(&parameters.join(" ")),
    ]
}

impl Parameter {
    /// Returns the parameter as its annotation declares it: `DATE!` is required, `LEVEL=info` has a default.
    fn declaration(&self) -> String {
        match &self.default {
            Some(default) => format!("{}={default}", self.name),
            None if self.required => format!("{}!", self.name),
            None => self.name.clone(),
        }
    }
}
