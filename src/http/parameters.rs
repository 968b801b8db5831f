//! A request's query as parameters: each known, given once, and parsed into the type that it stands for.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::time::Duration;

use hyper::Uri;

use super::error::Problem;
use super::route::Route;
use crate::kube::name::{JobName, Namespace};

/// The query as it came: it is short, and read again for each parameter.
#[derive(Debug)]
pub struct Parameters(Uri);

impl Parameters {
    pub fn parse(route: Route, uri: Uri) -> Result<Self, Problem> {
        let parameters = Self(uri);
        let known = route.parameters();
        for (index, (name, _)) in parameters.pairs().enumerate() {
            if !known.contains(&&*name) {
                let takes = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(Problem::malformed(
                    &shortened(&name),
                    &format!("is no parameter of this call; it takes {takes}"),
                ));
            }
            if parameters.pairs().take(index).any(|(earlier, _)| earlier == name) {
                return Err(Problem::malformed(&name, "is given more than once"));
            }
        }
        Ok(parameters)
    }

    pub fn none() -> Self {
        Self(Uri::default())
    }

    fn pairs(&self) -> form_urlencoded::Parse<'_> {
        form_urlencoded::parse(self.0.query().unwrap_or("").as_bytes())
    }

    pub fn optional(&self, name: &str) -> Option<Cow<'_, str>> {
        self.pairs().find_map(|(known, value)| (known == name).then_some(value))
    }

    fn required(&self, name: &str) -> Result<Cow<'_, str>, Problem> {
        self.optional(name).ok_or_else(|| Problem::malformed(name, "is missing"))
    }

    pub fn job_name(&self) -> Result<JobName, Problem> {
        parse_job_name(&self.required("job_name")?)
    }

    pub fn namespace(&self) -> Result<Namespace, Problem> {
        parse_namespace("namespace", self.optional("namespace").as_deref().unwrap_or("default"))
    }

    pub fn namespace_name(&self) -> Result<Namespace, Problem> {
        parse_namespace("namespace_name", &self.required("namespace_name")?)
    }

    /// How long the caller wants to wait.
    pub fn wait(&self) -> Result<Option<Duration>, Problem> {
        self.optional("wait").map(|time| wait_time(&time)).transpose()
    }

    /// A whole number within these bounds.
    pub fn number(&self, name: &str, bounds: RangeInclusive<u32>) -> Result<Option<u32>, Problem> {
        let parse = |value: &str| value.parse().ok().filter(|number| bounds.contains(number));
        let wrong = || {
            let (least, most) = (bounds.start(), bounds.end());
            Problem::malformed(name, &format!("must be a whole number from {least} to {most}"))
        };
        self.optional(name).map(|value| parse(&value).ok_or_else(wrong)).transpose()
    }

    /// A parameter that says yes or no; missing is no.
    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.optional(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Problem::malformed(name, "must be true or false")),
        }
    }
}

pub fn parse_namespace(field: &str, name: &str) -> Result<Namespace, Problem> {
    Namespace::parse(name).map_err(|error| Problem::invalid(field, &error.to_string()))
}

pub fn parse_job_name(name: &str) -> Result<JobName, Problem> {
    JobName::parse(name).map_err(|error| Problem::invalid("job_name", &error.to_string()))
}

const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// `500ms`, `30s` or `5m`, of at most five minutes.
pub fn wait_time(text: &str) -> Result<Duration, Problem> {
    let parse = |(unit, milliseconds)| {
        let number = text.strip_suffix(unit).filter(|n| n.len() <= 9 && n.bytes().all(|c| c.is_ascii_digit()))?;
        number.parse::<u64>().ok().map(|number| Duration::from_millis(number * milliseconds))
    };
    let time = [("ms", 1), ("s", 1000), ("m", 60_000)].into_iter().find_map(parse).filter(|time| *time <= LONGEST_WAIT);
    time.ok_or_else(|| Problem::malformed("wait", "must be a time such as 500ms, 30s or 5m, at most 5m"))
}

/// A caller's own word as an error repeats it.
fn shortened(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str) -> (u16, String) {
        let parsed = Parameters::parse(Route::GetJobStatus, format!("/?{query}").parse().unwrap());
        let problem = parsed.and_then(|p| p.job_name().and(p.namespace()).and(p.flag("details"))).unwrap_err();
        (problem.status.as_u16(), problem.causes[0].field.clone())
    }

    #[test]
    fn values_are_decoded_once() {
        let parameters =
            Parameters::parse(Route::GetJobStatus, Uri::from_static("/?job_name=a%2Db&details=true")).unwrap();
        assert_eq!(parameters.job_name().unwrap().as_str(), "a-b");
        assert_eq!(parameters.namespace().unwrap().as_str(), "default");
        assert!(parameters.flag("details").unwrap());
    }

    #[test]
    fn each_mistake_names_its_parameter() {
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
