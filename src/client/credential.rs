//! The API key or token that a run sends, from a file or from the environment: [`Credential`].

use std::path::{Path, PathBuf};

use hyper::header::HeaderValue;

use crate::client::exit::Exit;

/// The variables for an API key and for a token of the cluster. Both are sent as a bearer.
pub const VARIABLES: [&str; 2] = ["EKS_API_KEY", "EKS_API_TOKEN"];

/// The value of the Authorization header. It is marked as sensitive, so `{:?}` does not print it.
#[derive(Debug)]
pub enum Credential {
    None,
    Given(HeaderValue),
    /// Read again for each request, because tokens in files are renewed. If that fails, the last value is used.
    File {
        path: PathBuf,
        last: HeaderValue,
    },
}

impl Credential {
    pub fn read(file: Option<&Path>, variable: impl Fn(&str) -> Option<String>) -> Result<Self, Exit> {
        if let Some(path) = file {
            let last = read(path).map_err(|why| file_error("--key-file", path, &why))?;
            return Ok(Self::File { path: path.to_owned(), last });
        }
        let given = VARIABLES.map(|name| Some((name, variable(name).filter(|value| !value.is_empty())?)));
        match given.each_ref().map(Option::as_ref) {
            [None, None] => Ok(Self::None),
            [Some(_), Some(_)] => Err(Exit::usage("EKS_API_KEY and EKS_API_TOKEN are both set; unset one")),
            [Some((name, value)), None] | [None, Some((name, value))] => {
                let header = header(value).map_err(|why| Exit::usage(format!("{name} {why}")))?;
                Ok(Self::Given(header))
            }
        }
    }

    pub fn header(&self) -> Option<HeaderValue> {
        match self {
            Self::None => None,
            Self::Given(header) => Some(header.clone()),
            Self::File { path, last } => Some(read(path).unwrap_or_else(|_| last.clone())),
        }
    }
}

/// Names the file of an option, unless it is a key by mistake.
pub fn file_error(option: &str, file: &Path, why: &str) -> Exit {
    let is_key = file.as_os_str().as_encoded_bytes().starts_with(b"eks-api-") && !file.exists();
    if is_key {
        return Exit::usage(format!("{option}: this is a key, not the name of a file"));
    }
    Exit::usage(format!("{option} {}: {why}", file.display()))
}

fn read(path: &Path) -> Result<HeaderValue, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    header(&text)
}

fn header(text: &str) -> Result<HeaderValue, String> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|c| c.is_ascii_graphic()) {
        return Err("must have one key or token, and nothing else".to_owned());
    }
    let mut header = HeaderValue::try_from(format!("Bearer {text}")).map_err(|error| error.to_string())?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(key: Option<&str>, token: Option<&str>) -> Result<Credential, Exit> {
        let value = |name: &str| if name == "EKS_API_KEY" { key } else { token };
        Credential::read(None, |name| value(name).map(str::to_owned))
    }

    #[test]
    fn a_key_or_a_token_is_sent_as_a_bearer_and_not_printed() {
        for given in [from(Some("abc\n"), None), from(Some(""), Some("abc"))] {
            let credential = given.unwrap();
            assert_eq!(credential.header().unwrap(), "Bearer abc");
            assert!(!format!("{credential:?}").contains("abc"));
        }
        assert!(from(None, None).unwrap().header().is_none());
    }

    #[test]
    fn a_key_in_place_of_its_file_is_not_printed() {
        let refused = Credential::read(Some(Path::new("eks-api-hunter2")), |_| None).unwrap_err();
        assert_eq!(refused.text, "--key-file: this is a key, not the name of a file");
        let absent = Credential::read(Some(Path::new("absent.key")), |_| None).unwrap_err();
        assert!(absent.text.starts_with("--key-file absent.key: No such file"), "{absent}");
    }

    #[test]
    fn an_invalid_key_is_refused_and_not_printed() {
        for refused in [from(Some("a"), Some("b")), from(Some("hunter2 hunter2"), None), from(None, Some("hunter2\nä"))]
        {
            assert!(!refused.unwrap_err().to_string().contains("hunter2"));
        }
    }
}
