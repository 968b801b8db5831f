//! `eks-api keygen`: makes an API key and the line of the keys file that admits it.

use std::sync::Arc;

use crate::app::error::Error;
use crate::auth::keys::{Grant, generate, is_name, line};
use crate::auth::role::Role;
use crate::cli::options::{Arguments, CommandOption};
use crate::cli::stdout::print;
use crate::config::pattern::Patterns;

const OPTIONS: [CommandOption; 2] = [
    CommandOption { short: "", long: "role", value: "ROLE", help: "read, write or admin" },
    CommandOption { short: "", long: "namespaces", value: "PATTERNS", help: "names or patterns, such as 'a,team-*'" },
];

/// Parses the name of the key and its permissions.
pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Grant, Error> {
    let arguments = Arguments::parse(&OPTIONS, arguments).map_err(usage)?;
    let name = match &arguments.positional[..] {
        [name] if is_name(name) => Arc::from(name.as_str()),
        [name] => return Err(usage(format!("invalid name {name:?}: use at most 64 letters, digits and -_.@"))),
        [] => return Err(usage("keygen needs a name for the key")),
        [_, extra, ..] => return Err(usage(format!("keygen takes one name, but {extra:?} is given too"))),
    };
    let role = arguments.value("role").and_then(Role::parse);
    let role = role.ok_or_else(|| usage("--role must be read, write or admin"))?;
    let namespaces = Patterns::parse(arguments.value("namespaces").unwrap_or_default()).map_err(|bad| {
        let hint = if bad.ends_with('-') { format!("; did you mean '{bad}*'?") } else { String::new() };
        usage(format!("--namespaces: {bad:?} is not the name of a namespace or a pattern such as 'team-*'{hint}"))
    })?;
    if namespaces.is_empty() {
        return Err(usage("--namespaces must be names or patterns such as 'a,team-*', or '*'"));
    }
    Ok(Grant { name, role, namespaces })
}

fn usage(text: impl std::fmt::Display) -> Error {
    Error::Arguments(format!("{text}; see eks-api --help"))
}

/// Prints the key and its line. The key is stored nowhere.
pub fn run(grant: &Grant) -> Result<(), Error> {
    let key = generate().ok_or_else(|| Error::Failed("the system's random number generator failed".to_owned()))?;
    print(key.expose());
    print(&line(grant, &key));
    Ok(())
}
