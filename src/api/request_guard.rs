//! Runs a handler, and records its end: an answer, a panic, or a change that is dropped before its end.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;

use hyper::StatusCode;
use tokio::sync::oneshot;

use crate::api::context::RequestContext;
use crate::api::handlers;
use crate::api::request_log::record_completion;
use crate::audit::request_info::RequestInfo;
use crate::http::limits::allowance::Allowance;
use crate::http::request::body_stream::RequestBody;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;

#[derive(Debug)]
pub struct Answer {
    pub result: Result<Reply, Problem>,
    /// The calls that the rate limits leave to the caller. None if the call was not counted.
    pub allowance: Option<Allowance>,
}

/// Records a change as aborted if it is dropped before its end, as one that outlasts the drain.
#[derive(Debug)]
pub struct RequestGuard {
    ctx: Box<RequestContext>,
    is_recorded: bool,
}

impl RequestGuard {
    pub const fn new(ctx: Box<RequestContext>) -> Self {
        Self { ctx, is_recorded: false }
    }

    async fn run(mut self, body: RequestBody) -> Answer {
        let ctx = &mut *self.ctx;
        let mut result = catch_panic(pin!(handlers::handle(ctx, body))).await;
        result = result.map_err(|problem| located(&ctx.info, problem));
        if ctx.info.is_change {
            result = result.map_err(Problem::of_change);
        }
        // A refusal counts, although it may have cost nothing.
        if result.as_ref().is_err_and(|problem| problem.status.is_client_error())
            && let Err(too_many) = ctx.count()
        {
            result = Err(too_many);
        }
        record_completion(&ctx.state, &ctx.info, &result, ctx.upstream_time());
        self.is_recorded = true;
        Answer { result, allowance: self.ctx.allowance }
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        if !self.is_recorded && self.ctx.info.is_change {
            self.ctx.state.audit.record_aborted(&self.ctx.info);
        }
    }
}

/// Runs the handler. A change runs in its own task: once started it ends, also if the caller disconnects.
pub async fn run(mut ctx: Box<RequestContext>, body: RequestBody) -> Answer {
    if !ctx.info.is_change {
        return RequestGuard::new(ctx).run(body).await;
    }
    let (connected, disconnected) = oneshot::channel();
    ctx.disconnected = Some(disconnected);
    let connection = body.connection();
    let mut task = tokio::spawn(RequestGuard::new(ctx).run(body));
    let ended = tokio::select! {
        ended = &mut task => ended,
        // The caller sends nothing more. A wait ends then; the change itself is answered.
        () = connection.input_ended() => {
            drop(connected);
            task.await
        }
    };
    ended.unwrap_or_else(|error| Answer { result: Err(Problem::internal(error.to_string())), allowance: None })
}

/// Returns the result of the handler. A panic is an error of this request alone.
async fn catch_panic(mut handler: Pin<&mut impl Future<Output = Result<Reply, Problem>>>) -> Result<Reply, Problem> {
    std::future::poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(context)));
        polled.unwrap_or_else(|panic| Poll::Ready(Err(panicked(&*panic))))
    })
    .await
}

/// Names the namespace in which a job is not found. Kubernetes' message names only the job.
fn located(info: &RequestInfo, problem: Problem) -> Problem {
    let is_missing = problem.status == StatusCode::NOT_FOUND
        && *problem.detail == *format!("jobs.batch \"{}\" not found", info.job());
    if !is_missing {
        return problem;
    }
    let detail = format!("{} in namespace {}", problem.detail, info.namespace());
    Problem { detail: detail.into(), ..problem }
}

fn panicked(panic: &(dyn Any + Send)) -> Problem {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Problem::internal(format!("panicked: {}", text.unwrap_or("no message")))
}
