//! Reads a page's console blocks: each call with the reply that is shown under it.
//!
//! A block is what a terminal shows: `$ curl …`, the status line, with `-i` some of the header lines and a blank one,
//! and the reply. Its line breaks count for nothing, and `…` stands for what is left out. A stream that was sent to the
//! background (`&`) shows its later events below the replies to the calls that follow.

use serde_json::Value;

const ADDRESS: &str = "http://127.0.0.1:8000";

/// A call as it is shown.
#[derive(Debug, Default)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) status: u16,
    pub(crate) reply_headers: Vec<(String, String)>,
    pub(crate) reply: Shown,
    /// Whether it is a stream that stays open.
    pub(crate) stays: bool,
    /// What the stream that stayed open shows after this call.
    pub(crate) after: Vec<Event>,
}

#[derive(Debug, Default)]
pub(crate) enum Shown {
    #[default]
    Nothing,
    Json(Value),
    Events(Vec<Event>),
    Lines(Vec<String>),
}

#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) data: Value,
}

impl Event {
    /// One event, of a page or of a stream.
    pub(crate) fn parse(text: &str) -> Self {
        let (head, data) = text.split_once("\ndata: ").unwrap_or_else(|| panic!("no data: {text}"));
        let mut lines = head.lines();
        let name = lines.next().and_then(|line| line.strip_prefix("event: "));
        let name = name.unwrap_or_else(|| panic!("no event: {text}")).to_owned();
        let id =
            lines.next().map(|line| line.strip_prefix("id: ").unwrap_or_else(|| panic!("no id: {text}")).to_owned());
        Self { name, id, data: json(data) }
    }
}

/// The calls of each console block.
pub(crate) fn blocks(page: &str) -> Vec<Vec<Call>> {
    let blocks = page.split("\n```console\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
    blocks.map(|block| block.strip_prefix("$ ").unwrap().split("\n$ ").map(call).collect()).collect()
}

fn call(text: &str) -> Call {
    let (command, reply) = text.split_once("\nHTTP/1.1 ").unwrap_or_else(|| panic!("no status line: {text}"));
    let (status, reply) = reply.split_once('\n').unwrap_or((reply, ""));
    let mut words = words(command).into_iter();
    assert_eq!(words.next().as_deref(), Some("curl"), "{command}");
    let mut call = Call { method: "GET".to_owned(), status: status[..3].parse().unwrap(), ..Call::default() };
    let mut shows_headers = false;
    while let Some(word) = words.next() {
        match word.as_str() {
            "-s" | "-sN" => {}
            "-si" => shows_headers = true,
            "-X" => call.method = words.next().unwrap(),
            "-H" => call.headers.push(header(&words.next().unwrap())),
            "-d" => call.body = words.next().unwrap(),
            "&" => call.stays = true,
            url => url.strip_prefix(ADDRESS).unwrap_or_else(|| panic!("{url:?}")).clone_into(&mut call.path),
        }
    }
    let (head, body) = if shows_headers { reply.split_once("\n\n").unwrap_or((reply, "")) } else { ("", reply) };
    call.reply_headers = head.lines().map(header).collect();
    let (own, after) = match body.split_once("\n\nevent: ") {
        Some((own, after)) if own.starts_with('{') => (own, events(&format!("event: {after}"))),
        _ => (body, Vec::new()),
    };
    call.after = after;
    call.reply = match own {
        "" => Shown::Nothing,
        json_text if json_text.starts_with('{') => Shown::Json(json(json_text)),
        stream if stream.starts_with("event: ") => Shown::Events(events(stream)),
        lines => Shown::Lines(lines.lines().map(str::to_owned).collect()),
    };
    call
}

fn header(line: &str) -> (String, String) {
    let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no header: {line}"));
    (name.to_ascii_lowercase(), value.to_owned())
}

fn events(text: &str) -> Vec<Event> {
    text.trim_end().split("\n\n").map(Event::parse).collect()
}

fn json(text: &str) -> Value {
    let whole = text.replace("…}", "\"…\": null}").replace("…]", "\"…\"]").replace("[…,", "[\"…\",");
    serde_json::from_str(&whole).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The words of a command, as a shell takes it apart: blanks, single quotes, a backslash before what is meant literally
/// or at the end of a line.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    let mut characters = command.chars();
    while let Some(c) = characters.next() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if !quoted => match characters.next() {
                Some('\n') | None => {}
                Some(literal) => word.get_or_insert_default().push(literal),
            },
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    assert!(!quoted, "a quote is open: {command}");
    words.extend(word);
    words
}
