//! What one caller can cost the others: languages, floods, parameters and permits.

mod costs;
mod floods;
mod parameters;
mod waits;
