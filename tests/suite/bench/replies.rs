//! How the load finds the end of a reply.

use super::reply::*;

/// What is found if it comes in pieces of so many bytes.
fn in_pieces(text: &str, size: usize) -> Result<Option<Reply>, String> {
    let mut reader = Reader::new();
    let mut last = Ok(None);
    for piece in text.as_bytes().chunks(size) {
        assert_eq!(last, Ok(None), "it ended too soon");
        last = reader.feed(piece);
    }
    last
}

#[test]
fn the_end_of_a_reply_is_found_however_it_is_cut_into_pieces() {
    let by_length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let chunked =
        "HTTP/1.1 409 No\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\na;x=y\r\nlo, world!\r\n0\r\nt: v\r\n\r\n";
    for size in [1, 2, 3, 7, 1000] {
        assert_eq!(in_pieces(by_length, size), Ok(Some(Reply { status: 200, bytes: 5 })), "{size}");
        assert_eq!(in_pieces(chunked, size), Ok(Some(Reply { status: 409, bytes: 13 })), "{size}");
    }
    let empty = "HTTP/1.1 304 Not Modified\r\ndate: x\r\n\r\n";
    assert_eq!(in_pieces(empty, 5), Ok(Some(Reply { status: 304, bytes: 0 })));
}

#[test]
fn one_reply_after_another_is_read() {
    let mut reader = Reader::new();
    for bytes in [0, 2] {
        let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n{}", "x".repeat(bytes));
        assert!(reader.is_fresh());
        assert_eq!(reader.feed(reply.as_bytes()), Ok(Some(Reply { status: 200, bytes: bytes as u64 })));
    }
}

#[test]
fn what_is_no_reply_is_an_error() {
    let too_much = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nhello";
    for text in [too_much, "HTTP/1.1 200 OK\r\n\r\n", "nonsense\r\n\r\n"] {
        assert!(in_pieces(text, 1000).is_err(), "{text}");
    }
}
