//! A request's query as parameters: each known, given once, and parsed into the type that it stands for.

use super::error::Problem;
use super::route::Route;
use crate::kube::name::{JobName, Namespace};

#[derive(Debug)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub fn parse(route: Route, query: Option<&str>) -> Result<Self, Problem> {
        let pairs: Vec<(String, String)> =
            form_urlencoded::parse(query.unwrap_or("").as_bytes()).into_owned().collect();
        let known = route.parameters();
        for (index, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let takes = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(Problem::malformed(
                    &shortened(name),
                    &format!("is no parameter of this call; it takes {takes}"),
                ));
            }
            if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(Problem::malformed(name, "is given more than once"));
            }
        }
        Ok(Self(pairs))
    }

    pub fn optional(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn required(&self, name: &str) -> Result<&str, Problem> {
        self.optional(name).ok_or_else(|| Problem::malformed(name, "is missing"))
    }

    pub fn job_name(&self) -> Result<JobName, Problem> {
        JobName::parse(self.required("job_name")?).map_err(|error| Problem::invalid("job_name", &error.to_string()))
    }

    pub fn namespace(&self) -> Result<Namespace, Problem> {
        parse_namespace("namespace", self.optional("namespace").unwrap_or("default"))
    }

    pub fn namespace_name(&self) -> Result<Namespace, Problem> {
        parse_namespace("namespace_name", self.required("namespace_name")?)
    }

    /// A parameter that says yes or no; missing is no.
    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.optional(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Problem::malformed(name, "must be true or false")),
        }
    }
}

pub fn parse_namespace(field: &str, name: &str) -> Result<Namespace, Problem> {
    Namespace::parse(name).map_err(|error| Problem::invalid(field, &error.to_string()))
}

/// A caller's own word as an error repeats it.
fn shortened(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str) -> (u16, String) {
        let parsed = Parameters::parse(Route::GetJobStatus, Some(query));
        let problem = parsed.and_then(|p| p.job_name().and(p.namespace()).and(p.flag("details"))).unwrap_err();
        (problem.status.as_u16(), problem.causes[0].field.clone())
    }

    #[test]
    fn values_are_decoded_once() {
        let parameters = Parameters::parse(Route::GetJobStatus, Some("job_name=a%2Db&details=true")).unwrap();
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
}
