//! The body of a list, in the pieces that other replies share: [`ListBody`]. A slow reader then holds no copy of it.

use std::mem::take;
use std::vec;

use hyper::body::Bytes;

/// `head`, the elements with commas between them, and `tail`.
#[derive(Debug)]
pub struct ListBody {
    head: Bytes,
    elements: vec::IntoIter<Bytes>,
    is_comma_due: bool,
    tail: Bytes,
}

impl ListBody {
    pub fn new(head: &'static str, elements: Vec<Bytes>, tail: Vec<u8>) -> Self {
        let (head, elements, tail) = (Bytes::from_static(head.as_bytes()), elements.into_iter(), tail.into());
        Self { head, elements, is_comma_due: false, tail }
    }

    /// Returns the number of bytes that are left.
    pub fn bytes_left(&self) -> u64 {
        let elements = self.elements.as_slice();
        let commas = (elements.len() + usize::from(self.is_comma_due)).saturating_sub(1);
        let bytes = elements.iter().map(Bytes::len).sum::<usize>();
        (self.head.len() + commas + bytes + self.tail.len()) as u64
    }

    pub fn is_empty(&self) -> bool {
        self.head.is_empty() && self.elements.len() == 0 && self.tail.is_empty()
    }
}

/// The pieces, each not empty.
impl Iterator for ListBody {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if !self.head.is_empty() {
            return Some(take(&mut self.head));
        }
        if self.elements.len() == 0 {
            return Some(take(&mut self.tail)).filter(|tail| !tail.is_empty());
        }
        if take(&mut self.is_comma_due) {
            return Some(Bytes::from_static(b","));
        }
        self.is_comma_due = true;
        self.elements.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_are_the_list_and_the_length_is_right_before_each() {
        for (elements, whole) in [(vec![], "[]}"), (vec!["1"], "[1]}"), (vec!["1", "22", "3"], "[1,22,3]}")] {
            let elements = elements.into_iter().map(|element: &str| Bytes::from_static(element.as_bytes())).collect();
            let (mut body, mut read) = (ListBody::new("[", elements, b"]}".to_vec()), String::new());
            loop {
                assert_eq!(read.len() as u64 + body.bytes_left(), whole.len() as u64, "{read}");
                assert_eq!(body.is_empty(), read == whole);
                let Some(piece) = body.next() else { break };
                read.push_str(std::str::from_utf8(&piece).unwrap());
            }
            assert_eq!(read, whole);
        }
    }
}
