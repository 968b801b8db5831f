//! get-job-logs.

use super::Call;
use crate::http::error::Problem;
use crate::http::reply::Reply;
use hyper::StatusCode;

pub(super) async fn get_job_logs(_call: &mut Call) -> Result<Reply, Problem> {
    Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "not_implemented", "not yet"))
}
