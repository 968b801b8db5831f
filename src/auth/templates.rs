//! The templates that a key of the role `run` may use: [`TemplatePatterns`].

use std::fmt;

use crate::auth::role::Role;
use crate::config::pattern::matches;
use crate::util::template_name::{TemplateKind, TemplateName};

/// The kinds that a pattern may name. The role `run` may not run a Job again.
const KINDS: [TemplateKind; 2] = [TemplateKind::CronJob, TemplateKind::Preset];

/// Patterns such as `cronjob/etl` and `report-*`, each with at most one `*`. Without a kind a pattern is for `cronjob/`
/// and `preset/`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplatePatterns(Vec<TemplatePattern>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct TemplatePattern {
    /// `None` is any of [`KINDS`].
    kind: Option<TemplateKind>,
    name: String,
}

/// Why a line of the keys file, or a command that makes one, is wrong.
#[derive(Debug, PartialEq, Eq)]
pub enum Error {
    /// The role `run` has no pattern.
    Missing,
    /// Another role has patterns.
    OtherRole,
    /// This item is not a pattern.
    Invalid(String),
}

impl Error {
    /// Returns the message, without the item. `role` and `templates` are the words to use, such as `role=`.
    pub fn text(&self, role: &str, templates: &str) -> String {
        match self {
            Self::Missing => format!("{role}run needs {templates}, such as cronjob/etl,preset/report-*"),
            Self::OtherRole => format!("{templates} is for {role}run only"),
            Self::Invalid(_) => {
                format!("{templates} must be a list of cronjob/NAME, preset/NAME and NAME, each with at most one *")
            }
        }
    }
}

impl TemplatePatterns {
    /// Parses `cronjob/etl,preset/report-*,etl-*`. The error is the first item that is not a pattern.
    pub fn parse(list: &str) -> Result<Self, String> {
        let items = list.split(',').map(str::trim).filter(|item| !item.is_empty());
        items
            .map(|item| TemplatePattern::parse(item).ok_or_else(|| item.to_owned()))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Returns the templates of a role. The list is required for the role `run`, and refused for every other role.
    pub fn for_role(role: Role, list: Option<&str>) -> Result<Self, Error> {
        match list {
            Some(_) if !role.has_templates() => Err(Error::OtherRole),
            None if !role.has_templates() => Ok(Self::default()),
            list => {
                let patterns = Self::parse(list.unwrap_or_default()).map_err(Error::Invalid)?;
                if patterns.is_empty() { Err(Error::Missing) } else { Ok(patterns) }
            }
        }
    }

    pub fn matches(&self, template: &TemplateName) -> bool {
        self.0.iter().any(|pattern| pattern.matches(template))
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TemplatePattern {
    fn parse(item: &str) -> Option<Self> {
        let (kind, name) = match item.split_once('/') {
            Some((kind, name)) => (Some(KINDS.into_iter().find(|known| known.name() == kind)?), name),
            None => (None, item),
        };
        // A letter in place of the star tells whether the pattern can match a name.
        TemplateName::new(TemplateKind::Preset, &name.replacen('*', "x", 1))?;
        Some(Self { kind, name: name.to_owned() })
    }

    fn matches(&self, template: &TemplateName) -> bool {
        let is_kind = self.kind.map_or_else(|| KINDS.contains(&template.kind()), |kind| kind == template.kind());
        is_kind && matches(&self.name, template.name())
    }
}

impl fmt::Display for TemplatePatterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, TemplatePattern { kind, name }) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let (kind, slash) = kind.map_or(("", ""), |kind| (kind.name(), "/"));
            write!(f, "{separator}{kind}{slash}{name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_for_its_kind_and_without_a_kind_for_cron_jobs_and_presets_but_never_for_jobs() {
        for (list, matching) in [
            ("cronjob/etl", &["cronjob/etl"][..]),
            ("preset/etl*", &["preset/etl", "preset/etl-eu"]),
            ("cronjob/*", &["cronjob/etl", "cronjob/etl-eu", "cronjob/report.v2"]),
            ("etl", &["cronjob/etl", "preset/etl"]),
            ("etl-*, report.*", &["cronjob/etl-eu", "preset/etl-eu", "cronjob/report.v2"]),
            ("cronjob/report*,preset/*-eu", &["preset/etl-eu", "cronjob/report.v2"]),
            ("*", &["cronjob/etl", "preset/etl", "cronjob/etl-eu", "preset/etl-eu", "cronjob/report.v2"]),
            ("other", &[]),
            ("", &[]),
        ] {
            let patterns = TemplatePatterns::parse(list).unwrap();
            let templates = [
                "cronjob/etl",
                "preset/etl",
                "job/etl",
                "cronjob/etl-eu",
                "preset/etl-eu",
                "job/etl-eu",
                "cronjob/report.v2",
            ];
            let matched = templates.into_iter().filter(|name| patterns.matches(&TemplateName::parse(name).unwrap()));
            assert_eq!(matched.collect::<Vec<_>>(), matching, "{list}");
        }
    }

    #[test]
    fn what_cannot_match_a_template_is_refused() {
        let long = "n".repeat(64);
        for bad in [
            "job/etl",
            "job/*",
            "*/etl",
            "/etl",
            "pod/etl",
            "CronJob/etl",
            "cronjob/",
            "cronjob/a/b",
            "preset/*/x",
            "Etl",
            "e_l",
            "a b",
            "a**",
            "*a*",
            "-*",
            "etl-",
            "*-",
            ".etl",
            "etl.",
            "a..b",
            "é",
            "etl=",
            &long,
        ] {
            assert_eq!(TemplatePatterns::parse(&format!("ok,{bad},job/x")).unwrap_err(), bad);
        }
    }

    #[test]
    fn a_list_is_shown_as_it_is_read() {
        for (list, shown) in
            [("cronjob/etl,preset/report-*,etl-*", "cronjob/etl, preset/report-*, etl-*"), (" * ,", "*"), ("", "")]
        {
            let patterns = TemplatePatterns::parse(list).unwrap();
            assert_eq!((patterns.to_string().as_str(), patterns.is_empty()), (shown, shown.is_empty()));
            assert_eq!(TemplatePatterns::parse(shown).unwrap(), patterns);
        }
    }

    #[test]
    fn the_role_run_needs_templates_and_no_other_role_may_have_them() {
        for role in [Role::Read, Role::Write, Role::Admin] {
            assert_eq!(TemplatePatterns::for_role(role, None), Ok(TemplatePatterns::default()));
            for list in ["etl", "", "job/x"] {
                assert_eq!(TemplatePatterns::for_role(role, Some(list)), Err(Error::OtherRole), "{role} {list}");
            }
        }
        let run = |list| TemplatePatterns::for_role(Role::Run, list);
        assert_eq!(run(Some("cronjob/etl")).unwrap(), TemplatePatterns::parse("cronjob/etl").unwrap());
        assert_eq!([None, Some(""), Some(" , ")].map(|list| run(list).unwrap_err()), [const { Error::Missing }; 3]);
        assert_eq!(run(Some("etl,job/x")).unwrap_err(), Error::Invalid("job/x".to_owned()));
    }
}
