//! Finds images with a placeholder that is not filled in. Kubernetes accepts such a Job, and it waits for ever.

use serde_json::value::RawValue;

use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::text::shortened;

/// Further images are not named.
const MAX_WARNINGS: usize = 10;

/// Returns a warning for each image that cannot be a reference to an image.
pub(in crate::jobs) fn warnings(template: Option<&Members>) -> Vec<String> {
    let pod = template.and_then(|template| raw::object(template, "spec")).unwrap_or_default();
    let lists = ["initContainers", "containers"].into_iter().flat_map(|list| {
        let containers: Vec<Box<RawValue>> = raw::get(&pod, list).and_then(raw::parse).unwrap_or_default();
        containers.into_iter().enumerate().map(move |(at, container)| (list, at, container))
    });
    let warnings = lists.filter_map(|(list, at, container)| {
        let container: Members = raw::parse(&container)?;
        let image: String = raw::parse(raw::get(&container, "image")?)?;
        let wrong = image.trim().chars().find(|c| !may_be_in_image(*c))?;
        let image = shortened(&image);
        Some(format!(
            "spec.template.spec.{list}[{at}].image: {image:?} is not an image: {wrong:?} is not allowed; fill in the placeholders, or the job waits for ever"
        ))
    });
    warnings.take(MAX_WARNINGS).collect()
}

/// Whether a reference to an image may have this character
/// (<https://github.com/distribution/reference/blob/main/reference.go>).
fn may_be_in_image(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-/:@+[]".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(image: &str) -> Vec<String> {
        let container = serde_json::json!({ "image": image });
        let pod = serde_json::json!({ "initContainers": [{ "image": "good" }, container] });
        warnings(Some(&serde_json::from_value(serde_json::json!({ "spec": pod })).unwrap()))
    }

    #[test]
    fn only_an_image_with_a_placeholder_is_a_warning() {
        for image in ["<account>.dkr.ecr/app", "app:${TAG}", "app:{{ .Values.tag }}", "app:$TAG", "app:%TAG%"] {
            let warnings = warned(image);
            assert_eq!(warnings.len(), 1, "{image}");
            assert!(warnings[0].starts_with("spec.template.spec.initContainers[1].image: "), "{warnings:?}");
        }
        for image in
            ["busybox", "registry.example.com:5000/team/app_x:1.2-rc+1@sha256:0123", "[2001:db8::1]:5000/app", ""]
        {
            assert_eq!(warned(image), [""; 0], "{image}");
        }
        for template in ["{}", r#"{"spec":7}"#, r#"{"spec":{"containers":[7,{"image":7}]}}"#] {
            assert_eq!(warnings(Some(&serde_json::from_str(template).unwrap())), [""; 0], "{template}");
        }
    }

    #[test]
    fn further_placeholders_are_not_named() {
        let containers = vec![serde_json::json!({ "image": "<".repeat(1000) }); 500];
        let template = serde_json::json!({ "spec": { "containers": containers } });
        let warnings = warnings(Some(&serde_json::from_value(template).unwrap()));
        assert_eq!(warnings.len(), MAX_WARNINGS);
        assert!(warnings.iter().all(|warning| warning.len() < 300));
    }
}
