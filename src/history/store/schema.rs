//! The tables, and their migrations.

/// The schemas in order. The number of the last is the `user_version` of the file.
pub(super) const MIGRATIONS: [&str; 1] = [include_str!("schema_1.sql")];

/// The newest schema.
pub(in crate::history) const NEWEST: i32 = 1;

/// The `application_id` of the file: `eksh`.
pub(in crate::history) const APPLICATION_ID: i32 = 0x656b_7368;
