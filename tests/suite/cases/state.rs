//! The status of a job: its state, its fields, its pods and what their containers ended with.
