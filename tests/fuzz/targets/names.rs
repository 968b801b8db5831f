//! What a caller writes into a URL: names, the query, and the small languages within it.

use std::collections::BTreeMap;
use std::time::Duration;

use eks_api::api::routes::{Route, query};
use eks_api::http::request::parameters;
use eks_api::http::response::problem::Problem;
use eks_api::jobs::label_selector::{MAX_LEN, Selector};
use eks_api::kube::names::{BadName, ContainerName, JobName, Namespace, PodName};
use eks_api::kube::url::{FieldValidation, LogOptions, Path};
use hyper::Uri;

use super::{first_line, text};

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`
fn is_part(name: &str) -> bool {
    let plain = |c: char| matches!(c, 'a'..='z' | '0'..='9');
    let ends = [name.chars().next(), name.chars().next_back()];
    ends.into_iter().all(|end| end.is_some_and(plain)) && name.chars().all(|c| plain(c) || c == '-')
}

fn is_label(name: &str) -> bool {
    name.len() <= 63 && is_part(name)
}

fn is_subdomain(name: &str, longest: usize) -> bool {
    name.len() <= longest && name.split('.').all(is_label)
}

/// A path has the shape that its maker gave it, and nothing of a name leads out of its segment.
fn has_shape(path: &Path, segments: usize, query: Option<&str>) {
    let uri: Uri = path.as_str().parse().unwrap_or_else(|error| panic!("{path:?} is no path: {error}"));
    assert_eq!(uri.path().split('/').count(), segments + 1, "{path:?}");
    assert!(!uri.path().split('/').any(|segment| matches!(segment, "." | "..")), "{path:?}");
    assert_eq!(uri.query(), query, "{path:?}");
}

fn is_a_sane_message(error: &BadName) {
    let told = error.to_string();
    assert!(told.len() < 1200 && !told.chars().any(char::is_control), "{told:?}");
}

pub(super) fn name(data: &[u8]) {
    let name = text(data);
    let lab = Namespace::parse("lab").unwrap_or_else(|error| panic!("{error}"));
    let (namespace, job) = (Namespace::parse(name), JobName::parse(name));
    let (pod, container) = (PodName::parse(name), ContainerName::parse(name));
    assert_eq!(namespace.is_ok(), is_label(name), "{name:?}");
    assert_eq!(container.is_ok(), is_label(name), "{name:?}");
    assert_eq!(job.is_ok(), is_subdomain(name, 63), "{name:?}");
    assert_eq!(pod.is_ok(), is_subdomain(name, 253), "{name:?}");
    [namespace.as_ref().err(), job.as_ref().err(), pod.as_ref().err(), container.as_ref().err()]
        .into_iter()
        .flatten()
        .for_each(is_a_sane_message);
    if let Ok(namespace) = &namespace {
        assert_eq!(namespace.as_str(), name);
        has_shape(&Path::namespace(namespace), 4, None);
        has_shape(&Path::new_job(namespace, FieldValidation::Strict, false), 6, Some("fieldValidation=Strict"));
    }
    if let Ok(job) = &job {
        assert_eq!(job.as_str(), name);
        has_shape(&Path::job(&lab, job), 7, None);
    }
    if let (Ok(pod), Ok(container)) = (&pod, &container) {
        let path = Path::pod_log(&lab, pod, container, &LogOptions::default());
        has_shape(&path, 7, Some(&format!("container={name}")));
    }
    // Anything may be asked for in a query: it comes out as it went in.
    let path = Path::jobs_page(None, name, 500, Some(name));
    let uri: Uri = path.as_str().parse().unwrap_or_else(|error| panic!("{path:?} is no path: {error}"));
    let pairs: Vec<_> = form_urlencoded::parse(uri.query().unwrap_or("").as_bytes()).collect();
    let given = [("labelSelector", name), ("limit", "500"), ("continue", name)];
    assert!(pairs.iter().map(|(key, value)| (&**key, &**value)).eq(given), "{path:?}");
}

fn is_a_sane_problem(problem: &Problem) {
    assert!(matches!(problem.status.as_u16(), 400 | 422), "{problem:?}");
    let document: serde_json::Value = serde_json::from_slice(&problem.document("id")).unwrap_or_default();
    let detail = document["detail"].as_str().unwrap_or_default();
    assert!(!detail.is_empty() && detail.chars().count() < 1500, "{document}");
}

pub(super) fn query(data: &[u8]) {
    let query = text(data);
    let Ok(uri) = format!("/?{query}").parse::<Uri>() else { return };
    let given: Vec<_> = form_urlencoded::parse(uri.query().unwrap_or("").as_bytes()).collect();
    for route in Route::ALL {
        let parameters = match query::parse(route, &uri) {
            Ok(parameters) => parameters,
            Err(problem) => return is_a_sane_problem(&problem),
        };
        let once: BTreeMap<_, _> = given.iter().cloned().collect();
        assert!(once.len() == given.len() && once.keys().all(|name| route.parameters().contains(&&**name)), "{query}");
        for (name, value) in &once {
            assert_eq!(parameters.optional(name), Some(&**value));
        }
        let number = parameters.number("limit", 1..=500);
        assert!(!matches!(number, Ok(Some(number)) if !(1..=500).contains(&number)), "{query}");
        let wait = parameters.wait();
        assert!(!matches!(wait, Ok(Some(time)) if time > Duration::from_mins(5)), "{query}");
        let job_name = parameters.job_name();
        if let (Ok(name), Some(value)) = (&job_name, once.get("job_name")) {
            assert_eq!(name.as_str(), value);
        }
        let problems = [
            number.err(),
            wait.err(),
            job_name.err(),
            parameters.namespace().err(),
            parameters.namespace_name().err(),
            parameters.flag("details").err(),
        ];
        problems.iter().flatten().for_each(is_a_sane_problem);
    }
}

pub(super) fn wait_time(data: &[u8]) {
    let text = text(data);
    let time = parameters::wait_time(text);
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let milliseconds = text[..digits].parse::<u128>().ok().and_then(|number| {
        let unit = match &text[digits..] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            _ => return None,
        };
        number.checked_mul(unit).filter(|time| *time <= 300_000)
    });
    match (time, milliseconds) {
        (Ok(time), Some(milliseconds)) => assert_eq!(time.as_millis(), milliseconds, "{text:?}"),
        (Err(problem), None) => is_a_sane_problem(&problem),
        // Many leading zeros are refused, and need not be taken.
        (Err(_), Some(_)) => assert!(digits > 9, "{text:?}"),
        (Ok(time), None) => panic!("{text:?} was taken for {time:?}"),
    }
}

/// The first line is the selector, each other one a label.
pub(super) fn selector(data: &[u8]) {
    let (wanted, rest) = first_line(text(data));
    let selector = match Selector::parse(wanted) {
        Ok(selector) => selector,
        Err(error) => return assert!(error.to_string().chars().count() < 1000, "{error}"),
    };
    let shown = selector.to_string();
    // Written out, a selector may be longer than one that a caller may send.
    if shown.len() <= MAX_LEN {
        let again = Selector::parse(&shown).unwrap_or_else(|error| panic!("{wanted:?} is shown as {shown:?}: {error}"));
        assert_eq!(again, selector, "{wanted:?} is shown as {shown:?}");
    }
    let labels: BTreeMap<&str, &str> = rest.lines().filter_map(|line| line.split_once('=')).collect();
    let label = |key: &str| labels.get(key).copied();
    let holds = parts(&shown).into_iter().all(|part| holds(part, label));
    let in_order = labels.iter().map(|(key, value)| (*key, *value));
    assert_eq!(selector.matches(in_order), holds, "{shown:?} of {labels:?}");
}

/// What is between commas that are not within parentheses.
fn parts(shown: &str) -> Vec<&str> {
    let mut depth = 0;
    let split = |c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    };
    shown.split(split).filter(|part| !part.is_empty()).collect()
}

/// Whether labels are what this one requirement asks for, as Kubernetes has it; and its key must be one to Kubernetes.
fn holds<'a>(part: &str, label: impl Fn(&str) -> Option<&'a str>) -> bool {
    let (key, rule) = match (part.strip_prefix('!'), part.split_once(' ')) {
        (Some(key), _) => (key, None),
        (None, Some((key, rule))) => (key, Some(rule)),
        (None, None) => (part, Some("")),
    };
    let name = key.rsplit('/').next().unwrap_or_default();
    let outer = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    assert!(name.len() <= 63 && outer(name.chars().next()) && outer(name.chars().next_back()), "{part:?}");
    assert!(name.chars().all(inner), "{part:?}");
    if let Some((prefix, _)) = key.split_once('/') {
        assert!(prefix.len() <= 253 && prefix.split('.').all(is_part), "{prefix:?} is no prefix of a label's key");
    }
    let values = |rule: &str| -> Vec<String> {
        let inside = rule.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
        inside.unwrap_or_else(|| panic!("{part:?}")).split(',').map(str::to_owned).collect()
    };
    let has = |values: Vec<String>| label(key).is_some_and(|label| values.iter().any(|value| value == label));
    match rule {
        None => label(key).is_none(),
        Some("") => label(key).is_some(),
        Some(rule) if rule.starts_with("in ") => has(values(rule)),
        Some(rule) => !has(values(rule)),
    }
}

pub(super) fn page_token(data: &[u8]) {
    use eks_api::api::jobs::list::pagination::{Token, encode, encode_cluster, parse};
    match parse("lab", text(data)) {
        Ok(Token::Cluster(token)) => {
            assert!((1..=2048).contains(&token.len()) && token.bytes().all(|c| c.is_ascii_graphic()), "{token:?}");
            assert_eq!(parse("lab", &encode_cluster("lab", &token)).ok(), Some(Token::Cluster(token)));
        }
        Ok(Token::PageCursor(place)) => {
            let (namespace, name) = place.key().split_once('/').unwrap_or_default();
            assert!(is_label(namespace) && is_subdomain(name, 63), "{place:?}");
            assert_eq!(parse("lab", &encode("lab", &place)).ok(), Some(Token::PageCursor(place)));
        }
        Err(problem) => is_a_sane_problem(&problem),
    }
}
