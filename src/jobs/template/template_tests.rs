//! Parameters, overrides and containers of an instance.

use serde_json::{Value, json};

use super::*;
use crate::jobs::manifest::Invalid;
use crate::jobs::manifest::raw::Members;
use crate::util::template_name::{TemplateKind, TemplateName};

pub(super) fn members(value: &Value) -> Members {
    serde_json::from_value(value.clone()).unwrap()
}

/// A template of these containers.
pub(super) fn template(declaration: &str, containers: &Value) -> Template {
    let job = json!({
        "metadata": { "annotations": { "eks-api/parameters": declaration } },
        "spec": { "template": { "spec": { "containers": containers } } },
    });
    Template::from_preset(TemplateName::new(TemplateKind::Preset, "etl").unwrap(), job.to_string().as_bytes()).unwrap()
}

pub(super) fn instance(
    template: &Template,
    parameters: &Value,
    overrides: &Value,
) -> Result<(Value, Vec<String>), Error> {
    let parameters = parameters::parse(&members(parameters))?;
    let instance = instantiate(template, &parameters, &Overrides::parse(&members(overrides))?)?;
    Ok((serde_json::to_value(instance.manifest).unwrap(), instance.warnings))
}

pub(super) fn env(template: &Template, parameters: &Value, overrides: &Value) -> Value {
    let mut made = instance(template, parameters, overrides).unwrap().0;
    made["spec"]["template"]["spec"]["containers"][0]["env"].take()
}

pub(super) fn invalid(template: &Template, parameters: &Value, overrides: &Value) -> (String, String, bool) {
    match instance(template, parameters, overrides).unwrap_err() {
        Error::Invalid(Invalid { field, message, malformed, .. }) => (field.into_owned(), message, malformed),
        Error::InvalidTemplate(message) => panic!("{message}"),
    }
}

pub(super) fn main_with(env: &Value) -> Value {
    json!([{ "name": "main", "env": env }])
}

#[test]
fn parameters_come_first_in_the_order_of_the_declaration() {
    let own = json!([{ "name": "URL", "value": "/$(DATE)" }, { "name": "T", "valueFrom": { "x": 1 } }]);
    let template = template("Z!,LEVEL=in$fo,DATE!,MODE", &main_with(&own));
    let made = env(&template, &json!({ "DATE": "a$(Z)$$", "Z": "" }), &json!({}));
    let wanted = json!([
        { "name": "Z", "value": "" },
        { "name": "LEVEL", "value": "in$$fo" },
        { "name": "DATE", "value": "a$$(Z)$$$$" },
        { "name": "URL", "value": "/$(DATE)" },
        { "name": "T", "valueFrom": { "x": 1 } },
    ]);
    assert_eq!(made, wanted);
    let given = env(&template, &json!({ "DATE": "1", "Z": "2", "LEVEL": "3", "MODE": "4" }), &json!({}));
    let values: Vec<&Value> = given.as_array().unwrap().iter().map(|variable| &variable["value"]).collect();
    assert_eq!(values[..4], ["2", "3", "1", "4"]);
}

#[test]
fn a_parameter_replaces_the_templates_own_variable_only_if_it_is_set() {
    let own = json!([
        { "name": "MODE", "value": "own" }, { "name": "A", "value": "1" }, { "name": "MODE", "valueFrom": { "x": 1 } },
    ]);
    let optional = template("MODE", &main_with(&own));
    assert_eq!(env(&optional, &json!({}), &json!({})), own);
    let wanted = json!([{ "name": "MODE", "value": "x" }, { "name": "A", "value": "1" }]);
    assert_eq!(env(&optional, &json!({ "MODE": "x" }), &json!({})), wanted);
    assert_eq!(env(&template("MODE=x", &main_with(&own)), &json!({}), &json!({})), wanted);
    let none = template("MODE", &json!([{ "name": "main" }]));
    assert_eq!(env(&none, &json!({ "MODE": "x" }), &json!({})), json!([{ "name": "MODE", "value": "x" }]));
    let null = template("MODE", &main_with(&Value::Null));
    assert_eq!(env(&null, &json!({ "MODE": "x" }), &json!({})), json!([{ "name": "MODE", "value": "x" }]));
}

#[test]
fn parameters_that_are_wrong_undeclared_or_missing_are_named() {
    let declaring = template("DATE!,MODE", &main_with(&json!([])));
    let none = template("", &main_with(&json!([])));
    for (template, parameters, field, message, malformed) in [
        (&declaring, json!({ "DATE": 7 }), "parameters.DATE", "must be a string", true),
        (&declaring, json!({ "DATE": null }), "parameters.DATE", "must be a string", true),
        (&declaring, json!({ "MODE": ["x"], "DATE": "" }), "parameters.MODE", "must be a string", true),
        (&declaring, json!({}), "parameters.DATE", "is required", false),
        (&declaring, json!({ "DATE": "", "DAT": "" }), "parameters.DAT", "the template declares DATE, MODE", false),
        (&declaring, json!({ "DATE": "", "a b": "" }), "parameters[a b]", "is not declared", false),
        (&declaring, json!({ "DATE": "a\0b" }), "parameters.DATE", "NUL", false),
        (&none, json!({ "DATE": "x" }), "parameters.DATE", "annotation eks-api/parameters", false),
    ] {
        let (got, text, is_malformed) = invalid(template, &parameters, &json!({}));
        assert_eq!((got.as_str(), is_malformed), (field, malformed), "{parameters}");
        assert!(text.contains(message), "{text}");
    }
}

