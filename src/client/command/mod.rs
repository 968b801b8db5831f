//! The commands for jobs that exist, and the list of templates: [`execute`].

mod delete;
mod failures;
mod list;
mod logs;
pub mod print;
mod status;
mod templates;
mod wait;

use crate::client::exit::Exit;
use crate::client::options::{Action, Command};
use crate::client::session::{with_service, within};

/// Executes the command. `Ok` means that all was done, and of `wait` that all jobs completed.
pub async fn execute(command: &Command) -> Result<(), Exit> {
    let consequence = match command.action {
        Action::Status | Action::List | Action::Wait | Action::Templates => "",
        Action::Logs => "; the log is not whole",
        Action::Delete => "; it is not known whether all jobs are deleted",
    };
    with_service(&command.connection, false, async |service| {
        let work = async {
            match command.action {
                Action::Status => status::status(service, command).await,
                Action::List => list::list(service, command).await,
                Action::Logs => logs::show(service, command).await,
                Action::Delete => delete::delete(service, command).await,
                Action::Wait => wait::wait(service, command).await,
                Action::Templates => templates::templates(service, command).await,
            }
        };
        // `wait` names the jobs that have not ended.
        let timeout = command.connection.timeout.filter(|_| command.action != Action::Wait);
        within(service, timeout, consequence, work).await
    })
    .await
}
