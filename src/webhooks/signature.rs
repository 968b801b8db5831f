//! The signature of a message, by Standard Webhooks: [`sign`].

use crate::webhooks::secret::Secrets;

/// Returns the value of `webhook-signature`: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`, for each secret in
/// the order of the file, separated by a space. The timestamp is in seconds since 1970.
pub fn sign(secrets: &Secrets, message_id: &str, timestamp: i64, body: &[u8]) -> String {
    let _ = (secrets, message_id, timestamp, body);
    String::new()
}
