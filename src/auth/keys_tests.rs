//! Tests of the keys file.

use super::*;

fn grant(name: &str, role: Role, namespaces: &str) -> Grant {
    Grant {
        name: name.into(),
        role,
        namespaces: Patterns::parse(namespaces).unwrap(),
        clusters: None,
        templates: TemplatePatterns::default(),
    }
}

/// A file with one key, and the key.
fn one(grant: &Grant) -> (Keys, Secret<String>) {
    let key = generate().unwrap();
    (Keys::parse(&line(grant, &key)).unwrap(), key)
}

#[test]
fn b14_a_pattern_matches_names_of_its_kind_and_without_a_kind_dns_names_and_email_addresses() {
    let keys = |lines: &[&str]| {
        let lines: Vec<String> = lines.iter().map(|line| format!("cert:{line} role=read namespaces=*")).collect();
        Keys::parse(&lines.join("\n")).unwrap()
    };
    let lets_in = |line: &str, name: &str| keys(&[line]).find_certificate(name).is_some();
    for name in ["ada.example.com", "email:ada@example.com", "uri:x://ada.example.com", "cn:ada.example.com"] {
        let is_of_old = !name.starts_with("uri:") && !name.starts_with("cn:");
        assert_eq!(lets_in("*example.com", name), is_of_old, "{name}");
        for kind in ["dns:", "email:", "uri:", "cn:"] {
            let own = if name.contains('@') || name.starts_with(kind) {
                name.starts_with(kind)
            } else {
                kind == "dns:" && !name.contains(':')
            };
            assert_eq!(lets_in(&format!("{kind}*example.com"), name), own, "{kind} {name}");
        }
    }
    assert!(!lets_in("*@example.com", "uri:x://y@example.com") && !lets_in("*@example.com", "cn:y@example.com"));
    assert_eq!(keys(&["ada", "spiffe://x/*"]).without_kind(), Some("spiffe://x/*"));
    assert_eq!(keys(&["ada", "uri:spiffe://x/*", "cn:a/b"]).without_kind(), None);
}

#[test]
fn a_key_is_random_and_its_line_does_not_reveal_it() {
    let ci = grant("ci", Role::Write, "a,team-*");
    let key = generate().unwrap();
    assert_ne!(key.expose(), generate().unwrap().expose());
    assert_eq!(key.expose().len(), PREFIX.len() + 43, "256 bits in base64url");
    let line = line(&ci, &key);
    assert!(line.starts_with("ci role=write namespaces=a,team-* sha256=") && !line.contains(key.expose()), "{line}");
    let keys = Keys::parse(&line).unwrap();
    let (hash, found) = keys.find(key.expose()).unwrap();
    assert_eq!(**found, ci);
    let holder = Holder::Key(hash);
    assert!(keys.grants(&ci, &holder) && !keys.grants(&grant("ci", Role::Admin, "a,team-*"), &holder));
}

#[test]
fn a_line_keeps_the_clusters_and_names_them_only_if_they_are_given() {
    for (clusters, word) in [(None, ""), (Some("*"), " clusters=*"), (Some("prod, eu-*"), " clusters=prod,eu-*")] {
        let clusters = clusters.map(|list| Patterns::parse(list).unwrap());
        let ci = Grant { clusters, ..grant("ci", Role::Write, "a,team-*") };
        let key = generate().unwrap();
        let line = line(&ci, &key);
        assert!(line.starts_with(&format!("ci role=write namespaces=a,team-*{word} sha256=")), "{line}");
        assert_eq!(**Keys::parse(&line).unwrap().find(key.expose()).unwrap().1, ci);

        let certificate = Keys::parse(&format!("cert:ci role=write{word} namespaces=a,team-*")).unwrap();
        assert_eq!(**certificate.find_certificate("ci").unwrap(), ci);
    }
}

