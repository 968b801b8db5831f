//! `eks-api keygen`: makes an API key and the line of the keys file that admits it.

use std::sync::Arc;

use crate::app::error::Error;
use crate::auth::keys::{Grant, generate, is_name, line};
use crate::auth::role::Role;
use crate::cli::options::{Arguments, option};
use crate::cli::spec::{CommandSpec, WRONG_ARGUMENTS};
use crate::cli::stdout::print;
use crate::config::pattern::Patterns;

pub static SPEC: CommandSpec = CommandSpec {
    name: "keygen",
    usage: "NAME --role read|write|admin --namespaces PATTERNS",
    summary: "make an API key; print the key once, and its line for EKS_API_KEYS_FILE",
    options: &[
        option("", "role", "read|write|admin", "what the key allows"),
        option("", "namespaces", "PATTERNS", "names or patterns, such as 'a,team-*'"),
    ],
    help: "",
    exit_codes: &[(0, "the key is printed"), (1, "no key was made"), WRONG_ARGUMENTS],
    is_client: false,
    run: |arguments| run(&parse(arguments).map_err(|text| SPEC.usage_error(text))?),
};

/// Parses the name of the key and its permissions.
fn parse(arguments: &Arguments) -> Result<Grant, String> {
    let name = match &arguments.positional[..] {
        [name] if is_name(name) => Arc::from(name.as_str()),
        [name] => return Err(format!("invalid name {name:?}: use at most 64 letters, digits and -_.@")),
        [] => return Err("keygen needs a name for the key".to_owned()),
        [_, extra, ..] => return Err(format!("keygen takes one name, but {extra:?} is given too")),
    };
    let role = arguments.value("role").and_then(Role::parse);
    let role = role.ok_or("--role must be read, write or admin")?;
    let namespaces = Patterns::parse(arguments.value("namespaces").unwrap_or_default()).map_err(|bad| {
        let hint = if bad.ends_with('-') { format!("; did you mean '{bad}*'?") } else { String::new() };
        format!("--namespaces: {bad:?} is not the name of a namespace or a pattern such as 'team-*'{hint}")
    })?;
    if namespaces.is_empty() {
        return Err("--namespaces must be names or patterns such as 'a,team-*', or '*'".to_owned());
    }
    Ok(Grant { name, role, namespaces })
}

/// Prints the key and its line. The key is stored nowhere.
fn run(grant: &Grant) -> Result<(), Error> {
    let key = generate().ok_or_else(|| Error::Failed("the system's random number generator failed".to_owned()))?;
    print(key.expose());
    print(&line(grant, &key));
    Ok(())
}
