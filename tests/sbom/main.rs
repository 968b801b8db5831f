//! `cargo run --example sbom`: what the static binary is linked from, as `CycloneDX` JSON, on standard output. The same
//! source gives the same bytes: there is no time and no random number in it.

mod bill;

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let written = bill::of_materials(env!("CARGO"), env!("CARGO_MANIFEST_DIR"))
        .and_then(|bill| writeln!(std::io::stdout(), "{bill:#}").map_err(|error| error.to_string()));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "eks-api: {why}");
            ExitCode::FAILURE
        }
    }
}
