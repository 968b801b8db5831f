//! The OpenAPI 3.1 document. It is written by hand, and build.rs removes its white space.
//!
//! tests/suite/openapi.rs compares it with the code, and with every reply in the tests.

use std::sync::LazyLock;

/// Names no host, so it is the same wherever it is served.
pub const DOCUMENT: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// The document of a service that asks for no credentials. Its page shows no padlocks.
pub static WITHOUT_CREDENTIALS: LazyLock<String> = LazyLock::new(|| {
    let members = ["\"security\":", "\"securitySchemes\":"];
    members.iter().fold(DOCUMENT.to_owned(), |document, member| without(&document, member))
});

/// Removes each member of this name. Its value is a list or an object, and another member follows.
fn without(document: &str, member: &str) -> String {
    let mut parts = document.split(member);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| kept + after_value(part))
}

/// Returns the text after the first comma outside of brackets.
fn after_value(text: &str) -> &str {
    let mut depth = 0;
    let comma = text.find(|c| {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            _ => {}
        }
        depth == 0 && c == ','
    });
    comma.map_or("", |comma| &text[comma + 1..])
}
