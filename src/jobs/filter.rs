//! Selects the jobs that a caller asks for, among those that it may see.

use crate::config::pattern::Patterns;
use crate::jobs::batches::members;
use crate::jobs::label_selector::Selector;
use crate::jobs::state::State;
use crate::jobs::status::Status;
use crate::kube::names::{BatchName, JobName, Namespace};
use crate::util::template_name::TemplateName;

#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// A job's namespace must match each of these lists.
    pub allowed: Vec<Patterns>,
    pub namespace: Option<Namespace>,
    pub job: Option<JobName>,
    pub selector: Selector,
    pub state: Option<State>,
    pub template: Option<TemplateName>,
    /// The members of the batches with this name.
    pub batch: Option<BatchName>,
}

impl Filter {
    /// Whether a job matches. The head of a batch never does.
    pub fn matches(&self, status: &Status) -> bool {
        self.state.is_none_or(|wanted| wanted == status.state)
            && self.template.as_ref().is_none_or(|wanted| status.is_from(wanted))
            && self.batch.as_ref().is_none_or(|wanted| members::is_member_of(status, wanted))
            && !status.is_batch_head()
            && self.selects(status.namespace(), status.name())
            && self.selector.matches(status.labels())
    }

    /// Whether a job of this name can match, with some state, labels, template and batch.
    pub fn selects(&self, namespace: &str, name: &str) -> bool {
        self.namespace.as_ref().is_none_or(|wanted| wanted.as_str() == namespace)
            && self.job.as_ref().is_none_or(|wanted| wanted.as_str() == name)
            && self.allows(namespace)
    }

    pub fn allows(&self, namespace: &str) -> bool {
        self.allowed.iter().all(|allowed| allowed.matches(namespace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::types::{Job, Labels};

    fn job(namespace: &str, name: &str, active: i32) -> Status {
        let mut job = Job::default();
        job.metadata.namespace = namespace.to_owned();
        job.metadata.name = name.to_owned();
        job.metadata.labels = Labels(vec![("job-id".into(), name.into()), ("team".into(), "x".into())]);
        job.metadata.annotations.template = (namespace == "a").then(|| format!("cronjob/{name}@7").into());
        job.status.active = active;
        Status::new("lab", &job)
    }

    fn matching(filter: &Filter) -> Vec<String> {
        let jobs = [job("a", "one", 0), job("a", "two", 1), job("ab", "one", 1), job("kube-x", "one", 0)];
        jobs.iter().filter(|job| filter.matches(job)).map(|job| job.key().to_owned()).collect()
    }

    #[test]
    fn all_conditions_must_match_and_no_condition_matches_all() {
        let (none, selector) = (Filter::default(), |text| Selector::parse(text).unwrap());
        let in_a = Filter { namespace: Some(Namespace::parse("a").unwrap()), ..none.clone() };
        let from = |name| Filter { template: Some(TemplateName::parse(name).unwrap()), ..none.clone() };
        for (filter, expected) in [
            (none.clone(), vec!["a/one", "a/two", "ab/one", "kube-x/one"]),
            (in_a.clone(), vec!["a/one", "a/two"]),
            (Filter { job: Some(JobName::parse("one").unwrap()), ..in_a.clone() }, vec!["a/one"]),
            (
                Filter { allowed: vec![Patterns::parse("a,kube-*").unwrap()], ..none.clone() },
                vec!["a/one", "a/two", "kube-x/one"],
            ),
            (Filter { allowed: vec![Patterns::parse("ab").unwrap()], ..in_a.clone() }, vec![]),
            (Filter { selector: selector("team=x,job-id!=one"), ..none.clone() }, vec!["a/two"]),
            (Filter { selector: selector("team=y"), ..none.clone() }, vec![]),
            (from("cronjob/two"), vec!["a/two"]),
            (from("job/two"), vec![]),
            (Filter { state: Some(State::Pending), ..from("cronjob/two") }, vec![]),
            (Filter { state: Some(State::Running), ..none.clone() }, vec!["a/two", "ab/one"]),
            (Filter { state: Some(State::Pending), ..in_a }, vec!["a/one"]),
        ] {
            assert_eq!(matching(&filter), expected, "{filter:?}");
        }
    }

    #[test]
    fn a_job_of_another_state_or_with_other_labels_can_match_later() {
        let in_a = Filter { namespace: Some(Namespace::parse("a").unwrap()), ..Filter::default() };
        let failed = Filter { state: Some(State::Failed), ..in_a.clone() };
        let labelled = Filter { selector: Selector::parse("team=y").unwrap(), ..in_a };
        for filter in [failed, labelled] {
            assert!(filter.selects("a", "one") && !filter.matches(&job("a", "one", 1)) && !filter.selects("b", "one"));
        }
    }
}
