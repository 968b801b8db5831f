//! Takes a list apart while it arrives: each item as soon as it is whole. A page of 500 jobs is megabytes, and would
//! leave a hole of that size among the small things that are kept of it.

use crate::kube::watcher::lines::TooLong;

/// As for a line of the watch: longer than any object can be.
const LONGEST: usize = 8 << 20;

#[derive(Debug, Default)]
pub struct Items {
    /// All but the items.
    rest: Vec<u8>,
    /// The beginning of an item whose end has not come.
    begun: Vec<u8>,
    depth: usize,
    is_in_string: bool,
    is_escaped: bool,
    in_array: bool,
}

/// How deep the items are: in the list, in its member `items`.
const ITEMS: usize = 2;

impl Items {
    /// Takes a chunk in, and gives every item that is whole by now to `each`.
    pub fn feed(&mut self, chunk: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), TooLong> {
        let mut from = 0;
        for (at, byte) in chunk.iter().enumerate() {
            let was_in_item = self.in_array && self.depth > ITEMS;
            if self.is_in_string {
                match byte {
                    _ if self.is_escaped => self.is_escaped = false,
                    b'\\' => self.is_escaped = true,
                    b'"' => self.is_in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.is_in_string = true,
                b'{' | b'[' => {
                    self.depth += 1;
                    if self.depth == ITEMS && *byte == b'[' {
                        self.rest.extend_from_slice(&chunk[from..at]);
                        from = at;
                        self.in_array = self.rest.trim_ascii_end().ends_with(b"\"items\":");
                    } else if self.in_array && !was_in_item {
                        // What is between items, brackets and commas, is dropped but for the first bracket.
                        self.keep(&chunk[from..at]);
                        from = at;
                    }
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if was_in_item && self.depth == ITEMS {
                        let end = &chunk[from..=at];
                        if self.begun.is_empty() {
                            each(end);
                        } else {
                            self.begun.extend_from_slice(end);
                            each(&std::mem::take(&mut self.begun));
                        }
                        from = at + 1;
                    } else if self.in_array && self.depth < ITEMS {
                        self.keep(&chunk[from..at]);
                        from = at;
                        self.in_array = false;
                    }
                }
                _ => {}
            }
        }
        let left = &chunk[from..];
        // What stands between items counts too, whatever this chunk ends in.
        if self.begun.len().max(self.rest.len()) + left.len() > LONGEST {
            return Err(TooLong);
        }
        match self.in_array {
            true if self.depth > ITEMS => self.begun.extend_from_slice(left),
            true => self.keep(left),
            false => self.rest.extend_from_slice(left),
        }
        Ok(())
    }

    /// Keeps what is outside of items, without the commas between them.
    fn keep(&mut self, between: &[u8]) {
        self.rest.extend(between.iter().filter(|byte| **byte != b','));
    }

    /// The list with no items.
    pub fn into_rest(self) -> Vec<u8> {
        self.rest
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The items and the rest, when the text comes in chunks of this size.
    fn taken_apart(text: &str, size: usize) -> (Vec<Value>, Value) {
        let (mut items, mut found) = (Items::default(), Vec::new());
        for chunk in text.as_bytes().chunks(size) {
            items.feed(chunk, |item| found.push(serde_json::from_slice(item).unwrap())).unwrap();
        }
        (found, serde_json::from_slice(&items.into_rest()).unwrap())
    }

    #[test]
    fn a_list_is_the_same_however_it_is_cut_into_chunks() {
        let tricky = json!({ "a": "]}\"items\":[{", "b": [[{}], "\\"], "items": [{ "x": 1 }], "c": "\\\"," });
        for list in [
            json!({ "kind": "JobList", "metadata": { "resourceVersion": "7", "continue": "t,[" }, "items": [tricky, {}, tricky] }),
            json!({ "items": [{ "a": 1 }], "metadata": { "items": [1, 2], "more": [{ "x": [] }, {}] } }),
            json!({ "items": [] }),
            json!({ "items": null, "other": [1, { "a": 2 }] }),
            json!({}),
        ] {
            for text in [list.to_string(), serde_json::to_string_pretty(&list).unwrap()] {
                let mut rest = list.clone();
                let items = rest["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
                if list.get("items").is_none() {
                    rest.as_object_mut().unwrap().remove("items");
                }
                for size in 1..=text.len().min(40) {
                    assert_eq!(taken_apart(&text, size), (items.clone(), rest.clone()), "by {size}: {text}");
                }
            }
        }
    }

    #[test]
    fn an_item_over_the_bound_is_an_error_even_before_its_end() {
        let (mut items, chunk) = (Items::default(), vec![b'x'; 1 << 20]);
        items.feed(b"{\"items\":[{\"a\":\"", |_| ()).unwrap();
        let fed: Vec<_> = (0..9).map(|_| items.feed(&chunk, |_| ())).collect();
        assert!(fed[..7].iter().all(Result::is_ok) && fed[8] == Err(TooLong));
    }

    #[test]
    fn what_stands_between_items_is_bounded_too() {
        let mut chunk = vec![b'x'; 1 << 20];
        chunk.extend_from_slice(b"{}{");
        let mut items = Items::default();
        items.feed(b"{\"items\":[{", |_| ()).unwrap();
        chunk.splice(..0, *b"}");
        let fed: Vec<_> = (0..10).map(|_| items.feed(&chunk, |_| ())).collect();
        assert!(fed[..7].iter().all(Result::is_ok) && fed[9] == Err(TooLong));
    }

    #[test]
    fn what_is_no_list_is_left_to_whoever_reads_the_rest() {
        for text in ["", "}]}]", "[]]]{{{", "\"", "{\"items\":[{}", "\\\\\\", "nonsense"] {
            let mut items = Items::default();
            items.feed(text.as_bytes(), |_| ()).unwrap();
            assert!(serde_json::from_slice::<Value>(&items.into_rest()).is_err(), "{text}");
        }
    }
}
