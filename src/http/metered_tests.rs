//! What counts of a connection's bytes, and when.

use std::future::ready;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::http::room::Room;

/// A connection that has no room for anything that counts, and the caller's end of it.
fn connection() -> (Arc<Account>, Arc<Meter>, Metered<DuplexStream>, DuplexStream) {
    let account = Arc::new(Room::new(10)).account();
    let meter = Meter::new(Arc::clone(&account));
    let (here, there) = duplex(100);
    (account, Arc::clone(&meter), meter.of(here), there)
}

async fn counts(account: &Account) -> bool {
    tokio::time::timeout(Duration::ZERO, account.has_to_leave()).await.is_ok()
}

/// Reads all there is, and wants more.
async fn read_on(stream: &mut Metered<DuplexStream>) {
    let mut read = Vec::new();
    tokio::select! {
        biased;
        _ = stream.read_to_end(&mut read) => panic!("it ends"),
        () = ready(()) => {}
    }
}

#[tokio::test]
async fn a_head_counts_once_more_of_it_is_waited_for() {
    let (account, _meter, mut stream, mut caller) = connection();
    read_on(&mut stream).await;
    assert!(!counts(&account).await, "nothing has come");
    caller.write_all(b"GET").await.unwrap();
    read_on(&mut stream).await;
    assert!(counts(&account).await);
}

#[tokio::test]
async fn what_comes_while_a_request_is_served_is_no_head() {
    let (account, meter, mut stream, mut caller) = connection();
    caller.write_all(b"GET").await.unwrap();
    stream.read_exact(&mut [0; 3]).await.unwrap();
    meter.begun();
    caller.write_all(b"body").await.unwrap();
    read_on(&mut stream).await;
    assert!(!counts(&account).await);
    stream.write_all(b"200").await.unwrap();
    read_on(&mut stream).await;
    assert!(!counts(&account).await, "it is idle");
    caller.write_all(b"GET").await.unwrap();
    read_on(&mut stream).await;
    assert!(counts(&account).await);
}

#[tokio::test]
async fn what_the_caller_does_not_read_counts() {
    let (account, _meter, mut stream, _caller) = connection();
    stream.write_all(&[0; 100]).await.unwrap();
    assert!(!counts(&account).await, "the connection took it");
    tokio::select! {
        biased;
        _ = stream.write_all(&[0; 11]) => panic!("it is read"),
        () = ready(()) => {}
    }
    assert!(counts(&account).await);
}

#[tokio::test]
async fn what_was_read_ahead_comes_first_and_with_what_follows() {
    let (account, _meter, mut stream, mut caller) = connection();
    caller.write_all(b"GET /").await.unwrap();
    assert!(stream.speaks().await);
    assert!(stream.speaks().await, "it is still to be read");
    let mut read = [0; 5];
    assert_eq!(stream.read(&mut read).await.unwrap(), 5);
    assert_eq!(&read, b"GET /");
    stream.put_back(b"GET /livez");
    caller.write_all(b"\r\n").await.unwrap();
    assert_eq!(stream.read(&mut read[..4]).await.unwrap(), 4);
    assert_eq!(&read, b"GET /", "no more than there is room for");
    let mut rest = [0; 20];
    assert_eq!(stream.read(&mut rest).await.unwrap(), 8);
    assert_eq!(&rest[..8], b"/livez\r\n");
    read_on(&mut stream).await;
    assert!(counts(&account).await, "it is a head that has not ended");
}

#[tokio::test]
async fn who_has_gone_says_nothing() {
    let (_account, _meter, mut stream, mut caller) = connection();
    caller.write_all(b"G").await.unwrap();
    drop(caller);
    assert!(stream.speaks().await, "it is to be read first");
    assert_eq!(stream.read(&mut [0; 5]).await.unwrap(), 1);
    assert!(!stream.speaks().await);
}

#[tokio::test]
async fn hyper_s_end_is_not_the_connection_s_if_it_is_to_stay_open() {
    let (_account, meter, mut stream, mut caller) = connection();
    meter.keep_open();
    stream.shutdown().await.unwrap();
    assert!(meter.stays_open());
    stream.write_all(b"200").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut all = String::new();
    caller.read_to_string(&mut all).await.unwrap();
    assert_eq!(all, "200");
}

#[tokio::test]
async fn one_that_is_read_from_or_written_to_does_not_stay_open() {
    let (_account, meter, mut stream, mut caller) = connection();
    meter.keep_open();
    read_on(&mut stream).await;
    assert!(!meter.stays_open());
    meter.keep_open();
    stream.write_all(b"200").await.unwrap();
    assert!(!meter.stays_open());
    stream.shutdown().await.unwrap();
    assert_eq!(caller.read_to_end(&mut Vec::new()).await.unwrap(), 3);
}
