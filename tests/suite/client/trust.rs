//! Who the client is, and whom it trusts.

use super::lively;
use super::manifest;
use super::run::Run;
use crate::calls::BINARY;
use crate::support::Lab;
use crate::support::pki::{Authority, Leaf};
use crate::support::service::Folder;

/// A lab that asks for a key, and one of this role.
pub(crate) async fn keyed(role: &str) -> (Lab, String) {
    let arguments = ["keygen", "ci", "--role", role, "--namespaces", "*"];
    let output = crate::support::service::run(BINARY, &arguments, &[]).await;
    let [key, line] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    let folder = Folder::new();
    folder.write("keys", &line);
    let file = folder.path().join("keys");
    let lab = lively(&[("EKS_API_AUTH", "api-key"), ("EKS_API_KEYS_FILE", file.to_str().unwrap())]).await;
    (lab, key.trim_end().to_owned())
}

#[tokio::test]
async fn a_key_comes_from_a_file_or_the_environment_and_is_never_printed() {
    let (lab, key) = keyed("admin").await;
    let run = |name: &str| Run::of(&manifest(name, "exit 5"), lab.service.address()).args(&["--follow"]);
    let ended = [
        run("one").file("key", &format!("{key}\n")).args(&["--key-file", "key"]).ended().await,
        run("two").env("EKS_API_KEY", &key).ended().await,
        run("three").env("EKS_API_TOKEN", &key).ended().await,
    ];
    for ended in ended {
        ended.expect(5, "failed (exit code 5)");
        assert!(!ended.stderr.contains(&key) && !ended.stdout.contains(&key), "{ended:?}");
    }
    run("four").ended().await.expect(77, "the job is not created: ");
    let wrong = run("five").env("EKS_API_KEY", "hunter2").ended().await;
    wrong.expect(77, "(401 Unauthorized, request ");
    assert!(!wrong.stderr.contains("hunter2"), "{wrong:?}");
    run("six").env("EKS_API_KEY", "a").env("EKS_API_TOKEN", "b").ended().await.expect(2, "are both set");
}

#[tokio::test]
async fn a_key_that_may_not_make_jobs_is_told_so() {
    let (lab, key) = keyed("read").await;
    let run = Run::of(&manifest("hello", "true"), lab.service.address()).env("EKS_API_KEY", &key).ended().await;
    run.expect(77, "403 role_not_sufficient");
}

#[tokio::test]
async fn a_certificate_is_to_be_of_the_ca_that_is_named() {
    let (authority, other, folder) = (Authority::new("server CA"), Authority::new("another CA"), Folder::new());
    let leaf = authority.issue_loopback();
    folder.write("cert.pem", &leaf.chain_pem);
    folder.write("key.pem", &leaf.key_pem);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let lab = lively(&[("EKS_API_TLS_CERT_FILE", &cert), ("EKS_API_TLS_KEY_FILE", &key)]).await;
    let url = format!("https://{}", lab.service.address());
    let run = |authority: &Authority| {
        let run = Run::with(&manifest("hello", "true"), &["-f", "job.json", "--url", &url, "--follow"]);
        run.file("ca.crt", &authority.pem()).args(&["--ca-file", "ca.crt"])
    };
    let ended = run(&authority).ended().await;
    ended.expect(0, "job default/hello completed");
    assert_eq!(ended.stdout.lines().count(), 3, "{ended:?}");
    run(&other).ended().await.expect(69, "is not trusted: ");
    let system = Run::with(&manifest("hello", "true"), &["-f", "job.json", "--url", &url]).file("ca", &other.pem());
    system.env("SSL_CERT_FILE", "ca").ended().await.expect(69, "see --ca-file");
}

/// A certificate with its key, in files beside the manifest. The key is its owner's only.
fn identified(run: Run, leaf: &Leaf) -> Run {
    run.file("own.crt", &leaf.chain_pem).private_file("own.key", &leaf.key_pem)
}

#[tokio::test]
async fn a_certificate_is_sent_if_the_service_asks_for_one() {
    let (authority, callers, folder) = (Authority::new("server CA"), Authority::new("callers"), Folder::new());
    let leaf = authority.issue_loopback();
    let files = [("cert.pem", &leaf.chain_pem), ("key.pem", &leaf.key_pem), ("callers.pem", &callers.pem())];
    let [cert, key, ca] = files.map(|(name, text)| {
        folder.write(name, text);
        folder.path().join(name).to_str().unwrap().to_owned()
    });
    let settings =
        [("EKS_API_TLS_CERT_FILE", &cert), ("EKS_API_TLS_KEY_FILE", &key), ("EKS_API_TLS_CLIENT_CA_FILE", &ca)];
    let lab = lively(&settings.map(|(name, value)| (name, value.as_str()))).await;
    let url = format!("https://{}", lab.service.address());
    let run = |name: &str| {
        let run = Run::with(&manifest(name, "true"), &["-f", "job.json", "--url", &url, "--ca-file", "ca.crt"]);
        run.file("ca.crt", &authority.pem())
    };
    let own = callers.issue(&["nightly.example.com"]);
    let options = ["--cert", "own.crt", "--key", "own.key"];
    identified(run("one"), &own).args(&options).ended().await.expect(0, "job default/one completed");
    let by_variables = identified(run("two"), &own).env("EKS_API_CLIENT_CERT", "own.crt");
    by_variables.env("EKS_API_CLIENT_KEY", "own.key").ended().await.expect(0, "job default/two completed");
    let list = Run::program(BINARY, "", &["list", "--url", &url, "--ca-file", "ca.crt"]);
    let listed = identified(list.file("ca.crt", &authority.pem()), &own).args(&options).ended().await;
    listed.expect(0, "");
    assert!(listed.stdout.contains("one") && listed.stdout.contains("two"), "{listed:?}");

    let without = run("three").ended().await;
    without.expect(69, "requires a client certificate: ");
    without.expect(69, "see --cert and --key");
    assert!(!without.stderr.contains("--ca-file"), "{without:?}");
    let foreign = identified(run("four"), &authority.issue(&["nightly.example.com"])).args(&options).ended().await;
    foreign.expect(69, "refuses the TLS connection: ");
    Run::of(&manifest("five", "true"), lab.service.address()).ended().await.expect(69, "this port speaks TLS");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_found_before_anything_is_sent() {
    let callers = Authority::new("callers");
    let (own, other) = (callers.issue(&["nightly.example.com"]), callers.issue(&["daily.example.com"]));
    // Nothing listens there.
    let run = || identified(Run::with("{}", &["-f", "job.json", "--url", "https://127.0.0.1:1"]), &own);
    let run = || run().private_file("other.key", &other.key_pem).file("open.key", &own.key_pem);
    for (cert, key, told) in [
        ("own.crt", "other.key", "--key other.key: the key does not belong to the first certificate of own.crt"),
        ("own.crt", "missing.key", "--key missing.key: No such file"),
        ("missing.crt", "own.key", "--cert missing.crt: No such file"),
        ("own.crt", "open.key", "--key open.key: all users have access to it (mode 644); run chmod 600 on it"),
        ("job.json", "own.key", "--cert job.json: it has no certificate in PEM form"),
    ] {
        let ended = run().env("SSL_CERT_FILE", "own.crt").args(&["--cert", cert, "--key", key]).ended().await;
        ended.expect(2, told);
    }
    run().args(&["--cert", "own.crt"]).ended().await.expect(2, "--cert needs --key");
}
