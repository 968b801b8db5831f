//! The `continue` of list-jobs: a place in the order of age, as callers get and return it. There is nothing in it that
//! they need to read, or that may not be read.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::Problem;
use crate::jobs::store::Place;
use crate::kube::name::{JobName, Namespace};

pub fn of(place: &Place) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}/{}", place.created(), place.key()))
}

pub fn parse(token: &str) -> Result<Place, Problem> {
    let parse = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (created, key) = text.split_once('/')?;
        let (namespace, name) = key.split_once('/')?;
        Namespace::parse(namespace).and(JobName::parse(name)).ok()?;
        let created: u32 = created.parse().ok()?;
        Some(Place::new(created.into(), key))
    };
    parse().ok_or_else(|| Problem::malformed("continue", "is not what a list-jobs call returned; begin without it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_back_to_its_place_and_nothing_else_is_one() {
        let there = Place::new(1_769_000_000, "team-a/nightly");
        assert_eq!(parse(&of(&there)).unwrap(), there);
        let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for bad in ["", "garbage", "%%%", &encoded("1/a"), &encoded("x/a/b"), &encoded("1/a/../b"), &encoded("-1/a/b")]
        {
            assert_eq!(parse(bad).unwrap_err().status, 400, "{bad}");
        }
    }
}
