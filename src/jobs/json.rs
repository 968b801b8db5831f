//! Writes JSON out of large pieces. Whoever uses it answers for the grammar; what could need escaping goes through
//! serde, or is known not to.

use super::compact::{Count, Seconds, Uid};

#[derive(Debug)]
pub struct Json(Vec<u8>);

/// The bytes that need no escaping. Kubernetes lets no others into labels.
const PLAIN: [bool; 256] = {
    let (mut plain, mut byte) = ([false; 256], 0_u8);
    while byte < u8::MAX {
        plain[byte as usize] = matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'.' | b'/');
        byte += 1;
    }
    plain
};

/// A number in decimal digits.
#[derive(Debug)]
pub struct Digits {
    bytes: [u8; 20],
    begin: usize,
}

impl Digits {
    pub fn of(mut number: u64) -> Self {
        let (mut bytes, mut begin) = ([0; 20], 20);
        loop {
            begin -= 1;
            bytes[begin] = b'0' + (number % 10).to_le_bytes()[0];
            number /= 10;
            if number == 0 {
                return Self { bytes, begin };
            }
        }
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.begin..]
    }
}

impl Json {
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// A piece that is JSON as it is. Inlined, so that a constant piece is stored and not copied: for a short one, the
    /// call of `memcpy` takes longer than its work.
    #[inline]
    pub fn raw(&mut self, piece: &str) -> &mut Self {
        self.0.extend_from_slice(piece.as_bytes());
        self
    }

    pub fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(Digits::of(number).as_bytes());
        self
    }

    pub fn count(&mut self, count: Count) -> &mut Self {
        match count.get() {
            // Almost all counts have one digit.
            Some(digit @ 0..10) => {
                self.0.push(b'0' + digit.to_le_bytes()[0]);
                self
            }
            Some(count) => self.number(count.into()),
            None => self.raw("null"),
        }
    }

    pub fn time(&mut self, time: Seconds) -> &mut Self {
        match time.quoted() {
            Some(text) => {
                self.0.extend_from_slice(&text);
                self
            }
            None => self.raw("null"),
        }
    }

    pub fn uid(&mut self, uid: &Uid) -> &mut Self {
        match uid {
            Uid::Uuid(bytes) => self.0.extend_from_slice(&Uid::text(bytes)),
            Uid::Other(text) => {
                self.escaped(text);
            }
        }
        self
    }

    /// A member of an object, and a comma.
    pub fn member(&mut self, key: &str, value: &str) {
        self.0.push(b'"');
        self.escaped(key);
        self.raw(r#"":""#);
        self.escaped(value);
        self.raw(r#"","#);
    }

    /// Ends an object or an array in place of the last comma.
    pub fn end(&mut self, bracket: &str) -> &mut Self {
        if self.0.last() == Some(&b',') {
            self.0.pop();
        }
        self.raw(bracket)
    }

    /// The inside of a string.
    pub fn escaped(&mut self, text: &str) -> &mut Self {
        if text.bytes().all(|byte| PLAIN[usize::from(byte)]) {
            self.raw(text)
        } else {
            let quoted = serde_json::to_string(text).unwrap_or_default();
            self.raw(quoted.get(1..quoted.len() - 1).unwrap_or_default())
        }
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}
