//! Judges an EKS bearer token: the format rules of aws-iam-authenticator, then the signature
//! (version 4), which stands in for the call to STS. It shares no code with the signer under test,
//! nor with the AWS crates; who sends tokens, and what becomes of a refused one, is the stub
//! cluster's matter.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{digest, hmac};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The session tokens of roles begin so.
const SESSION: &str = "lab-role/";
const PARAMETERS: [&str; 9] = [
    "action",
    "version",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// A key pair that STS would know.
#[derive(Clone, Debug)]
pub struct Key {
    pub id: String,
    pub secret: String,
    pub session_token: Option<String>,
}

impl Key {
    pub fn new(id: &str, secret: &str, session_token: Option<&str>) -> Self {
        Self { id: id.into(), secret: secret.into(), session_token: session_token.map(Into::into) }
    }

    /// The key of one session of a role. The session token says whose it is and when it ends, so that the judge knows the
    /// key without having seen it.
    pub fn of_role(arn: &str, number: usize, until: SystemTime) -> Self {
        let until = until.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        Self::of_session(&format!("{SESSION}{until}/{number}/{arn}"))
    }

    fn of_session(token: &str) -> Self {
        let hash = sha256(token).to_uppercase();
        Self::new(&format!("ASIA{}", &hash[..16]), &sha256(&hash), Some(token))
    }
}

/// What a token must agree with.
#[derive(Clone, Debug)]
pub struct Rules {
    pub cluster: String,
    pub region: String,
    pub keys: Vec<Key>,
    /// The roles whose sessions are accepted, as access entries name them.
    pub roles: Vec<String>,
    /// Tokens signed earlier are refused, as if their credentials had been revoked.
    pub not_before: SystemTime,
}

/// Returns the access key id that signed the token, or the rule that the token breaks.
pub fn judge(token: &str, rules: &Rules, now: SystemTime) -> Result<String, String> {
    ensure(token.len() <= 4096, "the token is too large")?;
    let body = token.strip_prefix("k8s-aws-v1.").ok_or("the prefix k8s-aws-v1. is missing")?;
    let url = URL_SAFE_NO_PAD.decode(body).map_err(|_| "not unpadded base64url")?;
    let url = String::from_utf8(url).map_err(|_| "not UTF-8")?;
    let host = format!("sts.{}.{}", rules.region, partition_suffix(&rules.region));
    let rest = url.strip_prefix("https://").ok_or("the scheme is not https")?;
    let rest = rest.strip_prefix(&host).ok_or_else(|| format!("the host is not {host}"))?;
    let query = rest.strip_prefix("/?").ok_or("the path is not /")?;

    let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let mut values = BTreeMap::new();
    for (name, value) in &pairs {
        let name = name.to_lowercase();
        ensure(PARAMETERS.contains(&name.as_str()), &format!("the parameter {name} is not allowed"))?;
        ensure(values.insert(name.clone(), value.as_str()).is_none(), &format!("{name} is there twice"))?;
    }
    let value = |name: &str| values.get(name).copied().ok_or_else(|| format!("{name} is missing"));

    ensure(value("action")? == "GetCallerIdentity", "the action is not GetCallerIdentity")?;
    let signed: Vec<&str> = value("x-amz-signedheaders")?.split(';').collect();
    ensure(signed == ["host", "x-k8s-aws-id"], "the signed headers are not host;x-k8s-aws-id")?;
    let expires: u64 = value("x-amz-expires")?.parse().map_err(|_| "X-Amz-Expires is no number")?;
    ensure(expires <= 900, "X-Amz-Expires is above 900")?;

    let date = value("x-amz-date")?;
    let at = instant(date).ok_or("X-Amz-Date is no date")?;
    ensure(now <= at + Duration::from_mins(15), "the token has expired")?;
    ensure(at <= now + Duration::from_mins(5), "the token was signed in the future")?;
    ensure(at >= rules.not_before, "the token was signed too long ago")?;

    let scope = format!("{}/{}/sts/aws4_request", &date[..8], rules.region);
    let credential = value("x-amz-credential")?;
    let id = credential.strip_suffix(&format!("/{scope}")).ok_or("the credential's scope is wrong")?;
    let session = values.get("x-amz-security-token").copied();
    let key = match rules.keys.iter().find(|key| key.id == id) {
        Some(key) => key.clone(),
        None => key_of_role(session, rules, now)?.filter(|key| key.id == id).ok_or(format!("{id} is unknown"))?,
    };
    ensure(session == key.session_token.as_deref(), "the session token is not the key's")?;

    let headers = format!("host:{host}\nx-k8s-aws-id:{}\n", rules.cluster);
    let canonical = format!("GET\n/\n{}\n{headers}\n{}\n{}", canonical_query(&pairs), signed.join(";"), sha256(""));
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha256(&canonical));
    let mut signing = format!("AWS4{}", key.secret).into_bytes();
    for part in scope.split('/').chain([text.as_str()]) {
        signing = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &signing), part.as_bytes()).as_ref().to_vec();
    }
    let agrees = hex(&signing) == value("x-amz-signature")?;
    ensure(agrees, "the signature does not match (cluster name or secret)")?;
    Ok(id.to_owned())
}

