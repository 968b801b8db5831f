//! Writes log lines to stderr as text, as JSON or with journal priorities: [`init`].

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;

use log::kv::{Error, Key, Value, VisitSource};
use log::{Level, LevelFilter, Record};
use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::telemetry::stderr;

/// Starts logging to stderr, on a thread of its own. If stderr is the journal, lines have a priority and no time.
pub fn init(level: LevelFilter, json: bool) {
    let journald = is_journal();
    stderr::start();
    env_logger::Builder::new()
        .filter_level(LevelFilter::Off)
        // Libraries do not log: their debug lines show header values, such as tokens.
        .filter_module("eks_api", level)
        .target(env_logger::Target::Pipe(Box::new(stderr::Pipe)))
        .format(move |out, record| writeln!(out, "{}", line(record, journald, json, OffsetDateTime::now_utc())))
        .init();
    // A panic is logged like everything else. Rust's own message is not JSON and has no journal priority.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        log::error!(place = place, cause = panic.payload_as_str().unwrap_or(""); "a defect: panic");
    }));
}

/// Whether stderr is the journal itself: `JOURNAL_STREAM` holds its device and inode
/// (<https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#%24JOURNAL_STREAM>).
pub fn is_journal() -> bool {
    let stream = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    let stderr = || -> io::Result<String> {
        let meta = std::fs::metadata("/proc/self/fd/2")?;
        Ok(format!("{}:{}", meta.dev(), meta.ino()))
    };
    !stream.is_empty() && stderr().is_ok_and(|found| found == stream)
}

/// The initial capacity, in bytes. Most lines are shorter.
const CAPACITY: usize = 512;

fn line(record: &Record<'_>, journald: bool, json: bool, now: OffsetDateTime) -> String {
    let mut out = String::with_capacity(CAPACITY);
    if journald {
        let _ = write!(out, "<{}>", priority(record.level()));
    }
    if json {
        let mut object = Object::default();
        if !journald {
            object.0.insert("time".into(), timestamp(now).into());
        }
        object.0.insert("level".into(), record.level().as_str().into());
        object.0.insert("message".into(), record.args().to_string().into());
        // A value that fails is left out. The rest of the line is still useful.
        let _ = record.key_values().visit(&mut object);
        out.push_str(&Json::Object(object.0).to_string());
        return out;
    }
    if !journald {
        let _ = write!(out, "{} {:5} ", timestamp(now), record.level());
    }
    push_on_one_line(&mut out, &record.args().to_string());
    let _ = record.key_values().visit(&mut Pairs(&mut out));
    out
}

/// Formats a time as RFC 3339 in UTC, with milliseconds.
pub fn timestamp(now: OffsetDateTime) -> String {
    let (year, month, day) = now.to_calendar_date();
    let (hour, minute, second, milli) = now.to_hms_milli();
    format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z", u8::from(month))
}

/// <https://www.freedesktop.org/software/systemd/man/latest/sd-daemon.html>
pub const fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// Collects pairs as members of a JSON object.
#[derive(Default)]
struct Object(serde_json::Map<String, Json>);

impl<'kvs> VisitSource<'kvs> for Object {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let value = number(&value).unwrap_or_else(|| Json::String(text(&value).into_owned()));
        if value != "" {
            self.0.insert(key.as_str().to_owned(), value);
        }
        Ok(())
    }
}

/// Writes pairs as text.
struct Pairs<'line>(&'line mut String);

impl<'kvs> VisitSource<'kvs> for Pairs<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        if let Some(number) = number(&value) {
            let _ = write!(self.0, " {key}={number}");
            return Ok(());
        }
        let text = text(&value);
        if !text.is_empty() {
            self.0.extend([" ", key.as_str(), "="]);
            push_quoted(self.0, &text);
        }
        Ok(())
    }
}

fn number(value: &Value<'_>) -> Option<Json> {
    value.to_u64().map(Json::from).or_else(|| value.to_f64().map(Json::from))
}

fn text<'v>(value: &Value<'v>) -> Cow<'v, str> {
    value.to_borrowed_str().map_or_else(|| value.to_string().into(), Cow::Borrowed)
}

/// Quotes a value unless it is one plain word, so that no value can forge a line or a pair.
fn push_quoted(out: &mut String, value: &str) {
    let plain = |c: u8| c.is_ascii_graphic() && !matches!(c, b'"' | b'=' | b'\\');
    if value.bytes().all(plain) {
        out.push_str(value);
    } else {
        let _ = write!(out, "{value:?}");
    }
}

fn push_on_one_line(out: &mut String, text: &str) {
    for c in text.chars() {
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(journald: bool, json: bool) -> String {
        let now = OffsetDateTime::from_unix_timestamp_nanos(1_768_905_000_123_456_789).unwrap();
        let pairs = [
            ("status", Value::from(201_u16)),
            ("duration_ms", Value::from(1.25)),
            ("job", Value::from("a b\n<0>forged=1")),
            ("empty", Value::from("")),
        ];
        let pairs: &[(&str, Value<'_>)] = &pairs;
        let record = Record::builder().level(Level::Info).key_values(&pairs).args(format_args!("request")).build();
        line(&record, journald, json, now)
    }

    #[test]
    fn a_text_line_has_time_level_and_pairs() {
        assert_eq!(
            written(false, false),
            r#"2026-01-20T10:30:00.123Z INFO  request status=201 duration_ms=1.25 job="a b\n<0>forged=1""#
        );
    }

    #[test]
    fn a_journal_line_has_a_priority_and_no_time() {
        assert_eq!(written(true, false), r#"<6>request status=201 duration_ms=1.25 job="a b\n<0>forged=1""#);
    }

    #[test]
    fn a_json_line_is_one_object() {
        let object: serde_json::Value = serde_json::from_str(&written(false, true)).unwrap();
        assert_eq!(object["time"], "2026-01-20T10:30:00.123Z");
        assert_eq!(object["job"], "a b\n<0>forged=1");
        assert_eq!(object["message"], "request");
        assert_eq!((&object["status"], &object["duration_ms"]), (&201.into(), &1.25.into()), "numbers are numbers");
    }
}
