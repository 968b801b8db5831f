//! The plot: its form, and the way to it.

use crate::given::BINARY;
use crate::support::Lab;

const PLOT: &str = "/api/eks-job-stats.svg";

#[tokio::test]
#[cfg_attr(not(feature = "docs"), ignore = "built without the feature docs")]
async fn the_documentation_leads_to_the_plot_also_behind_a_proxy_that_adds_a_path() {
    let lab = Lab::start(BINARY).await;
    let page = lab.service.get("/docs").await.expect_status(200).text();
    assert!(page.contains(r#"href="api/eks-job-stats.svg""#), "{page}");
}

#[tokio::test]
async fn a_caller_who_takes_no_svg_is_refused() {
    let lab = Lab::start(BINARY).await;
    for (accept, status) in [("text/html", 406), ("image/svg+xml", 501), ("image/*", 501), ("*/*", 501)] {
        let reply = lab.service.send("GET", PLOT, &[("accept", accept)], "").await;
        assert_eq!(reply.status, status, "{accept}: {}", reply.text());
    }
}
