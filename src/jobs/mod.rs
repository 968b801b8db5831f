//! Jobs: a request becomes a manifest, a Job becomes a status. Owns what is promised about both; HTTP's words for it
//! are `http`'s, the exchanges themselves `kube`'s.

pub mod details;
pub mod policy;
pub mod spec;
pub mod stamp;
pub mod status;
pub mod submit;
