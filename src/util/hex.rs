//! Writes and reads bytes as hexadecimal digits: [`encode`], [`decode`].

/// Returns two lowercase digits for each byte.
pub fn encode(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// Returns `None` unless there are two digits, lowercase or uppercase, for each byte.
pub fn decode<const LEN: usize>(text: &str) -> Option<[u8; LEN]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * LEN {
        return None;
    }
    let mut bytes = [0; LEN];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn digits_are_read_only_if_all_are_there() {
        assert_eq!(super::decode("000Fa5ff"), Some([0, 0x0f, 0xa5, 0xff]));
        for bad in ["", "000fa5f", "000fa5ff0", "000fa5fg", "+00fa5ff", "00é0fa5"] {
            assert_eq!(super::decode::<4>(bad), None, "{bad}");
        }
    }

    #[test]
    fn each_byte_has_two_digits() {
        assert_eq!(super::encode(&[0, 0x0f, 0xa5, 0xff]), "000fa5ff");
    }
}
