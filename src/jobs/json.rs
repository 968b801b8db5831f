//! Writes JSON out of large pieces. Whoever uses it answers for the grammar; what could need escaping goes through
//! serde, or is known not to.

use super::compact::{Count, Seconds, Uid};

#[derive(Debug)]
pub struct Json(Vec<u8>);

impl Json {
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// A piece that is JSON as it is.
    pub fn raw(&mut self, piece: &str) -> &mut Self {
        self.0.extend_from_slice(piece.as_bytes());
        self
    }

    pub fn number(&mut self, mut number: u64) -> &mut Self {
        let (mut digits, mut at) = ([0; 20], 20);
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10).to_le_bytes()[0];
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.0.extend_from_slice(&digits[at..]);
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
        match time.text() {
            Some(text) => {
                self.0.push(b'"');
                self.0.extend_from_slice(&text);
                self.0.push(b'"');
                self
            }
            None => self.raw("null"),
        }
    }

    pub fn uid(&mut self, uid: &Uid) -> &mut Self {
        match uid {
            Uid::Uuid(bytes) => self.0.extend_from_slice(&Uid::text(bytes)),
            Uid::Other(text) => self.escaped(text),
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
    fn escaped(&mut self, text: &str) {
        // Kubernetes lets nothing else into labels.
        if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte)) {
            self.raw(text);
        } else {
            let quoted = serde_json::to_string(text).unwrap_or_default();
            self.raw(quoted.get(1..quoted.len() - 1).unwrap_or_default());
        }
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}
