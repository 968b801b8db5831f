//! The HTTP side: server, routes, the one pipeline, handlers, and the errors a caller reads.

pub mod access;
pub mod body;
pub mod calls;
pub mod cors;
pub mod error;
pub mod etag;
pub mod handlers;
pub mod limit;
pub mod media;
pub mod parameters;
pub mod pipeline;
pub mod reply;
pub mod request_id;
pub mod request_log;
pub mod response;
pub mod route;
pub mod server;
pub mod sse;
pub mod stream;
pub mod table;
