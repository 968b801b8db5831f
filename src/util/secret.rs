//! A value that is not printed: [`Secret`].

use std::fmt;

/// Holds a value that `{:?}` does not show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns the value. A reviewer checks each use.
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
    fn debug_does_not_show_the_value() {
        let shown = format!("{:?}", Some(Secret::new("k8s-aws-v1.abc")));
        assert_eq!(shown, "Some([redacted])");
    }
}