#[test]
fn the_container_is_the_named_one_the_only_one_or_the_default() {
    let mut two = template("DATE", &json!([{ "name": "side" }, { "name": "main" }]));
    let date = json!({ "DATE": "1" });
    let image_of = |made: &Value, at: usize| made["spec"]["template"]["spec"]["containers"][at]["image"].clone();
    let named = json!({ "container": "main", "image": "x" });
    let (made, _) = instance(&two, &date, &named).unwrap();
    assert_eq!((image_of(&made, 0), image_of(&made, 1)), (Value::Null, json!("x")));
    assert_eq!(made["spec"]["template"]["spec"]["containers"][1]["env"][0]["name"], "DATE");

    for (parameters, overrides) in [
        (&date, json!({})),
        (&json!({}), json!({ "image": "x" })),
        (&json!({}), json!({ "command": [] })),
        (&json!({}), json!({ "args": [] })),
        (&json!({}), json!({ "env": { "A": "" } })),
        (&json!({}), json!({ "resources": { "limits": { "cpu": 1 } } })),
    ] {
        let (field, message, malformed) = invalid(&two, parameters, &overrides);
        assert_eq!((field.as_str(), malformed), ("overrides.container", false), "{overrides}");
        assert_eq!(
            message,
            "name the container to change: the template has side, main; its annotation kubectl.kubernetes.io/default-container can choose too"
        );
    }
    for overrides in [
        json!({}),
        json!({ "env": {}, "resources": { "limits": {} }, "labels": { "a": "b" }, "parallelism": 2 }),
        json!({ "container": "side" }),
    ] {
        assert!(instance(&two, &json!({}), &overrides).is_ok(), "no container is needed: {overrides}");
    }
    let (field, message, malformed) = invalid(&two, &json!({}), &json!({ "container": "Main" }));
    assert_eq!((field.as_str(), malformed), ("overrides.container", false));
    assert_eq!(message, "the template has no container \"Main\"; it has side, main");

    let mut with_default = |default: &str| {
        let annotations = json!({ "kubectl.kubernetes.io/default-container": default });
        let mut manifest = serde_json::to_value(&two.manifest).unwrap();
        manifest["spec"]["template"]["metadata"] = json!({ "annotations": annotations });
        two.manifest = members(&manifest);
        two.clone()
    };
    let default = with_default("main");
    assert_eq!(image_of(&instance(&default, &date, &json!({ "image": "x" })).unwrap().0, 1), json!("x"));
    let named = json!({ "image": "x", "container": "side" });
    assert_eq!(image_of(&instance(&default, &date, &named).unwrap().0, 0), json!("x"));
    assert_eq!(invalid(&with_default("gone"), &date, &json!({})).0, "overrides.container");
    let one = template("DATE", &json!([{ "name": "one" }]));
    assert_eq!(invalid(&one, &json!({}), &json!({ "container": "main" })).0, "overrides.container");
}

#[test]
fn a_template_that_cannot_take_the_change_is_invalid_and_named() {
    let container = json!([{ "name": "main", "env": "x", "resources": { "limits": [] } }]);
    for (overrides, wrong) in [
        (json!({ "env": { "A": "1" } }), "spec.template.spec.containers[0].env: must be an array"),
        (
            json!({ "resources": { "limits": { "cpu": 1 } } }),
            "spec.template.spec.containers[0].resources.limits: must be an object",
        ),
    ] {
        match instance(&template("", &container), &json!({}), &overrides).unwrap_err() {
            Error::InvalidTemplate(message) => assert_eq!(message, format!("preset/etl: {wrong}")),
            Error::Invalid(invalid) => panic!("{invalid}"),
        }
    }
}

#[test]
fn a_shell_script_that_contains_a_parameter_is_a_warning() {
    let container = json!([{
        "name": "main", "command": ["/bin/sh", "-c"], "args": ["run $(MODE) $(URL) $(DATE)"],
        "env": [{ "name": "URL", "value": "/$(DATE)" }],
    }]);
    let template = template("DATE,MODE", &container);
    let warned = |parameters: Value, overrides: Value| instance(&template, &parameters, &overrides).unwrap().1;
    let warnings = warned(json!({ "DATE": "1" }), json!({}));
    assert_eq!(warned(json!({}), json!({})), warnings, "a parameter that is not set counts too");
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    for (warning, name) in warnings.iter().zip(["DATE", "MODE", "URL"]) {
        assert!(warning.contains(&format!("contains $({name})")), "{warning}");
        assert!(warning.contains("puts the value into the text of the script"), "{warning}");
        assert!(warning.ends_with(&format!("write \"${name}\" instead")), "{warning}");
    }
    let fixed = json!({ "args": ["run \"$DATE\" $$(DATE)"] });
    assert_eq!(warned(json!({ "DATE": "1" }), fixed), [""; 0], "the container after the merge counts");
    assert_eq!(warned(json!({ "DATE": "1" }), json!({ "env": { "URL": "/" } })).len(), 2);
}

#[test]
fn nothing_to_apply_gives_the_template_byte_for_byte() {
    let text = r#"{"spec": {"x": 1e400, "template" : {"spec":{"containers":[ {"name":"main"} ]}}}, "metadata": {"labels": {}}}"#;
    let mut template = template("DATE", &json!([{}]));
    template.manifest = serde_json::from_str(text).unwrap();
    for overrides in [
        json!({}),
        json!({ "container": "main" }),
        json!({ "env": {}, "labels": {}, "annotations": {}, "resources": {} }),
        json!({ "resources": { "requests": {}, "limits": {} } }),
    ] {
        let made =
            instantiate(&template, &Values::new(), &Overrides::parse(&members(&overrides)).unwrap()).unwrap().manifest;
        for (member, value) in &template.manifest {
            assert_eq!(made[member].get(), value.get(), "{overrides}");
        }
        assert_eq!(made.len(), 2);
    }
}
