//! Finds images with a placeholder that nobody filled in. Kubernetes takes such a Job, and it waits for the image for ever.

use crate::jobs::manifest::raw::{self, Members};
use crate::util::text::truncate;

/// So many images are named.
const MAX_WARNINGS: usize = 10;
/// An image is shown up to so many characters.
const MAX_SHOWN: usize = 100;

/// One warning for each image that cannot be one.
pub(super) fn warnings(template: Option<&Members>) -> Vec<String> {
    let Some(pod) = template.and_then(|template| raw::object(template, "spec")) else { return Vec::new() };
    let mut warnings = Vec::new();
    for list in ["initContainers", "containers"] {
        let containers = raw::get(&pod, list).and_then(raw::elements).unwrap_or_default();
        for (at, container) in containers.iter().enumerate() {
            let Some(image) = raw::members(container).and_then(|container| raw::string(raw::get(&container, "image")?))
            else {
                continue;
            };
            if let Some(wrong) = image.trim().chars().find(|c| !is_of_image(*c)) {
                let shown = truncate(&image, MAX_SHOWN);
                warnings.push(format!(
                    "spec.template.spec.{list}[{at}].image: {shown:?} is not an image, as no image has {wrong:?}; fill in its placeholders, or the job waits for ever"
                ));
            }
            if warnings.len() == MAX_WARNINGS {
                return warnings;
            }
        }
    }
    warnings
}

/// Whether a reference to an image may have this character
/// (<https://github.com/distribution/reference/blob/main/reference.go>).
fn is_of_image(c: char) -> bool {
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
    fn a_placeholder_in_an_image_is_a_warning_and_an_image_is_not() {
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
    fn many_placeholders_are_named_in_part() {
        let containers = vec![serde_json::json!({ "image": "<".repeat(1000) }); 500];
        let template = serde_json::json!({ "spec": { "containers": containers } });
        let warnings = warnings(Some(&serde_json::from_value(template).unwrap()));
        assert_eq!(warnings.len(), MAX_WARNINGS);
        assert!(warnings.iter().all(|warning| warning.len() < 300));
    }
}
