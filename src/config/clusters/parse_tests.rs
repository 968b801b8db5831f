//! Tests of the clusters file.

use std::fmt::Write as _;

use super::*;
use crate::config::pattern::Patterns;

const ROLE: &str = "role=arn:aws:iam::222222222222:role/eks-api";

/// Stands in for the file system.
fn read_ca(path: &Path) -> Result<Vec<u8>, String> {
    match path.to_str() {
        Some("lab.crt") => Ok(b"pem of lab".to_vec()),
        _ => Err("No such file".to_owned()),
    }
}

fn parsed(text: &str) -> Result<Vec<ClusterConfig>, Vec<String>> {
    parse(text, read_ca)
}

/// The mistakes of a line that follows a good one.
fn mistakes(line: &str) -> Vec<String> {
    parsed(&format!("# clusters\ngood region=us-east-1 default=true\n{line}\n")).err().unwrap_or_default()
}

/// A line with name and region only.
fn single(name: &str, region: &str) -> ClusterConfig {
    ClusterConfig { is_from_file: true, ..ClusterConfig::single(name, region) }
}

fn lines(count: usize) -> String {
    (1..=count).fold(String::new(), |mut text, number| {
        let default = if number == 1 { "default=true" } else { "" };
        let _ = writeln!(text, "c{number} region=us-east-1 {default}\n# comment {number}\n");
        text
    })
}

#[test]
fn a_file_describes_clusters_with_all_their_keys() {
    let text = "\
# NAME  key=value …
prod  region=us-east-1 default=true

eu    cluster=batch_7 region=eu-west-1 role=arn:aws:iam::222222222222:role/eks-api external_id=4f0c namespaces=a,b-*
lab   cluster=lab region=us-east-1 endpoint=https://ABC.gr7.us-east-1.eks.amazonaws.com ca_file=lab.crt default=false
";
    let role = AssumedRole {
        arn: "arn:aws:iam::222222222222:role/eks-api".to_owned(),
        external_id: Some("4f0c".to_owned()),
        session_name: "eks-api".to_owned(),
    };
    let endpoint = StaticEndpoint {
        url: "https://ABC.gr7.us-east-1.eks.amazonaws.com".to_owned(),
        ca_pem: b"pem of lab".to_vec(),
    };
    let expected = [
        single("prod", "us-east-1"),
        ClusterConfig {
            eks_name: "batch_7".to_owned(),
            is_default: false,
            role: Some(role),
            namespaces: Some(Patterns::parse("a,b-*").unwrap()),
            ..single("eu", "eu-west-1")
        },
        ClusterConfig { is_default: false, endpoint: Some(endpoint), ..single("lab", "us-east-1") },
    ];
    assert_eq!(parsed(text).unwrap(), expected);
}

#[test]
fn the_session_name_can_be_chosen() {
    let clusters = parsed(&format!("eu region=eu-west-1 {ROLE} role_session_name=team@x")).unwrap();
    assert_eq!(clusters[0].role.as_ref().unwrap().session_name, "team@x");
}

#[test]
fn a_byte_order_mark_tabs_and_windows_line_ends_are_skipped() {
    let expected = parsed("a region=us-east-1 default=true\nb region=us-east-1").unwrap();
    let text =
        "\u{feff}# clusters\r\n\r\n\ta\tregion=us-east-1 \t default=true \r\n  b region=us-east-1\t\r\n  \t# end\r\n";
    assert_eq!(parsed(text).unwrap(), expected);
    assert_eq!(parsed("\u{feff}a region=us-east-1\r\n").unwrap(), [single("a", "us-east-1")]);
}

