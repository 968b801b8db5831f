//! `eks-api keygen`: makes a key, shows it once, and the line that lets it in.

use std::sync::Arc;

use crate::app::{Error, print, split_option};
use crate::auth::keys::{Grant, generate, is_name, line};
use crate::auth::role::Role;
use crate::config::pattern::Patterns;

/// Whose key it is to be, and what it lets its holder do.
pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Grant, Error> {
    let (mut name, mut role, mut namespaces) = (None, None, None);
    while let Some(argument) = arguments.next() {
        let (option, inline) = split_option(argument);
        let slot = match option.as_str() {
            "--role" => &mut role,
            "--namespaces" => &mut namespaces,
            _ if option.starts_with("--") => {
                return Err(wrong(format!("{option:?} is no option; there are --role and --namespaces")));
            }
            _ if name.is_some() => return Err(wrong(format!("keygen takes one name, but {option:?} is given too"))),
            _ => {
                name = Some(option);
                continue;
            }
        };
        let value = inline.or_else(|| arguments.next()).ok_or_else(|| wrong(format!("{option} needs a value")))?;
        *slot = Some(value);
    }
    let name = name.ok_or_else(|| wrong("keygen needs a name for the key"))?;
    if !is_name(&name) {
        return Err(wrong(format!("{name:?} is no name for a key: use at most 64 letters, digits and -_.@")));
    }
    let role = role.as_deref().and_then(Role::parse);
    let role = role.ok_or_else(|| wrong("--role must be read, write or admin"))?;
    let namespaces = Patterns::parse(namespaces.as_deref().unwrap_or_default()).map_err(|bad| {
        wrong(format!("--namespaces: {bad:?} is not the name of a namespace or a pattern{}", hint(&bad)))
    })?;
    if namespaces.is_empty() {
        return Err(wrong("--namespaces must be names or patterns such as 'a,team-*', or '*'"));
    }
    Ok(Grant { name: Arc::from(name), role, namespaces })
}

/// What was probably meant.
fn hint(bad: &str) -> String {
    if bad.ends_with('-') { format!("; did you mean '{bad}*'?") } else { ", such as 'a,team-*'".to_owned() }
}

fn wrong(what: impl std::fmt::Display) -> Error {
    Error::Arguments(format!("{what}; see eks-api --help"))
}

/// Prints the key, which nothing keeps, and the file's line.
pub fn run(grant: &Grant) -> Result<(), Error> {
    let key = generate().ok_or_else(|| Error::Failed("the system gives no randomness".to_owned()))?;
    print(key.expose());
    print(&line(grant, &key));
    Ok(())
}
