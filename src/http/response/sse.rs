//! Writes server-sent events and comments, and parses event ids
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use hyper::header::HeaderValue;

/// A position in the stream: the run of the program, and the number of the change in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventId<'a> {
    pub instance_id: &'a str,
    pub change: u64,
}

impl<'a> EventId<'a> {
    pub fn parse(header: &'a HeaderValue) -> Option<Self> {
        let (instance_id, change) = header.to_str().ok()?.trim().split_once('-')?;
        Some(Self { instance_id, change: change.parse().ok()? })
    }
}

/// Appends an event. `data` must be one line, such as JSON.
pub fn event(text: &mut Vec<u8>, name: &str, id: Option<EventId<'_>>, data: &[u8]) {
    text.extend_from_slice(b"event: ");
    text.extend_from_slice(name.as_bytes());
    if let Some(EventId { instance_id, change }) = id {
        text.extend_from_slice(format!("\nid: {instance_id}-{change}").as_bytes());
    }
    text.extend_from_slice(b"\ndata: ");
    text.extend_from_slice(data);
    text.extend_from_slice(b"\n\n");
}

/// Returns a comment. Readers ignore it, and it keeps the connection open. Control characters become spaces: text after
/// a line break would be an event.
pub fn comment(text: &str) -> Vec<u8> {
    format!(": {}\n\n", text.replace(char::is_control, " ")).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_form_of_the_standard() {
        let mut text = Vec::new();
        event(&mut text, "added", Some(EventId { instance_id: "5f", change: 7 }), b"{}");
        event(&mut text, "reset", None, b"{}");
        assert_eq!(text, b"event: added\nid: 5f-7\ndata: {}\n\nevent: reset\ndata: {}\n\n");
    }

    #[test]
    fn a_comment_is_one_line() {
        assert_eq!(comment("no\n\nevent: deleted\rdata: {}"), b": no  event: deleted data: {}\n\n");
    }

    #[test]
    fn only_an_event_id_is_parsed() {
        let parse = |text: &'static str| EventId::parse(&HeaderValue::from_static(text)).map(|id| id.change);
        assert_eq!(parse("5f-7"), Some(7));
        for bad in ["", "7", "5f-", "5f-x", "5f--1", "5f-99999999999999999999"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
