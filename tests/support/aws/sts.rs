//! The STS of the stand-in for AWS: `GetCallerIdentity` and `AssumeRole`. It knows a request's sender by the access key
//! that signed it, and verifies no signature.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use httpmock::HttpMockRequest;

use super::{Answer, rfc3339};
use crate::support::judge::Key;

/// The identity of every key that `AssumeRole` did not give out.
pub const OWN_IDENTITY: &str = "arn:aws:sts::123456789012:assumed-role/eks-api/i-0abc";

/// A role, with the conditions of its trust policy.
#[derive(Clone, Debug)]
pub struct Role {
    /// `arn:aws:iam::ACCOUNT:role/NAME`
    pub arn: String,
    pub external_id: Option<String>,
    pub session_name: String,
    /// How long its credentials are valid.
    pub valid_for: Duration,
}

impl Role {
    /// A role of another account that trusts the session name `eks-api`, for an hour.
    pub fn new(arn: &str) -> Self {
        let session_name = "eks-api".to_owned();
        Self { arn: arn.to_owned(), external_id: None, session_name, valid_for: Duration::from_hours(1) }
    }

    pub fn external_id(mut self, id: &str) -> Self {
        self.external_id = Some(id.to_owned());
        self
    }

    pub fn session_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.session_name);
        self
    }

    pub fn valid_for(mut self, time: Duration) -> Self {
        self.valid_for = time;
        self
    }

    fn trusts(&self, call: &AssumeRoleCall) -> bool {
        // A trust policy without a condition accepts every external id.
        let external_id = self.external_id.is_none() || self.external_id == call.external_id;
        external_id && self.session_name == call.session_name
    }
}

/// One call of `AssumeRole`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssumeRoleCall {
    pub arn: String,
    pub external_id: Option<String>,
    pub session_name: String,
    pub duration: String,
    /// The access key that signed the call.
    pub signer: String,
    /// The region of the signature.
    pub region: String,
    /// The access key that the call got.
    pub given: Option<String>,
}

#[derive(Debug, Default)]
pub struct Sts {
    roles: HashMap<String, Role>,
    /// So many calls of `AssumeRole` are throttled.
    throttled: usize,
    revoked: HashSet<String>,
    unanswered: HashSet<String>,
    calls: Vec<AssumeRoleCall>,
    /// The identities of the keys that were given out.
    identities: HashMap<String, String>,
}

impl Sts {
    /// The answer of `GetCallerIdentity`.
    pub fn identity(&self, request: &HttpMockRequest) -> Answer {
        let (signer, _) = signer(request);
        if self.revoked.contains(&signer) {
            return invalid_key();
        }
        let arn = self.identities.get(&signer).map_or(OWN_IDENTITY, String::as_str);
        let account = arn.split(':').nth(4).unwrap();
        let body = format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  \
             <GetCallerIdentityResult>\n    <Arn>{arn}</Arn>\n    \
             <UserId>AROALABSTATIC00000001:i-0abc</UserId>\n    <Account>{account}</Account>\n  \
             </GetCallerIdentityResult>\n  <ResponseMetadata>\n    \
             <RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId>\n  \
             </ResponseMetadata>\n</GetCallerIdentityResponse>\n"
        );
        Answer::new(200, "text/xml", body)
    }

    /// The answer of `AssumeRole`.
    pub fn assume_role(&mut self, request: &HttpMockRequest) -> Answer {
        let mut call = read(request);
        let answer = self.judge(&mut call);
        self.calls.push(call);
        answer
    }

    fn judge(&mut self, call: &mut AssumeRoleCall) -> Answer {
        if self.throttled > 0 {
            self.throttled -= 1;
            return error(400, "Throttling", "Rate exceeded");
        }
        if self.revoked.contains(&call.signer) {
            return invalid_key();
        }
        if call.duration != "3600" {
            return error(400, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit");
        }
        let Some(role) = self.roles.get(&call.arn).filter(|role| role.trusts(call)) else {
            let sender = self.identities.get(&call.signer).map_or(OWN_IDENTITY, String::as_str);
            let arn = &call.arn;
            let text = format!("User: {sender} is not authorized to perform: sts:AssumeRole on resource: {arn}");
            return error(403, "AccessDenied", &text);
        };
        let key = Key::of_role(&role.arn, self.calls.len(), SystemTime::now() + role.valid_for);
        let session = role.arn.replacen(":iam:", ":sts:", 1).replacen(":role/", ":assumed-role/", 1);
        let session = format!("{session}/{}", role.session_name);
        let until = rfc3339(SystemTime::now() + role.valid_for);
        let token = key.session_token.as_deref().unwrap();
        let body = format!(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <AssumeRoleResult>\n    \
             <AssumedRoleUser>\n      <AssumedRoleId>AROALABROLE000000001:{name}</AssumedRoleId>\n      \
             <Arn>{session}</Arn>\n    </AssumedRoleUser>\n    <Credentials>\n      \
             <AccessKeyId>{id}</AccessKeyId>\n      <SecretAccessKey>{secret}</SecretAccessKey>\n      \
             <SessionToken>{token}</SessionToken>\n      <Expiration>{until}</Expiration>\n    </Credentials>\n  \
             </AssumeRoleResult>\n</AssumeRoleResponse>\n",
            name = role.session_name,
            id = key.id,
            secret = key.secret,
        );
        call.given = Some(key.id.clone());
        self.identities.insert(key.id, session);
        Answer::new(200, "text/xml", body)
    }

    /// Whether the request is for a role that is not answered.
    pub fn leaves_unanswered(&self, request: &HttpMockRequest) -> bool {
        !self.unanswered.is_empty()
            && request.body_string().contains("Action=AssumeRole&")
            && self.unanswered.contains(&read(request).arn)
    }
}

