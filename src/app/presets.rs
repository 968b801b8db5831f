//! Reads the presets of `EKS_API_PRESETS_DIR`, and reads them again on SIGHUP: [`presets`]. [`load`] only reads them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use crate::app::error::Error;
use crate::app::reload::Reload;
use crate::config::Settings;
use crate::jobs::template::presets::{PresetMap, Presets};
use crate::jobs::template::{Error as TemplateError, MAX_PRESET_BYTES, Template};
use crate::util::files;
use crate::util::template_name::{TemplateKind, TemplateName};

const DIRECTORY: &str = "EKS_API_PRESETS_DIR";
const EXTENSION: &str = ".yaml";
const MAX_FILES: usize = 1000;
/// A warning names no more files.
const MAX_SHOWN: usize = 10;

/// The presets of a directory.
#[derive(Debug, Default)]
pub struct Loaded {
    pub presets: PresetMap,
    /// Names the files that are ignored.
    pub warning: Option<String>,
}

/// Reads the presets, and reads them again at each reload.
pub(super) fn presets(settings: &Settings, reload: &mut Reload) -> Result<Presets, Error> {
    let presets = Presets::default();
    let Some(directory) = settings.presets.clone() else { return Ok(presets) };
    replace(&directory, &presets).map_err(Error::Config)?;
    let reloaded = presets.clone();
    reload.add("presets", move || replace(&directory, &reloaded));
    Ok(presets)
}

/// Reads the presets, if a directory is set. The first wrong file is an error that names it.
pub fn load(settings: &Settings) -> Result<Loaded, Error> {
    let loaded = settings.presets.as_deref().map(read).transpose().map_err(Error::Config)?;
    Ok(loaded.unwrap_or_default())
}

/// Reads all presets and applies them. After an error all old presets stay.
fn replace(directory: &Path, presets: &Presets) -> Result<(), String> {
    let loaded = read(directory)?;
    log::info!(directory = directory.display().to_string(), presets = loaded.presets.len(); "presets");
    if let Some(warning) = &loaded.warning {
        log::warn!("{warning}");
    }
    presets.replace(loaded.presets);
    Ok(())
}

fn read(directory: &Path) -> Result<Loaded, String> {
    let failed = |path: &Path, why: &str| format!("{DIRECTORY}: {}: {why}", path.display());
    let unreadable = |error: &io::Error| failed(directory, &error.to_string());
    let (mut files, mut others) = (BTreeMap::new(), Vec::new());
    for entry in fs::read_dir(directory).map_err(|error| unreadable(&error))? {
        let path = entry.map_err(|error| unreadable(&error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // A mounted ConfigMap has ..data and the directory that this points to.
        if name.starts_with('.') || path.is_dir() {
            continue;
        }
        match name.strip_suffix(EXTENSION) {
            Some(stem) => drop(files.insert(stem.to_owned(), path)),
            None => others.push(name),
        }
        if files.len() > MAX_FILES {
            return Err(failed(directory, &format!("it has more than {MAX_FILES} presets, which is the maximum")));
        }
    }
    let parsed = files.into_iter().map(|(name, path)| match preset(&name, &path) {
        Ok(template) => Ok((name, Arc::new(template))),
        Err(why) => Err(failed(&path, &why)),
    });
    Ok(Loaded { presets: parsed.collect::<Result<_, _>>()?, warning: warning(directory, others) })
}

fn preset(name: &str, path: &Path) -> Result<Template, String> {
    let name = TemplateName::new(TemplateKind::Preset, name).ok_or(
        "the name of the file is not valid: NAME in NAME.yaml has at most 63 lower case letters, digits, '-' and '.'; \
         begin and end each part with a letter or digit",
    )?;
    let text = files::read_text(path, MAX_PRESET_BYTES as u64).map_err(|error| error.to_string())?;
    let own = format!("{name}: ");
    Template::from_preset(name, text.as_bytes()).map_err(|error| match error {
        TemplateError::Invalid(invalid) => invalid.to_string(),
        // The file has the template's name.
        TemplateError::InvalidTemplate(why) => why.strip_prefix(&own).unwrap_or(&why).to_owned(),
    })
}

/// Returns a warning about files whose names do not end with `.yaml`.
fn warning(directory: &Path, mut others: Vec<String>) -> Option<String> {
    if others.is_empty() {
        return None;
    }
    others.sort_unstable();
    let (count, mut shown) = (others.len(), others);
    shown.truncate(MAX_SHOWN);
    let rest = if count > shown.len() { format!(" and {} more", count - shown.len()) } else { String::new() };
    let shown: Vec<String> = shown.iter().map(|name| format!("{name:?}")).collect();
    Some(format!(
        "{DIRECTORY}: {}: ignored {}{rest}: a preset is a file NAME.yaml",
        directory.display(),
        shown.join(", ")
    ))
}
