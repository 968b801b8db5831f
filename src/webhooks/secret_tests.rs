//! Tests of the secrets.

use super::*;

fn encoded(bytes: usize) -> String {
    format!("{PREFIX}{}", STANDARD.encode(vec![0xfb; bytes]))
}

fn keys(text: &str) -> Result<Vec<Vec<u8>>, String> {
    Secrets::parse(text).map(|secrets| secrets.0.iter().map(|secret| secret.expose().clone()).collect())
}

#[test]
fn a_file_has_one_or_two_secrets_in_their_order() {
    // The example of the specification's libraries.
    let known = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let key = [49, 242, 144, 246, 191, 6, 41, 138, 171, 79, 8, 212, 60, 63, 8, 44, 246, 72, 163, 98, 218, 45, 164, 176];
    assert_eq!(keys(known).unwrap(), [key]);
    let other = encoded(64);
    let text = format!("\u{feff}# of November\r\n{other}\r\n\r\n  # until December\n\t{known} \n\n");
    assert_eq!(keys(&text).unwrap(), [vec![0xfb; 64], key.to_vec()]);
}

#[test]
fn the_padding_may_be_left_out() {
    for bytes in [25, 26, 27, 32] {
        let padded = encoded(bytes);
        let bare = padded.trim_end_matches('=');
        assert_eq!((keys(&padded).unwrap(), keys(bare).unwrap()), (vec![vec![0xfb; bytes]], vec![vec![0xfb; bytes]]));
    }
}

#[test]
fn a_key_has_24_to_64_bytes() {
    assert!(keys(&encoded(24)).is_ok() && keys(&encoded(64)).is_ok());
    for bytes in [0, 1, 23, 65, 100] {
        let error = keys(&encoded(bytes)).unwrap_err();
        assert_eq!(error, format!("its line 1 is a secret of {bytes} bytes: use 24 to 64"));
    }
}

#[test]
fn each_mistake_has_its_line_and_none_shows_the_secret() {
    let good = encoded(32);
    let url_safe = format!("{PREFIX}{}", "-_".repeat(20));
    for (text, expected) in [
        (String::new(), "it has no secret: make one with eks-api webhook secret"),
        ("# none\n\n".to_owned(), "it has no secret: make one with eks-api webhook secret"),
        (format!("{good}\n{good}\n{good}"), "it has 3 secrets: keep at most two"),
        (format!("{good}\n\n{}", &good[6..]), "its line 3 does not begin with whsec_"),
        (good.replace("whsec", "WHSEC"), "its line 1 does not begin with whsec_"),
        (format!("key={good}"), "its line 1 does not begin with whsec_"),
        (format!("{good} {good}"), "its line 1 is not whsec_ and base64"),
        (format!("{good}=="), "its line 1 is not whsec_ and base64"),
        (format!("{good} # ours"), "its line 1 is not whsec_ and base64"),
        (url_safe, "its line 1 is not whsec_ and base64"),
        (good.replace('v', "\u{e4}"), "its line 1 is not whsec_ and base64"),
        (good[..good.len() - 2].to_owned(), "its line 1 is not whsec_ and base64"),
    ] {
        assert_eq!(keys(&text).unwrap_err(), expected);
    }
    assert_eq!(format!("{:?}", Secrets::parse(&good).unwrap()), "Secrets([[redacted]])");
}

#[test]
fn a_new_secret_is_random_and_can_be_read() {
    let [one, other] = [generate().unwrap(), generate().unwrap()];
    assert_eq!(keys(one.expose()).unwrap()[0].len(), 32);
    assert_ne!(one.expose(), other.expose());
    assert_eq!(one.expose().len(), PREFIX.len() + 44, "with the padding that some libraries need");
}
