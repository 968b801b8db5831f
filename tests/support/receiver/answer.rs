//! What the receiver answers, in time or not.

use std::io;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;

use crate::support::stub::Gate;

pub type Body = Full<Bytes>;

/// Longer than a sender may read.
const HUGE: usize = 10_000_000;

#[derive(Clone, Debug)]
pub enum Answer {
    Status(u16),
    /// With a header, `Retry-After` for example.
    With(u16, &'static str, String),
    /// Answers when the gate is open.
    Held(Gate),
    /// Never answers.
    Hang,
    /// Closes the connection at its begin. Only for all messages.
    CloseAtOnce,
    /// Closes the connection before the body is read.
    CloseUnread,
    /// Closes the connection when the message is read.
    Close,
    /// Answers 200 with 10 MB.
    Huge,
    /// Answers with something that is not HTTP. Only for all messages.
    Garbage,
}

impl Answer {
    pub(super) async fn play(self) -> io::Result<Response<Body>> {
        let reply = |status: u16, size: usize| {
            let mut response = Response::new(Body::new(Bytes::from(vec![b'x'; size])));
            *response.status_mut() = status.try_into().unwrap();
            response
        };
        match self {
            Self::Status(status) => Ok(reply(status, 0)),
            Self::With(status, name, value) => {
                let mut response = reply(status, 0);
                response.headers_mut().insert(name, value.parse().unwrap());
                Ok(response)
            }
            Self::Held(gate) => {
                gate.pass().await;
                Ok(reply(204, 0))
            }
            Self::Huge => Ok(reply(200, HUGE)),
            Self::Hang => std::future::pending().await,
            Self::Close | Self::CloseUnread | Self::CloseAtOnce | Self::Garbage => Err(io::Error::other("closed")),
        }
    }
}
