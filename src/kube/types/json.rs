//! Parses JSON of the API server.

use serde::de::DeserializeOwned;

/// Parses a value. Checking UTF-8 once is faster than string by string.
pub fn read<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    match str::from_utf8(json) {
        Ok(text) => serde_json::from_str(text),
        // The API server does not check managed fields. The service does not read them.
        Err(_) => serde_json::from_str(&String::from_utf8_lossy(json)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::types::Job;

    #[test]
    fn bytes_that_are_not_utf8_are_no_error_in_an_unused_field() {
        let json =
            |name: &[u8], rest: &[u8]| [br#"{"metadata":{"name":""#, name, br#"","x":""#, rest, br#""}}"#].concat();
        let job: Job = read(&json(b"hello", b"\xff\xfe")).unwrap();
        assert_eq!(job.metadata.name, "hello");
        assert_eq!(read::<Job>(&json("h\u{e9}llo".as_bytes(), b"")).unwrap().metadata.name, "h\u{e9}llo");
        assert!(read::<Job>(b"\xff").is_err());
    }
}
