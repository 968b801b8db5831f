//! Reads what /metrics says, strictly: whatever the format does not allow, or a careful exporter does not do, is a
//! panic.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::service::Service;

pub(super) type Labels = BTreeMap<String, String>;

#[derive(Debug, Default)]
pub(super) struct Family {
    pub(super) kind: String,
    pub(super) help: String,
    /// By name, with its suffix if it has one, and labels.
    pub(super) samples: Vec<(String, Labels, f64)>,
}

#[derive(Debug)]
pub(super) struct Scrape(pub(super) BTreeMap<String, Family>);

impl Scrape {
    pub(super) async fn of(service: &Service) -> Self {
        let reply = service.get("/metrics").await.expect_status(200);
        assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        Self::parse(std::str::from_utf8(&reply.body).unwrap())
    }

    pub(super) fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line has no end");
        let (mut families, mut series) = (BTreeMap::<String, Family>::new(), BTreeSet::new());
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let head = |line: &str, word: &str| {
                let (name, rest) = line.strip_prefix(word).and_then(|rest| rest.split_once(' '))?;
                Some((name.to_owned(), rest.to_owned()))
            };
            let (name, help) = head(line, "# HELP ").unwrap_or_else(|| panic!("no HELP: {line}"));
            let (typed, kind) = lines.next().and_then(|line| head(line, "# TYPE ")).unwrap();
            assert!(typed == name && !help.is_empty() && !families.contains_key(&name), "{line}");
            assert!(is_name(&name) && ["counter", "gauge", "histogram"].contains(&kind.as_str()), "{name} {kind}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
            let mut family = Family { kind, help, samples: Vec::new() };
            while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
                let (sample, labels, value) = sample(line);
                let suffix = sample.strip_prefix(&name).unwrap_or_else(|| panic!("{line} stands under {name}"));
                let suffixes: &[&str] = if family.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
                assert!(suffixes.contains(&suffix), "{line}");
                assert!(value >= 0.0, "{line}");
                assert!(series.insert((sample.clone(), labels.clone())), "twice: {line}");
                family.samples.push((sample, labels, value));
            }
            adds_up(&name, &family);
            families.insert(name, family);
        }
        Self(families)
    }

    /// The sum of the samples with this name and these labels; none is 0.
    pub(super) fn value(&self, sample: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |of: &Labels| labels.iter().all(|(name, value)| of.get(*name).is_some_and(|found| found == value));
        let samples = self.0.values().flat_map(|family| &family.samples);
        samples.filter(|(name, of, _)| name == sample && fits(of)).map(|(_, _, value)| value).sum()
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

/// `name{label="value",…} number`
fn sample(line: &str) -> (String, Labels, f64) {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
    let value: f64 = value.parse().unwrap_or_else(|error| panic!("{error}: {line}"));
    let (name, inside) = match series.split_once('{') {
        Some((name, rest)) => (name, rest.strip_suffix('}').unwrap_or_else(|| panic!("no end: {line}"))),
        None => (series, ""),
    };
    assert!(is_name(name), "{line}");
    let mut labels = Labels::new();
    let mut rest = inside;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
        let (value, after) = after.split_once('"').unwrap_or_else(|| panic!("no value: {line}"));
        let plain = |c: char| c.is_ascii_alphanumeric() || "._+/-".contains(c);
        assert!(is_name(name) && !value.is_empty() && value.chars().all(plain), "{line}");
        assert!(labels.insert(name.to_owned(), value.to_owned()).is_none(), "{line}");
        rest = after.strip_prefix(',').unwrap_or(after);
        assert!(rest.is_empty() == after.is_empty(), "{line}");
    }
    (name.to_owned(), labels, value)
}

/// The buckets of each histogram grow, up to the count of all.
fn adds_up(name: &str, family: &Family) {
    if family.kind != "histogram" {
        return;
    }
    let mut buckets = BTreeMap::<Labels, Vec<(f64, f64)>>::new();
    for (_, labels, value) in family.samples.iter().filter(|(sample, ..)| sample.ends_with("_bucket")) {
        let mut labels = labels.clone();
        let bound = labels.remove("le").unwrap().parse().unwrap();
        buckets.entry(labels).or_default().push((bound, *value));
    }
    for (labels, buckets) in buckets {
        assert!(buckets.is_sorted_by(|one, next| one.0 < next.0 && one.1 <= next.1), "{name} {labels:?}: {buckets:?}");
        let one = |suffix: &str| {
            let sample = format!("{name}{suffix}");
            family.samples.iter().find(|(name, of, _)| *name == sample && *of == labels).unwrap().2
        };
        assert_eq!(*buckets.last().unwrap(), (f64::INFINITY, one("_count")), "{name} {labels:?}");
        assert_eq!(one("_sum") > 0.0, one("_count") > 0.0, "{name} {labels:?}");
    }
}

#[test]
#[should_panic(expected = "twice")]
fn a_series_that_is_there_twice_would_be_found() {
    Scrape::parse("# HELP a b\n# TYPE a gauge\na{x=\"1\"} 1\na{x=\"1\"} 2\n");
}

#[test]
#[should_panic(expected = "stands under")]
fn a_sample_under_the_head_of_another_metric_would_be_found() {
    Scrape::parse("# HELP a b\n# TYPE a gauge\nb 1\n");
}

#[test]
#[should_panic(expected = "h {}")]
fn buckets_that_do_not_add_up_would_be_found() {
    Scrape::parse(
        "# HELP h b\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
    );
}