#[test]
fn a_line_with_the_role_run_keeps_its_templates() {
    for (list, word) in [("*", "*"), ("cronjob/etl, preset/report-*,etl-*", "cronjob/etl,preset/report-*,etl-*")] {
        let templates = TemplatePatterns::parse(list).unwrap();
        let clusters = Some(Patterns::parse("eu-*").unwrap());
        let ci = Grant { clusters, templates, ..grant("ci", Role::Run, "a,team-*") };
        let key = generate().unwrap();
        let line = line(&ci, &key);
        let start = format!("ci role=run namespaces=a,team-* clusters=eu-* templates={word} sha256=");
        assert!(line.starts_with(&start), "{line}");
        assert_eq!(**Keys::parse(&line).unwrap().find(key.expose()).unwrap().1, ci);

        let text = format!("cert:ci templates={word} role=run clusters=eu-* namespaces=a,team-*");
        assert_eq!(**Keys::parse(&text).unwrap().find_certificate("ci").unwrap(), ci);
    }
}

#[test]
fn a_key_with_other_templates_has_not_the_same_grant() {
    let of = |list| Grant { templates: TemplatePatterns::parse(list).unwrap(), ..grant("ci", Role::Run, "*") };
    let (keys, key) = one(&of("cronjob/etl"));
    let (hash, grant) = keys.find(key.expose()).unwrap();
    for (list, is_same) in [("cronjob/etl", true), ("etl", false), ("preset/etl", false), ("cronjob/etl,x", false)] {
        let changed = Keys::parse(&line(&of(list), &key)).unwrap();
        assert_eq!(changed.grants(grant, &Holder::Key(hash)), is_same, "{list}");
    }
}

#[test]
fn a_key_with_other_clusters_has_not_the_same_grant() {
    let (keys, key) = one(&grant("ci", Role::Read, "*"));
    let (hash, grant) = keys.find(key.expose()).unwrap();
    for clusters in ["*", "prod"] {
        let changed = Grant { clusters: Some(Patterns::parse(clusters).unwrap()), ..Grant::clone(grant) };
        let changed = Keys::parse(&line(&changed, &key)).unwrap();
        assert!(keys.grants(grant, &Holder::Key(hash)) && !changed.grants(grant, &Holder::Key(hash)), "{clusters}");
    }
}

#[test]
fn only_the_exact_key_is_found() {
    let (keys, key) = one(&grant("ci", Role::Read, "*"));
    let key = key.expose();
    for other in ["", &key[1..], &key[..key.len() - 1], &format!("{key} "), &key.to_lowercase(), "ci"] {
        assert!(keys.find(other).is_none(), "{other:?}");
    }
}

#[test]
fn each_of_many_keys_has_its_own_grant() {
    let made: Vec<_> = (0..20).map(|n| (grant(&format!("k{n}"), Role::Read, "*"), generate().unwrap())).collect();
    let text: String = made.iter().map(|(grant, key)| line(grant, key) + "\n").collect();
    let keys = Keys::parse(&text).unwrap();
    for (grant, key) in &made {
        assert_eq!(**keys.find(key.expose()).unwrap().1, *grant);
    }
}

#[test]
fn comments_and_blank_lines_are_ignored() {
    let keys = Keys::parse("# keys\n\n  \t\n   # more\n").unwrap();
    assert!(keys.is_empty());
}

#[test]
fn the_first_line_that_matches_a_certificate_counts() {
    let keys = Keys::parse(
        "cert:ci.example.com role=admin namespaces=*\ncert:*.example.com role=read namespaces=a\ncert:CN* role=write namespaces=b",
    )
    .unwrap();
    let role = |name: &str| keys.find_certificate(name).map(|grant| grant.role);
    assert_eq!(role("ci.example.com"), Some(Role::Admin));
    assert_eq!(role("x.example.com"), Some(Role::Read));
    assert_eq!(role("CN of mine"), Some(Role::Write));
    assert_eq!(role("example.com"), None);
    assert_eq!(keys.len(), 3);
}

#[test]
fn a_grant_to_another_key_or_certificate_is_not_a_grant_to_this_one() {
    let ci = grant("ci", Role::Write, "a");
    let ((old, key), (new, _)) = (one(&ci), one(&ci));
    let holder = Holder::Key(old.find(key.expose()).unwrap().0);
    assert!(
        old.grants(&ci, &holder) && !new.grants(&ci, &holder),
        "an equal line with another hash is for another key"
    );

    let before = Keys::parse("cert:*.example.com role=admin namespaces=*").unwrap();
    let grant = before.find_certificate("ci.example.com").unwrap();
    let holder = Holder::Certificate("ci.example.com".into());
    assert!(before.grants(grant, &holder));
    let text = "cert:ci.example.com role=read namespaces=*\ncert:*.example.com role=admin namespaces=*";
    assert!(!Keys::parse(text).unwrap().grants(grant, &holder), "another line matches first now");
}

