//! Writes bytes as hexadecimal digits: [`encode`].

/// Returns two lowercase digits for each byte.
pub fn encode(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_byte_has_two_digits() {
        assert_eq!(super::encode(&[0, 0x0f, 0xa5, 0xff]), "000fa5ff");
    }
}
