//! Files that are not what they should be: told at the start with the variable's name, and never with the key.

use std::os::unix::fs::PermissionsExt;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::{Files, lab};
use crate::given::BINARY;
use crate::support::pki::Authority;
use crate::support::service::Service;

pub(super) const VERSION_1: &str = include_str!("../../../fixtures/x509-v1.pem");

async fn refused(settings: &[(&str, String)]) -> String {
    let builder = settings.iter().fold(Service::builder(BINARY), |builder, (name, value)| builder.env(name, value));
    let output = builder.output().await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{told}");
    told
}

#[tokio::test]
async fn a_file_that_is_not_what_its_variable_promises_is_named_with_what_is_wrong() {
    let whole = Files::new();
    let (leaf, other) = (whole.authority.issue_loopback(), Authority::new("other").issue_loopback());
    // The marks of a private key and its text on one line, as a variable pasted without its line ends.
    let pasted = leaf.key_pem.replace('\n', "");
    let encrypted = leaf.key_pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let bad_base64 = leaf.key_pem.replacen("\nM", "\n!", 1);
    let cut = &leaf.chain_pem[..leaf.chain_pem.len() / 2];
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (file, text, variable, why) in [
        ("cert.pem", "not PEM", "CERT", "holds no certificate in PEM form"),
        ("cert.pem", "", "CERT", "holds no certificate in PEM form"),
        ("cert.pem", cut, "CERT", "is not in PEM form"),
        ("cert.pem", no_certificate, "CERT", "the certificate cannot be read"),
        ("cert.pem", VERSION_1, "CERT", "make one of version 3, with openssl x509"),
        ("cert.pem", &leaf.key_pem, "CERT", "holds no certificate in PEM form"),
        ("cert.pem", &other.chain_pem, "KEY", "the key does not belong to the first certificate of"),
        ("key.pem", &other.key_pem, "KEY", "the key does not belong to the first certificate of"),
        ("key.pem", "not PEM", "KEY", "holds no private key"),
        ("key.pem", &leaf.chain_pem, "KEY", "holds no private key"),
        ("key.pem", &pasted, "KEY", "holds no private key"),
        ("key.pem", &bad_base64, "KEY", "holds no private key"),
        ("key.pem", &encrypted, "KEY", "that is not encrypted"),
        ("clients.pem", "not PEM", "CLIENT_CA", "holds no certificate in PEM form"),
        ("clients.pem", no_certificate, "CLIENT_CA", "the certificate cannot be read"),
    ] {
        let files = Files { folder: crate::support::service::Folder::new(), authority: Authority::new("unused") };
        files.put(&leaf);
        let settings = files.mutual(&files.authority);
        files.folder.write(file, text);
        let told = refused(&settings).await;
        let start =
            format!("EKS_API_TLS_{variable}_FILE: {}: ", files.path(if variable == "KEY" { "key.pem" } else { file }));
        let line = told.lines().last().unwrap();
        assert!(line.starts_with(&start) && line.contains(why), "{file} {text:.30}: {told}");
        let secret = leaf.key_pem.lines().nth(1).unwrap();
        assert!(!told.contains(&secret[..20]) && !told.contains(&secret[1..20]), "{told}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named() {
    for (file, variable) in [("cert.pem", "CERT"), ("key.pem", "KEY"), ("clients.pem", "CLIENT_CA")] {
        let files = Files::new();
        let settings = files.mutual(&files.authority);
        std::fs::remove_file(files.path(file)).unwrap();
        let told = refused(&settings).await;
        let line = told.lines().last().unwrap();
        assert!(line.starts_with(&format!("EKS_API_TLS_{variable}_FILE: ")) && line.contains("No such file"), "{told}");
        std::fs::create_dir(files.path(file)).unwrap();
        assert!(refused(&settings).await.contains("is not a regular file"));
    }
}

#[tokio::test]
async fn half_of_the_settings_is_a_mistake() {
    let files = Files::new();
    let settings = files.mutual(&files.authority);
    for (kept, named) in [(0, "EKS_API_TLS_KEY_FILE"), (1, "EKS_API_TLS_CERT_FILE"), (2, "EKS_API_TLS_CERT_FILE")] {
        let told = refused(&settings[kept..=kept]).await;
        assert!(told.starts_with(settings[kept].0) && told.contains(named), "{told}");
    }
}

#[tokio::test]
async fn a_key_that_every_user_can_read_is_warned_of_and_one_that_only_a_group_can_is_not() {
    for (mode, is_warned_of) in [(0o644, true), (0o640, false), (0o600, false)] {
        let files = Files::new();
        std::fs::set_permissions(files.path("key.pem"), std::fs::Permissions::from_mode(mode)).unwrap();
        let lab = lab(&files.settings()).await;
        let line = lab.service.logs().into_iter().find(|line| line.contains("can read the key"));
        assert_eq!(
            line.is_some_and(|line| line.contains("WARN") && line.contains("key.pem")),
            is_warned_of,
            "{mode:o}"
        );
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_good_now_is_warned_of_and_served() {
    for (from, until, told) in [(2001, 2002, "has expired"), (2100, 2101, "is not valid yet"), (2001, 2100, "in force")]
    {
        let files = Files::new();
        let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (parameters.not_before, parameters.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
        let key = KeyPair::generate().unwrap();
        files.folder.write("cert.pem", &parameters.self_signed(&key).unwrap().pem());
        files.folder.write("key.pem", &key.serialize_pem());
        let lab = lab(&files.settings()).await;
        let line = lab.service.log_line(|line| line.contains(told)).await;
        assert_eq!(line.contains("WARN"), told != "in force", "{line}");
        assert!(line.contains("name=localhost"), "{line}");
    }
}
