//! Parameters beside overrides, and a Job that runs again.

use serde_json::{Value, json};

use super::tests::template as declaring;
use super::tests::{env, instance, invalid, main_with, members, template};
use super::*;
use crate::jobs::manifest::dump;
use crate::util::template_name::TemplateName;

/// As in the contract's own example.
#[test]
fn an_override_replaces_or_removes_a_parameter_that_is_not_given() {
    let own = json!([{ "name": "URL", "value": "/$(LEVEL)" }, { "name": "MODE", "value": "1" }]);
    let template = template("DATE!,MODE,LEVEL=info", &main_with(&own));
    let made = |env: Value| {
        let made = instance(&template, &json!({ "DATE": "1" }), &json!({ "env": env })).unwrap();
        let env = made.0["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap().clone();
        let shown = |v: &Value| format!("{}={}", v["name"].as_str().unwrap(), v["value"].as_str().unwrap());
        (env.iter().map(shown).collect::<Vec<_>>(), made.1)
    };
    let none = Vec::<String>::new();
    let gone =
        |name: &str| vec![format!("overrides.env.{name}: the template has no such variable, so nothing was removed")];
    for (env, variables, warnings) in [
        (json!({}), vec!["DATE=1", "LEVEL=info", "URL=/$(LEVEL)", "MODE=1"], none.clone()),
        (json!({ "MODE": "full" }), vec!["DATE=1", "LEVEL=info", "URL=/$(LEVEL)", "MODE=full"], none.clone()),
        (json!({ "MODE": "a", "OLD": null }), vec!["DATE=1", "LEVEL=info", "URL=/$(LEVEL)", "MODE=a"], gone("OLD")),
        (json!({ "MODE": null }), vec!["DATE=1", "LEVEL=info", "URL=/$(LEVEL)"], none.clone()),
        (json!({ "LEVEL": "$(DATE)" }), vec!["DATE=1", "LEVEL=$(DATE)", "URL=/$(LEVEL)", "MODE=1"], none.clone()),
        (json!({ "LEVEL": null, "URL": null, "MODE": null }), vec!["DATE=1"], none),
        (json!({ "X": "$(DATE)" }), vec!["DATE=1", "LEVEL=info", "URL=/$(LEVEL)", "MODE=1", "X=$(DATE)"], vec![]),
    ] {
        assert_eq!(made(env.clone()), (variables.into_iter().map(str::to_owned).collect(), warnings), "{env}");
    }
    let own = json!([{ "name": "URL", "value": "/$(LEVEL)" }, { "name": "LEVEL", "value": "warn" }]);
    let with_own = declaring("LEVEL=info", &main_with(&own));
    for (overrides, made) in [
        (json!({}), json!([{ "name": "LEVEL", "value": "info" }, own[0]])),
        (json!({ "env": { "LEVEL": "debug" } }), json!([{ "name": "LEVEL", "value": "debug" }, own[0]])),
    ] {
        assert_eq!(env(&with_own, &json!({}), &overrides), made, "the place is that of the default");
    }
    for value in [json!("x"), json!(null)] {
        for name in ["DATE", "LEVEL"] {
            let given = json!({ "DATE": "1", name: "2" });
            let (field, message, malformed) = invalid(&template, &given, &json!({ "env": { name: value } }));
            assert_eq!((field, malformed), (format!("overrides.env.{name}"), false));
            assert_eq!(message, "is given in parameters too; give it once");
        }
        let (field, message, _) = invalid(&template, &json!({}), &json!({ "env": { "DATE": value } }));
        assert_eq!((&*field, &*message), ("parameters.DATE", "is required by the template; give it a value"));
    }
}

#[test]
fn a_job_that_runs_again_keeps_its_values_unless_others_are_given() {
    let preset = template("DATE!,LEVEL=info", &main_with(&json!([{ "name": "URL", "value": "/$(DATE)" }])));
    let given = json!({ "DATE": "a$b", "LEVEL": "debug" });
    let run = instance(&preset, &given, &json!({})).unwrap().0;
    let again = Template::from_job(TemplateName::parse("job/etl-x7").unwrap(), members(&run)).unwrap();
    let of_run = env(&preset, &given, &json!({}));
    assert_eq!(env(&again, &json!({}), &json!({})), of_run);
    let made = env(&again, &json!({ "LEVEL": "warn" }), &json!({}));
    let wanted = json!([{ "name": "LEVEL", "value": "warn" }, of_run[0], of_run[2]]);
    assert_eq!(made, wanted);
    assert_eq!(invalid(&again, &json!({ "X": "1" }), &json!({})).0, "parameters.X");
}

#[test]
fn the_head_of_a_batch_is_refused_as_a_template_and_as_a_dump() {
    let mut head = json!({ "metadata": { "name": "nightly", "uid": "u", "labels": { "eks-api/batch-head": "true" } },
        "spec": { "template": { "spec": { "containers": main_with(&json!([])) } } } });
    let name = TemplateName::parse("job/nightly").unwrap();
    let refusal = "is the head of a batch, which never runs; use one of its jobs, such as nightly-0000";
    let Err(Error::InvalidTemplate(message)) = Template::from_job(name.clone(), members(&head)) else { panic!() };
    assert_eq!(message, format!("job/nightly: metadata: {refusal}"));
    let dumped = |head: &Value| dump::strip_dump(&mut members(head));
    let invalid = dumped(&head).unwrap_err();
    assert_eq!((&*invalid.field, &*invalid.message), ("job_manifest.metadata", refusal));
    head["metadata"]["labels"] = json!({ "eks-api/batch": "nightly" });
    assert!(dumped(&head).unwrap().is_some() && Template::from_job(name, members(&head)).is_ok());
}
