//! What one caller can cost the others: languages, floods, parameters and permits.
