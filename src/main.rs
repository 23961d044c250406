//! The `cmhook` command.

use std::process::ExitCode;

// Bodies of ten thousand deliveries come and go from several threads, which glibc's
// allocator answers with fragmentation and a tenth of the time per delivery. It is version 2
// of mimalloc: 3 keeps what was freed for a second, and the peaks of a crowd add up.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cmhook::main(std::env::args_os())
}
