//! Kubernetes' expansion, and what it makes of a parameter's value.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::*;
use crate::util::template_name::{TemplateKind, TemplateName};

/// Kubernetes' expansion, by `third_party/forked/golang/expansion`.
fn expand(input: &str, environment: &BTreeMap<String, String>) -> String {
    let characters: Vec<char> = input.chars().collect();
    let (mut expanded, mut at) = (String::new(), 0);
    while let Some(&c) = characters.get(at) {
        match (c, characters.get(at + 1)) {
            ('$', Some('$')) => {
                expanded.push('$');
                at += 2;
            }
            ('$', Some('(')) => {
                if let Some(end) = characters[at..].iter().position(|c| *c == ')') {
                    let name: String = characters[at + 2..at + end].iter().collect();
                    expanded += &environment.get(&name).cloned().unwrap_or_else(|| format!("$({name})"));
                    at += end + 1;
                } else {
                    expanded += "$(";
                    at += 2;
                }
            }
            ('$', Some(other)) => {
                expanded.extend(['$', *other]);
                at += 2;
            }
            (other, _) => {
                expanded.push(other);
                at += 1;
            }
        }
    }
    expanded
}

#[test]
fn kubernetes_expansion_gives_the_value_of_a_parameter_back() {
    let of = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let environment: BTreeMap<String, String> = of(&[("A", "1"), ("", "2"), ("A(", "3")]);
    // The expansion of this test is right: the cases of Kubernetes' own documentation.
    for (input, expanded) in [("$(A)$(B)", "1$(B)"), ("$$(A)", "$(A)"), ("$$$(A)$", "$1$"), ("$($(A)", "$($(A)")] {
        assert_eq!(expand(input, &environment), expanded);
    }
    let mut rng = Rng::with_seed(4);
    let job = r#"{"metadata":{"annotations":{"eks-api/parameters":"DATE"}},"spec":{"template":{"spec":{"containers":[{}]}}}}"#;
    let name = TemplateName::new(TemplateKind::Job, "etl").unwrap();
    let template = Template::from_job(name, serde_json::from_str(job).unwrap()).unwrap();
    for _ in 0..3000 {
        let value: String =
            (0..rng.usize(..20)).map(|_| *rng.choice(&['$', '$', '(', ')', 'A', 'é']).unwrap()).collect();
        let given = Values::from([("DATE".to_owned(), value.clone())]);
        let made = instantiate(&template, &given, &Overrides::default()).unwrap().manifest;
        let made = serde_json::to_value(made).unwrap();
        let written = made["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"].as_str().unwrap();
        assert_eq!(expand(written, &environment), value);
    }
}
