//! create-batch: a head, and its members after all of them are checked. The same call completes what is missing.

mod body;
mod head;
mod outcome;
mod repeated;
mod send;
mod warnings;

use std::sync::Arc;

use hyper::StatusCode;

use crate::api::batches::batch_ref::BatchRef;
use crate::api::batches::create::body::{Call, CreateBatch};
use crate::api::batches::create::outcome::{Outcomes, Refused};
use crate::api::batches::create::send::{Sending, check_all};
use crate::api::batches::create::warnings::Warnings;
use crate::api::batches::lookup::charge;
use crate::api::context::RequestContext;
use crate::api::jobs::create::{idempotency_key, run_role};
use crate::api::templates::source::{NamedTemplate, problem};
use crate::http::request::body::{Envelope, off_thread};
use crate::http::request::body_stream::RequestBody;
use crate::http::request::parameters::{agreed, parse_batch_name, parse_namespace};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::jobs::batches::plan::{BatchInput, Plan, Source};
use crate::jobs::create::Submitted;
use crate::jobs::idempotency::{IdempotencyKey, random_letters};
use crate::jobs::manifest::raw;
use crate::jobs::policy::Policy;
use crate::kube::names::{BatchName, Namespace};

/// The letters of a name that is made without a key, and of its key.
const NAME_LETTERS: usize = 10;

/// A YAML document has the members of the JSON body.
const ENVELOPE: Envelope = Envelope {
    yaml_member: None,
    advice: "put it into job_manifest, beside the list jobs",
    elsewhere: &[
        ("wait", "call get-batch-status with wait"),
        ("job_name", "batch_name names the batch, and the service its jobs"),
        ("dry_run", "use create-job with dry_run for one of the jobs"),
        ("field_validation", "use create-job with field_validation and dry_run for one of the jobs"),
    ],
};

const NOT_REPEATABLE: &str =
    "the call has neither an Idempotency-Key nor a batch_name, so it cannot be repeated safely";

pub(crate) async fn create_batch(ctx: &mut RequestContext, body: RequestBody) -> Result<Reply, Problem> {
    let key = idempotency_key(ctx)?;
    // The query is checked before the body is read.
    let in_query = |name| ctx.parameters.optional(name).map(str::to_owned);
    let (namespace_in_query, name_in_query) = (in_query("namespace"), in_query("batch_name"));
    namespace_in_query.as_deref().map(|name| parse_namespace("namespace", name)).transpose()?;
    name_in_query.as_deref().map(parse_batch_name).transpose()?;
    let mut body: CreateBatch =
        ctx.read_body(body, Some(ENVELOPE), |body: &CreateBatch| body.cluster.as_deref()).await?;
    let namespace = agreed("namespace", namespace_in_query, body.namespace.take())?;
    let name = agreed("batch_name", name_in_query, body.batch_name.take())?;
    let name = name.as_deref().map(parse_batch_name).transpose()?;
    let names = Names { key, name, namespace };
    let name = names.batch_name()?;
    let (given, stamp_key) = (names.namespace.clone(), names.stamp_key(&name)?);
    let call = checked(ctx, move || body.into_call(given.as_deref(), &stamp_key)).await??;
    // The log names the template also if the call is refused.
    ctx.info.object.template.clone_from(&call.template);
    run_role::check_template(ctx, call.only_template(), call.all_overrides())?;
    charge(ctx, call.input.jobs.len());
    // Boxed: thousands of calls whose bodies are on their way have no room for the rest.
    Box::pin(create_from(ctx, names, name, call)).await
}

/// The names that a call gives.
struct Names {
    key: Option<IdempotencyKey>,
    name: Option<BatchName>,
    namespace: Option<String>,
}

impl Names {
    /// Returns the name: that of the call, or one made from the key.
    fn batch_name(&self) -> Result<BatchName, Problem> {
        let letters = || self.key.as_ref().map_or_else(|| random_letters(NAME_LETTERS), IdempotencyKey::letters);
        self.name.clone().map_or_else(|| parse_batch_name(&format!("batch-{}", letters())), Ok)
    }

    /// Returns the key that the jobs are stamped with: that of the call, else one made from the name.
    fn stamp_key(&self, name: &BatchName) -> Result<IdempotencyKey, Problem> {
        let made = || {
            let random = if self.name.is_some() { String::new() } else { random_letters(NAME_LETTERS) };
            IdempotencyKey::parse(&format!("eks-api batch {name} {random}"))
        };
        let key = self.key.clone().or_else(made);
        key.ok_or_else(|| Problem::malformed("batch_name", "makes no Idempotency-Key"))
    }

    fn is_repeatable(&self) -> bool {
        self.key.is_some() || self.name.is_some()
    }
}

