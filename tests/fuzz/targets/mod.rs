//! What is fuzzed: every parser of our own, each with what must hold of it whatever it is given. A target panics if it
//! does not. libFuzzer feeds them (../main.rs), and the suite the corpus (../../suite/fuzzing.rs).

mod access;
mod bodies;
mod headers;
mod names;
mod settings;
mod streams;

type Target = (&'static str, fn(&[u8]));

/// Every target with its name, which is also its folder in fixtures/fuzz. A new parser of what comes from outside gets
/// its line here: the suite asks for its corpus, and `tests/fuzz/run` and CI take it up by themselves.
pub(crate) const TARGETS: [Target; 25] = [
    ("keys_file", access::keys_file),
    ("credentials", access::credentials),
    ("host", access::host),
    ("certificate", access::certificate),
    ("name", names::name),
    ("query", names::query),
    ("wait_time", names::wait_time),
    ("selector", names::selector),
    ("page_token", names::page_token),
    ("accept", headers::accept),
    ("if_none_match", headers::if_none_match),
    ("last_event_id", headers::last_event_id),
    ("request_id", headers::request_id),
    ("timestamp", headers::timestamp),
    ("watch_lines", streams::watch_lines),
    ("watch_machine", streams::watch_machine),
    ("strict_json", bodies::strict_json),
    ("yaml", bodies::yaml),
    ("job_manifest", bodies::job_manifest),
    ("template", bodies::template),
    ("job_object", bodies::job_object),
    ("status_body", bodies::status_body),
    ("dotenv", settings::dotenv),
    ("settings", settings::settings),
    ("clusters_file", settings::clusters_file),
];

fn text(data: &[u8]) -> &str {
    // The text up to what is not UTF-8: a fuzzer should not have to find that out first.
    match std::str::from_utf8(data) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&data[..error.valid_up_to()]).unwrap_or_default(),
    }
}

/// The first line, and the rest.
fn first_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}
