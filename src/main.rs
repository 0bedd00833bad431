//! The `tracegate` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    tracegate::cli::main()
}
