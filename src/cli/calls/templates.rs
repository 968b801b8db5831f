//! `eks-api templates`: its row of the table. `client::command` executes it.

use crate::cli::calls::connection::{CA_FILE, CERT, CLUSTER, KEY, KEY_FILE, TIMEOUT, URL, connection, execute};
use crate::cli::options::{Arguments, option};
use crate::cli::spec::{CommandSpec, NO_OUTPUT};
use crate::client::command;
use crate::client::options::{Action, Command, LogQuery};

pub static SPEC: CommandSpec = CommandSpec {
    name: "templates",
    usage: "[OPTIONS]",
    summary: "list the templates that run --from takes",
    options: &[
        option("n", "namespace", "NAME", "only the templates of this namespace [all]"),
        option("", "names", "", "only the names, one a line"),
        option("o", "output", "table|json", "a table, or the service's replies as they come, one a line [table]"),
        CLUSTER,
        TIMEOUT,
        URL,
        KEY_FILE,
        CA_FILE,
        CERT,
        KEY,
    ],
    help: "\
The list has the CronJobs and the service's presets. Jobs are templates too (job/NAME); eks-api list has them.
A parameter is shown as it is declared: DATE! is required, LEVEL=info has a default.",
    exit_codes: &[
        (0, "the templates are printed"),
        (2, "wrong arguments; nothing was sent"),
        (65, "there is no such cluster, or the service refused the request"),
        (69, "the service cannot be reached, is not trusted, or sends an unexpected reply"),
        NO_OUTPUT,
        (77, "the service denied access (401, 403)"),
        (124, "the time is up"),
    ],
    is_client: true,
    run: |arguments| execute(command::execute(&parse(arguments).map_err(|text| SPEC.usage_error(text))?)),
};

fn parse(arguments: &Arguments) -> Result<Command, String> {
    arguments.without_positional()?;
    let (names, json) = (arguments.has("names"), arguments.value("output") == Some("json"));
    if names && json {
        return Err("use --names or --output json, not both".to_owned());
    }
    Ok(Command {
        action: Action::Templates,
        connection: connection(arguments)?,
        namespace: arguments.value("namespace").map(str::to_owned),
        jobs: Vec::new(),
        selector: None,
        state: None,
        json,
        names,
        log: LogQuery::default(),
        prefix: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_not_json() {
        let parsed = |arguments: &[&str]| {
            let arguments = arguments.iter().map(|argument| (*argument).to_owned());
            Arguments::parse(SPEC.options, arguments).and_then(|arguments| parse(&arguments))
        };
        let names = parsed(&["--names", "-n", "demo"]).unwrap();
        assert!(names.names && !names.json && names.namespace.as_deref() == Some("demo"));
        assert!(parsed(&["-o", "json"]).unwrap().json);
        assert_eq!(parsed(&["--names", "-o", "json"]).unwrap_err(), "use --names or --output json, not both");
        assert_eq!(parsed(&["etl"]).unwrap_err(), "unexpected argument \"etl\"");
    }
}
