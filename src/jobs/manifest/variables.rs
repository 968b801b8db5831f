//! The environment variables of a Job's containers: [`edit`].

use serde_json::value::RawValue;

use crate::jobs::manifest::raw::{self, Members};

/// The variables that the containers of a member of a batch get: its index and its id.
pub(in crate::jobs) const BATCH_VARIABLES: [&str; 2] = ["EKS_API_BATCH_INDEX", "EKS_API_BATCH_ID"];

/// Changes the variables of each container and init container. Takes the Job's spec. A value of another type stays.
pub(in crate::jobs) fn edit(spec: &mut Members, change: &mut dyn FnMut(&mut Vec<Box<RawValue>>)) {
    raw::edit(spec, "template", &mut |template| {
        raw::edit(template, "spec", &mut |pod| {
            for list in ["initContainers", "containers"] {
                edit_list(pod, list, change);
            }
        });
    });
}

fn edit_list(pod: &mut Members, list: &str, change: &mut dyn FnMut(&mut Vec<Box<RawValue>>)) {
    let Some(mut containers) = raw::get(pod, list).and_then(raw::parse::<Vec<Box<RawValue>>>) else { return };
    for raw in &mut containers {
        let Some(mut container) = raw::parse::<Members>(raw) else { continue };
        let Some(mut env) = raw::get(&container, "env").map_or(Some(Vec::new()), raw::parse) else { continue };
        let count = env.len();
        change(&mut env);
        if count > 0 || !env.is_empty() {
            container.insert("env".to_owned(), raw::write(&env));
            *raw = raw::write(&container);
        }
    }
    pod.insert(list.to_owned(), raw::write(&containers));
}

/// Returns the name of a variable or a container.
pub(in crate::jobs) fn name(raw: &RawValue) -> Option<String> {
    raw::get(&raw::parse(raw)?, "name").and_then(raw::parse)
}

/// Returns a variable with a value, which is a string in JSON.
pub(in crate::jobs) fn variable(name: &str, value: Box<RawValue>) -> Box<RawValue> {
    raw::write(&Members::from([("name".to_owned(), raw::write(name)), ("value".to_owned(), value)]))
}

/// Kubernetes reads `$(NAME)` in a value as a reference, and `$$` as `$`.
pub(in crate::jobs) fn escaped(value: &str) -> String {
    value.replace('$', "$$")
}
