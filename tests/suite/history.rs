//! The history: its calls, and what is recorded.

mod access;
mod parameters;
mod plot;
