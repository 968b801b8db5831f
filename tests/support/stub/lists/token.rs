//! The continue token, in the form that a real server gives it. Clients must not look into it.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Value, json};

use crate::support::stub::status::{self, Reply};

/// As lenient as a real server: the bits that are left over need not be zero.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

#[derive(Debug)]
pub struct Token {
    /// Nothing means: go on with what is there now.
    pub revision: Option<u64>,
    /// The place of the last object of the page before.
    pub after: String,
}

impl Token {
    pub fn write(&self) -> String {
        let revision = self.revision.map_or_else(|| json!(-1), Value::from);
        let token = json!({"v": "meta.k8s.io/v1", "rv": revision, "start": format!("{}\0", self.after)});
        BASE64.encode(token.to_string())
    }

    pub fn read(given: &str) -> Result<Self, Reply> {
        let bytes = BASE64.decode(given).map_err(|_| invalid("illegal base64 data at input byte 0"))?;
        let token: Value = serde_json::from_slice(&bytes).map_err(|_| {
            let first = bytes.first().copied().unwrap_or_default();
            invalid(&format!("invalid character '{}' looking for beginning of value", first.escape_ascii()))
        })?;
        let after = token["start"].as_str().and_then(|start| start.strip_suffix('\0'));
        let after = after.ok_or_else(|| invalid("no start key"))?.to_owned();
        Ok(Self { revision: token["rv"].as_u64(), after })
    }
}

fn invalid(why: &str) -> Reply {
    status::bad_request(&format!("invalid continue token: continue key is not valid: {why}"))
}
