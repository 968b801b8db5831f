//! Records the host of a call of AWS and the time of its reply: [`Exchange`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use aws_sdk_eks::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_eks::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_eks::error::BoxError;
use hyper::Uri;

use crate::aws::http_date;
use crate::util::error_chain::error_chain;

#[derive(Clone, Debug, Default)]
pub(super) struct Exchange(Arc<Mutex<Recorded>>);

#[derive(Debug, Default)]
struct Recorded {
    host: Option<String>,
    date: Option<SystemTime>,
}

impl Exchange {
    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the `Date` header of the reply, to check this machine's clock.
    pub(super) fn date(&self) -> Option<SystemTime> {
        self.lock().date
    }

    /// Returns why there is no reply, and from which host.
    pub(super) fn failure(&self, error: &(dyn std::error::Error + 'static)) -> String {
        let why = error_chain(error);
        self.lock().host.as_ref().map_or_else(|| why.clone(), |host| format!("{host}: {why}"))
    }
}

impl Intercept for Exchange {
    fn name(&self) -> &'static str {
        "Exchange"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let uri = context.request().uri().parse::<Uri>();
        self.lock().host = uri.ok().and_then(|uri| Some(uri.host()?.to_owned()));
        Ok(())
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.lock().date = context.response().headers().get("date").and_then(http_date);
        Ok(())
    }
}
