//! `eks-api history list`, `show` and `stats`: [`execute`].

pub mod options;
mod runs;
mod show;
mod stats;
mod text;

use crate::client::exit::Exit;
use crate::client::history::options::{Action, HistoryCommand};
use crate::client::session::{with_service, within};

/// Executes the command. `Ok` means that all is printed.
pub async fn execute(command: &HistoryCommand) -> Result<(), Exit> {
    with_service(&command.connection, false, async |service| {
        let work = async {
            match command.action {
                Action::List => runs::list(service, command).await,
                Action::Show => show::show(service, command).await,
                Action::Stats => stats::stats(service, command).await,
            }
        };
        within(service, command.connection.timeout, "", work).await
    })
    .await
}
