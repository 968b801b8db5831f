//! What the API server refuses, and what is sent to it again.
