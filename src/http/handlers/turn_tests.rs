//! Tests of the turns of changes: what waits for one is counted, and gives way like all that is held.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::wait::tests::{File, call};
use super::*;
use crate::http::limit::ROOM;

#[tokio::test(start_paused = true)]
async fn a_change_that_waits_gives_way_when_there_is_no_room_and_one_that_has_its_turn_does_not() {
    let file = File::new("turn");
    let (_drain, draining) = watch::channel(false);
    let (mut first, mut second) = (call(&file, draining.clone()), call(&file, draining));
    second.shared = Arc::clone(&first.shared);
    let room = Arc::clone(&first.shared.traffic.room);
    let body = || Some(room.account().hold(ROOM / 2));
    first.body = body();
    first.take_turn().await.unwrap();
    assert_eq!(first.shared.calls.standing()[3].open, 10, "it has all the turns that there are");
    assert!(first.body.is_none(), "and is counted by them alone");

    second.body = body();
    let waits = async {
        let mut turn = pin!(second.take_turn());
        let polled = turn.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Pending), "{polled:?}");
        let _newer = room.account().hold(ROOM / 2 + 1);
        turn.await
    };
    let refused = waits.await.unwrap_err();
    assert_eq!((refused.status.as_u16(), refused.reason.as_str()), (503, "overloaded"));
    assert_eq!(&*refused.detail, "too many changes wait for their turn, and this one had taken longest; try again");
    assert_eq!(room.gave_way.value(), 1);
    drop(first.turn.take());
    second.take_turn().await.unwrap();
}
