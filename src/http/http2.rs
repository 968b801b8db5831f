//! HTTP/2 on one connection: what a caller may make it hold, when it counts as idle, and what HTTP/1.1 does by itself
//! but hyper's HTTP/2 does not. Requests are `pipeline`'s.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::CONTENT_LENGTH;
use hyper::server::conn::http2::Builder;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::watch;

use super::limit::{
    EXCHANGE_COST, GOODBYE, HEADER_TIMEOUT, HTTP2_CONNECTION_WINDOW, HTTP2_PING_INTERVAL, HTTP2_PING_TIMEOUT,
    HTTP2_RESETS, HTTP2_SEND_BUFFER, HTTP2_STREAM_WINDOW, HTTP2_STREAMS, MAX_HEADER_BYTES, MAX_HEADERS,
};
use super::metered::Meter;
use super::response::HttpResponse;
use super::room::Share;
use super::stream::{BrokenOff, ReplyBody};

pub fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEADER_BYTES).unwrap_or(u32::MAX))
        .initial_stream_window_size(HTTP2_STREAM_WINDOW)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
        .max_send_buf_size(HTTP2_SEND_BUFFER)
        .max_pending_accept_reset_streams(HTTP2_RESETS)
        .max_local_error_reset_streams(HTTP2_RESETS)
        .keep_alive_interval(HTTP2_PING_INTERVAL)
        .keep_alive_timeout(HTTP2_PING_TIMEOUT);
    builder
}

/// Counts the requests of a connection whose answers are not all sent.
#[derive(Clone, Debug, Default)]
pub struct Exchanges(watch::Sender<usize>);

/// One of them, and what it makes us hold.
#[derive(Debug)]
pub struct Exchange {
    open: watch::Sender<usize>,
    meter: Arc<Meter>,
    _held: Share,
}

/// A piece of an answer, counted until it is sent, or its stream is reset.
struct Unsent {
    piece: Bytes,
    _held: Share,
}

impl AsRef<[u8]> for Unsent {
    fn as_ref(&self) -> &[u8] {
        &self.piece
    }
}

impl Exchanges {
    pub fn begin(&self, meter: &Arc<Meter>) -> Exchange {
        self.0.send_modify(|open| *open += 1);
        meter.begun();
        Exchange { open: self.0.clone(), meter: Arc::clone(meter), _held: meter.hold(EXCHANGE_COST) }
    }

    /// Returns when there was none for as long as a header may take: nothing was asked, or a header does not end.
    pub async fn idle(&self) {
        self.none_for(HEADER_TIMEOUT).await;
    }

    /// Returns when there is none after the caller was told to go, who then has nothing left to stay for.
    pub async fn ended(&self) {
        self.none_for(GOODBYE).await;
    }

    async fn none_for(&self, time: Duration) {
        let mut open = self.0.subscribe();
        // It fails only if no sender were left, and this is one.
        while open.wait_for(|open| *open == 0).await.is_ok() {
            if tokio::time::timeout(time, open.changed()).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.open.send_modify(|open| *open -= 1);
        if *self.open.borrow() == 0 {
            self.meter.answered();
        }
    }
}

/// A body that is of an exchange until it is sent.
#[derive(Debug)]
pub struct OfExchange {
    body: ReplyBody,
    exchange: Exchange,
}

impl Body for OfExchange {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let held = |piece: Bytes| {
            let held = self.exchange.meter.hold(piece.len());
            Bytes::from_owner(Unsent { piece, _held: held })
        };
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(held))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// As `max_headers` answers over HTTP/1.1.
pub fn too_many_headers(count: usize) -> Option<HttpResponse> {
    (count > MAX_HEADERS).then(|| {
        let mut response = Response::new(ReplyBody::Whole(Bytes::new()));
        *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        response
    })
}

/// To what came at once with what made the connection hold too much: nobody will read it.
pub fn closing() -> HttpResponse {
    let mut response = Response::new(ReplyBody::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

/// The response as it goes out: to HEAD without its body, but with the length that GET would be told.
pub fn outgoing(method: &Method, exchange: Exchange, response: HttpResponse) -> Response<OfExchange> {
    let (mut head, mut body) = response.into_parts();
    if *method == Method::HEAD {
        if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
            head.headers.insert(CONTENT_LENGTH, length.into());
        }
        body = ReplyBody::Whole(Bytes::new());
    }
    Response::from_parts(head, OfExchange { body, exchange })
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::http::room::Room;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_only_once_every_answer_was_sent_for_long_enough() {
        let (exchanges, begun) = (Exchanges::default(), Instant::now());
        let meter = Meter::new(Arc::<Room>::default().account());
        let (first, others) = (exchanges.begin(&meter), exchanges.clone());
        tokio::spawn(async move {
            sleep(HEADER_TIMEOUT * 3).await;
            let second = others.begin(&meter);
            drop(first);
            sleep(HEADER_TIMEOUT * 3).await;
            drop(second);
            sleep(HEADER_TIMEOUT / 2).await;
            drop(others.begin(&meter));
        });
        exchanges.idle().await;
        assert_eq!(begun.elapsed(), HEADER_TIMEOUT * 15 / 2);
    }
}
