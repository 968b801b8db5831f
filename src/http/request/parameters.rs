//! A request's query as parameters: each known, given once, and parsed into its type.

use std::ops::RangeInclusive;
use std::time::Duration;

use hyper::Uri;

use crate::config::duration::{self, Upto};
use crate::http::response::problem::Problem;
use crate::kube::names::{BatchName, JobName, Namespace};

/// The names and values of a query. A call has so few that a list is the fastest map.
#[derive(Debug, Default)]
pub struct Parameters(Vec<(&'static str, String)>);

impl Parameters {
    /// Takes the known parameters from the query. 400 if one is given twice, and what `unknown` returns for any other.
    pub fn parse(uri: &Uri, known: &[&'static str], unknown: impl FnOnce(&str) -> Problem) -> Result<Self, Problem> {
        let mut given = Self::default();
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or("").as_bytes()) {
            let Some(known) = known.iter().find(|known| **known == name) else { return Err(unknown(&name)) };
            if given.has(known) {
                return Err(Problem::malformed(&name, "is given more than once"));
            }
            given.0.push((known, value.into_owned()));
        }
        Ok(given)
    }

    pub fn has(&self, name: &str) -> bool {
        self.optional(name).is_some()
    }

    pub fn optional(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| *given == name).map(|(_, value)| value.as_str())
    }

    pub fn required(&self, name: &str) -> Result<&str, Problem> {
        self.optional(name).ok_or_else(|| Problem::malformed(name, "is missing"))
    }

    pub fn job_name(&self) -> Result<JobName, Problem> {
        parse_job_name(self.required("job_name")?)
    }

    pub fn batch_name(&self) -> Result<BatchName, Problem> {
        parse_batch_name(self.required("batch_name")?)
    }

    pub fn namespace(&self) -> Result<Namespace, Problem> {
        parse_namespace("namespace", self.optional("namespace").unwrap_or("default"))
    }

    /// The namespace of the query or of the body.
    pub fn agreed_namespace(&self, in_body: Option<&str>) -> Result<Namespace, Problem> {
        let parse = |name: &str| parse_namespace("namespace", name);
        let query = self.optional("namespace").map(parse).transpose()?;
        agreed("namespace", query, in_body.map(parse).transpose()?)?.map_or_else(|| parse("default"), Ok)
    }

    pub fn namespace_name(&self) -> Result<Namespace, Problem> {
        parse_namespace("namespace_name", self.required("namespace_name")?)
    }

    /// The time that the caller wants to wait.
    pub fn wait(&self) -> Result<Option<Duration>, Problem> {
        self.optional("wait").map(wait_time).transpose()
    }

    /// A whole number within bounds.
    pub fn number(&self, name: &str, bounds: RangeInclusive<u32>) -> Result<Option<u32>, Problem> {
        let parse = |value: &str| value.parse().ok().filter(|number| bounds.contains(number));
        let wrong = || {
            let (least, most) = (bounds.start(), bounds.end());
            Problem::malformed(name, &format!("must be a whole number from {least} to {most}"))
        };
        self.optional(name).map(|value| parse(value).ok_or_else(wrong)).transpose()
    }

    /// `true` or `false`. The default is `false`.
    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        self.optional_flag(name).map(Option::unwrap_or_default)
    }

    /// `true` or `false`, if it is given.
    pub fn optional_flag(&self, name: &str) -> Result<Option<bool>, Problem> {
        let parse = |value: &str| value.parse().map_err(|_| Problem::malformed(name, "must be true or false"));
        self.optional(name).map(parse).transpose()
    }
}

pub fn parse_namespace(field: &str, name: &str) -> Result<Namespace, Problem> {
    Namespace::parse(name).map_err(|error| Problem::invalid(field, &error.to_string()))
}

pub fn parse_job_name(name: &str) -> Result<JobName, Problem> {
    JobName::parse(name).map_err(|error| Problem::invalid("job_name", &error.to_string()))
}

pub fn parse_batch_name(name: &str) -> Result<BatchName, Problem> {
    BatchName::parse(name).map_err(|error| Problem::invalid("batch_name", &error.to_string()))
}

