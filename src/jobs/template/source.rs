//! Reads a template from a `CronJob` or a Job of the API server, or from the YAML of a preset.

use ring::digest::{SHA256, digest};

use crate::jobs::manifest::invalid::{object, text};
use crate::jobs::manifest::metadata::refuse_reserved;
use crate::jobs::manifest::raw::{self, Members};
use crate::jobs::manifest::{Invalid, Manifest, dump, kind};
use crate::jobs::template::declaration::{self, ANNOTATION};
use crate::jobs::template::merge::container::Pod;
use crate::jobs::template::types::{Error, Parameter, Template};
use crate::kube::names::Namespace;
use crate::util::template_name::TemplateName;
use crate::util::{hex, strict_json, yaml};

/// The size of a preset, as YAML and as JSON with its aliases.
pub const MAX_PRESET_BYTES: usize = 1 << 20;
/// The version of a preset has twice as many digits.
const VERSION_BYTES: usize = 6;
const DECLARATION: &str = "metadata.annotations[eks-api/parameters]";

impl Template {
    /// Reads the `CronJob` that the API server returned: its `spec.jobTemplate` with labels and annotations.
    pub fn from_cron_job(name: TemplateName, cron_job: &Members) -> Result<Self, Error> {
        let read = || {
            let cron_job_metadata = object(cron_job, "metadata", "metadata")?;
            let spec = object(cron_job, "spec", "spec")?;
            let mut manifest = object(&spec, "jobTemplate", "spec.jobTemplate")?;
            manifest.retain(|member, _| ["metadata", "spec"].contains(&member.as_str()));
            let mut metadata = object(&manifest, "metadata", "spec.jobTemplate.metadata")?;
            metadata.retain(|member, _| ["labels", "annotations"].contains(&member.as_str()));
            manifest.insert("metadata".to_owned(), raw::write(&metadata));
            refuse_reserved(&metadata)?;
            let own = declaration(&cron_job_metadata)?;
            let inner = if own.is_some() { None } else { declaration(&metadata)? };
            let parameters = declaration::of(own.as_deref(), inner.as_deref()).map_err(malformed)?;
            Ok((version(&cron_job_metadata)?, manifest, parameters))
        };
        Self::checked(name, read())
    }

    /// Reads the Job that the API server returned, without what the cluster and the service set. Its variables have the
    /// values of its run. So they are no longer required, and no default replaces them.
    pub fn from_job(name: TemplateName, mut job: Members) -> Result<Self, Error> {
        let mut read = || {
            let version = version(&object(&job, "metadata", "metadata")?)?;
            dump::strip(&mut job)?;
            let metadata = without(&mut job, &["name", "generateName", "namespace"])?;
            let declared = declared(&metadata)?.into_iter();
            let optional = declared.map(|declared| Parameter { is_required: false, default: None, ..declared });
            Ok((version, std::mem::take(&mut job), optional.collect()))
        };
        let read = read();
        Self::checked(name, read)
    }

    /// Reads the YAML of a preset.
    pub fn from_preset(name: TemplateName, yaml: &[u8]) -> Result<Self, Error> {
        let mut manifest = match parsed(yaml) {
            Ok(manifest) => manifest,
            Err(why) => return Err(Error::InvalidTemplate(format!("{name}: {why}"))),
        };
        let mut read = || {
            kind::set(&mut manifest)?;
            if dump::is_dump(&object(&manifest, "metadata", "metadata")?) {
                dump::strip(&mut manifest)?;
            }
            let metadata = without(&mut manifest, &["name", "generateName"])?;
            refuse_reserved(&metadata)?;
            let digest = digest(&SHA256, yaml);
            let version = hex::encode(digest.as_ref().get(..VERSION_BYTES).unwrap_or_default());
            Ok((version, std::mem::take(&mut manifest), declared(&metadata)?))
        };
        let read = read();
        let mut template = Self::checked(name, read)?;
        let namespace = namespace(&template.manifest);
        template.namespace = namespace.map_err(|invalid| Error::of_template(&template.name, &invalid))?;
        Ok(template)
    }

    /// Returns the containers of the pods, each with its image.
    pub fn containers(&self) -> Vec<(String, String)> {
        let pod = object(&self.manifest, "spec", "spec").and_then(|spec| Pod::open(&spec));
        pod.map(|pod| pod.images()).unwrap_or_default()
    }

    /// Returns the template if it has a container.
    fn checked(name: TemplateName, read: Result<(String, Manifest, Vec<Parameter>), Invalid>) -> Result<Self, Error> {
        let checked = read.and_then(|(version, manifest, parameters)| {
            Pod::open(&object(&manifest, "spec", "spec")?)?.check()?;
            Ok((version, manifest, parameters))
        });
        match checked {
            Ok((version, manifest, parameters)) => Ok(Self { name, version, namespace: None, manifest, parameters }),
            Err(invalid) => Err(Error::of_template(&name, &invalid)),
        }
    }
}

/// Returns the document of a preset.
fn parsed(yaml: &[u8]) -> Result<Manifest, String> {
    if yaml.len() > MAX_PRESET_BYTES {
        return Err(format!("is larger than {MAX_PRESET_BYTES} bytes"));
    }
    let json = yaml::to_json(yaml, MAX_PRESET_BYTES).map_err(|error| error.to_string())?;
    strict_json::check(&json).map_err(|fault| match fault.path.as_str() {
        "" => fault.message,
        path => format!("{path}: {}", fault.message),
    })?;
    serde_json::from_str(&json).map_err(|_| "must be an object: the manifest of a Job".to_owned())
}

/// Removes these members of the metadata, and returns the metadata.
fn without(manifest: &mut Manifest, members: &[&str]) -> Result<Members, Invalid> {
    let mut metadata = object(manifest, "metadata", "metadata")?;
    metadata.retain(|member, _| !members.contains(&member.as_str()));
    manifest.insert("metadata".to_owned(), raw::write(&metadata));
    Ok(metadata)
}

/// Returns the namespace of a preset.
fn namespace(manifest: &Manifest) -> Result<Option<Namespace>, Invalid> {
    const FIELD: &str = "metadata.namespace";
    let name = text(&object(manifest, "metadata", "metadata")?, "namespace", FIELD)?;
    let namespace = name.map(|name| Namespace::parse(&name)).transpose();
    namespace.map_err(|error| Invalid::value(FIELD, error.to_string()))
}

fn version(metadata: &Members) -> Result<String, Invalid> {
    Ok(text(metadata, "resourceVersion", "metadata.resourceVersion")?.unwrap_or_default())
}

/// Returns the parameters that an object declares.
fn declared(metadata: &Members) -> Result<Vec<Parameter>, Invalid> {
    declaration(metadata)?.map_or_else(|| Ok(Vec::new()), |text| declaration::parse(&text).map_err(malformed))
}

/// Returns the text of the annotation that declares parameters.
fn declaration(metadata: &Members) -> Result<Option<String>, Invalid> {
    let annotations = object(metadata, "annotations", "metadata.annotations")?;
    let Some(raw) = raw::get(&annotations, ANNOTATION) else { return Ok(None) };
    raw::parse(raw).map(Some).ok_or_else(|| Invalid::form(DECLARATION, "must be a string"))
}

fn malformed(why: String) -> Invalid {
    Invalid::value(DECLARATION, why)
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
