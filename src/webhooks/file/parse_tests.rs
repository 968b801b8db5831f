//! Tests of the webhooks file.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::config::pattern::Patterns;
use crate::jobs::label_selector::Selector;
use crate::webhooks::Webhooks;
use crate::webhooks::file::line::KEYS;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/LICENSE");

/// The folder of a test, removed with its handle.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("eks-api-webhooks-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        let folder = Self(path);
        folder.write("ops.key", SECRET);
        folder
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The words that every line needs.
    fn needed(&self) -> String {
        format!("url=https://relay.example.com/eks secret_file={}/ops.key", self.0.display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_describes_endpoints_with_all_their_keys() {
    let folder = Folder::new("keys");
    let ca = rcgen::generate_simple_self_signed(["ca".to_owned()]).unwrap().cert.pem();
    let ca_file = folder.write("ca.pem", &ca);
    let needed = folder.needed();
    let text = format!(
        "\u{feff}# NAME key=value\r\nops {needed} events=job.failed,batch.* namespaces=team-a,build-* clusters=prod \
         label_selector=team=a,stage!=test ca_file={ca_file}\r\n\n\taudit\t{needed} events=*\nplain {needed}\n"
    );
    let endpoints = parse(&text).unwrap();
    let [ops, audit, plain] = &endpoints[..] else { panic!("{endpoints:?}") };
    assert_eq!((&*ops.name, &*audit.name, &*plain.name), ("ops", "audit", "plain"));
    assert_eq!(ops.url.path, "/eks");
    assert_eq!((&ops.url.host[..], ops.url.port, ops.url.is_tls), ("relay.example.com", 443, true));
    assert_eq!(ops.events, ["job.failed", "batch.*"]);
    assert_eq!(ops.namespaces, Some(Patterns::parse("team-a,build-*").unwrap()));
    assert_eq!(ops.clusters, Some(Patterns::parse("prod").unwrap()));
    assert_eq!(ops.label_selector, Selector::parse("team=a,stage!=test").unwrap());
    assert_eq!(ops.ca_pem.as_deref(), Some(ca.as_bytes()));
    assert_eq!(ops.secrets.0.len(), 1);
    assert_eq!(audit.events, ["*"]);
    assert_eq!(plain.events, ["job.completed", "job.failed"]);
    assert!(plain.namespaces.is_none() && plain.clusters.is_none() && plain.ca_pem.is_none());
    assert!(plain.label_selector.is_empty());
}

#[test]
fn each_mistake_of_a_line_names_the_line_and_the_key() {
    let folder = Folder::new("mistakes");
    let needed = folder.needed();
    let key = format!("{}/ops.key", folder.0.display());
    let short = folder.write("short.key", "whsec_c2hvcnQ=");
    let three = folder.write("three.key", &format!("{SECRET}\n{SECRET}\n{SECRET}\n"));
    let missing_key = format!("ops url=https://a secret_file={key}.old");
    let files = [
        (
            format!("ops url=https://a secret_file={short}"),
            "secret_file cannot be used: its line 1 is a secret of 5".to_owned(),
        ),
        (format!("ops url=https://a secret_file={three}"), "secret_file cannot be used: it has 3 secrets".to_owned()),
        (missing_key, "secret_file cannot be used: No such file".to_owned()),
        (format!("ops {needed} ca_file={CA}"), format!("ca_file is {CA:?}: it has no certificate")),
    ];
    let texts = [
        ("ops", "", "url is missing: add url=https://HOST/PATH"),
        ("ops url=https://a", "", "secret_file is missing: add secret_file=FILE"),
        ("Ops", &needed, "the name must be at most 63 lower case letters"),
        ("https://hooks.example.com/s3cret", &needed, "the name must be at most 63"),
        ("good", &needed, "the name of line 2 is used again: choose another name"),
        ("ops url=https://a", &needed, "url is given twice: remove one of them"),
        ("ops url=http://a/s3cret secret_file=ops.key", "", "url has http:// and the host \"a\": write https://"),
        ("ops https://a/s3cret", &needed, "a word is not key=value: write key=value without blanks"),
        ("ops https://a/?s3cret=s3cret", &needed, "unknown key: the keys are url, events, namespaces, clusters, "),
        ("ops event=job.failed", &needed, "unknown key \"event\": did you mean events?"),
        ("ops secret=s3cret", &needed, "unknown key \"secret\": the keys are url, "),
        ("ops # ours", &needed, "a comment follows the keys: write it on a line of its own"),
        ("ops events=", &needed, "events is empty: write types such as job.failed,batch.*, or remove it"),
        ("ops events=,", &needed, "events is empty"),
        ("ops events=job.faild", &needed, "events has \"job.faild\": did you mean job.failed?"),
        ("ops events=job.failed,jobs.*", &needed, "events has \"jobs.*\": the types are job.created, job.started, "),
        ("ops events=Job.failed", &needed, "events has \"Job.failed\": did you mean job.failed?"),
        ("ops events=**", &needed, "events has \"**\": the types are "),
        ("ops events=webhook.test", &needed, "events has \"webhook.test\": remove it, because every endpoint gets it"),
        ("ops namespaces=A", &needed, "namespaces is \"A\": it must be names or patterns such as a,team-*"),
        ("ops namespaces=", &needed, "namespaces is \"\": it must be names or patterns"),
        ("ops clusters=a_b", &needed, "clusters is \"a_b\": it must be names or patterns"),
        (
            "ops label_selector=a=b=c",
            &needed,
            "label_selector is \"a=b=c\": it must be a label selector without blanks",
        ),
        ("ops ca_file=/nowhere", &needed, "ca_file is \"/nowhere\": No such file"),
    ];
    let texts = texts.map(|(start, end, expected)| (format!("{start} {end}"), expected.to_owned()));
    for (line, expected) in files.into_iter().chain(texts) {
        let found = parse(&format!("# endpoints\ngood {needed}\n{line}\n")).expect_err(&line);
        assert!(found.iter().any(|mistake| mistake.starts_with(&format!("line 3: {expected}"))), "{line}: {found:#?}");
        assert!(!found.concat().contains("s3cret"), "{found:#?}");
    }
}

#[test]
fn a_secret_in_the_line_is_not_shown() {
    let folder = Folder::new("secret");
    for line in [
        format!("ops url=https://a secret_file={SECRET}"),
        format!("ops url=https://a secret_file=\"{SECRET}\""),
        format!("ops {} {SECRET}", folder.needed()),
        format!("ops {} secret={SECRET}", folder.needed()),
        format!("{SECRET} {}", folder.needed()),
    ] {
        let found = parse(&line).unwrap_err();
        assert!(found.len() == 1 && !found[0].contains(&SECRET[6..]), "{found:?}");
    }
    let found = parse(&format!("ops url=https://a secret_file={SECRET}")).unwrap_err();
    assert_eq!(found, ["line 1: secret_file is a secret, not the name of a file: write it to a file"]);
}

#[test]
fn a_secret_or_a_url_at_the_wrong_key_is_not_shown() {
    let folder = Folder::new("wrong");
    let secret = &SECRET[6..];
    for key in KEYS {
        for value in [SECRET, secret, "https://hooks.example.com/s3cret", "http://user:s3cret@hooks.example.com"] {
            let other = folder.needed();
            let other = other.split(' ').filter(|word| !word.starts_with(key)).collect::<Vec<_>>().join(" ");
            // Only a secret without its prefix looks like another value.
            let is_plain = value == secret && key != "secret_file";
            let found = parse(&format!("ops {other} {key}={value}"));
            if found.is_ok() || is_plain {
                continue;
            }
            let found = found.unwrap_err().concat();
            assert!(!found.contains("s3cret") && !found.contains(secret), "{key}={value}: {found}");
            assert!(found.contains(key), "{key}={value}: {found}");
        }
    }
    let found = parse(&format!("ops {} namespaces=https://a/s3cret events={SECRET}", folder.needed())).unwrap_err();
    assert!(found[0].starts_with("line 1: events has a URL or a secret: the types are "), "{found:?}");
    assert!(found[1].starts_with("line 1: namespaces is a URL or a secret: it must be "), "{found:?}");
}

#[test]
fn a_selector_with_blanks_is_explained() {
    let folder = Folder::new("selector");
    let found = parse(&format!("ops {} label_selector=team in (a,b)", folder.needed())).unwrap_err();
    let expected = [
        "line 1: a word is not key=value: write key=value without blanks",
        "line 1: label_selector has no blanks: write a=b, a!=b, a or !a, separated by commas",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_ca_file_is_not_for_http() {
    let folder = Folder::new("http");
    let ca_file = folder.write("ca.pem", &rcgen::generate_simple_self_signed(["ca".to_owned()]).unwrap().cert.pem());
    let needed = folder.needed().replace("https://relay.example.com", "http://localhost:8080");
    assert!(!parse(&format!("ops {needed}")).unwrap()[0].url.is_tls);
    let found = parse(&format!("ops {needed} ca_file={ca_file}")).unwrap_err();
    assert_eq!(found, ["line 1: ca_file needs a url with https: remove ca_file"]);
}

#[test]
fn all_mistakes_of_the_file_are_in_one_error_a_line_each() {
    let folder = Folder::new("all");
    let text = format!("ops url=ftp://a/s3cret events=x\n# comment\n\nops {} colour=red\nB\n", folder.needed());
    let path = folder.write("webhooks", &text);
    let error = Webhooks::open(path.clone().into()).unwrap_err();
    let starts = [
        "line 1: secret_file is missing",
        "line 1: url must be https://HOST/PATH",
        "line 1: events has \"x\"",
        "line 4: unknown key \"colour\"",
        "line 4: the name of line 1 is used again",
        "line 5: the name must be",
        "line 5: url is missing",
        "line 5: secret_file is missing",
    ];
    assert_eq!(error.lines().count(), starts.len(), "{error}");
    for (line, start) in error.lines().zip(starts) {
        assert!(line.starts_with(&format!("EKS_API_WEBHOOKS_FILE is {path}: {start}")), "{line} is not {start}");
    }
}

#[test]
fn a_file_has_1_to_32_endpoints() {
    let folder = Folder::new("count");
    let lines = |count: usize| (1..=count).map(|n| format!("e{n} {}", folder.needed())).collect::<Vec<_>>().join("\n");
    for empty in ["", "\n# none\n"] {
        let found = parse(empty).unwrap_err().concat();
        assert!(found.starts_with("there is no endpoint in it: add a line such as ops url=https://"), "{found}");
    }
    assert_eq!(parse(&lines(32)).unwrap().len(), 32);
    let expected = ["line 33: more than 32 endpoints: remove this line and the later ones"];
    assert_eq!(parse(&lines(40)).unwrap_err(), expected);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = |path: &str| Webhooks::open(path.into()).unwrap_err();
    assert!(error("/nowhere/hooks").starts_with("EKS_API_WEBHOOKS_FILE is /nowhere/hooks: No such file"));
    assert_eq!(error("/dev/zero"), "EKS_API_WEBHOOKS_FILE is /dev/zero: is not a regular file");
}

#[test]
fn a_reload_replaces_the_endpoints_and_after_a_mistake_the_old_ones_stay() {
    let folder = Folder::new("reload");
    let path = folder.write("webhooks", &format!("ops {}\n", folder.needed()));
    let webhooks = Webhooks::open(path.into()).unwrap();
    let mut reloads = webhooks.reloads();
    folder.write("webhooks", "ops url=https://a\n");
    assert!(webhooks.reload().unwrap_err().contains("line 1: secret_file is missing"));
    assert_eq!((webhooks.names(), reloads.has_changed().unwrap()), (vec!["ops".to_owned()], false));
    folder.write("webhooks", &format!("audit {}\nlab {}\n", folder.needed(), folder.needed()));
    webhooks.reload().unwrap();
    assert!(reloads.has_changed().unwrap());
    reloads.mark_unchanged();
    assert_eq!(webhooks.names(), ["audit", "lab"]);
    assert!(webhooks.endpoint("ops").is_none() && webhooks.endpoint("lab").is_some());
    // A secret is read again too.
    folder.write("ops.key", &format!("{SECRET}\n{SECRET}\n"));
    webhooks.reload().unwrap();
    assert_eq!(webhooks.endpoint("lab").unwrap().secrets.0.len(), 2);
}
