//! The usage line of an error.

use std::ffi::OsString;

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue};

use super::Cli;

/// Leaves flags out of the usage that were not typed, but come from the environment: clap
/// writes what it was given as if it were needed.
pub(super) fn of_what_was_typed(mut error: clap::Error, args: &[OsString]) -> clap::Error {
    let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) else {
        return error;
    };
    let usage = usage.to_string();
    let mut root = Cli::command();
    root.build();
    let mut command = &mut root;
    for word in args.iter().skip(1).filter_map(|word| word.to_str()) {
        if command.find_subcommand(word).is_some() {
            let Some(next) = command.find_subcommand_mut(word) else {
                return error;
            };
            command = next;
        }
    }
    let is_untyped = |arg: &clap::Arg| {
        let flag = arg.get_long().map(|long| format!("--{long}"));
        let is_set = arg
            .get_env()
            .is_some_and(|env| std::env::var_os(env).is_some());
        is_set
            && flag.is_some_and(|flag| {
                let is_it = |arg: &OsString| arg.to_string_lossy().starts_with(&flag);
                usage.contains(&flag) && !args.iter().any(is_it)
            })
    };
    if command.get_arguments().any(is_untyped) {
        let usage = ContextValue::StyledStr(command.render_usage());
        error.insert(ContextKind::Usage, usage);
    }
    error
}
