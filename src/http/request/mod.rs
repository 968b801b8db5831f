//! Parses requests: headers, query, body.

pub mod body;
pub mod body_format;
pub mod body_stream;
pub mod credentials;
pub mod etag;
pub mod media;
pub mod parameters;
pub mod request_id;
