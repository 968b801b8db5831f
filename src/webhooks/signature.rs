//! The signature of a message, by Standard Webhooks: [`sign`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use crate::util::secret::Secret;
use crate::webhooks::secret::Secrets;

/// Returns the value of `webhook-signature`: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`, for each secret in
/// the order of the file, separated by a space. The timestamp is in seconds since 1970.
pub fn sign(secrets: &Secrets, message_id: &str, timestamp: i64, body: &[u8]) -> String {
    let sign_with = |secret: &Secret<Vec<u8>>| {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.expose()));
        context.update(format!("{message_id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    };
    secrets.0.iter().map(sign_with).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    /// The vector of the spec.
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn secret() -> Secret<Vec<u8>> {
        Secret::new(STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap())
    }

    fn signature(secrets: Vec<Secret<Vec<u8>>>) -> String {
        sign(&Secrets(secrets), ID, 1_614_265_330, BODY)
    }

    #[test]
    fn the_vector_of_the_spec_is_signed_as_it_says() {
        assert_eq!(signature(vec![secret()]), SIGNATURE);
    }

    #[test]
    fn two_secrets_make_two_signatures_in_the_order_of_the_file() {
        let other = || Secret::new(vec![7; 32]);
        let alone = signature(vec![other()]);
        assert_ne!(alone, SIGNATURE);
        assert_eq!(signature(vec![secret(), other()]), format!("{SIGNATURE} {alone}"));
        assert_eq!(signature(vec![other(), secret()]), format!("{alone} {SIGNATURE}"));
    }

    #[test]
    fn the_id_the_time_and_the_body_are_signed() {
        let secrets = Secrets(vec![secret()]);
        for (id, time, body) in
            [("msg_other", 1_614_265_330, BODY), (ID, 1_614_265_331, BODY), (ID, 1_614_265_330, &b"{}"[..])]
        {
            assert_ne!(sign(&secrets, id, time, body), SIGNATURE);
        }
    }
}
