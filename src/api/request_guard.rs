//! A call whose handler runs: its place among those under way, its end, and that the end is told of, in the log and in the
//! audit, whatever it is.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use hyper::StatusCode;
use tokio::sync::oneshot;

use crate::api::audit::Subject;
use crate::api::context::{AppState, RequestContext};
use crate::api::dispatch;
use crate::api::request_log::RequestInfo;
use crate::http::limits::allowance::Allowance;
use crate::http::request::body_stream::RequestBody;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;

/// What a call came to, and what is left to its caller, if the call was counted.
#[derive(Debug)]
pub struct Answer {
    pub result: Result<Reply, Problem>,
    pub allowance: Option<Allowance>,
}

/// Runs the handler. A change runs in a task of its own: once begun it ends, and is told of, although the caller hangs up.
/// What it works on is boxed, as it would be moved several times on its way.
pub async fn run(mut running: Box<RequestGuard>, body: RequestBody) -> Answer {
    if running.call.route.is_read() {
        return handled(running, body).await;
    }
    let (here, hung_up) = oneshot::channel();
    running.call.hung_up = Some(hung_up);
    let connection = body.connection();
    let mut task = tokio::spawn(handled(running, body));
    let ended = tokio::select! {
        ended = &mut task => ended,
        // The caller sends nothing more. A wait ends, and the change itself is answered.
        () = connection.input_ended() => {
            drop(here);
            task.await
        }
    };
    ended.unwrap_or_else(|error| Answer { result: Err(failed(&error.to_string())), allowance: None })
}

async fn handled(mut running: Box<RequestGuard>, body: RequestBody) -> Answer {
    let call = &mut running.call;
    let mut result = catch_panic(pin!(dispatch::answer(call, body))).await;
    if !call.route.is_read() {
        result = result.map_err(Problem::of_change);
    }
    // A refusal counts, also one that cost nothing.
    if result.as_ref().is_err_and(|problem| problem.status.is_client_error())
        && let Err(too_many) = call.count()
    {
        result = Err(too_many);
    }
    running.tell(&result);
    Answer { result, allowance: running.call.allowance }
}

/// A call with its handler. A change that is dropped before its end, as one that outlasts the drain, is told of too.
#[derive(Debug)]
pub struct RequestGuard {
    call: RequestContext,
    line: RequestInfo,
    is_told: bool,
}

impl RequestGuard {
    pub const fn new(call: RequestContext, line: RequestInfo) -> Self {
        Self { call, line, is_told: false }
    }

    fn tell(&mut self, result: &Result<Reply, Problem>) {
        self.is_told = true;
        tell(&self.call.shared, &self.subject(), result, self.call.session.upstream_time());
    }

    fn subject(&self) -> Subject<'_> {
        Subject { line: &self.line, caller: &self.call.caller, target: &self.call.target }
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        if !self.is_told && !self.call.route.is_read() {
            self.call.shared.audit.record_aborted(&self.subject());
        }
    }
}

/// The one place where the answer to a request is told of: in the log, and in the audit if it belongs there. A refusal that
/// cost the cluster nothing, and that repeats, is only counted.
pub fn tell(shared: &AppState, subject: &Subject<'_>, result: &Result<Reply, Problem>, upstream: Duration) {
    subject.line.count(&shared.traffic, result);
    if let Err(problem) = result
        && upstream.is_zero()
        && (problem.status.is_client_error() || problem.status == StatusCode::SERVICE_UNAVAILABLE)
        && !shared.repeats.is_first(subject, problem)
    {
        return;
    }
    subject.line.write(result, subject.target, upstream);
    shared.audit.ended(subject, result);
}

/// What the handler says, or that it panicked: that is this request's end alone.
async fn catch_panic(mut handler: Pin<&mut impl Future<Output = Result<Reply, Problem>>>) -> Result<Reply, Problem> {
    std::future::poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(context)));
        polled.unwrap_or_else(|panic| Poll::Ready(Err(panicked(&*panic))))
    })
    .await
}

fn panicked(panic: &(dyn Any + Send)) -> Problem {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    failed(&format!("panicked: {}", text.unwrap_or("no message")))
}

fn failed(cause: &str) -> Problem {
    let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "the service failed");
    Problem { cause: Some(cause.into()), ..problem }
}