/// The controls of STS, for tests.
impl super::AwsMock {
    /// From now on this role may be assumed. Replaces a role of the same ARN.
    pub fn trusts(&self, role: Role) {
        self.state().sts.roles.insert(role.arn.clone(), role);
    }

    /// From now on the role is refused with `AccessDenied`. Its sessions remain valid.
    pub fn distrusts(&self, arn: &str) {
        self.state().sts.roles.remove(arn);
    }

    /// Throttles the next calls of `AssumeRole`.
    pub fn throttles_roles(&self, calls: usize) {
        self.state().sts.throttled = calls;
    }

    /// From now on `AssumeRole` of this role has no answer, as if packets were lost. The other calls have theirs.
    pub fn leaves_role_unanswered(&self, arn: &str) {
        self.state().sts.unanswered.insert(arn.to_owned());
    }

    /// Ends [`Self::leaves_role_unanswered`] for new calls.
    pub fn answers_role(&self, arn: &str) {
        self.state().sts.unanswered.remove(arn);
    }

    /// From now on STS does not know this access key: `InvalidClientTokenId`.
    pub fn revokes_key(&self, id: &str) {
        self.state().sts.revoked.insert(id.to_owned());
    }

    /// All answered calls of `AssumeRole`.
    pub fn assume_role_calls(&self) -> Vec<AssumeRoleCall> {
        self.state().sts.calls.clone()
    }
}

/// An error of the query API.
pub fn error(status: u16, code: &str, message: &str) -> Answer {
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    );
    Answer::new(status, "text/xml", body)
}

fn invalid_key() -> Answer {
    error(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
}

/// The access key and the region of a request's signature, empty without one.
pub fn signer(request: &HttpMockRequest) -> (String, String) {
    let headers = request.headers_vec();
    let header = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let scope = header.and_then(|(_, value)| value.split("Credential=").nth(1)).unwrap_or_default();
    let mut parts = scope.split('/').map(str::to_owned);
    let id = parts.next().unwrap_or_default();
    (id, parts.nth(1).unwrap_or_default())
}

fn read(request: &HttpMockRequest) -> AssumeRoleCall {
    let body = request.body_string();
    let mut fields: HashMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let (signer, region) = signer(request);
    AssumeRoleCall {
        arn: fields.remove("RoleArn").unwrap_or_default(),
        external_id: fields.remove("ExternalId"),
        session_name: fields.remove("RoleSessionName").unwrap_or_default(),
        duration: fields.remove("DurationSeconds").unwrap_or_default(),
        signer,
        region,
        given: None,
    }
}
