//! The secrets that messages are signed with, `whsec_` and base64: [`Secrets`], [`generate`].

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::rand::{SecureRandom, SystemRandom};

use crate::util::secret::Secret;

/// Begins a secret (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
pub const PREFIX: &str = "whsec_";
const MIN_BYTES: usize = 24;
const MAX_BYTES: usize = 64;
/// Other programs leave the padding out.
const DECODER: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One or two keys, in the order of the file. The second is for the time in which they change.
#[derive(Debug)]
pub struct Secrets(pub Vec<Secret<Vec<u8>>>);

impl Secrets {
    /// Reads the text of a `secret_file`: one or two lines, beside comments and blank lines. The error does not show it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim_ascii);
        let lines = (1..).zip(lines).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let secrets = lines.map(|(number, line)| secret(line).map_err(|why| format!("its line {number} {why}")));
        let secrets: Vec<_> = secrets.collect::<Result<_, _>>()?;
        match secrets.len() {
            0 => Err("it has no secret: make one with eks-api webhook secret".to_owned()),
            1 | 2 => Ok(Self(secrets)),
            more => Err(format!("it has {more} secrets: keep at most two")),
        }
    }
}

fn secret(line: &str) -> Result<Secret<Vec<u8>>, String> {
    let encoded = line.strip_prefix(PREFIX).ok_or_else(|| format!("does not begin with {PREFIX}"))?;
    let bytes = DECODER.decode(encoded).map_err(|_| format!("is not {PREFIX} and base64"))?;
    if !(MIN_BYTES..=MAX_BYTES).contains(&bytes.len()) {
        return Err(format!("is a secret of {} bytes: use {MIN_BYTES} to {MAX_BYTES}", bytes.len()));
    }
    Ok(Secret::new(bytes))
}

/// Makes a secret of 32 random bytes. `None` if the system's random number generator fails.
pub fn generate() -> Option<Secret<String>> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(Secret::new(format!("{PREFIX}{}", STANDARD.encode(bytes))))
}

#[cfg(test)]
#[path = "secret_tests.rs"]
mod tests;
