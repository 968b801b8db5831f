//! Templates: list-templates, the presets and their directory.

mod list;
mod presets;
