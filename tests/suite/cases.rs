//! The known defects, one test each, named after the id of the defect: what was wrong, and what is right.

mod aws;
mod bounds;
mod http;
mod live;
mod logs;
mod manifests;
mod refusals;
mod run;
mod state;
