//! `eks-api webhook secret`: makes a secret for an endpoint of `EKS_API_WEBHOOKS_FILE`.

use crate::app::error::Error;
use crate::cli::options::{unexpected, without_value};
use crate::cli::spec::{CommandSpec, NO_OUTPUT, WRONG_ARGUMENTS};

pub static SPEC: CommandSpec = CommandSpec {
    name: "webhook",
    usage: "secret",
    summary: "make a secret that signs the messages to a webhook",
    options: &[],
    help: "\
stdout has only the secret. It is stored nowhere else.
Write it to the secret_file of an endpoint in EKS_API_WEBHOOKS_FILE, and give it to the receiver.
The file may have two secrets, a line each, while they change. The service must be able to read it, and nobody else.",
    exit_codes: &[
        (0, "the secret is printed"),
        (1, "the system's random number generator failed"),
        WRONG_ARGUMENTS,
        NO_OUTPUT,
        (78, "this program was built without the history"),
    ],
    is_client: false,
    run: |arguments| match &arguments.positional[..] {
        [action] if action == "secret" => secret(),
        [argument] => Err(SPEC.usage_error(format!("unknown argument \"{}\"", without_value(argument)))),
        [] => Err(SPEC.usage_error("webhook needs the action secret")),
        [_, extra, ..] => Err(SPEC.usage_error(unexpected(extra))),
    },
};

#[cfg(feature = "history")]
fn secret() -> Result<(), Error> {
    let secret = crate::webhooks::secret::generate();
    let secret = secret.ok_or_else(|| Error::Failed("the system's random number generator failed".to_owned()))?;
    crate::cli::stdout::print(secret.expose())
}

#[cfg(not(feature = "history"))]
fn secret() -> Result<(), Error> {
    let text = "this program was built without the history, so it has no webhooks: use the one of the service";
    Err(Error::Config(text.to_owned()))
}
