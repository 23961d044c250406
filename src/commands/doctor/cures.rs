//! Which flags the commands of cures need.

use std::path::Path;

use crate::check::Commands;
use crate::cli::DoctorArgs;

/// Those that were given. What the environment says is there for the next command too.
pub(super) fn commands(args: &DoctorArgs, config: Option<&Path>) -> Commands {
    let (public, account) = (&args.public, &args.account);
    let path = |path: &Path| path.display().to_string();
    let number = account.account.map(|number| number.to_string());
    let mut listen = Vec::new();
    for target in [&args.targets[..], &args.forward].concat() {
        if !in_environment("CMHOOK_FORWARD", &target) {
            listen.extend(["-f".to_owned(), target]);
        }
    }
    if args.insecure_target == Some(true) && std::env::var_os("CMHOOK_INSECURE_TARGET").is_none() {
        listen.push("--insecure-target".into());
    }
    listen.extend(given("--relay", public.relay.clone(), "CMHOOK_RELAY"));
    let ca = public.relay_ca.as_deref().map(path);
    listen.extend(given("--relay-ca", ca, "CMHOOK_RELAY_CA"));
    listen.extend(given("--name", public.name.clone(), "CMHOOK_NAME"));
    let url = public.public_url.clone();
    listen.extend(given("--public-url", url, "CMHOOK_PUBLIC_URL"));
    let store = args.store.store.as_deref().map(path);
    Commands {
        all: given("--config", config.map(path), "CMHOOK_CONFIG"),
        api: given("--api", account.api.clone(), "CAKEMAIL_API_BASE"),
        account: given("--account", number, "CAKEMAIL_CURRENT_ACCOUNT_ID"),
        listen,
        store: given("--store", store, "CMHOOK_STORE"),
    }
}

/// A flag and its value, unless that is the environment's.
pub(in crate::commands) fn given(flag: &str, value: Option<String>, variable: &str) -> Vec<String> {
    let value = value.filter(|value| !value.is_empty() && !in_environment(variable, value));
    value.map_or_else(Vec::new, |value| vec![flag.to_owned(), value])
}

fn in_environment(variable: &str, value: &str) -> bool {
    std::env::var(variable).is_ok_and(|text| {
        let mut values = text.split(',').map(str::trim);
        text == value || values.any(|one| one == value)
    })
}
