//! The actions of `eks-api history` that read the database of the service: [`execute`].

use std::path::PathBuf;

use crate::app::error::Error;

#[derive(Debug, PartialEq, Eq)]
pub enum Work {
    /// Copy the database to this file.
    Backup(PathBuf),
    /// Print the runs that were created in this time, in seconds since 1970.
    Export { since: Option<i64>, until: Option<i64> },
}

/// Does the work. It sends nothing.
#[cfg(feature = "history")]
pub fn execute(work: Work) -> Result<(), Error> {
    use crate::client::output;
    use crate::history::{backup, export, local};

    let dir = crate::cli::environment::state_dir()?;
    let done = match work {
        Work::Backup(file) => backup::backup(&dir, &file),
        Work::Export { since, until } => export::export(&dir, since, until, &mut std::io::stdout()),
    };
    match done {
        Ok(()) => Ok(()),
        Err(local::Error::Database(text)) => Err(Error::NoInput(text)),
        Err(local::Error::File(text)) => Err(Error::CannotCreate(text)),
        Err(local::Error::Stdout(error)) => Ok(output::reader(Err(error)).map(drop)?),
    }
}

#[cfg(not(feature = "history"))]
pub fn execute(_work: Work) -> Result<(), Error> {
    let text = "this program was built without the history, so it cannot read the database: use the one of the service";
    Err(Error::Config(text.to_owned()))
}
