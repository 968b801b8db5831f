//! The head of a batch: [`Plan::head`].

use crate::jobs::batches::membership::HEAD_LABEL;
use crate::jobs::batches::plan::{Base, Plan, PlannedJob};
use crate::jobs::manifest::metadata::Identity;
use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::manifest::{JobManifest, Manifest, kind, to_body};
use crate::jobs::template::Error;
use crate::kube::types::{BATCH_ANNOTATION, NOTIFY_ANNOTATION};

impl Plan {
    /// Returns the head to create. It never runs. It has the pod template of the first member, so that a policy which
    /// allows the members allows the head.
    pub fn head(&self) -> Result<JobManifest, Error> {
        let name = self.name.head();
        let description = serde_json::to_string(&self.description).unwrap_or_default();
        let mut annotations = vec![(BATCH_ANNOTATION, &*description)];
        annotations.extend(self.notify.as_deref().map(|notify| (NOTIFY_ANNOTATION, notify)));
        let mut metadata = Members::new();
        let identity = Identity {
            namespace: &self.namespace,
            name: &name,
            stamp: &self.stamp,
            origin: None,
            labels: &[(HEAD_LABEL, "true")],
            annotations: &annotations,
        };
        // The longest ids of the most members fit into the annotations.
        identity.write(&mut metadata, None, &mut Vec::new())?;
        let mut spec = Members::from([
            ("suspend".to_owned(), raw::write(&true)),
            ("parallelism".to_owned(), raw::write(&0)),
            ("completions".to_owned(), raw::write(&1)),
            ("backoffLimit".to_owned(), raw::write(&0)),
        ]);
        let first = self.instance(0, self.job(0)?)?.manifest;
        if let Some(mut template) = raw::object(&first, "spec").and_then(|spec| raw::object(&spec, "template")) {
            template.remove("metadata");
            spec.insert("template".to_owned(), raw::write(&template));
        }
        let mut manifest = Manifest::new();
        kind::set(&mut manifest)?;
        manifest.insert("metadata".to_owned(), raw::write(&metadata));
        manifest.insert("spec".to_owned(), raw::write(&spec));
        Ok(JobManifest {
            namespace: self.namespace.clone(),
            name,
            is_random: false,
            stamp: self.stamp.clone(),
            manifest: to_body(&manifest)?,
            template: None,
            warnings: Vec::new(),
        })
    }

    /// Returns the field of the call that the head's pod template is from.
    pub fn head_field(&self) -> &'static str {
        match (self.jobs.first(), &self.base) {
            (Some(PlannedJob { manifest: Some(_), .. }), _) => "jobs[0].job_manifest",
            (_, Base::Template(..)) => "template",
            _ => "job_manifest",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::jobs::batches::plan::tests::{manifest, plan};
    use crate::jobs::manifest::JobManifest;

    #[test]
    fn only_the_head_names_the_webhooks() {
        let notify = |prepared: JobManifest| {
            let sent: Value = serde_json::from_slice(&prepared.manifest).unwrap();
            sent["metadata"]["annotations"]["eks-api/notify"].clone()
        };
        for value in [json!("ops,dev"), Value::Null] {
            let plan = plan(&json!({ "job_manifest": manifest(), "jobs": [{}], "notify": value })).unwrap();
            assert_eq!(notify(plan.head().unwrap()), value);
            assert_eq!(notify(plan.member(0, "u").unwrap()), Value::Null);
        }
    }
}
