//! Tests of authentication, of a reload of the keys, and of the check each minute. Time is paused.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use aws_credential_types::Credentials as AwsCredentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::time::{Instant, advance, timeout};

use super::keys::{Grant, generate, line};
use super::role::Role;
use super::templates::TemplatePatterns;
use super::*;
use crate::aws::token::Tokens;
use crate::config::pattern::Patterns;
use crate::kube::access_review::Permission;
use crate::kube::api_server::ApiServer;
use crate::kube::names::Namespace;
use crate::util::secret::Secret;

/// A file that is removed on drop.
struct File(PathBuf);

impl File {
    fn new(text: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("eks-api-keys-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let file = Self(std::env::temp_dir().join(name));
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }

    fn auth(&self) -> Auth {
        Auth::ApiKey(Arc::new(Keyring::open(&self.0).unwrap()))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn grant(name: &str, role: Role) -> Grant {
    Grant {
        name: name.into(),
        role,
        namespaces: Patterns::parse("team-*").unwrap(),
        clusters: None,
        templates: TemplatePatterns::default(),
    }
}

fn key(name: &str, role: Role) -> (Secret<String>, String) {
    let key = generate().unwrap();
    let line = line(&grant(name, role), &key);
    (key, line)
}

fn by_key(key: &Secret<String>) -> Credentials<'_> {
    Credentials { api_key: Some(Secret::new(key.expose().as_str())), ..Credentials::default() }
}

/// Returns the number of lines in force.
fn reload(auth: &Auth) -> Result<usize, keyring::Error> {
    let Auth::ApiKey(keyring) = auth else { panic!("no keys") };
    keyring.reload().map(|()| keyring.keys().len())
}

fn bearer(token: &str) -> Credentials<'_> {
    Credentials { bearer: Some(Secret::new(token)), ..Credentials::default() }
}

fn cluster() -> Arc<ApiServer> {
    let keys = SharedCredentialsProvider::new(AwsCredentials::new("AKIDEXAMPLE", "secret", None, None, "test"));
    Arc::new(ApiServer::new("lab", "us-east-1", Tokens::new("lab", "us-east-1", keys, SystemTime::now)))
}

fn kubernetes() -> Auth {
    Auth::Kubernetes(Box::new(AccessReviewCache::new(Duration::from_secs(30)).unwrap()))
}

const GET: Permission = Permission { verb: "get", group: "batch", resource: "jobs", needed_for: "a test" };
const ALL: AccessRequest<'static> = AccessRequest { permission: GET, namespace: None, name: None };

#[test]
fn without_authentication_a_certificate_gives_a_name_and_everyone_has_every_right() {
    let ci: Arc<str> = "ci.example.com".into();
    let known = Credentials { certificate: Some(&ci), ..Credentials::default() };
    for (credentials, method, name) in [
        (Credentials::default(), "none", ""),
        (Credentials { api_key: Some(Secret::new("y")), ..bearer("x") }, "none", ""),
        (known, "certificate", "ci.example.com"),
    ] {
        let caller = Auth::None.identify(credentials).unwrap();
        assert_eq!((caller.method(), &*caller.name()), (method, name));
        assert!(caller.may(Role::Admin).is_ok() && caller.namespaces().is_none() && caller.bearer().is_none());
    }
}

#[test]
fn a_key_takes_precedence_over_a_certificate_also_if_it_is_wrong() {
    let (ci, line) = key("ci", Role::Write);
    let file = File::new(&format!("{line}\ncert:*.example.com role=read namespaces=a\n"));
    let auth = file.auth();
    let [named, stranger]: [Arc<str>; 2] = ["ops.example.com".into(), "ops.example.org".into()];
    let with = |certificate| Credentials { certificate: Some(certificate), ..Credentials::default() };

    let caller = auth.identify(Credentials { certificate: Some(&named), ..by_key(&ci) }).unwrap();
    assert_eq!((caller.method(), &*caller.name()), ("api-key", "ci"));
    let caller = auth.identify(with(&named)).unwrap();
    assert_eq!((caller.method(), &*caller.name()), ("certificate", "ops.example.com"), "its own, not the line's");
    assert!(caller.may(Role::Read).is_ok() && caller.may(Role::Write).is_err());
    assert!(caller.may_use(&Namespace::parse("a").unwrap()).is_ok());
    assert!(caller.may_use(&Namespace::parse("b").unwrap()).is_err());

    assert!(matches!(auth.identify(Credentials::default()), Err(Denied::Missing(_))));
    assert!(matches!(auth.identify(with(&stranger)), Err(Denied::NotNamed)));
    let wrong = Credentials { api_key: Some(Secret::new("wrong")), ..with(&named) };
    assert!(matches!(auth.identify(wrong), Err(Denied::Unknown(_))));
    let two = Credentials { api_key: Some(Secret::new("wrong")), ..bearer(ci.expose()) };
    assert!(matches!(auth.identify(two), Err(Denied::Unknown(_))), "X-API-Key takes precedence");
    // Neither a name nor the hash of a line is a key.
    for other in ["ops.example.com", "ci", line.rsplit('=').next().unwrap()] {
        let key = Credentials { api_key: Some(Secret::new(other)), ..Credentials::default() };
        assert!(auth.identify(key).is_err(), "{other}");
    }
    let debug = format!("{auth:?} {:?}", auth.identify(by_key(&ci)));
    assert!(!debug.contains(ci.expose()), "{debug}");
}

#[test]
fn with_tokens_a_certificate_gives_the_name_and_the_token_gives_the_rights() {
    let (auth, name): (Auth, Arc<str>) = (kubernetes(), "ci.example.com".into());
    let certificate = Credentials { certificate: Some(&name), ..Credentials::default() };
    assert!(matches!(auth.identify(certificate), Err(Denied::Missing(_))), "a certificate alone is not enough");
    let caller = auth.identify(Credentials { certificate: Some(&name), ..bearer("secret-token") }).unwrap();
    assert_eq!((caller.method(), &*caller.name()), ("kubernetes", "ci.example.com"));
    assert!(caller.bearer().is_some() && !format!("{caller:?}").contains("secret-token"));
    assert!(matches!(auth.identify(bearer("a b")), Err(Denied::Unknown(_))));
}

#[test]
fn a_wrong_file_leaves_the_old_keys_in_force() {
    let ((old, old_line), (new, new_line)) = (key("old", Role::Read), key("new", Role::Read));
    let file = File::new(&old_line);
    let auth = file.auth();
    for bad in [format!("{new_line}\n{new_line}"), "# none".to_owned(), format!("{new_line} role=read"), String::new()]
    {
        file.write(&bad);
        assert!(reload(&auth).is_err(), "{bad}");
        assert!(auth.identify(by_key(&old)).is_ok() && auth.identify(by_key(&new)).is_err(), "{bad}");
    }
    std::fs::remove_file(&file.0).unwrap();
    assert!(matches!(reload(&auth), Err(keyring::Error::Unreadable(_))));
    assert!(auth.identify(by_key(&old)).is_ok());
    file.write(&format!("{new_line}\n{old_line}\n"));
    assert_eq!(reload(&auth).unwrap(), 2);
    assert!(auth.identify(by_key(&old)).is_ok() && auth.identify(by_key(&new)).is_ok());
    file.write(&new_line);
    assert_eq!(reload(&auth).unwrap(), 1);
    assert!(auth.identify(by_key(&old)).is_err() && auth.identify(by_key(&new)).is_ok());
}

/// The seconds until the right is revoked. Waits ten minutes at most.
async fn revoked(auth: &Auth, cluster: &Arc<ApiServer>, caller: &Caller) -> Option<(Denied, u64)> {
    let begun = Instant::now();
    let revoked = timeout(Duration::from_mins(10), auth.wait_until_revoked(cluster, caller, &[ALL])).await;
    revoked.ok().map(|denied| (denied, begun.elapsed().as_secs()))
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_line_is_removed_or_changed_is_revoked_within_a_minute() {
    let ((ci, line), cluster) = (key("ci", Role::Read), cluster());
    let alike = key("ci", Role::Read).1;
    for (after, is_revoked) in [
        (line.clone(), false),
        (format!("{alike}\n{line}"), false),
        (alike, true),
        (line.replace("role=read", "role=admin"), true),
        (line.replace("team-*", "team-a"), true),
        (line.replace("sha256=", "clusters=eu sha256="), true),
    ] {
        let file = File::new(&line);
        let auth = file.auth();
        let caller = auth.identify(by_key(&ci)).unwrap();
        advance(Duration::from_secs(30)).await;
        file.write(&after);
        assert_eq!(
            revoked(&auth, &cluster, &caller).await.map(|(_, seconds)| seconds),
            None,
            "the file takes effect when it is reloaded"
        );
        reload(&auth).unwrap();
        let denied = revoked(&auth, &cluster, &caller).await;
        assert_eq!(denied.as_ref().map(|(_, seconds)| *seconds), is_revoked.then_some(60), "{after}");
        assert!(denied.is_none_or(|(denied, _)| matches!(denied, Denied::Unknown(_))));
    }
    assert!(revoked(&Auth::None, &cluster, &Caller::Anonymous).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_cluster_decides_each_minute_whether_a_caller_may_continue() {
    use crate::kube::access_review::Decision::{Allowed, Denied as No};

    let (auth, cluster) = (kubernetes(), cluster());
    let caller = auth.identify(bearer("one")).unwrap();
    let Auth::Kubernetes(reviews) = &auth else { panic!("no reviews") };
    let token = caller.bearer().unwrap();
    // The result of the review just before each check.
    let says = async |results: &[ReviewResult]| {
        tokio::time::sleep(Duration::from_secs(55)).await;
        for result in results {
            reviews.insert(&cluster, token, &ALL, result.clone());
            tokio::time::sleep(Duration::from_mins(1)).await;
        }
    };
    let (ended, ()) = tokio::join!(revoked(&auth, &cluster, &caller), says(&[Ok(Allowed), Ok(Allowed), Ok(No)]));
    assert!(matches!(ended, Some((Denied::Cluster(_), 180))), "{ended:?}");
    let refused = [Ok(Allowed), Err(Arc::new(Error::CallerUnauthorized))];
    let (ended, ()) = tokio::join!(revoked(&auth, &cluster, &caller), says(&refused));
    assert!(matches!(ended, Some((Denied::Unknown(_), 120))), "{ended:?}");
    // A failed review allows nothing.
    let (ended, ()) = tokio::join!(revoked(&auth, &cluster, &caller), says(&[Ok(Allowed)]));
    assert!(matches!(ended, Some((Denied::ReviewFailed(_), 120))), "{ended:?}");
}

#[path = "authorize_tests.rs"]
mod authorize_tests;
