//! Rules of DNS names: [`is_label`], [`is_subdomain`].

/// The maximal length of a label.
pub const MAX_LABEL_LEN: usize = 63;
const MAX_SUBDOMAIN_LEN: usize = 253;

/// Whether this is a DNS-1123 label
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names>).
pub fn is_label(name: &str) -> bool {
    let is_inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let has_hyphen_at_end = name.starts_with('-') || name.ends_with('-');
    (1..=MAX_LABEL_LEN).contains(&name.len()) && name.bytes().all(is_inner) && !has_hyphen_at_end
}

/// Whether this is a DNS-1123 subdomain
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names>).
pub fn is_subdomain(name: &str) -> bool {
    name.len() <= MAX_SUBDOMAIN_LEN && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::is_label;

    #[test]
    fn a_label_has_1_to_63_characters_and_no_hyphen_at_its_ends() {
        for good in ["a", "0", "a-b", &"n".repeat(63)] {
            assert!(is_label(good), "{good}");
        }
        for bad in ["", "-", "-a", "a-", "A", "a_b", "a.b", "ä", &"n".repeat(64)] {
            assert!(!is_label(bad), "{bad}");
        }
    }
}
