//! Which callers each method of authentication authorizes.

use super::*;

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