/// The key of a session token that a role's session has, if the role is known.
fn key_of_role(session: Option<&str>, rules: &Rules, now: SystemTime) -> Result<Option<Key>, String> {
    let Some(token) = session else { return Ok(None) };
    let mut parts = token.strip_prefix(SESSION).unwrap_or_default().splitn(3, '/');
    let (Some(until), Some(_), Some(arn)) = (parts.next(), parts.next(), parts.next()) else { return Ok(None) };
    ensure(rules.roles.iter().any(|role| role == arn), &format!("the role {arn} is unknown"))?;
    let until = Duration::from_secs(until.parse().map_err(|_| "the session token has no end")?);
    ensure(now < SystemTime::UNIX_EPOCH + until, "the credentials have expired")?;
    Ok(Some(Key::of_session(token)))
}

fn ensure(holds: bool, rule: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(rule.to_owned()) }
}

fn partition_suffix(region: &str) -> &'static str {
    let suffixes = [
        ("cn-", "amazonaws.com.cn"),
        ("us-iso-", "c2s.ic.gov"),
        ("us-isob-", "sc2s.sgov.gov"),
        ("eu-isoe-", "cloud.adc-e.uk"),
        ("us-isof-", "csp.hci.ic.gov"),
        ("eusc-", "amazonaws.eu"),
    ];
    let found = suffixes.iter().find(|(prefix, _)| region.starts_with(prefix));
    found.map_or("amazonaws.com", |(_, suffix)| suffix)
}

/// Reads the signature's own form of a time, `20260120T103000Z`.
fn instant(basic: &str) -> Option<SystemTime> {
    let plain = basic.len() == 16 && basic.is_ascii();
    let [year, month, day, hour, minute, second] =
        [0..4, 4..6, 6..8, 9..11, 11..13, 13..15].map(|part| if plain { &basic[part] } else { "" });
    let extended = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    OffsetDateTime::parse(&extended, &Rfc3339).ok().map(SystemTime::from)
}

fn canonical_query(pairs: &[(String, String)]) -> String {
    let unsigned = pairs.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("x-amz-signature"));
    let mut encoded: Vec<_> = unsigned.map(|(name, value)| (encode(name), encode(value))).collect();
    encoded.sort();
    encoded.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn encode(text: &str) -> String {
    let encode_byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode_byte).collect()
}

fn sha256(text: &str) -> String {
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

fn digit(half: u8) -> char {
    char::from_digit(half.into(), 16).unwrap()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::fixture;

    /// Every vector as its token, the rules that fit it, and the moment it was signed.
    fn vectors() -> Vec<(String, Rules, SystemTime)> {
        let file = fixture("eks-token");
        let read = |case: &serde_json::Value| {
            let text = |name: &str| case[name].as_str().map(str::to_owned);
            let key = Key {
                id: text("access_key_id").unwrap(),
                secret: text("secret_access_key").unwrap(),
                session_token: text("session_token"),
            };
            let rules = Rules {
                cluster: text("cluster").unwrap(),
                region: text("region").unwrap(),
                keys: vec![key],
                roles: Vec::new(),
                not_before: SystemTime::UNIX_EPOCH,
            };
            let signed = OffsetDateTime::parse(&text("signing_time").unwrap(), &Rfc3339).unwrap();
            (text("token").unwrap(), rules, SystemTime::from(signed))
        };
        file["cases"].as_array().unwrap().iter().map(read).collect()
    }

    #[test]
    fn every_vector_is_accepted_a_minute_after_it_was_signed() {
        for (token, rules, signed) in vectors() {
            assert_eq!(judge(&token, &rules, signed + Duration::from_mins(1)), Ok(rules.keys[0].id.clone()));
        }
    }

    #[test]
    fn every_vector_is_refused_outside_its_time() {
        for (token, mut rules, signed) in vectors() {
            assert!(judge(&token, &rules, signed + Duration::from_mins(16)).unwrap_err().contains("expired"));
            assert!(judge(&token, &rules, signed - Duration::from_mins(6)).unwrap_err().contains("future"));
            rules.not_before = signed + Duration::from_secs(1);
            assert!(judge(&token, &rules, signed).unwrap_err().contains("too long ago"));
        }
    }

    #[test]
    fn every_vector_is_refused_for_another_cluster_or_secret() {
        for (token, rules, signed) in vectors() {
            let other = Rules { cluster: "other".into(), ..rules.clone() };
            assert!(judge(&token, &other, signed).unwrap_err().contains("signature"));
            let mut other = rules;
            other.keys[0].secret.push('x');
            assert!(judge(&token, &other, signed).unwrap_err().contains("signature"));
        }
    }

    #[test]
    fn every_vector_is_refused_with_one_character_of_its_signature_changed() {
        for (token, rules, signed) in vectors() {
            let url = URL_SAFE_NO_PAD.decode(token.strip_prefix("k8s-aws-v1.").unwrap()).unwrap();
            let mut url = String::from_utf8(url).unwrap();
            let last = url.pop().unwrap();
            url.push(if last == '0' { '1' } else { '0' });
            let forged = format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url));
            assert!(judge(&forged, &rules, signed).unwrap_err().contains("signature"));
        }
    }
}
