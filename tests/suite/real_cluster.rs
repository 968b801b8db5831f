//! The service against a real API server with real controllers, which no stub can stand in for: validation, conflicts,
//! access rights, garbage collection, token reviews. Runs where `KUBEBUILDER_ASSETS` names a folder with the binaries,
//! as envtest's do; `tests/kube-assets.sh` makes one.
//!
//! All scenarios share one control plane, which takes longer to start than they do to run: so this is one test. Each
//! has a namespace of its own, and they run side by side, in two groups: the server answers no more of them in time. Those
//! that disturb others come afterwards.

#![allow(clippy::panic, clippy::unwrap_used, reason = "scenarios are tests, although only their sum is marked as one")]
#![allow(clippy::print_stdout, reason = "the harness shows it when the test fails")]

mod access;
mod batches;
mod callers;
mod clusters;
mod deployment;
mod disturbances;
mod events;
mod history;
mod jobs;
mod listing;
mod live;
mod logs;
mod namespaces;
mod outages;
mod refusals;
mod templates;
mod webhooks;

use std::io::Write;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::task::LocalSet;

use crate::support::aws::AwsMock;
use crate::support::builder;
use crate::support::real::{ControlPlane, Kubelet, assets};
use crate::support::service::{Builder, Reply, Service};

const BINARY: &str = env!("CARGO_BIN_EXE_eks-api");
/// Short, so that a test of refused tokens need not wait for long.
const TOKEN_TTL: Duration = Duration::from_secs(1);

