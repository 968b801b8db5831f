//! Properties of any common and own overrides. The generator has a seed, so a failure can be repeated.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::Source;
use super::tests::{manifest, plan, plan_of};

const ROUNDS: usize = 300;

/// A manifest whose values have every form of text that JSON allows.
const ODD: &str = r#"{"metadata":{"annotations":{"owner": "\u00e9"},"labels":{"team":"a"}},
    "spec":{"backoffLimit" : 1e400, "x": [1.0, {"a" :-0.0}], "template": {"spec": {"volumes": [ {"n": 12345678901234567890123} ],
    "initContainers": [{"image" : "i", "z": [ 1 ]}],
    "containers": [{"name":"main", "image":"\/", "env": [ {"name": "MODE", "value":"\u0041"}, {"value": "x", "name":"URL"} ],
    "resources": {"requests":{"cpu": 1.50, "memory":"1Gi"}, "claims": [ ]}, "ports": [{"p": 1e2}]}]}}}}"#;

/// The parts of the manifest that no override names, as they must be in a member.
const KEPT: [&str; 9] = [
    "1e400",
    r#"[1.0, {"a" :-0.0}]"#,
    "[ {\"n\": 12345678901234567890123} ]",
    r#""z":[ 1 ]"#,
    r#"{"name": "MODE", "value":"\u0041"}"#,
    r#"{"value": "x", "name":"URL"}"#,
    "[ ]",
    r#"[{"p": 1e2}]"#,
    r"\u00e9",
];

fn patch(rng: &mut Rng, keys: &[&str]) -> Value {
    let keys: Vec<&&str> = keys.iter().filter(|_| rng.bool()).collect();
    let value = |rng: &mut Rng| if rng.u8(..4) == 0 { Value::Null } else { rng.u8(..).to_string().into() };
    keys.into_iter().map(|key| ((*key).to_owned(), value(rng))).collect::<Map<_, _>>().into()
}

fn overrides(rng: &mut Rng) -> Map<String, Value> {
    let all = [
        ("image", json!(rng.u8(..).to_string())),
        ("command", json!([rng.u8(..).to_string()])),
        ("env", patch(rng, &["A", "B", "C"])),
        ("resources", json!({ "requests": patch(rng, &["a", "b"]), "limits": patch(rng, &["a", "b"]) })),
        ("labels", patch(rng, &["a", "b"])),
        ("annotations", patch(rng, &["a", "b"])),
        ("parallelism", rng.u8(..).into()),
        ("suspend", rng.bool().into()),
    ];
    all.into_iter().filter(|_| rng.bool()).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Puts `own` over `common`: by name, and these by key down to the given depth.
fn merged(common: &Map<String, Value>, own: &Map<String, Value>, depth: usize) -> Map<String, Value> {
    let mut all = common.clone();
    for (name, value) in own {
        match (all.get(name).and_then(Value::as_object), value.as_object()) {
            (Some(common), Some(own)) if depth > 0 => {
                let value = merged(common, own, depth - 1).into();
                all.insert(name.clone(), value);
            }
            _ => drop(all.insert(name.clone(), value.clone())),
        }
    }
    all
}

#[test]
fn own_over_common_overrides_are_the_same_as_all_in_one() {
    let mut rng = Rng::with_seed(1);
    for _ in 0..ROUNDS {
        let (common, own) = (overrides(&mut rng), overrides(&mut rng));
        let made = |common: &Map<String, Value>, own: &Map<String, Value>| {
            let body = json!({ "job_manifest": manifest(), "overrides": common, "jobs": [{ "overrides": own }] });
            let member = plan(&body).unwrap().member(0, "u").unwrap();
            let mut sent: Value = serde_json::from_slice(&member.manifest).unwrap();
            for random in ["eks-api/create-id", "eks-api/idempotency"] {
                sent["metadata"]["annotations"].as_object_mut().unwrap().remove(random);
            }
            (sent, member.warnings)
        };
        let all = merged(&common, &own, 2);
        assert_eq!(made(&common, &own), made(&all, &Map::new()), "{common:?} {own:?}");
    }
}

#[test]
fn everything_that_is_not_named_keeps_its_text() {
    let mut rng = Rng::with_seed(2);
    for _ in 0..ROUNDS {
        let (common, mut own) = (overrides(&mut rng), overrides(&mut rng));
        own.insert("image".to_owned(), "x".into());
        let body = json!({ "overrides": common, "jobs": [{ "id": "de", "overrides": own }] });
        let source = Source::Manifest(serde_json::from_str(ODD).unwrap());
        let member = plan_of(&body, source).unwrap().member(0, "u").unwrap();
        let text = String::from_utf8(member.manifest.to_vec()).unwrap();
        for kept in KEPT {
            assert!(text.contains(kept), "{kept} is not in {text}");
        }
    }
}
