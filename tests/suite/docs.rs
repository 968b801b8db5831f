//! /docs: the page, its files and how they are sent. That it works in a browser is tests/browser.py's to show.

use std::io::Write;
use std::process::{Command, Stdio};

use eks_api::api::routes::Route;

use crate::calls::{BINARY, detail, lab, problem};
use crate::support::Lab;
use crate::support::service::{Reply, Service};

const PAGE: &str = "/docs";
const SCRIPT: &str = "/docs/swagger-ui-bundle.js";
const STYLE: &str = "/docs/swagger-ui.css";

/// The page and what it is made of.
fn routes() -> impl Iterator<Item = Route> {
    Route::ALL.into_iter().filter(|route| route.path().starts_with(PAGE))
}

async fn packed(service: &Service, path: &str, codings: &str) -> Reply {
    service.send("GET", path, &[("accept-encoding", codings)], "").await
}

/// What gzip makes of it.
fn unpacked(reply: &Reply) -> String {
    let mut gzip = Command::new("gzip").arg("-dc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut sink, packed) = (gzip.stdin.take().unwrap(), reply.body.clone());
    let writing = std::thread::spawn(move || sink.write_all(&packed).unwrap());
    let output = gzip.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.status.success(), "gzip does not take it");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
#[cfg_attr(not(feature = "docs"), ignore = "built without the feature docs")]
async fn the_page_asks_for_its_own_files_and_all_of_them_are_there() {
    let lab = lab().await;
    let page = lab.service.get(PAGE).await.expect_status(200).text();
    let mut asked = 0;
    for attribute in ["src=\"", "href=\""] {
        for named in page.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap()) {
            let path = format!("/{named}");
            let headers = [("accept-encoding", "gzip")];
            // The plot needs a history.
            let status = if path == Route::JobStatsSvg.path() { 501 } else { 200 };
            lab.service.send("GET", &path, &headers, "").await.expect_status(status);
            asked += 1;
        }
    }
    assert_eq!(asked, 6, "{page}");
    assert!(!page.contains("//"), "it names another place: {page}");
    let start = lab.service.get("/docs/start.js").await.expect_status(200).text();
    assert!(start.contains("url: \"openapi.json\""), "{start}");
    assert!(!page.contains("<script>") && !page.contains("style="), "the policy forbids what is written into the page");
}

#[tokio::test]
#[cfg_attr(not(feature = "docs"), ignore = "built without the feature docs")]
async fn the_page_may_do_nothing_but_with_what_comes_from_here() {
    let lab = lab().await;
    let page = lab.service.get(PAGE).await.expect_status(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    for route in routes() {
        let reply = packed(&lab.service, route.path(), "gzip").await.expect_status(200);
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{route:?}");
        assert_eq!(reply.header("content-type"), Some(route.media().name()), "{route:?}");
        assert_eq!(reply.header("cache-control"), Some("no-cache"), "{route:?}");
        let tag = reply.header("etag").unwrap();
        let headers = [("accept-encoding", "gzip"), ("if-none-match", tag)];
        let again = lab.service.send("GET", route.path(), &headers, "").await.expect_status(304);
        assert_eq!((again.body.len(), again.header("etag")), (0, Some(tag)), "{route:?}");
        assert_eq!(lab.service.send("HEAD", route.path(), &[], "").await.body.len(), 0);
    }
}

#[tokio::test]
#[cfg_attr(not(feature = "docs"), ignore = "built without the feature docs")]
async fn what_is_compressed_is_sent_so_or_not_at_all() {
    let lab = lab().await;
    for (path, starts, longer) in [(SCRIPT, "/*! For license information", 1_000_000), (STYLE, ".swagger-ui", 100_000)]
    {
        let reply = packed(&lab.service, path, "gzip, deflate, br").await.expect_status(200);
        assert_eq!((reply.header("content-encoding"), reply.header("vary")), (Some("gzip"), Some("accept-encoding")));
        let text = unpacked(&reply);
        assert!(text.starts_with(starts) && text.len() > longer && reply.body.len() < text.len() / 2, "{path}");
        for codings in ["identity", "br", "gzip;q=0"] {
            let told = detail(&packed(&lab.service, path, codings).await, 406, "NotAcceptable");
            assert!(told.contains("--compressed"), "{told}");
        }
    }
    for path in [PAGE, "/docs/start.js", "/docs/favicon.png"] {
        let reply = packed(&lab.service, path, "identity").await.expect_status(200);
        assert_eq!(reply.header("content-encoding"), None, "{path}");
    }
}

#[tokio::test]
async fn the_root_leads_to_the_page_if_it_is_served() {
    let lab = lab().await;
    for method in ["GET", "HEAD"] {
        let reply = lab.service.send(method, "/", &[], "").await;
        if cfg!(feature = "docs") {
            assert_eq!(reply.expect_status(302).header("location"), Some("docs"), "relative, for a proxy");
        } else {
            reply.expect_status(404);
        }
    }
    assert!(!detail(&lab.service.send("POST", "/", &[], "").await, 404, "path_not_found").is_empty());

    let lab = Lab::with(BINARY, &[("EKS_API_DOCS", "false")]).await;
    for path in ["/", "/nowhere"] {
        let told = detail(&lab.service.get(path).await, 404, "path_not_found");
        assert!(told.contains("eks-api openapi prints the paths") && !told.contains("see /docs"), "{told}");
    }
}

#[tokio::test]
async fn other_paths_are_not_there() {
    let lab = lab().await;
    for path in ["/docs/", "/docs/index.html", "/docs/../docs", "/docs/swagger-ui-bundle.js.gz", "/docs/openapi.json"] {
        problem(&lab.service.get(path).await, 404, "path_not_found");
    }
    problem(&lab.service.post(PAGE, &serde_json::json!({})).await, 405, "MethodNotAllowed");
    problem(&lab.service.get("/docs?url=http://evil.example").await, 400, "BadRequest");
}

#[tokio::test]
async fn the_setting_and_the_feature_leave_nothing_of_it() {
    let lab = Lab::with(BINARY, &[("EKS_API_DOCS", "false")]).await;
    for route in routes() {
        assert!(detail(&lab.service.get(route.path()).await, 404, "path_not_found").contains("EKS_API_DOCS"));
    }
    if cfg!(not(feature = "docs")) {
        let lab = self::lab().await;
        for route in routes() {
            assert!(detail(&lab.service.get(route.path()).await, 404, "path_not_found").contains("built without"));
        }
    }
}
