//! Bodies and manifests: their form, their names, and what the service adds to them.
