//! The benchmarks' own arithmetic, tables and pictures: what they make of what they measure. What they measure is not
//! judged here.

#[allow(dead_code, unreachable_pub, reason = "the benchmarks use what is not tested here")]
#[path = "../bench/figures/mod.rs"]
mod figures;
#[allow(dead_code, reason = "the benchmarks use what is not tested here")]
#[path = "../bench/generator/reply.rs"]
pub(crate) mod reply;

mod charts;
mod pages;
mod replies;
mod rounds;
mod tables;
