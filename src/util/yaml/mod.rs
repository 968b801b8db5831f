//! YAML as kubectl reads it: [`to_json`] gives the JSON that kubectl would send.
//!
//! The parser reads YAML 1.2. Plain scalars, merge keys and keys have the meaning of `sigs.k8s.io/yaml`. That is YAML 1.1:
//! `yes` is true, `0644` is 420, `1e3` is 1000.

mod error;
mod load;
mod scalar;

pub use error::Error;
use load::{Node, Value};
use scalar::quoted;

/// Converts one YAML document to JSON and skips empty documents. The JSON has at most `max_bytes`, including the parts
/// that aliases repeat.
pub fn to_json(text: &[u8], max_bytes: usize) -> Result<String, Error> {
    let text = std::str::from_utf8(text).map_err(|_| Error::whole("the YAML is not UTF-8"))?;
    let documents = load::documents(text.strip_prefix('\u{feff}').unwrap_or(text), max_bytes)?;
    let document = documents.first().ok_or_else(|| Error::whole("the YAML has no document"))?;
    if let Some(second) = documents.get(1) {
        return Err(Error::at(&second.at, "a second document begins here; send one document at a time"));
    }
    let mut json = String::new();
    write(&mut json, document, max_bytes)?;
    Ok(json)
}

fn write(json: &mut String, node: &Node, max_bytes: usize) -> Result<(), Error> {
    match &node.value {
        Value::Scalar(scalar) => json.push_str(&scalar.to_json(&node.at)?),
        Value::Sequence(items) => {
            for (n, item) in items.iter().enumerate() {
                json.push(if n == 0 { '[' } else { ',' });
                write(json, item, max_bytes)?;
            }
            json.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Value::Mapping(members) => {
            for (n, (key, value)) in members.iter().enumerate() {
                json.push(if n == 0 { '{' } else { ',' });
                json.push_str(&quoted(key));
                json.push(':');
                write(json, value, max_bytes)?;
            }
            json.push_str(if members.is_empty() { "{}" } else { "}" });
        }
    }
    if json.len() > max_bytes {
        return Err(Error::whole(&format!("the YAML is larger than {max_bytes} bytes as JSON, its aliases included")));
    }
    Ok(())
}

#[cfg(test)]
#[path = "yaml_tests.rs"]
mod tests;
