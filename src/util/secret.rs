//! A value that must not be printed. Owns nothing else: who may read it is the caller's care.

use std::fmt;

/// Holds a secret so that `{:?}` of whatever contains it cannot show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself; each use is a place a reviewer looks at.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_shows_nothing_of_the_value() {
        let shown = format!("{:?}", Some(Secret::new("k8s-aws-v1.abc")));
        assert_eq!(shown, "Some([redacted])");
    }
}
