//! The program: runs the command line and returns its exit code.

use std::io::Write;
use std::process::ExitCode;

/// musl's allocator returns freed blocks to the kernel and requests them again, which is slow.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    let ended = eks_api::cli::run(std::env::args_os().skip(1));
    eks_api::telemetry::stderr::flush();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If stderr is closed, the exit code is all there is.
            let _ = writeln!(std::io::stderr().lock(), "{error}");
            error.exit_code()
        }
    }
}
