//! Which requests are answered with a stream that may stay open. All others are the routes' part.

use std::sync::Arc;

use super::connection::Connection;
use super::exchange::Answer;
use super::logs;
use super::routes::Call;
use super::server::Server;
use super::watching;

/// Nothing for a request that is answered with a document.
pub fn open(server: &Arc<Server>, connection: &Arc<Connection>, call: &Call) -> Option<Answer> {
    let connection = Arc::clone(connection);
    let opened = match (call.method, &call.path[..]) {
        ("GET", ["apis", "batch", "v1", "jobs"]) if call.request.is_watch() => {
            watching::open(server, connection, call, None)
        }
        ("GET", ["apis", "batch", "v1", "namespaces", namespace, "jobs"]) if call.request.is_watch() => {
            watching::open(server, connection, call, Some(namespace))
        }
        ("GET", ["api", "v1", "namespaces", namespace, "pods", pod, "log"]) => logs::open(server, call, namespace, pod),
        _ => return None,
    };
    Some(opened.unwrap_or_else(Answer::Whole))
}
