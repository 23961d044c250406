//! The `cmhook` command.

use std::process::ExitCode;

// Bodies of ten thousand deliveries come and go from several threads, which glibc's
// allocator answers with fragmentation and a tenth of the time per delivery.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cmhook::main(std::env::args_os())
}
