//! Properties of any template with any parameters and overrides. The generator has a seed, so a failure can be repeated.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::*;
use crate::jobs::manifest::Manifest;
use crate::jobs::manifest::raw::{self, Members};
use crate::util::template_name::{TemplateKind, TemplateName};

const ROUNDS: usize = 1000;

/// A template whose members have every form of text that JSON allows.
const ODD: &str = r#"{"metadata":{"annotations":{"eks-api/parameters":"DATE,LEVEL=in$fo"}},"spec":{"jobTemplate":{
    "metadata": {"annotations":{"owner": "\u00e9", "x/y":"1"}}, "spec": {"backoffLimit" : 1e400, "x": [1.0, {"a" :-0.0}],
    "template": {"metadata": {"labels": {"team":"a"}, "annotations":{"kubectl.kubernetes.io/default-container":"main"}},
    "spec": {"volumes": [ {"n": 12345678901234567890123} ], "containers": [
    {"name" : "side", "env": [{"name":"MODE","value":"\u0041"}], "image": "s"},
    {"name":"main", "image":"i", "env": [ {"name": "MODE", "value":"\/"}, {"value": "x$(DATE)", "name":"URL"},
     {"name":"DATE","valueFrom":{"n":1E+2}}, {"name":"TOKEN", "valueFrom": {"secretKeyRef": {"name":"s"}}} ],
    "resources": {"requests":{"cpu": 1.50, "memory":"1Gi"}, "claims": [ ]}, "args" : ["a" ,"b"], "ports": [{"p": 1e2}]}
    ]}}}}}}"#;

fn templates() -> Vec<Template> {
    let recorded = include_str!("../../../fixtures/kubernetes-1.36/cronjob-get.json");
    let recorded =
        raw::object(&raw::parse(&serde_json::from_str::<Box<RawValue>>(recorded).unwrap()).unwrap(), "response");
    let recorded = raw::object(&recorded.unwrap(), "body").unwrap();
    let name = || TemplateName::new(TemplateKind::CronJob, "etl").unwrap();
    let read = |cron_job: Members| Template::from_cron_job(name(), &cron_job).unwrap();
    vec![read(recorded), read(serde_json::from_str(ODD).unwrap())]
}

/// The place of the container that the overrides and parameters change.
fn changed_container(template: &Template) -> usize {
    usize::from(raw::object(&template.manifest, "spec").unwrap()["template"].get().contains("side"))
}

/// The text of every value except objects and arrays, by its path.
fn leaves(value: &RawValue, path: &str, found: &mut BTreeMap<String, String>) {
    if let Some(members) = raw::parse::<Members>(value) {
        for (name, value) in &members {
            leaves(value, &format!("{path}/{}", name.replace('/', "~")), found);
        }
    } else if let Some(elements) = raw::parse::<Vec<Box<RawValue>>>(value) {
        for (at, value) in elements.iter().enumerate() {
            leaves(value, &format!("{path}/{at}"), found);
        }
    } else {
        found.insert(path.to_owned(), value.get().to_owned());
    }
}

fn leaves_of(manifest: &Manifest) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (name, value) in manifest {
        leaves(value, &format!("/{name}"), &mut found);
    }
    found
}

fn word(rng: &mut Rng) -> String {
    (0..rng.usize(..9)).map(|_| *rng.choice(&['$', '(', ')', 'A', 'é', '"', ' ']).unwrap()).collect()
}

fn patch(rng: &mut Rng, keys: &[&str]) -> Value {
    let keys: Vec<&str> = keys.iter().copied().filter(|_| rng.u8(..3) == 0).collect();
    let value = |rng: &mut Rng| if rng.u8(..3) == 0 { Value::Null } else { word(rng).into() };
    keys.into_iter().map(|key| (key.to_owned(), value(rng))).collect::<Map<_, _>>().into()
}

