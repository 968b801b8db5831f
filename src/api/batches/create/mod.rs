//! create-batch: a head, and its members after all of them are checked. The same call completes what is missing.

mod body;
mod head;
mod outcome;
mod repeated;
mod send;
mod warnings;

use std::sync::Arc;

use hyper::StatusCode;
use tokio::sync::Semaphore;

use crate::api::batches::batch_ref::BatchRef;
use crate::api::batches::create::body::{Call, CreateBatch};
use crate::api::batches::create::outcome::{Outcome, Outcomes};
use crate::api::batches::create::send::{Sending, check_all};
use crate::api::batches::create::warnings::Warnings;
use crate::api::context::RequestContext;
use crate::api::jobs::create::{idempotency_key, run_role};
use crate::api::templates::source::{NamedTemplate, problem};
use crate::http::request::body::Envelope;
use crate::http::request::body_stream::RequestBody;
use crate::http::request::parameters::{agreed, parse_batch_name, parse_namespace};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::jobs::batches::plan::{BatchInput, Plan, Source};
use crate::jobs::idempotency::{IdempotencyKey, random_letters};
use crate::jobs::manifest::raw;
use crate::jobs::policy::Policy;
use crate::kube::names::{BatchName, Namespace};

/// The members that one further call of the rate limit stands for.
const MEMBERS_PER_CALL: usize = 100;
/// The letters of a name that is made without a key, and of its key.
const NAME_LETTERS: usize = 10;

/// A YAML document has the members of the JSON body.
const ENVELOPE: Envelope = Envelope { yaml_member: None, advice: "put it into job_manifest, beside the list jobs" };

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
    let given = namespace.clone();
    let call = off_thread(move || body.into_call(given.as_deref())).await??;
    // The log names the template also if the call is refused.
    ctx.info.object.template.clone_from(&call.template);
    run_role::check_template(ctx, call.only_template(), call.all_overrides())?;
    ctx.charge(u32::try_from(call.jobs.len() / MEMBERS_PER_CALL).unwrap_or(u32::MAX));
    // Boxed: thousands of calls whose bodies are on their way have no room for the rest.
    Box::pin(create_from(ctx, Names { key, name, namespace }, call)).await
}

/// What a call says of its names.
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
async fn create_from(ctx: &mut RequestContext, names: Names, mut call: Call) -> Result<Reply, Problem> {
    let name = names.batch_name()?;
    let (namespace, template) = place(ctx, &names, &name, &call).await?;
    let batch = BatchRef { namespace, name };
    ctx.set_object(&batch.namespace, Some(&batch.name.head()));
    let key = names.stamp_key(&batch.name)?;
    let source = match template {
        Some(template) => match template.read(ctx).await {
            Ok(template) => Source::Template(template),
            Err(problem) => return repeated::find(ctx, &batch, &key, &call, problem).await,
        },
        None => call.manifest.take().map_or(Source::None, Source::Manifest),
    };
    let on_error = call.on_error;
    let plan = off_thread({
        let (BatchRef { namespace, name }, request_id) = (batch.clone(), ctx.info.request_id.clone());
        move || {
            let Call { parameters, overrides, jobs, ttl_seconds_after_finished, members, .. } = call;
            let (request_id, call) = (&*request_id, members);
            Plan::new(BatchInput {
                name,
                namespace,
                key,
                request_id,
                source,
                parameters,
                overrides,
                jobs,
                ttl_seconds_after_finished,
                call,
            })
        }
    });
    let plan = plan.await?.map_err(problem)?;
    let mut warnings = Warnings::default();
    if !names.is_repeatable() {
        warnings.add(None, NOT_REPEATABLE.to_owned());
    }
    check_all(&plan, &mut warnings).await?;

    // Until the reply, the missing members of the batch may still come.
    let _submission = ctx.store().submissions.begin(&batch.namespace, &batch.name);
    let head = head::create(ctx, &batch, plan.head().map_err(problem)?, names.key.is_some()).await?;
    let head_uid: Arc<str> = head.job.metadata.uid.into();
    head.warnings.into_iter().for_each(|text| warnings.add(None, text));
    let mut jobs: Vec<Outcome> = (0..plan.size()).map(|_| Outcome::NotSent).collect();
    if !head.created {
        head::find_members(ctx, &batch, &head_uid, &mut jobs).await?;
    }
    let mut sending =
        Sending { plan: &plan, head_uid: Arc::clone(&head_uid), on_error, jobs: &mut jobs, warnings: &mut warnings };
    let is_late = sending.send(ctx).await;
    head::check_again(ctx, &batch, &head_uid).await?;
    let outcomes = Outcomes {
        batch: &batch,
        cluster: ctx.cluster.name(),
        description: plan.description(),
        jobs,
        on_error,
        is_late,
        is_repeatable: names.is_repeatable(),
        namespace_created: head.namespace_created,
        warnings: warnings.into_texts(),
    };
    let reply = outcomes.reply();
    if !matches!(&reply, Err(problem) if problem.status != StatusCode::UNPROCESSABLE_ENTITY) {
        ctx.store().submissions.ended(head_uid);
    }
    reply
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
    let metadata = call.manifest.as_ref().and_then(|manifest| raw::object(manifest, "metadata"));
    let own: Option<String> = metadata.and_then(|metadata| raw::parse(raw::get(&metadata, "namespace")?));
    let own = own.filter(|own| !own.is_empty());
    let namespace = parse_namespace("namespace", in_call.or(own.as_deref()).unwrap_or("default"))?;
    ctx.set_object(&namespace, Some(&name.head()));
    ctx.check_namespace(Policy::may_create_in, &namespace)?;
    Ok((namespace, None))
}

/// Runs work that takes long for a large body, so that other requests go on. One at a time: a hostile body takes a
/// hundred times its bytes meanwhile.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    static TURN: Semaphore = Semaphore::const_new(1);
    let _turn = TURN.acquire().await;
    let ended = tokio::task::spawn_blocking(work).await;
    ended.map_err(|error| Problem::malformed("body", "cannot be read").because(error.to_string()))
}
