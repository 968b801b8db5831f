//! Prints errors with their causes on one line: [`error_chain`], [`causes`] and [`chain`].

use std::error::Error;
use std::iter::successors;

use crate::util::tls_error;

/// Returns the texts of an error and of its causes. A cause is left out if its text was printed already.
pub fn error_chain<'a>(error: &'a (dyn Error + 'static)) -> String {
    let joined = chain(error)
        .map(|error| tls_error::find(error).map_or_else(|| one_line(&error.to_string()), tls_error::describe))
        .reduce(|printed, cause| if printed.contains(&cause) { printed } else { format!("{printed}: {cause}") });
    joined.unwrap_or_default()
}

/// Returns the error and its causes.
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |error: &&'a (dyn Error + 'static)| (**error).source())
}

/// Returns the texts without that of the outermost error. That of hyper's clients says only "client error".
pub fn causes(error: &(dyn Error + 'static)) -> String {
    error_chain(error.source().unwrap_or(error))
}

/// Joins lines by semicolons. The chain of AWS credentials lists each source on a line of its own.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned);
    let joined = lines.reduce(|text, line| if text.ends_with(':') { text + " " + &line } else { text + "; " + &line });
    joined.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::{fmt, io};

    use super::*;

    #[derive(Debug)]
    struct Outer(&'static str, Option<io::Error>);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_ref().map(|error| error as _)
        }
    }

    #[test]
    fn causes_follow_their_error_and_are_not_repeated() {
        let refused = || Some(io::Error::other("connection refused"));
        assert_eq!(error_chain(&Outer("client error", refused())), "client error: connection refused");
        assert_eq!(causes(&Outer("client error", refused())), "connection refused");
        assert_eq!(error_chain(&Outer("sending: connection refused", refused())), "sending: connection refused");
        assert_eq!(causes(&Outer("alone", None)), "alone");
        let no_certificate = Some(io::Error::other(rustls::Error::NoCertificatesPresented));
        assert_eq!(error_chain(&Outer("client error", no_certificate)), "client error: the peer sent no certificate");
    }

    #[test]
    fn a_text_of_several_lines_becomes_one() {
        assert_eq!(
            one_line("none found. Tried:\n  Environment: not set\n\n  Profile: none\n"),
            "none found. Tried: Environment: not set; Profile: none"
        );
    }
}
