//! Who the client is, and whom it trusts.

use super::lively;
use super::manifest;
use super::run::Run;
use crate::calls::BINARY;
use crate::support::Lab;
use crate::support::pki::Authority;
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
