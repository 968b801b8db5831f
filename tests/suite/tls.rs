//! TLS to callers: real handshakes with certificates made on the spot, in both versions of TLS.

pub(crate) mod caller;
mod files;
mod reload;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::{TLS12, TLS13};

use crate::given::{BINARY, status_of};
use crate::support::Lab;
use crate::support::pki::{Authority, Leaf};
use crate::support::service::Folder;
use caller::Caller;

/// The files of a service that speaks TLS.
pub(crate) struct Files {
    folder: Folder,
    /// Who issued its certificate.
    pub(crate) authority: Authority,
}

impl Files {
    pub(crate) fn new() -> Self {
        let files = Self { folder: Folder::new(), authority: Authority::new("server CA") };
        files.put(&files.authority.issue_loopback());
        files
    }

    fn put(&self, leaf: &Leaf) {
        self.folder.write("cert.pem", &leaf.chain_pem);
        self.folder.write("key.pem", &leaf.key_pem);
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        vec![("EKS_API_TLS_CERT_FILE", self.path("cert.pem")), ("EKS_API_TLS_KEY_FILE", self.path("key.pem"))]
    }

    /// With certificates of this authority required of callers.
    pub(crate) fn mutual(&self, clients: &Authority) -> Vec<(&'static str, String)> {
        self.folder.write("clients.pem", &clients.pem());
        let mut settings = self.settings();
        settings.push(("EKS_API_TLS_CLIENT_CA_FILE", self.path("clients.pem")));
        settings
    }
}

async fn lab(settings: &[(&str, String)]) -> Lab {
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Lab::with(BINARY, &settings).await
}

#[tokio::test]
async fn both_versions_of_tls_carry_http_1_1_whatever_else_a_caller_offers() {
    let files = Files::new();
    let lab = lab(&files.settings()).await;
    for version in [&TLS12, &TLS13] {
        for (offered, chosen) in [
            (&["h2", "http/1.1"][..], Some("http/1.1")),
            (&["http/1.1", "h2"], Some("http/1.1")),
            (&["http/1.1"], Some("http/1.1")),
            (&["spdy/1", "http/1.1"], Some("http/1.1")),
            (&[], None),
        ] {
            let caller = Caller::new(&files.authority).versions(&[version]).offering(offered);
            let stream = caller.connect(&lab.service).await.unwrap();
            let session = stream.get_ref().1;
            assert_eq!(session.alpn_protocol(), chosen.map(str::as_bytes), "{offered:?}");
            assert_eq!(session.protocol_version(), Some(version.version));
            drop(stream);
            let reply = caller.get(&lab.service, "/livez").await.unwrap();
            assert_eq!((reply.status.as_u16(), reply.text().as_str()), (200, "{\"status\":\"ok\"}"), "{offered:?}");
            let reply = caller.get(&lab.service, &status_of("none")).await.unwrap();
            assert_eq!((reply.status.as_u16(), &reply.json()["reason"]), (404, &"NotFound".into()), "{offered:?}");
        }
    }
}

#[tokio::test]
async fn a_caller_who_does_not_speak_http_1_1_is_refused_in_the_handshake() {
    let files = Files::new();
    let lab = lab(&files.settings()).await;
    for offered in [&["spdy/1"][..], &["h2"]] {
        let error = Caller::new(&files.authority).offering(offered).connect(&lab.service).await.unwrap_err();
        assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
    }
}

#[tokio::test]
async fn a_caller_who_does_not_trust_the_certificate_leaves_and_the_others_are_served() {
    let files = Files::new();
    let lab = lab(&files.settings()).await;
    let error = Caller::new(&Authority::new("other")).get(&lab.service, "/livez").await.unwrap_err();
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    lab.service.log_line(|line| line.contains("TLS handshake failed")).await;
    assert_eq!(Caller::new(&files.authority).get(&lab.service, "/livez").await.unwrap().status, 200);
}

#[tokio::test]
async fn plain_http_is_told_to_use_tls_where_tls_is_spoken() {
    let files = Files::new();
    let lab = lab(&files.settings()).await;
    let answer = lab.service.raw(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 400 ") && answer.ends_with("this port speaks TLS: use https://\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn http2_without_tls_is_not_offered() {
    let lab = Lab::start(BINARY).await;
    let answer = lab.service.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let upgrade = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    let mut wire = crate::wire::Wire::connect(&lab.service).await;
    wire.send(upgrade).await;
    assert_eq!(wire.answer().await.status(), 200, "as if it had not been asked");
}

#[tokio::test]
async fn with_a_client_ca_every_caller_must_show_a_certificate_of_it() {
    let (files, clients) = (Files::new(), Authority::new("clients"));
    let lab = lab(&files.mutual(&clients)).await;
    let nightly = clients.issue(&["nightly.batch.example.com"]);
    let stranger = Authority::new("strangers").issue(&["nightly.batch.example.com"]);
    for version in [&TLS12, &TLS13] {
        let caller = || Caller::new(&files.authority).versions(&[version]);
        // Probes are behind the handshake, too.
        for path in ["/livez", "/readyz", &status_of("none")] {
            assert!(caller().get(&lab.service, path).await.is_err(), "without a certificate: {path}");
            assert!(caller().showing(&stranger).get(&lab.service, path).await.is_err(), "of another CA: {path}");
        }
        let reply = caller().showing(&nightly).get(&lab.service, "/livez").await.unwrap();
        assert_eq!(reply.status, 200);
    }
    lab.service.log_line(|line| line.contains("certificate=nightly.batch.example.com")).await;
    let refused = lab.service.log_line(|line| line.contains("refused: no certificate of the client CA")).await;
    assert!(refused.contains("INFO") && refused.contains("caller=127.0.0.1:"), "{refused}");
    assert!(
        !lab.service.logs().iter().any(|line| line.contains("operation=get_job_status")),
        "nothing reached a route"
    );
}

#[tokio::test]
async fn a_client_certificate_of_version_1_is_refused_and_the_log_says_how_to_make_another() {
    let (files, clients) = (Files::new(), Authority::new("clients"));
    let lab = lab(&files.mutual(&clients)).await;
    let mut leaf = clients.issue(&["nightly"]);
    leaf.chain = vec![CertificateDer::from_pem_slice(files::VERSION_1.as_bytes()).unwrap()];
    assert!(Caller::new(&files.authority).showing(&leaf).get(&lab.service, "/livez").await.is_err());
    let line = lab.service.log_line(|line| line.contains("refused: no certificate of the client CA")).await;
    assert!(line.contains("X.509 version 1: make one of version 3, with openssl x509"), "{line}");
}

#[tokio::test]
async fn a_handshake_that_does_not_go_on_holds_up_nobody() {
    let files = Files::new();
    let lab = lab(&files.settings()).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(tokio::net::TcpStream::connect(lab.service.address()).await.unwrap());
    }
    let reply = Caller::new(&files.authority).get(&lab.service, "/livez").await.unwrap();
    assert_eq!(reply.status, 200);
}
