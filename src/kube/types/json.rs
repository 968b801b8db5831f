//! Reads the JSON of the API server.

use serde::de::DeserializeOwned;

/// What it says. It is found to be UTF-8 once, and not string by string.
pub fn read<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    match str::from_utf8(json) {
        Ok(text) => serde_json::from_str(text),
        // The API server passes managed fields on as they are, whatever is in them; nobody reads them here.
        Err(_) => serde_json::from_str(&String::from_utf8_lossy(json)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::types::Job;

    #[test]
    fn what_is_no_utf8_in_a_field_that_nobody_reads_is_no_error() {
        let json =
            |name: &[u8], rest: &[u8]| [br#"{"metadata":{"name":""#, name, br#"","x":""#, rest, br#""}}"#].concat();
        let job: Job = read(&json(b"hello", b"\xff\xfe")).unwrap();
        assert_eq!(job.metadata.name, "hello");
        assert_eq!(read::<Job>(&json("h\u{e9}llo".as_bytes(), b"")).unwrap().metadata.name, "h\u{e9}llo");
        assert!(read::<Job>(b"\xff").is_err());
    }
}