const MAX_WAIT: Duration = Duration::from_mins(5);

/// Parses a time such as `500ms`, `30s` or `5m`, of at most five minutes.
pub fn wait_time(text: &str) -> Result<Duration, Problem> {
    let time = duration::parse(text, Upto::Minutes).filter(|time| *time <= MAX_WAIT);
    time.ok_or_else(|| Problem::malformed("wait", "must be a time such as 500ms, 30s or 5m, at most 5m"))
}

/// The value of a parameter that may be in the query or in the body. 400 if both have it and differ.
pub fn agreed<T: PartialEq>(name: &str, query: Option<T>, body: Option<T>) -> Result<Option<T>, Problem> {
    if query.is_some() && body.is_some() && query != body {
        return Err(Problem::malformed(name, "differs in the query and in the body: give it once"));
    }
    Ok(query.or(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Parameters, Problem> {
        let known = ["job_name", "namespace", "details", "state", "limit", "label_selector"];
        let uri = format!("/?{query}").parse().unwrap();
        Parameters::parse(&uri, &known, |name| Problem::malformed(name, "is unknown"))
    }

    fn refused(query: &str) -> (u16, String) {
        let parsed = parse(query);
        let problem = parsed.and_then(|p| p.job_name().and(p.namespace()).and(p.flag("details"))).unwrap_err();
        (problem.status.as_u16(), problem.causes[0].field.clone())
    }

    #[test]
    fn values_are_decoded_once() {
        let parameters = parse("job_name=a%2Db&details=true").unwrap();
        assert_eq!(parameters.job_name().unwrap().as_str(), "a-b");
        assert_eq!(parameters.namespace().unwrap().as_str(), "default");
        assert!(parameters.flag("details").unwrap());
    }

    #[test]
    fn a_query_is_decoded_like_a_form() {
        let selector = |query: &str| parse(query).unwrap().optional("label_selector").map(str::to_owned);
        for (query, expected) in [
            ("", None),
            ("&&", None),
            ("state=failed", None),
            ("label_selector", Some("")),
            ("label_selector=", Some("")),
            ("&label_selector=a=b&&", Some("a=b")),
            ("state=x&label%5Fselector=a+in+%28b%26c%29&limit=1", Some("a in (b&c)")),
            ("label_selector=a+b", Some("a b")),
            ("label_selector=%2", Some("%2")),
            ("label_selector=%ff", Some("\u{fffd}")),
        ] {
            assert_eq!(selector(query).as_deref(), expected, "{query}");
        }
    }

    #[test]
    fn each_error_names_its_parameter() {
        for (query, status, field) in [
            ("", 400, "job_name"),
            ("job_name=a&jobname=b", 400, "jobname"),
            ("job_name=a&job_name=b", 400, "job_name"),
            ("job_name=a&details=yes", 400, "details"),
            ("job_name=", 422, "job_name"),
            ("job_name=..%2F..%2Fnamespaces%2Fx", 422, "job_name"),
            ("job_name=%252e%252e", 422, "job_name"),
            ("job_name=a%00", 422, "job_name"),
            ("job_name=a%0d%0aX:y", 422, "job_name"),
            ("job_name=a%3Fx", 422, "job_name"),
            ("job_name=a%23x", 422, "job_name"),
            ("job_name=%ff", 422, "job_name"),
            ("job_name=a&namespace=a/b", 422, "namespace"),
            ("job_name=a&namespace=", 422, "namespace"),
        ] {
            assert_eq!(refused(query), (status, field.to_owned()), "{query}");
        }
    }

    #[test]
    fn a_wait_is_a_number_with_a_unit() {
        for (text, milliseconds) in [("0s", 0), ("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("300000ms", 300_000)]
        {
            assert_eq!(wait_time(text).unwrap().as_millis(), milliseconds, "{text}");
        }
        for bad in ["", "30", "s", "1.5s", "-1s", "+1s", "301s", "6m", "1h", "30 s", "9999999999ms", "1sm", "٣s"] {
            assert_eq!(wait_time(bad).unwrap_err().status, 400, "{bad}");
        }
    }
}
