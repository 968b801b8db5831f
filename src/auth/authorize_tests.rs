//! Tests of authorization: the callers of each method of authentication, reviews, and templates.

use std::net::TcpListener;

use super::*;
use crate::aws::eks::Description;
use crate::util::template_name::TemplateName;

#[tokio::test]
async fn each_method_of_authentication_authorizes_only_the_callers_that_it_identifies() {
    let (ci, line) = key("ci", Role::Admin);
    let file = File::new(&line);
    let cluster = cluster();
    let methods = [Auth::None, file.auth(), kubernetes()];
    let granted = methods[1].identify(by_key(&ci)).unwrap();
    let token = methods[2].identify(bearer("one")).unwrap();
    let certificate = Caller::Certificate("ci.example.com".into());
    for (caller, allowed) in [
        (Caller::Unauthenticated, [false; 3]),
        (Caller::Anonymous, [true, false, false]),
        (certificate, [true, false, false]),
        (granted, [false, true, false]),
    ] {
        for (auth, allowed) in methods.iter().zip(allowed) {
            let verdicts = [
                auth.authorize_cached(&cluster, &caller, &ALL).unwrap(),
                auth.authorize(&cluster, &caller, &[ALL]).await,
            ];
            for verdict in verdicts {
                assert_eq!(verdict.is_ok(), allowed, "{caller:?} {auth:?}");
                assert!(verdict.err().is_none_or(|denied| matches!(denied, Denied::Missing(_))));
            }
            let still = auth.reauthorize(&cluster, &caller, &[]).await;
            assert_eq!(still.is_ok(), allowed, "{caller:?} {auth:?}");
        }
    }
    assert!(methods[2].authorize_cached(&cluster, &token, &ALL).is_none(), "the cluster decides");
    assert!(methods[..2].iter().all(|auth| matches!(auth.authorize_cached(&cluster, &token, &ALL), Some(Err(_)))));
    let keys = &methods[1];
    assert!(!keys.may_see_diagnostics(&Caller::Unauthenticated) && !keys.may_see_diagnostics(&Caller::Anonymous));
}

#[tokio::test(start_paused = true)]
async fn a_review_takes_no_longer_than_a_request_may() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://{}", silent.local_addr().unwrap());
    let cluster = cluster();
    let ca = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    cluster.set_description(Description { endpoint, ca_pem: ca.cert.pem().into_bytes() }).unwrap();
    for (request_timeout, seconds) in [(Duration::from_secs(1), 1), (Duration::from_secs(30), 10)] {
        let auth = Auth::Kubernetes(Box::new(AccessReviewCache::new(request_timeout).unwrap()));
        let caller = auth.identify(bearer("one")).unwrap();
        let begun = Instant::now();
        assert!(matches!(auth.authorize(&cluster, &caller, &[ALL]).await, Err(Denied::ReviewFailed(_))));
        assert!(begun.elapsed() <= Duration::from_secs(seconds), "{:?}", begun.elapsed());
        assert!(auth.authorize_cached(&cluster, &caller, &ALL).is_none(), "a failure is not cached");
    }
}

/// Why a caller may not use this template, or an empty text.
fn refusal(caller: &Caller, template: &str) -> &'static str {
    match caller.may_use_template(&TemplateName::parse(template).unwrap()) {
        Ok(()) => "",
        Err(Denied::Template { .. }) => "template",
        Err(Denied::Role { has: Role::Read, needs: Role::Run }) => "role",
        Err(Denied::Missing(_)) => "missing",
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn the_role_run_may_use_its_templates_write_and_admin_all_and_read_none() {
    let with = |role, list| Grant { templates: TemplatePatterns::parse(list).unwrap(), ..grant("ci", role) };
    let keyed = |role, list| Caller::Granted(Arc::new(with(role, list)), Holder::Key([0; 32]));
    let named = |role, list| Caller::Granted(Arc::new(with(role, list)), Holder::Certificate("ci".into()));
    let token = Bearer::parse("one").unwrap();
    for (caller, expected, is_limited) in [
        (keyed(Role::Run, "cronjob/etl"), ["", "template", "template", "template"], true),
        (named(Role::Run, "cronjob/etl"), ["", "template", "template", "template"], true),
        (keyed(Role::Run, "etl"), ["", "", "template", "template"], true),
        (keyed(Role::Run, "preset/e*,cronjob/o*"), ["template", "", "template", ""], true),
        (keyed(Role::Run, "*"), ["", "", "template", ""], true),
        // The keys file has no such lines. The role decides.
        (keyed(Role::Run, ""), ["template"; 4], true),
        (keyed(Role::Read, "*"), ["role"; 4], false),
        (keyed(Role::Admin, "cronjob/etl"), [""; 4], false),
        (keyed(Role::Read, ""), ["role"; 4], false),
        (keyed(Role::Write, ""), [""; 4], false),
        (named(Role::Admin, ""), [""; 4], false),
        (Caller::Unauthenticated, ["missing"; 4], false),
        (Caller::Anonymous, [""; 4], false),
        (Caller::Certificate("ci".into()), [""; 4], false),
        (Caller::Cluster(token.clone(), None), [""; 4], false),
        (Caller::Cluster(token, Some("ci".into())), [""; 4], false),
    ] {
        let refusals = ["cronjob/etl", "preset/etl", "job/etl", "cronjob/other"].map(|name| refusal(&caller, name));
        assert_eq!((refusals, caller.is_limited_to_templates()), (expected, is_limited), "{caller:?}");
    }
    let denied = keyed(Role::Run, "cronjob/etl,x-*").may_use_template(&TemplateName::parse("job/etl").unwrap());
    assert_eq!(
        denied.unwrap_err().to_string(),
        "you may create jobs from the templates cronjob/etl, x-* only, not from job/etl"
    );
}

#[tokio::test]
async fn other_templates_of_a_key_or_a_certificate_take_effect_at_a_reload() {
    let templates = TemplatePatterns::parse("cronjob/etl").unwrap();
    let ci = generate().unwrap();
    let line = line(&Grant { templates, ..grant("ci", Role::Run) }, &ci);
    let text = format!("{line}\ncert:ci.example.com role=run namespaces=* templates=cronjob/etl\n");
    let name: Arc<str> = "ci.example.com".into();
    for credentials in [by_key(&ci), Credentials { certificate: Some(&name), ..Credentials::default() }] {
        let (file, cluster) = (File::new(&text), cluster());
        let auth = file.auth();
        let old = auth.identify(credentials).unwrap();
        assert_eq!((refusal(&old, "cronjob/etl"), refusal(&old, "preset/etl")), ("", "template"));
        file.write(&text.replace("templates=cronjob/etl", "templates=preset/*"));
        assert!(auth.reauthorize(&cluster, &old, &[ALL]).await.is_ok(), "the file is not reloaded");
        reload(&auth).unwrap();
        assert!(matches!(auth.reauthorize(&cluster, &old, &[ALL]).await, Err(Denied::Unknown(_))));
        let new = auth.identify(credentials).unwrap();
        assert_eq!((refusal(&new, "cronjob/etl"), refusal(&new, "preset/etl")), ("template", ""));
        assert!(auth.reauthorize(&cluster, &new, &[ALL]).await.is_ok());
    }
}