#[test]
fn each_mistake_of_a_line_names_the_line_and_the_key() {
    let long_id = format!("{ROLE} external_id={}", "i".repeat(1225));
    let long_session = format!("{ROLE} role_session_name={}", "s".repeat(65));
    for (line, expected) in [
        ("eu", "region is missing: add region=us-east-1"),
        ("Eu region=eu-west-1", "the name is \"Eu\": it must be at most 63 lower case letters"),
        ("cluster=x region=eu-west-1", "the name is \"cluster=x\""),
        ("eu region=", "region is \"\": it must be an AWS region, such as us-east-1"),
        ("eu region=eu/west", "region is \"eu/west\": it must be an AWS region"),
        ("eu region=eu-west-1 region=eu-west-1", "region is given twice: remove one of them"),
        ("eu region=eu-west-1 cluster=../x", "cluster is \"../x\": it must be the name of an EKS cluster"),
        ("eu region=eu-west-1 default=true", "default=true is on line 2 already: remove one of them"),
        ("good region=eu-west-1", "the name of line 2 is used again: choose another name"),
        (
            "eu region=eu-west-1 role=eks-api",
            "role is \"eks-api\": it must be the ARN of an IAM role, such as arn:aws:iam::",
        ),
        ("eu region=eu-west-1 external_id=4f0c", "external_id needs a role: add role=ARN, or remove external_id"),
        ("eu region=eu-west-1 role_session_name=me", "role_session_name needs a role"),
        (&format!("eu region=eu-west-1 {long_id}"), "external_id must be 2 to 1224 letters, digits and _+=,.@:/-"),
        (&format!("eu region=eu-west-1 {long_session}"), "it must be 2 to 64 letters, digits and _+=,.@-"),
        ("eu region=eu-west-1 namespaces=", "namespaces is \"\": it must be names or patterns such as a,team-*"),
        ("eu region=eu-west-1 namespaces=A", "namespaces is \"A\""),
        ("eu region=eu-west-1 endpoint=https://a", "endpoint needs the cluster's CA: add ca_file=FILE"),
        ("eu region=eu-west-1 ca_file=lab.crt", "ca_file needs an endpoint: add endpoint=https://HOST"),
        (
            "eu region=eu-west-1 endpoint=http://a ca_file=lab.crt",
            "endpoint is \"http://a\": it must be https://HOST or https://HOST:PORT, without a path",
        ),
        ("eu region=eu-west-1 endpoint=https://a ca_file=other", "ca_file is \"other\": No such file"),
        ("eu region=eu-west-1 namespace=a", "unknown key \"namespace\": did you mean namespaces?"),
        ("eu region=eu-west-1 external-id=a", "unknown key \"external-id\": did you mean external_id?"),
        ("eu region=eu-west-1 Region=a", "unknown key \"Region\": did you mean region?"),
        ("eu region=eu-west-1 x=a", "unknown key \"x\": the keys are cluster, region, default, role, "),
        ("eu region=eu-west-1 # in Ireland", "a comment follows the keys: write it on a line of its own"),
        ("eu region=eu-west-1 namespaces=a, b", "a word is not key=value: write key=value without blanks"),
    ] {
        let found = mistakes(line);
        assert!(found[0].starts_with("line 3: ") && found[0].contains(expected), "{line}: {found:?}");
        assert_eq!(found.len(), 1, "{line}: {found:?}");
    }
}

#[test]
fn blanks_around_the_sign_are_told_once() {
    for line in ["eu region = us-east-1 cluster = b", "eu region =us-east-1", "eu =us-east-1"] {
        let found = mistakes(line);
        assert_eq!(found[0], "line 3: a word is not key=value: write key=value without blanks");
        assert_eq!(found[1], "line 3: region is missing: add region=us-east-1");
        assert_eq!(found.len(), 2, "{line}: {found:?}");
    }
}

