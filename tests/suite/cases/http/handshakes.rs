//! What strangers to TLS can make the service write into its log.

use crate::support::Lab;
use crate::support::pki::Authority;
use crate::tls::Files;
use crate::tls::caller::Caller;

#[tokio::test]
async fn b17_refused_handshakes_are_logged_at_a_bounded_rate() {
    let (files, clients) = (Files::new(), Authority::new("clients"));
    let settings = files.mutual(&clients);
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let lab = Lab::with(crate::given::BINARY, &settings).await;
    let stranger = Caller::new(&files.authority).showing(&Authority::new("strangers").issue(&["nightly"]));
    for _ in 0..10 {
        assert!(stranger.get(&lab.service, "/livez").await.is_err());
    }
    let failed = lab.service.log_lines(9, |line| line.contains("TLS handshake failed")).await;
    assert!(failed.iter().all(|line| line.contains("DEBUG")), "{failed:?}");
    let is_shown = |line: &String| line.contains("refused: no certificate of the client CA");
    let shown: Vec<_> = lab.service.logs().into_iter().filter(is_shown).collect();
    assert!(shown.len() == 1 && shown[0].contains("INFO") && shown[0].contains("not_logged=0"), "{shown:?}");
}