/// Overrides of which most are possible, and some name what is not there.
fn overrides(rng: &mut Rng) -> Map<String, Value> {
    let words = |rng: &mut Rng| Value::from((0..rng.usize(..3)).map(|_| word(rng)).collect::<Vec<_>>());
    let all = [
        ("container", json!("main")),
        ("image", word(rng).into()),
        ("command", words(rng)),
        ("args", words(rng)),
        ("env", patch(rng, &["URL", "TOKEN", "NEW", "A", "LEVEL"])),
        ("resources", json!({ "requests": patch(rng, &["cpu", "memory"]), "limits": patch(rng, &["a/b"]) })),
        ("labels", patch(rng, &["team", "a/b"])),
        ("annotations", patch(rng, &["owner", "x/y", "z"])),
        ("backoff_limit", rng.i32(-1..9).into()),
        ("active_deadline_seconds", rng.i64(0..).into()),
        ("ttl_seconds_after_finished", rng.i32(0..).into()),
        ("parallelism", rng.u16(..).into()),
        ("completions", rng.u16(..).into()),
        ("suspend", rng.bool().into()),
    ];
    all.into_iter().filter(|_| rng.u8(..4) == 0).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn parameters(rng: &mut Rng) -> Map<String, Value> {
    let all = [("DATE", word(rng)), ("LEVEL", word(rng))];
    // The recorded template requires DATE.
    all.into_iter().filter(|(name, _)| *name == "DATE" || rng.bool()).map(|(k, v)| (k.to_owned(), v.into())).collect()
}

fn members(map: &Map<String, Value>) -> Members {
    serde_json::from_value(map.clone().into()).unwrap()
}

fn instantiate(template: &Template, parameters: &Members, overrides: &Members) -> Result<Instance, Error> {
    super::instantiate(template, &parameters::parse(parameters)?, &Overrides::parse(overrides)?)
}

#[test]
fn nothing_gives_any_template_byte_for_byte() {
    for mut template in templates() {
        template.parameters.clear();
        let made = instantiate(&template, &Members::new(), &Members::new()).unwrap();
        let text = |manifest: &Manifest| serde_json::to_string(manifest).unwrap();
        assert_eq!((text(&made.manifest), made.warnings.len()), (text(&template.manifest), 0));
    }
}

#[test]
fn every_leaf_that_is_not_named_keeps_its_text() {
    let mut rng = Rng::with_seed(1);
    let mut made_of = [0, 0];
    let templates = templates();
    for round in 0..ROUNDS {
        let template = &templates[round % 2];
        let (parameters, overrides) = (parameters(&mut rng), overrides(&mut rng));
        let Ok(made) = instantiate(template, &members(&parameters), &members(&overrides)) else { continue };
        made_of[round % 2] += 1;
        let container = format!("/spec/template/spec/containers/{}", changed_container(template));
        // LEVEL has a default, so there always is a parameter.
        let mut named = vec![format!("{container}/env/")];
        for (name, value) in &overrides {
            let keys = |parent: &str| -> Vec<String> {
                value.as_object().unwrap().keys().map(|key| format!("{parent}/{}", key.replace('/', "~"))).collect()
            };
            match name.as_str() {
                "image" | "command" | "args" => named.push(format!("{container}/{name}")),
                "resources" => named.extend(["requests", "limits"].iter().flat_map(|section| {
                    let keys = value[section].as_object().unwrap().keys();
                    keys.map(|key| format!("{container}/resources/{section}/{}", key.replace('/', "~")))
                        .collect::<Vec<_>>()
                })),
                // Those of the pod template may be copied.
                "labels" if value.as_object().is_some_and(|labels| !labels.is_empty()) => {
                    named.extend([keys("/metadata/labels"), vec!["/metadata/labels/team".to_owned()]].concat());
                    named.push("/metadata/labels/app".to_owned());
                }
                "annotations" => named.extend(keys("/metadata/annotations")),
                "container" | "env" | "labels" => {}
                number => named.push(format!("/spec/{}", camel(number))),
            }
        }
        let unnamed = |manifest: &Manifest| {
            let mut leaves = leaves_of(manifest);
            leaves.retain(|path, _| !named.iter().any(|named| path.starts_with(named)));
            leaves
        };
        assert_eq!(unnamed(&made.manifest), unnamed(&template.manifest), "{overrides:?}");
    }
    assert!(made_of.iter().all(|made| *made > ROUNDS / 10), "{made_of:?}");
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap().to_owned();
    words.fold(first, |made, word| made + &word[..1].to_uppercase() + &word[1..])
}

#[test]
fn the_order_of_the_overrides_does_not_matter() {
    let mut rng = Rng::with_seed(2);
    let templates = templates();
    for round in 0..ROUNDS {
        let template = &templates[round % 2];
        let (parameters, overrides) = (members(&parameters(&mut rng)), overrides(&mut rng));
        let text = |overrides: &[(String, Value)]| {
            let members: Vec<String> = overrides.iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
            let overrides = serde_json::from_str(&format!("{{{}}}", members.join(","))).unwrap();
            match instantiate(template, &parameters, &overrides) {
                Ok(Instance { manifest, warnings }) => Ok((serde_json::to_string(&manifest).unwrap(), warnings)),
                Err(error) => Err(format!("{error:?}")),
            }
        };
        let mut ordered: Vec<(String, Value)> = overrides.into_iter().collect();
        let first = text(&ordered);
        rng.shuffle(&mut ordered);
        for (_, value) in &mut ordered {
            if let Some(object) = value.as_object_mut() {
                let mut keys: Vec<_> = std::mem::take(object).into_iter().collect();
                rng.shuffle(&mut keys);
                object.extend(keys);
            }
        }
        assert_eq!(text(&ordered), first, "{ordered:?}");
    }
}

#[test]
fn an_override_is_an_error_or_in_the_result() {
    let mut rng = Rng::with_seed(3);
    let (mut made_of, mut refused, mut warned) = (0, 0, 0);
    let templates = templates();
    for round in 0..ROUNDS {
        let template = &templates[round % 2];
        let overrides = overrides(&mut rng);
        let parameters = json!({ "DATE": "1" });
        let Ok(made) = instantiate(template, &members(parameters.as_object().unwrap()), &members(&overrides)) else {
            refused += 1;
            continue;
        };
        made_of += 1;
        warned += usize::from(made.warnings.iter().any(|warning| warning.ends_with("so nothing was removed")));
        let text = serde_json::to_string(&made.manifest).unwrap();
        // No type holds this number.
        let made: Value = serde_json::from_str(&text.replace("1e400", "1")).unwrap();
        let container = &made["spec"]["template"]["spec"]["containers"][changed_container(template)];
        let variable = |name: &str| container["env"].as_array().unwrap().iter().find(|v| v["name"] == name).cloned();
        let same = |patch: &Value, own: &Value| {
            patch.as_object().unwrap().iter().all(|(key, new)| own.get(key) == Some(new).filter(|new| !new.is_null()))
        };
        for (name, value) in &overrides {
            let is_there = match name.as_str() {
                "container" => container["name"] == "main",
                "image" | "command" | "args" => container[name] == *value,
                "env" => value.as_object().unwrap().iter().all(|(name, new)| {
                    let wanted = json!({ "name": name, "value": new });
                    variable(name) == Some(wanted).filter(|_| !new.is_null())
                }),
                "resources" => {
                    ["requests", "limits"].iter().all(|section| same(&value[section], &container["resources"][section]))
                }
                "labels" | "annotations" => same(value, &made["metadata"][name]),
                number => made["spec"][camel(number)] == *value,
            };
            assert!(is_there, "{name}: {value} is not in {made}");
        }
    }
    assert!(made_of > ROUNDS / 5 && warned > ROUNDS / 20, "{made_of} made, {warned} warned");
    assert!(refused > ROUNDS / 100, "{refused} refused");
}