#[test]
fn all_mistakes_are_reported_in_the_order_of_the_lines() {
    let text = "\
prod cluster=prod
# comment

eu region=eu_west_1 role=x external_id=a
eu region=eu-west-1 endpoint=https://a/b ca_file=missing.crt colour=red
";
    let found = parsed(text).unwrap_err();
    let starts = [
        "line 1: region is missing",
        "line 4: region is \"eu_west_1\"",
        "line 4: role is \"x\"",
        "line 4: external_id must be",
        "line 5: unknown key \"colour\"",
        "line 5: endpoint is \"https://a/b\"",
        "line 5: ca_file is \"missing.crt\"",
        "line 5: the name of line 4 is used again",
        "no line has default=true: add it to the line of one cluster",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (mistake, start) in found.iter().zip(starts) {
        assert!(mistake.starts_with(start), "{mistake} does not start with {start}");
    }
}

#[test]
fn one_cluster_is_the_default_and_several_need_one() {
    for line in ["a region=us-east-1", "a region=us-east-1 default=true", "a region=us-east-1 default=false"] {
        assert!(parsed(line).unwrap()[0].is_default, "{line}");
    }
    let two = |first: &str, second: &str| parsed(&format!("a region=us-east-1 {first}\nb region=us-east-1 {second}"));
    assert_eq!(two("", "").unwrap_err(), ["no line has default=true: add it to the line of one cluster"]);
    assert_eq!(two("default=false", "default=false").unwrap_err().len(), 1);
    assert_eq!(two("default=true", "default=true").unwrap_err().len(), 1);
    assert_eq!(two("", "default=yes").unwrap_err(), ["line 2: default is \"yes\": it must be true or false"]);
    assert!(two("", "default=true").unwrap()[1].is_default);
}

#[test]
fn a_file_without_a_cluster_is_a_mistake() {
    for text in ["", "\u{feff}", "\n\r\n", "# prod region=us-east-1\n"] {
        assert_eq!(parsed(text).unwrap_err(), ["there is no cluster in it: add a line such as prod region=us-east-1"]);
    }
}

#[test]
fn a_file_has_at_most_32_clusters() {
    assert_eq!(parsed(&lines(32)).unwrap().len(), 32);
    for count in [33, 500] {
        let expected = ["line 97: more than 32 clusters: remove this line and the later ones"];
        assert_eq!(parsed(&lines(count)).unwrap_err(), expected);
    }
}

#[test]
fn values_have_the_lengths_that_aws_allows() {
    let is_good = |key: &str, length: usize| {
        let text = format!("eu region=eu-west-1 {ROLE} {key}={}", "x".repeat(length));
        parsed(&text).is_ok()
    };
    for (key, least, most) in [("external_id", 2, 1224), ("role_session_name", 2, 64), ("cluster", 1, 100)] {
        assert!(is_good(key, least) && is_good(key, most), "{key}");
        assert!(!is_good(key, least - 1) && !is_good(key, most + 1), "{key}");
    }
    let named = |length: usize| parsed(&format!("{} region=eu-west-1", "n".repeat(length))).is_ok();
    assert!(named(63) && !named(64));
}

#[test]
fn an_external_id_has_the_characters_that_sts_allows_and_is_never_shown() {
    let good = parsed(&format!("eu region=eu-west-1 {ROLE} external_id=aZ09_+=,.@:/-")).unwrap();
    assert_eq!(good[0].role.as_ref().unwrap().external_id.as_deref(), Some("aZ09_+=,.@:/-"));
    assert!(!format!("{good:?}").contains("aZ09"), "{good:?}");
    for bad in ["4f0c!", "4f0c\u{e4}", "\"4f0c\"", "4f0c 4f0c", "4f0c external_id=4f0d"] {
        for role in [ROLE, ""] {
            let found = mistakes(&format!("eu region=eu-west-1 {role} external_id={bad}"));
            assert!(!found.is_empty() && !found.concat().contains("4f0"), "{found:?}");
        }
    }
}

#[test]
fn a_long_or_hostile_value_is_shortened_and_escaped() {
    let found = mistakes(&format!("eu region=\u{1b}[2J{}", "x".repeat(10_000)));
    assert!(found[0].starts_with("line 3: region is \"\\u{1b}[2Jxxx") && found[0].len() < 250, "{found:?}");
    let found = mistakes(&format!("eu region=eu-west-1 {}\u{7}=1", "x".repeat(10_000)));
    assert!(found[0].len() < 350 && !found[0].contains('\u{7}'), "{found:?}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = ClusterSource::File("/nowhere/clusters".into()).load().unwrap_err();
    assert!(error.starts_with("EKS_API_CLUSTERS_FILE is /nowhere/clusters: No such file"), "{error}");
    let error = ClusterSource::File("/dev/zero".into()).load().unwrap_err();
    assert_eq!(error, "EKS_API_CLUSTERS_FILE is /dev/zero: is not a regular file");
}
