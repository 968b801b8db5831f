//! Arguments in, exit code out.

use std::io::Write;
use std::process::ExitCode;

/// musl's own gives many freed blocks back to the kernel at once, and takes them again for the next request.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    let ended = eks_api::cli::run(std::env::args().skip(1));
    eks_api::telemetry::stderr::flush();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // stderr may be gone; the exit code still tells.
            let _ = writeln!(std::io::stderr().lock(), "{error}");
            error.exit_code()
        }
    }
}