/// Creates the batch when all parameters are known.
async fn create_from(ctx: &mut RequestContext, names: Names, name: BatchName, call: Call) -> Result<Reply, Problem> {
    let (namespace, template) = place(ctx, &names, &name, &call).await?;
    let checked = match &call.notify {
        Some(notify) => notify.check(ctx, &namespace).await,
        None => Ok(()),
    };
    let batch = BatchRef { namespace, name };
    ctx.set_object(&batch.namespace, Some(&batch.name.head()));
    let (on_error, bound) = (call.on_error, call.input.bound.clone());
    let mut warnings = Warnings::default();
    if !names.is_repeatable() {
        warnings.add(None, NOT_REPEATABLE.to_owned());
    }
    // Until the reply, the missing members of the batch may still come.
    let _submission = ctx.store().submissions.begin(&batch.namespace, &batch.name);
    // The template and the webhooks may have changed since an earlier call.
    let may_be_changed = template.is_some() || checked.is_err();
    let begun = match checked {
        Ok(()) => begin(ctx, &batch, template, call.input, names.key.is_some(), &mut warnings).await,
        Err(problem) => Err(problem),
    };
    let (plan, head) = match begun {
        Err(problem) if may_be_changed && names.is_repeatable() => {
            return repeated::find(ctx, &batch, &bound, on_error, problem).await;
        }
        begun => begun?,
    };
    let cluster = Arc::clone(&ctx.cluster);
    let mut outcomes = Outcomes::new(&batch, cluster.name(), plan.description(), on_error);
    outcomes.is_repeatable = names.is_repeatable();
    let mut submitted = None;
    match head {
        Ok(head) => {
            let head_uid: Arc<str> = head.job.metadata.uid.into();
            outcomes.namespace_created = head.namespace_created;
            head.warnings.into_iter().for_each(|text| warnings.add(None, text));
            if !head.created {
                head::find_members(ctx, &batch, &head_uid, &mut outcomes.jobs).await?;
            }
            let (jobs, warnings) = (&mut outcomes.jobs, &mut warnings);
            let mut sending = Sending { plan: &plan, head_uid: Arc::clone(&head_uid), on_error, jobs, warnings };
            outcomes.is_late = sending.send(ctx).await;
            head::check_again(ctx, &batch, &head_uid).await?;
            submitted = Some(head_uid);
        }
        Err(problem) => {
            outcomes.is_late = ctx.writers().is_late();
            // If the call had no effect, a repetition doubles nothing.
            outcomes.is_repeatable |= !problem.is_effect_unknown;
            outcomes.head = Some(Refused::new(problem));
        }
    }
    outcomes.warnings = warnings.into_texts();
    let reply = outcomes.reply();
    if let Some(head_uid) = submitted
        && !matches!(&reply, Err(problem) if problem.status != StatusCode::UNPROCESSABLE_ENTITY)
    {
        ctx.store().submissions.ended(head_uid);
    }
    reply
}

/// Checks all jobs, and creates the head. The inner error is a refusal of the head that passes.
async fn begin(
    ctx: &mut RequestContext,
    batch: &BatchRef,
    template: Option<NamedTemplate>,
    mut input: BatchInput,
    has_key: bool,
    warnings: &mut Warnings,
) -> Result<(Plan, Result<Submitted, Problem>), Problem> {
    if let Some(template) = template {
        input.source = Source::Template(template.read(ctx).await?);
    }
    let (BatchRef { namespace, name }, request_id) = (batch.clone(), ctx.info.request_id.clone());
    let planned = move || {
        let plan = Plan::new(name, namespace, &request_id, input).map_err(problem)?;
        let warnings = check_all(&plan)?;
        Ok::<_, Problem>((plan, warnings))
    };
    let (plan, found) = checked(ctx, planned).await??;
    warnings.extend(found);
    // The plan holds what is needed of the body.
    ctx.forget_request();
    let head = match head::create(ctx, batch, &plan, has_key).await {
        Err(problem)
            if problem.is_temporary && problem.status != StatusCode::UNAUTHORIZED && problem.reason != "not_ready" =>
        {
            Err(problem)
        }
        head => Ok(head?),
    };
    Ok((plan, head))
}

/// Returns the namespace of the batch, in which the caller may create jobs, and the template that the call names.
async fn place(
    ctx: &mut RequestContext,
    names: &Names,
    name: &BatchName,
    call: &Call,
) -> Result<(Namespace, Option<NamedTemplate>), Problem> {
    let in_call = names.namespace.as_deref();
    if let Some(found) = &call.template {
        let template = NamedTemplate::find(ctx, found.clone(), in_call, Some(&name.head())).await?;
        return Ok((template.namespace.clone(), Some(template)));
    }
    // The namespace of the common manifest counts as in create-job.
    let metadata = match &call.input.source {
        Source::Manifest(manifest) => raw::object(manifest, "metadata"),
        _ => None,
    };
    let own: Option<String> = metadata.and_then(|metadata| raw::parse(raw::get(&metadata, "namespace")?));
    let own = own.filter(|own| !own.is_empty());
    let namespace = parse_namespace("namespace", in_call.or(own.as_deref()).unwrap_or("default"))?;
    ctx.set_object(&namespace, Some(&name.head()));
    ctx.check_namespace(Policy::may_create_in, &namespace)?;
    Ok((namespace, None))
}

/// Runs work that takes long for a large body. One at a time: a hostile body takes a hundred times its bytes meanwhile.
async fn checked<T: Send + 'static>(
    ctx: &RequestContext,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let turn = ctx.state.calls.batch_bodies.acquire_turn().await?;
    // The turn ends with the work.
    off_thread(move || (work(), turn).0).await
}
