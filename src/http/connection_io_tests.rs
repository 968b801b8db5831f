//! Tests of the time limit on writes, of half-closed connections, and of the close.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, timeout};

use super::*;

/// A connection that buffers 100 bytes, and the caller's end of it.
fn connection(state: ConnectionState) -> (Arc<ConnectionState>, ConnectionIo<DuplexStream>, DuplexStream) {
    let (here, there) = duplex(100);
    let state = Arc::new(state);
    (Arc::clone(&state), ConnectionIo::new(here, state, Arc::new(Semaphore::new(1))), there)
}

async fn reads_nothing(io: &mut ConnectionIo<DuplexStream>) -> bool {
    timeout(Duration::from_secs(1), io.read(&mut [0; 10])).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_nobody_reads_ends_the_connection() {
    for (is_stream, limit) in [(false, WRITE_TIMEOUT), (true, STREAM_WRITE_TIMEOUT)] {
        let (state, mut io, _caller) = connection(ConnectionState::default());
        state.answered(is_stream);
        let begun = Instant::now();
        let error = io.write_all(&[0; 101]).await.unwrap_err();
        assert_eq!((error.kind(), begun.elapsed()), (io::ErrorKind::TimedOut, limit));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_has_the_whole_time_for_each_piece() {
    let (_state, mut io, mut caller) = connection(ConnectionState::default());
    let reads = async {
        for _ in 0..4 {
            tokio::time::sleep(WRITE_TIMEOUT.mul_f64(0.9)).await;
            caller.read_exact(&mut [0; 50]).await.unwrap();
        }
    };
    let (written, ()) = tokio::join!(io.write_all(&[0; 300]), reads);
    written.unwrap();
}

#[tokio::test(start_paused = true)]
async fn c7_the_end_of_the_input_waits_for_the_reply_to_a_change() {
    let (state, mut io, mut caller) = connection(ConnectionState::default());
    state.begin(&Method::POST);
    caller.shutdown().await.unwrap();
    assert!(timeout(Duration::ZERO, state.input_ended()).await.is_err(), "hyper has not read it");
    assert!(reads_nothing(&mut io).await, "the change is in progress");
    state.input_ended().await;
    state.answered(false);
    io.write_all(b"201").await.unwrap();
    assert!(reads_nothing(&mut io).await, "the reply is not sent");
    io.flush().await.unwrap();
    assert_eq!(io.read(&mut [0; 10]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn c7_the_end_of_the_input_ends_a_read() {
    let (state, mut io, mut caller) = connection(ConnectionState::default());
    state.begin(&Method::GET);
    caller.shutdown().await.unwrap();
    assert_eq!(io.read(&mut [0; 10]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn c8_the_rest_of_a_request_is_dropped_after_an_early_reply() {
    let (_state, mut io, mut caller) = connection(ConnectionState::default());
    caller.write_all(b"POST").await.unwrap();
    io.read_exact(&mut [0; 4]).await.unwrap();
    io.write_all(b"403").await.unwrap();
    let sends = async {
        let mut reply = Vec::new();
        caller.write_all(&vec![0; 100_000]).await.unwrap();
        caller.read_to_end(&mut reply).await.unwrap();
        drop(caller);
        reply
    };
    let begun = Instant::now();
    let (shut, reply) = tokio::join!(io.shutdown(), sends);
    shut.unwrap();
    assert_eq!((reply, begun.elapsed()), (b"403".to_vec(), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn c8_the_close_has_limits() {
    let (_state, mut io, _silent) = connection(ConnectionState::unread());
    let begun = Instant::now();
    io.shutdown().await.unwrap();
    assert_eq!(begun.elapsed(), CLOSE_TIMEOUT, "the caller neither sends nor closes");

    let (_state, mut io, mut endless) = connection(ConnectionState::unread());
    let sends = async { while endless.write_all(&[0; 100]).await.is_ok() {} };
    tokio::select! {
        shut = io.shutdown() => shut.unwrap(),
        () = sends => {}
    }
    assert!((CLOSE_BYTES..CLOSE_BYTES + 200).contains(&io.dropped), "{}", io.dropped);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_read_to_its_end_is_closed_at_once() {
    let (state, mut io, mut caller) = connection(ConnectionState::default());
    caller.write_all(b"GET").await.unwrap();
    io.read_exact(&mut [0; 3]).await.unwrap();
    state.input_consumed();
    let begun = Instant::now();
    io.shutdown().await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_large_head_holds_a_permit_until_the_reply() {
    let (here, mut caller) = duplex(2 * SMALL_HEAD_BYTES);
    let (state, permits) = (Arc::<ConnectionState>::default(), Arc::new(Semaphore::new(1)));
    let mut io = ConnectionIo::new(here, Arc::clone(&state), Arc::clone(&permits));
    let mut small = vec![0; SMALL_HEAD_BYTES];
    caller.write_all(&small).await.unwrap();
    io.read_exact(&mut small).await.unwrap();
    assert_eq!(permits.available_permits(), 1);
    caller.write_all(&[0; 2]).await.unwrap();
    io.read_exact(&mut [0; 2]).await.unwrap();
    assert_eq!(permits.available_permits(), 0);
    state.begin(&Method::POST);
    caller.write_all(&[0; 100]).await.unwrap();
    io.read_exact(&mut [0; 100]).await.unwrap();
    assert_eq!(permits.available_permits(), 0, "the head is in memory while its request is served");
    state.answered(false);
    assert_eq!(permits.available_permits(), 1);

    caller.write_all(&small).await.unwrap();
    io.read_exact(&mut small).await.unwrap();
    assert_eq!(permits.available_permits(), 1, "the next head starts at zero");
    state.begin(&Method::GET);
    state.answered(false);
    let _taken = Arc::clone(&permits).try_acquire_owned().unwrap();
    caller.write_all(&small).await.unwrap();
    io.read_exact(&mut small).await.unwrap();
    caller.write_all(&[0]).await.unwrap();
    assert!(io.read_exact(&mut [0]).await.unwrap_err().to_string().contains("too many large heads"));
}
