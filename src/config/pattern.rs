//! Lists of patterns of namespaces or clusters, such as `team-*`: [`Patterns`].

/// Names, each with at most one `*`, which stands for any characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patterns(Vec<String>);

impl Patterns {
    /// Matches no name.
    pub const NONE: Self = Self(Vec::new());

    /// Parses `a,team-*`. The error is the first item that is not a pattern.
    pub fn parse(list: &str) -> Result<Self, String> {
        let items: Vec<String> =
            list.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect();
        let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '*';
        // Names neither begin nor end with a hyphen (RFC 1123), so such an item would match nothing.
        let has_end_hyphen = |item: &str| item.starts_with('-') || item.ends_with('-');
        match items
            .iter()
            .find(|item| !item.chars().all(is_allowed) || item.matches('*').count() > 1 || has_end_hyphen(item))
        {
            Some(bad) => Err(bad.clone()),
            None => Ok(Self(items)),
        }
    }

    pub fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| matches(pattern, name))
    }

    /// Whether the list is `*` alone.
    pub fn is_star(&self) -> bool {
        self.0 == ["*"]
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether a name matches a pattern with at most one `*`.
pub fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((head, tail)) => name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail),
        None => pattern == name,
    }
}

impl std::fmt::Display for Patterns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::Patterns;

    #[test]
    fn a_star_stands_for_any_characters_and_the_ends_never_overlap() {
        let patterns = Patterns::parse("a, team-*,x*x,").unwrap();
        for (name, expected) in [
            ("a", true),
            ("ab", false),
            ("team-", true),
            ("team-7", true),
            ("steam-7", false),
            ("x", false),
            ("xx", true),
        ] {
            assert_eq!(patterns.matches(name), expected, "{name}");
        }
    }

    #[test]
    fn a_star_alone_is_told_from_other_lists() {
        let is_star = |list| Patterns::parse(list).unwrap().is_star();
        assert!(is_star("*") && is_star(" *,"));
        assert!(!["", "a", "a*", "a,*", "*,*"].into_iter().any(is_star));
    }

    #[test]
    fn what_cannot_be_a_namespace_is_refused() {
        assert_eq!(Patterns::parse("ok,Bad").unwrap_err(), "Bad");
        assert_eq!(Patterns::parse("a**").unwrap_err(), "a**");
        assert_eq!([Patterns::parse("team-"), Patterns::parse("-*")].map(Result::unwrap_err), ["team-", "-*"]);
        assert!(Patterns::parse("*-a,team-*,*").is_ok());
    }
}
