//! SIGHUP: new files for new connections, the old ones for those that are open, and for all if the new are broken.

use super::caller::Caller;
use super::{Files, lab};
use crate::given::BINARY;
use crate::support::Lab;
use crate::support::pki::Authority;
use crate::support::service::Service;

/// The certificate that a new caller is shown.
async fn shown(caller: &Caller, service: &Service) -> Vec<u8> {
    let stream = caller.connect(service).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

async fn reloaded(service: &Service, times: usize) {
    service.signal("HUP").await;
    service
        .log_lines(times, |line| line.contains("reloaded") && line.contains("SIGHUP") && line.contains("INFO"))
        .await;
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_callers_and_open_connections_go_on() {
    let files = Files::new();
    let lab = lab(&files.settings()).await;
    let caller = Caller::new(&files.authority);
    let (mut one, mut two) =
        (caller.clone().offering(&[]).http1(&lab.service).await.unwrap(), caller.http1(&lab.service).await.unwrap());
    assert_eq!(one.get("/livez").await.unwrap().status, 200);
    assert_eq!(two.get("/livez").await.unwrap().status, 200);

    let leaf = files.authority.issue_loopback();
    assert_ne!(shown(&caller, &lab.service).await, leaf.chain[0].to_vec());
    files.put(&leaf);
    reloaded(&lab.service, 1).await;
    assert_eq!(shown(&caller, &lab.service).await, leaf.chain[0].to_vec());
    assert_eq!(one.get("/livez").await.unwrap().status, 200);
    assert_eq!(two.get("/livez").await.unwrap().status, 200);
}

#[tokio::test]
async fn broken_files_leave_the_old_ones_in_force_and_are_logged() {
    let (files, clients) = (Files::new(), Authority::new("clients"));
    let lab = lab(&files.mutual(&clients)).await;
    let caller = Caller::new(&files.authority).showing(&clients.issue(&["nightly"]));
    let before = shown(&caller, &lab.service).await;
    let leaf = files.authority.issue_loopback();
    // The certificate is replaced before its key is, as a careless script does it.
    files.folder.write("cert.pem", &leaf.chain_pem);
    for (file, variable, why) in [
        ("none", "KEY", "does not belong to"),
        ("cert.pem", "CERT", "holds no certificate"),
        ("clients.pem", "CLIENT_CA", "holds no certificate"),
    ] {
        let old = std::fs::read_to_string(files.path(file)).unwrap_or_default();
        files.folder.write(file, "half a fi");
        lab.service.signal("HUP").await;
        let line = lab
            .service
            .log_line(|line| line.contains(&format!("EKS_API_TLS_{variable}_FILE")) && line.contains(why))
            .await;
        assert!(line.contains("ERROR") && line.contains("not reloaded"), "{line}");
        assert_eq!(shown(&caller, &lab.service).await, before);
        assert_eq!(caller.get(&lab.service, "/livez").await.unwrap().status, 200);
        files.folder.write(file, &old);
        files.put(&leaf);
    }
    reloaded(&lab.service, 1).await;
    assert_eq!(shown(&caller, &lab.service).await, leaf.chain[0].to_vec());
}

#[tokio::test]
async fn a_new_client_ca_keeps_those_of_the_old_one_out_even_if_they_come_back() {
    let (files, old, new) = (Files::new(), Authority::new("old"), Authority::new("new"));
    let lab = lab(&files.mutual(&old)).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        files.folder.write("clients.pem", &old.pem());
        let times = 1 + lab.service.logs().iter().filter(|line| line.contains("SIGHUP")).count();
        reloaded(&lab.service, times).await;
        let caller = Caller::new(&files.authority).versions(&[version]).showing(&old.issue(&["old"])).remembering();
        let mut open = caller.http1(&lab.service).await.unwrap();
        assert_eq!(open.get("/livez").await.unwrap().status, 200);
        let mut again = caller.http1(&lab.service).await.unwrap();
        assert_eq!(again.get("/livez").await.unwrap().status, 200, "it may resume its session");

        files.folder.write("clients.pem", &new.pem());
        reloaded(&lab.service, times + 1).await;
        assert!(caller.get(&lab.service, "/livez").await.is_err(), "not with a session of before either");
        let caller = Caller::new(&files.authority).versions(&[version]).showing(&new.issue(&["new"]));
        assert_eq!(caller.get(&lab.service, "/livez").await.unwrap().status, 200);
        assert_eq!(open.get("/livez").await.unwrap().status, 200, "what is open goes on");
    }
}

#[tokio::test]
async fn without_a_file_to_read_again_the_signal_is_told_of_and_does_nothing() {
    let lab = Lab::start(BINARY).await;
    for times in 1..=2 {
        lab.service.signal("HUP").await;
        lab.service.log_lines(times, |line| line.contains("nothing to reload")).await;
    }
    assert_eq!(lab.service.get("/livez").await.status, 200);
}