#[test]
fn an_error_names_its_line_and_never_repeats_a_possible_key() {
    let hash = "0".repeat(64);
    let good = format!("ci role=read namespaces=* sha256={hash}");
    for (bad, expected) in [
        ("ci".to_owned(), "role="),
        (format!("ci role=root namespaces=* sha256={hash}"), "role="),
        (format!("ci role=read sha256={hash}"), "namespaces="),
        (format!("ci role=read namespaces=A sha256={hash}"), "namespaces="),
        (format!("ci role=read namespaces=, sha256={hash}"), "namespaces="),
        (format!("ci role=read namespaces=* clusters= sha256={hash}"), "clusters="),
        (format!("ci role=read namespaces=* clusters sha256={hash}"), "clusters="),
        (format!("ci role=read namespaces=* clusters=, sha256={hash}"), "clusters="),
        (format!("ci role=read namespaces=* clusters=eu- sha256={hash}"), "clusters="),
        (format!("ci role=read namespaces=* clusters=eks-api-SECRET sha256={hash}"), "clusters="),
        (format!("ci role=read namespaces=* clusters=a clusters=b sha256={hash}"), "clusters is given twice"),
        (format!("ci role=read namespaces=* cluster=a sha256={hash}"), "clusters="),
        ("cert:a role=read namespaces=* clusters=A".to_owned(), "clusters="),
        (format!("ci role=root namespaces=* sha256={hash}"), "role= must be read, run, write or admin"),
        (format!("ci role=run namespaces=* sha256={hash}"), "role=run needs templates=, such as cronjob/etl,"),
        ("cert:a role=run namespaces=*".to_owned(), "role=run needs templates="),
        (format!("ci role=run namespaces=* templates= sha256={hash}"), "role=run needs templates="),
        (format!("ci role=run namespaces=* templates=, sha256={hash}"), "role=run needs templates="),
        (
            format!("ci role=run namespaces=* templates=job/a sha256={hash}"),
            "templates= must be a list of cronjob/NAME",
        ),
        (format!("ci role=run namespaces=* templates=eks-api-SECRET sha256={hash}"), "templates= must be"),
        (format!("ci role=run namespaces=* templates=a templates=b sha256={hash}"), "templates is given twice"),
        (format!("ci role=write namespaces=* templates=a sha256={hash}"), "templates= is for role=run only"),
        ("cert:a role=admin namespaces=* templates=a".to_owned(), "templates= is for role=run only"),
        (format!("ci role=run namespaces=* template=a sha256={hash}"), "templates="),
        ("ci role=read namespaces=*".to_owned(), "sha256="),
        ("ci role=read namespaces=* sha256=eks-api-SECRET".to_owned(), "sha256="),
        (format!("ci role=read namespaces=* sha256={}", "é".repeat(32)), "sha256="),
        ("ci role=read namespaces=* eks-api-SECRET".to_owned(), "unknown word"),
        (format!("ci role=read role=write namespaces=* sha256={hash}"), "twice"),
        (format!("c/i role=read namespaces=* sha256={hash}"), "the name"),
        (format!("{} role=read namespaces=* sha256={hash}", "n".repeat(65)), "the name"),
        (format!("cert:a role=read namespaces=* sha256={hash}"), "unknown word"),
        ("cert:a*b* role=read namespaces=*".to_owned(), "the name"),
        ("cert: role=read namespaces=*".to_owned(), "the name"),
        (good.clone(), "already"),
    ] {
        let error = Keys::parse(&format!("{good}\n\n{bad}\n")).unwrap_err().to_string();
        assert!(error.starts_with("line 3: ") && error.contains(expected), "{bad}: {error}");
        assert!(!error.contains("SECRET"), "{error}");
    }
}
