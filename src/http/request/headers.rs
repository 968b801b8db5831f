//! Looks up lines of a request's header. Owns how they are found; what they say is for whoever asks.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// The values of all lines of this name, in order. A request has few lines, and most of what is asked for is not there:
/// to look at each line is cheaper than to hash the name, as the map's own lookup does.
pub fn lines(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &HeaderValue> {
    headers.iter().filter(move |(other, _)| **other == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use hyper::header::{ACCEPT, HOST};

    use super::*;

    #[test]
    fn all_lines_of_a_name_are_found_in_order() {
        let own = HeaderName::from_static("x-request-id");
        let given = [(&ACCEPT, "a"), (&own, "1"), (&HOST, "h"), (&ACCEPT, "b"), (&own, "2")];
        let headers: HeaderMap =
            given.map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).into_iter().collect();
        assert_eq!(lines(&headers, ACCEPT).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(lines(&headers, own).collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(lines(&HeaderMap::new(), HOST).count(), 0);
    }
}
