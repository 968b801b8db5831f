//! The calls about webhooks and their deliveries.

pub(super) mod deliveries;
pub(super) mod list;
pub(super) mod redeliver;
pub(super) mod test;
