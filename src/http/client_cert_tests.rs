//! Tests with certificates of all kinds, and with malformed ones.

use rcgen::{CertificateParams, CustomExtension, DnType, DnValue, KeyPair, SanType, date_time_ymd};

use super::*;

fn made(names: Vec<SanType>, common_names: &[DnValue]) -> Vec<u8> {
    let mut parameters = CertificateParams::default();
    parameters.subject_alt_names = names;
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::OrganizationName, "lab");
    for name in common_names {
        parameters.distinguished_name.push(DnType::CommonName, name.clone());
    }
    parameters.not_before = date_time_ymd(2026, 2, 3);
    parameters.not_after = date_time_ymd(2055, 12, 31);
    parameters.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

fn name(der: &[u8]) -> Option<String> {
    Certificate::parse(der).unwrap().name()
}

fn text(text: &str) -> DnValue {
    DnValue::Utf8String(text.to_owned())
}

#[test]
fn the_first_dns_name_email_address_or_uri_counts() {
    let dns = || SanType::DnsName("batch.example.com".try_into().unwrap());
    let mail = || SanType::Rfc822Name("ada@example.com".try_into().unwrap());
    let uri = || SanType::URI("spiffe://example.com/ns/batch/sa/nightly".try_into().unwrap());
    let address = || SanType::IpAddress([127, 0, 0, 1].into());
    let cn = [text("nobody")];
    assert_eq!(name(&made(vec![dns(), mail(), uri()], &cn)), Some("batch.example.com".to_owned()));
    assert_eq!(name(&made(vec![address(), mail(), dns()], &cn)), Some("email:ada@example.com".to_owned()));
    assert_eq!(name(&made(vec![uri()], &[])), Some("uri:spiffe://example.com/ns/batch/sa/nightly".to_owned()));
}

#[test]
fn without_such_a_name_the_common_name_counts() {
    let address = SanType::IpAddress([127, 0, 0, 1].into());
    assert_eq!(name(&made(vec![address], &[text("nightly batch")])), Some("cn:nightly batch".to_owned()));
    assert_eq!(name(&made(vec![], &[text("Jürgen")])), Some("cn:Jürgen".to_owned()));
    let printable = DnValue::PrintableString("nightly".try_into().unwrap());
    assert_eq!(name(&made(vec![], &[printable])), Some("cn:nightly".to_owned()));
    assert_eq!(name(&made(vec![], &[])), None);
}

#[test]
fn b14_no_name_looks_like_a_name_of_another_kind() {
    let cn = |name: &str| made(vec![], &[text(name)]);
    assert_eq!(name(&cn("ada@example.com")), Some("cn:ada@example.com".to_owned()));
    assert_eq!(name(&cn("email:ada@example.com")), Some("cn:email:ada@example.com".to_owned()));
    let uri = SanType::URI("uri:me@example.com".try_into().unwrap());
    assert_eq!(name(&made(vec![uri], &[])), Some("uri:uri:me@example.com".to_owned()));
    for forged in ["email:ada@example.com", "cn:admin", "uri:x", "dns:x"] {
        let dns = SanType::DnsName(forged.try_into().unwrap());
        assert_eq!(name(&made(vec![dns], &[text("admin")])), None, "{forged}");
    }
}

#[test]
fn a_name_that_could_deceive_a_reader_is_rejected() {
    let long = "n".repeat(MAX_NAME_LEN + 1);
    for bad in ["a\nb", "a\0", "\u{202e}nimda", " admin", "admin ", "", "a\u{200b}b", long.as_str()] {
        assert_eq!(name(&made(vec![], &[text(bad)])), None, "{bad:?}");
    }
    for bad in ["a\nb", "ada @example.com", ""] {
        let names = vec![SanType::URI(bad.try_into().unwrap())];
        assert_eq!(name(&made(names, &[text("admin")])), None, "{bad:?} does not give way to the common name");
    }
}

#[test]
fn the_validity_is_read_in_both_forms() {
    let der = made(vec![], &[]);
    let (from, until) = Certificate::parse(&der).unwrap().validity().unwrap();
    let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
    assert_eq!((from, until), (at(1_770_076_800), at(2_713_824_000)));
    assert_eq!(time((UTC_TIME, b"491231235959Z")), Some(at(2_524_607_999)));
    for bad in ["", "Z", "2602300000Z", "261301000000Z", "26010100000\u{e4}Z", "260101000000+0100"] {
        assert_eq!(time((UTC_TIME, bad.as_bytes())), None, "{bad:?}");
    }
}

#[test]
fn another_extension_before_the_names_is_skipped() {
    let mut parameters = CertificateParams::new(vec!["a.example.com".to_owned()]).unwrap();
    let mut other = CustomExtension::from_oid_content(&[1, 2, 3], vec![5, 0]);
    other.set_criticality(true);
    parameters.custom_extensions = vec![other];
    let made = parameters.self_signed(&KeyPair::generate().unwrap()).unwrap();
    assert_eq!(name(made.der()), Some("a.example.com".to_owned()));
}

#[test]
fn malformed_input_causes_no_panic() {
    let whole = made(vec![SanType::DnsName("a.example.com".try_into().unwrap())], &[text("b")]);
    let read = |der: &[u8]| Certificate::parse(der).map(|found| (found.name().is_some(), found.validity().is_some()));
    assert_eq!(read(&whole), Some((true, true)));
    for end in 0..whole.len() {
        assert_eq!(read(&whole[..end]), None, "cut at {end}");
    }
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..20_000 {
        let mut changed = whole.clone();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..changed.len());
            changed[at] = random.u8(..);
        }
        let _ = read(&changed);
        let length = random.usize(..64);
        let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
        let _ = read(&noise);
    }
}
