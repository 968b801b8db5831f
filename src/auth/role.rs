//! The roles of API keys.

use std::fmt;

/// Each role includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// See jobs, their logs, and namespaces.
    Read,
    /// Create jobs from the templates that the line of the keys file names.
    Run,
    /// Create, delete, suspend and resume jobs.
    Write,
    /// Create and delete namespaces.
    Admin,
}

impl Role {
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Read, Self::Run, Self::Write, Self::Admin].into_iter().find(|role| role.name() == name)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Run => "run",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// Whether a line of the keys file with this role names templates.
    pub const fn has_templates(self) -> bool {
        matches!(self, Self::Run)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