type Scenario = (&'static str, fn(Rc<World>) -> Pin<Box<dyn Future<Output = ()>>>);

macro_rules! scenarios {
    ($($room:ident :: $name:ident),+ $(,)?) => {
        &[$((concat!(stringify!($room), "::", stringify!($name)), |world| Box::pin($room::$name(world)))),+]
    };
}

const SIDE_BY_SIDE: &[Scenario] = scenarios![
    access::what_rbac_yaml_grants_is_enough_for_a_check_to_pass,
    access::a_caller_without_rights_reads_kubernetes_own_message,
    access::a_check_names_each_missing_permission,
    access::without_the_right_to_list_and_watch_the_cluster_is_asked_each_time,
    access::a_key_that_iam_does_not_know_is_an_upstream_failure,
    access::kubectl_can_use_the_printed_token,
    callers::each_caller_sees_and_does_exactly_what_rbac_lets_it,
    callers::a_missing_namespace_is_made_with_the_callers_own_right,
    callers::a_right_that_is_taken_away_is_gone_from_what_is_remembered_too,
    clusters::the_same_names_in_two_clusters_are_never_mixed_up,
    clusters::a_page_token_is_good_in_its_own_cluster_only,
    clusters::a_token_of_the_service_is_good_in_its_own_cluster_only,
    clusters::a_token_of_a_caller_is_good_in_its_own_cluster_only,
    clusters::a_line_with_another_clusters_endpoint_is_refused_there,
    deployment::the_manifests_are_taken_whole,
    deployment::a_service_that_only_follows_serves_callers_with_rights_of_their_own,
    history::only_an_operator_of_rbac_yaml_reads_the_audit,
    namespaces::a_namespace_is_made_and_found_to_exist,
    namespaces::a_missing_namespace_is_made_with_its_first_job,
    namespaces::a_missing_namespace_stays_missing_where_making_it_is_switched_off,
    namespaces::namespaces_are_listed_with_their_labels,
    refusals::an_invalid_manifest_comes_back_with_every_cause,
    refusals::a_value_of_the_wrong_type_is_a_bad_request,
    refusals::a_job_that_exists_is_a_conflict,
    refusals::another_uid_protects_a_job_from_deletion,
    refusals::an_idempotency_key_makes_one_job_of_many_calls,
    live::suspending_works_or_is_said_not_to,
    batches::a_quota_stops_a_batch_and_a_higher_one_completes_it,
    batches::a_batch_is_made_with_the_callers_own_rights,
];
const WITH_CONTROLLERS: &[Scenario] = scenarios![
    outages::a_watch_whose_past_is_forgotten_lists_again,
    outages::a_watch_that_was_cut_goes_on_from_where_it_was,
    events::a_job_is_added_then_modified_then_deleted,
    events::a_picture_kept_from_events_is_the_list,
    history::the_life_of_a_job_is_recorded,
    listing::lists_from_cache_and_cluster_are_the_same,
    live::the_cache_follows_a_job_to_its_completion,
    live::the_cache_follows_a_job_to_its_failure,
    live::a_wait_is_answered_when_the_job_completes,
    live::a_wait_ends_with_the_job,
    live::a_job_that_is_created_with_a_wait_is_answered_with_its_end,
    logs::a_log_passes_through_the_api_server,
    logs::a_log_on_a_node_that_cannot_be_asked_is_a_clear_problem,
    jobs::a_job_is_pending_then_running_then_completed,
    jobs::a_job_without_retries_fails_with_its_pod,
    jobs::a_job_with_retries_left_is_running,
    jobs::details_show_pods_and_events,
    jobs::deletion_leaves_no_pod,
    jobs::deletion_in_the_background_leaves_no_pod,
    namespaces::a_deleted_namespace_takes_its_jobs_along,
    namespaces::a_terminating_namespace_takes_no_job,
    namespaces::a_wait_for_a_deletion_ends_when_the_namespace_is_gone,
    namespaces::a_namespace_that_is_held_says_by_what,
    batches::a_batch_is_followed_to_its_end,
    batches::a_batch_deleted_in_the_foreground_takes_its_members,
    batches::a_batch_deleted_in_the_background_takes_its_members,
    batches::a_member_that_comes_after_its_batch_is_gone_goes_too,
    webhooks::a_receiver_gets_the_life_of_a_job,
];
const OF_TEMPLATES: &[Scenario] = scenarios![
    templates::a_suspended_cron_job_is_run_with_each_override_and_read_back,
    templates::what_cannot_be_applied_is_refused_and_stores_nothing,
    templates::parameters_arrive_as_they_were_sent,
    templates::templates_are_listed_in_pages,
    templates::a_key_that_may_run_one_template_does_nothing_else,
    templates::a_caller_with_create_and_get_alone_runs_what_rbac_names,
    templates::a_dry_run_of_a_template_stores_nothing,
    templates::a_dry_run_meets_the_quota,
    templates::a_limit_range_is_for_pods_and_not_for_jobs,
    templates::a_webhook_that_knows_no_dry_run_is_named_as_the_reason,
];
const OF_TEMPLATES_WITH_CONTROLLERS: &[Scenario] = scenarios![
    templates::a_job_is_run_again_without_what_the_cluster_put_there,
    templates::a_run_outlives_its_template,
];
const ONE_BY_ONE: &[Scenario] = scenarios![
    clusters::a_cluster_that_is_stopped_leaves_the_other_alone,
    disturbances::tokens_that_iam_no_longer_honours_are_replaced_unnoticed,
    disturbances::an_api_server_that_was_killed_is_found_again,
    batches::an_api_server_that_is_killed_during_a_submission_doubles_nothing,
];
const ONE_BY_ONE_WITH_CONTROLLERS: &[Scenario] = scenarios![outages::an_api_server_that_comes_back_is_followed_again];

/// What the scenarios share.
struct World {
    // The service comes first, so that it goes before those it would otherwise complain about.
    service: Service,
    templates: OnceCell<templates::Stage>,
    aws: AwsMock,
    far: OnceCell<ControlPlane>,
    cluster: ControlPlane,
}

impl World {
    /// A second service, not started yet.
    fn another_service(&self) -> Builder {
        builder(BINARY, &self.aws)
    }

    /// The second cluster, started when it is first asked for. It has no controllers.
    async fn far(&self) -> &ControlPlane {
        let start = async || {
            let far = self.cluster.start_another(clusters::FAR).await;
            deployment::apply(&far.admin, "deploy/rbac.yaml").await;
            self.aws.describes_cluster(clusters::FAR, &far.endpoint(), far.ca_pem());
            far
        };
        self.far.get_or_init(start).await
    }

    /// The service that is asked for templates, started when it is first needed.
    async fn templates(&self) -> &templates::Stage {
        self.templates.get_or_init(|| templates::Stage::start(self)).await
    }

    fn kubelet<'a>(&'a self, namespace: &'a str) -> Kubelet<'a> {
        Kubelet { api: &self.cluster.admin, namespace }
    }

    async fn create(&self, namespace: &str, manifest: &Value) -> Reply {
        let body = json!({ "job_manifest": manifest, "namespace": namespace });
        self.service.post("/api/eks-create-job", &body).await
    }

    /// Asks with what else there is to ask: `&details=true`.
    async fn status(&self, namespace: &str, job: &str, more: &str) -> Reply {
        self.service.get(&format!("/api/eks-get-job-status?namespace={namespace}&job_name={job}{more}")).await
    }
}

/// A manifest whose pod does nothing, with this `backoffLimit`.
fn manifest(name: &str, backoff_limit: u32) -> Value {
    json!({ "metadata": { "name": name }, "spec": { "backoffLimit": backoff_limit, "template": { "spec": {
        "restartPolicy": "Never", "containers": [{ "name": "c", "image": "busybox" }] } } } })
}

/// Past the test harness, which swallows what tests print.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

#[tokio::test]
async fn the_service_keeps_its_word_on_a_real_cluster() {
    let Some(assets) = assets() else {
        tell("real_cluster: skipped; to run it: KUBEBUILDER_ASSETS=$(tests/kube-assets.sh) cargo test");
        return;
    };
    let mut cluster = ControlPlane::start(&assets, TOKEN_TTL).await;
    let with_controllers = cluster.start_controllers();
    // Everything that follows is done with these rights and no more.
    deployment::apply(&cluster.admin, "deploy/rbac.yaml").await;
    let aws = cluster.aws().await;
    let service = builder(BINARY, &aws).start().await;
    service.ready().await;
    let mut world = Rc::new(World { service, templates: OnceCell::new(), aws, far: OnceCell::new(), cluster });

    let mut groups = [SIDE_BY_SIDE.to_vec(), OF_TEMPLATES.to_vec(), ONE_BY_ONE.to_vec()];
    let more = [WITH_CONTROLLERS, OF_TEMPLATES_WITH_CONTROLLERS, ONE_BY_ONE_WITH_CONTROLLERS];
    if with_controllers {
        for (group, more) in groups.iter_mut().zip(more) {
            group.extend(more);
        }
    } else {
        let names: Vec<&str> = more.into_iter().flatten().map(|(name, _)| *name).collect();
        tell(&format!("real_cluster: skipped for want of kube-controller-manager: {}", names.join(", ")));
    }
    let [first, second, then] = groups;
    let mut failed = run(&world, &first).await;
    failed.extend(run(&world, &second).await);
    // What comes then counts the tokens of all services.
    drop(Rc::get_mut(&mut world).unwrap().templates.take());
    for scenario in then {
        failed.extend(run(&world, &[scenario]).await);
    }
    let tails = || world.far.get().into_iter().chain([&world.cluster]).map(ControlPlane::log_tails);
    let logs = || format!("{}\n{}", world.service.logs().join("\n"), tails().collect::<Vec<_>>().join("\n"));
    assert!(failed.is_empty(), "failed: {}\n{}", failed.join(", "), logs());
}

/// Runs the scenarios side by side, and names those that panicked.
async fn run(world: &Rc<World>, scenarios: &[Scenario]) -> Vec<&'static str> {
    let local = LocalSet::new();
    let timed = async |scenario: Pin<Box<dyn Future<Output = ()>>>| {
        let started = Instant::now();
        scenario.await;
        started.elapsed()
    };
    let spawn = |(name, scenario): &Scenario| (*name, local.spawn_local(timed(scenario(Rc::clone(world)))));
    let running: Vec<_> = scenarios.iter().map(spawn).collect();
    local
        .run_until(async {
            let mut failed = Vec::new();
            for (name, running) in running {
                let outcome = running.await;
                let took =
                    outcome.as_ref().map_or("FAILED".to_owned(), |took| format!("ok, {:.1} s", took.as_secs_f32()));
                println!("real_cluster: {name}: {took}");
                failed.extend(outcome.is_err().then_some(name));
            }
            failed
        })
        .await
}
