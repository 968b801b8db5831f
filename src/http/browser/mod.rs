//! What keeps browsers from being used against the service.

pub mod cors;
pub mod origin;
