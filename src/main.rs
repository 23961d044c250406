//! The `cmhook` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    cmhook::main(std::env::args_os())
}
