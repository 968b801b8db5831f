//! The parameters that a template declares: [`parse`], and [`of`] for a `CronJob`.

use std::collections::BTreeSet;

use crate::jobs::template::types::Parameter;
use crate::jobs::text::shortened;

/// The annotation that declares the parameters of a template.
pub(super) const ANNOTATION: &str = "eks-api/parameters";

/// A template declares no more.
const MAX_PARAMETERS: usize = 100;

/// Returns the parameters of a `CronJob`. The annotation of its `jobTemplate` counts only if the `CronJob` has none.
pub(super) fn of(cron_job: Option<&str>, job_template: Option<&str>) -> Result<Vec<Parameter>, String> {
    cron_job.or(job_template).map_or_else(|| Ok(Vec::new()), parse)
}

/// Parses `DATE!,MODE,LEVEL=info`: a required parameter, an optional one, and one with a default. A default ends before
/// the next comma. Blanks around a name and line breaks at the end do not count. The error quotes the wrong item.
pub(super) fn parse(text: &str) -> Result<Vec<Parameter>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let text = text.trim_end_matches(['\r', '\n']);
    let count = text.split(',').count();
    if count > MAX_PARAMETERS {
        return Err(format!("declares {count} parameters; declare at most {MAX_PARAMETERS}"));
    }
    let mut names = BTreeSet::new();
    let items = text.split(',').map(|item| {
        let parameter = item_of(item).and_then(|parameter| {
            let is_new = names.insert(parameter.name.clone());
            if is_new { Ok(parameter) } else { Err("is declared twice") }
        });
        parameter.map_err(|why| format!("{:?} {why}", shortened(item.trim())))
    });
    items.collect()
}

fn item_of(item: &str) -> Result<Parameter, &'static str> {
    let (name, default) = item.split_once('=').map_or((item, None), |(name, default)| (name, Some(default)));
    let (name, is_required) = name.trim().strip_suffix('!').map_or((name, false), |name| (name, true));
    let name = name.trim();
    if item.trim().is_empty() {
        return Err("is an empty item; name a parameter between two commas");
    }
    if is_required && default.is_some() {
        return Err("is required and has a default; remove ! or the default");
    }
    if !is_name(name) {
        return Err("is not a parameter; write NAME, NAME! or NAME=default, the name of letters, digits and _");
    }
    if default.is_some_and(|default| default.contains('\0')) {
        return Err("has a default with a NUL character, which no variable can hold");
    }
    Ok(Parameter { name: name.to_owned(), is_required, default: default.map(str::to_owned) })
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(name: &str, is_required: bool, default: Option<&str>) -> Parameter {
        Parameter { name: name.to_owned(), is_required, default: default.map(str::to_owned) }
    }

    #[test]
    fn parameters_are_required_optional_or_have_a_default() {
        let [date, mode] = [parameter("DATE", true, None), parameter("MODE", false, None)];
        let level = |default| parameter("LEVEL", false, Some(default));
        for (text, declared) in [
            ("DATE!,MODE,LEVEL=info", vec![date.clone(), mode.clone(), level("info")]),
            (" DATE ! ,\n  MODE\t, LEVEL =info\r\n", vec![date.clone(), mode, level("info")]),
            ("LEVEL=,DATE!\n", vec![level(""), date]),
            ("LEVEL= a=b! $(X) ", vec![level(" a=b! $(X) ")]),
            ("_a1", vec![parameter("_a1", false, None)]),
            ("", vec![]),
            (" \n", vec![]),
        ] {
            assert_eq!(parse(text), Ok(declared), "{text:?}");
        }
    }

    #[test]
    fn the_job_templates_declaration_counts_only_without_that_of_the_cron_job() {
        let (a, b) = (parameter("A", false, None), parameter("B", false, None));
        assert_eq!(of(Some("A"), Some("B")), Ok(vec![a.clone()]));
        assert_eq!(of(Some("A"), Some("!")), Ok(vec![a]));
        assert_eq!(of(Some(""), Some("B")), Ok(vec![]));
        assert_eq!(of(None, Some("B")), Ok(vec![b]));
        assert_eq!(of(None, None), Ok(vec![]));
        assert!(of(Some("!"), Some("B")).is_err() && of(None, Some("!")).is_err());
    }

    #[test]
    fn there_are_at_most_100_parameters() {
        let declaration = |count: usize| (0..count).map(|at| format!("P{at}")).collect::<Vec<_>>().join(",");
        assert_eq!(parse(&declaration(100)).unwrap().len(), 100);
        assert_eq!(parse(&declaration(101)).unwrap_err(), "declares 101 parameters; declare at most 100");
    }

    #[test]
    fn the_error_quotes_the_wrong_item() {
        for (text, item, why) in [
            ("A,DATE!=x", "\"DATE!=x\"", "is required and has a default"),
            ("A,,B", "\"\"", "is an empty item"),
            ("A,", "\"\"", "is an empty item"),
            (",", "\"\"", "is an empty item"),
            ("A, B,A!", "\"A!\"", "is declared twice"),
            ("1A", "\"1A\"", "is not a parameter"),
            ("A-B=c", "\"A-B=c\"", "is not a parameter"),
            ("A B", "\"A B\"", "is not a parameter"),
            ("=x", "\"=x\"", "is not a parameter"),
            ("!", "\"!\"", "is not a parameter"),
            ("A!!", "\"A!!\"", "is not a parameter"),
            ("É", "\"É\"", "is not a parameter"),
            ("A=\0", r#""A=\0""#, "has a default with a NUL"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(&format!("{item} {why}")), "{text:?}: {error}");
        }
        assert!(parse(&"x-".repeat(10_000)).unwrap_err().len() < 250);
    }
}
