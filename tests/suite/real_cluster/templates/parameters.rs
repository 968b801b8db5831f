//! Parameters as the containers get them, and templates as they are listed.

use std::rc::Rc;

use serde_json::{Value, json};

use super::variables;
use crate::real_cluster::World;

/// As Kubernetes expands a value before it hands it to the container; no variable is known here.
fn expanded(written: &str) -> String {
    let (mut value, mut rest) = (String::new(), written);
    while let Some(at) = rest.find('$') {
        value.push_str(&rest[..=at]);
        rest = &rest[at + 1..];
        rest = rest.strip_prefix('$').unwrap_or(rest);
    }
    value + rest
}

pub(crate) async fn parameters_arrive_as_they_were_sent(world: Rc<World>) {
    let (stage, namespace) = (world.templates().await, "templates-parameters");
    stage.make_namespace(namespace, &json!({})).await;
    stage.make_cron_job(namespace, "etl", |_| {}).await;
    let value = "$(TOKEN) $$(MODE) ${X} $ ` \"'\\ ä\n; rm -rf / $";
    let body = json!({ "template": { "cron_job": "etl" }, "parameters": { "DATE": value, "MODE": "full" } });
    let created = stage.create(namespace, body).await.expect_status(201).json();
    let name = created["job_name"].as_str().unwrap();
    assert!(name.starts_with("etl-"), "{name}");
    let job = stage.job(namespace, name).await;
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    let value_of = |name: &str| {
        let variables = container["env"].as_array().unwrap();
        let found = variables.iter().rfind(|variable| variable["name"] == name).unwrap();
        found["value"].as_str().unwrap()
    };
    assert_eq!(value_of("DATE"), value.replace('$', "$$"));
    assert_eq!(expanded(value_of("DATE")), value);
    assert_eq!((value_of("MODE"), value_of("LEVEL")), ("full", "info"));
    let variables = variables(&job);
    let place = |name: &str| variables.iter().position(|found| *found == name).unwrap();
    assert!(place("DATE") < place("TOKEN") && place("LEVEL") < place("TOKEN"), "{variables:?}");
    // They are for variables alone: the texts of the template are as they were.
    assert_eq!((&container["command"], &container["args"]), (&json!(["etl"]), &json!(["--date", "$(DATE)"])));
}

pub(crate) async fn templates_are_listed_in_pages(world: Rc<World>) {
    let (stage, namespace) = (world.templates().await, "templates-listed");
    stage.make_namespace(namespace, &json!({})).await;
    stage.make_cron_job(namespace, "etl", |_| {}).await;
    stage
        .make_cron_job(namespace, "plain", |cron_job| {
            cron_job["metadata"]["annotations"] = Value::Null;
            cron_job["spec"]["suspend"] = json!(false);
        })
        .await;
    let path = format!("/api/eks-list-templates?namespace={namespace}&limit=1");
    let first = stage.service.get(&path).await.expect_status(200).json();
    let parameter =
        |name: &str, required: bool, default: Value| json!({ "name": name, "required": required, "default": default });
    let parameters = [
        parameter("DATE", true, Value::Null),
        parameter("MODE", false, Value::Null),
        parameter("LEVEL", false, json!("info")),
    ];
    let mut etl = json!({ "template": "cronjob/etl", "cluster": "lab", "namespace": namespace, "suspended": true,
        "schedule": "0 3 * * *", "containers": ["main"], "images": { "main": "registry.example.com/etl:1.7" },
        "parameters": parameters });
    assert_eq!(first["templates"], json!([etl]));
    let token = first["continue"].as_str().unwrap();
    let last = stage.service.get(&format!("{path}&continue={token}")).await.expect_status(200).json();
    etl["template"] = json!("cronjob/plain");
    etl["suspended"] = json!(false);
    etl["parameters"] = json!([]);
    assert_eq!((&last["templates"], &last["continue"]), (&json!([etl]), &Value::Null));
}
