//! What is made of the measurements, and how it is shown. Nothing here measures; the tests are in tests/suite/bench.rs.

pub(crate) mod chart;
pub(crate) mod page;
pub(crate) mod report;
pub(crate) mod statistics;
pub(crate) mod table;
