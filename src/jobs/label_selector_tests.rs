//! The forms of label selectors, and invalid ones.

use super::*;

fn matches(selector: &str) -> bool {
    let labels = [("app", "eks-api"), ("empty", ""), ("example.com/tier", "2"), ("team", "a")];
    Selector::parse(selector).unwrap().matches(labels.into_iter())
}

#[test]
fn every_form_means_the_same_as_in_kubectl() {
    for holds in [
        "",
        " ",
        "app",
        "app=eks-api",
        "app==eks-api",
        "app = eks-api",
        "team!=b",
        "nobody!=b",
        "!nobody",
        "! nobody",
        "team in (a)",
        "team in (b, a)",
        "team notin (b,c)",
        "nobody notin (a)",
        "example.com/tier=2",
        "empty=",
        "app,team=a,team in (a,b),!nobody",
        "empty in ()",
        "team,app,team!=b,team in (a)",
    ] {
        assert!(matches(holds), "{holds}");
    }
    for fails in
        ["nobody", "app=other", "team!=a", "!app", "team in (b,c)", "team notin (a)", "nobody in (a)", "app,team=b"]
    {
        assert!(!matches(fails), "{fails}");
    }
}

#[test]
fn the_selector_sent_to_the_api_server_means_the_same() {
    let shown = Selector::parse("a=b, c!=d,e in (f, g),h notin (i),j,!k,l=").unwrap();
    assert_eq!(shown.to_string(), "a in (b),c notin (d),e in (f,g),h notin (i),j,!k,l in ()");
    assert_eq!(Selector::parse(&shown.to_string()), Ok(shown));
}

#[test]
fn anything_else_is_refused_with_the_syntax() {
    for bad in [
        ",",
        "a,",
        "=b",
        "a===b",
        "a=b=c",
        "a b",
        "a in b",
        "a in (b",
        "a in b)",
        "a in (b))",
        "a in (b)c",
        "(a)",
        "in (a)",
        "a like (b)",
        "a>1",
        "a<1",
        "-a",
        "a=-b",
        "/a",
        "A.b/c/d",
        "a..b/c",
        ".a/c",
        "-a/c",
        "a-/c",
        "a=b c",
        "a=(b)",
        "!a=b",
        "a!",
        "é",
        "a=é",
        "a in ((b))",
        "a\0",
    ] {
        let error = Selector::parse(bad).unwrap_err().to_string();
        assert!(error.contains("a notin (b,c)"), "{bad}: {error}");
    }
    assert!(Selector::parse(&format!("{}=b", "k".repeat(64))).is_err());
    assert!(Selector::parse(&format!("k={}", "v".repeat(64))).is_err());
}
