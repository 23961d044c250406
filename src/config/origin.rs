//! Where a setting that cannot be used comes from, for whoever did not type it just now.

use super::{ConfigError, OneOrMany, Raw};

/// Adds to an error where its setting stands, if that is not the command line.
pub(super) fn with_origin(error: ConfigError, sources: &[Raw]) -> ConfigError {
    let Some(name) = setting_of(&error.message) else {
        return error;
    };
    let Some(source) = sources.iter().find(|source| texts(source, name).is_some()) else {
        return error;
    };
    let place = if let Some(path) = &source.origin {
        format!("`{}`", path.display())
    } else {
        let variable = variable_of(name);
        let given = texts(source, name).unwrap_or_default().join(",");
        // clap has joined the two; of a flag that says the same both are wrong.
        if !std::env::var(&variable).is_ok_and(|value| value == given) {
            return error;
        }
        variable
    };
    ConfigError {
        message: format!("{} (it comes from {place})", error.message),
        hint: error.hint,
    }
}

/// Whence the flag is taken that nobody types. What is of the account has the names that
/// Cakemail's own tools read too.
fn variable_of(name: &str) -> String {
    match name {
        "api" => "CAKEMAIL_API_BASE".into(),
        "account" => "CAKEMAIL_CURRENT_ACCOUNT_ID".into(),
        _ => format!("CMHOOK_{}", name.to_uppercase().replace('-', "_")),
    }
}

/// The flag that a message begins with, or the one that its words are about.
fn setting_of(message: &str) -> Option<&str> {
    if let Some(rest) = message.strip_prefix("`--") {
        return rest.split([' ', '`']).next();
    }
    if message.contains("` is not a target: ") {
        Some("forward")
    } else if message.contains("` is not the URL of a relay: ") {
        Some("relay")
    } else if message.contains("` is not the URL of an API: ") {
        Some("api")
    } else if message.starts_with("the event pattern `") {
        Some("events")
    } else {
        None
    }
}

/// What a source says of a setting; `None` where it says nothing.
fn texts(source: &Raw, name: &str) -> Option<Vec<String>> {
    let one = |text: &Option<String>| text.clone().map(|text| vec![text]);
    let many = |list: &Option<OneOrMany>| list.clone().map(OneOrMany::into_vec);
    let switch = |on: Option<bool>| on.map(|on| vec![on.to_string()]);
    match name {
        "listen" => one(&source.listen),
        "inspector" => one(&source.inspector),
        "timeout" => one(&source.timeout),
        "max-body" => one(&source.max_body),
        "keep-bytes" => one(&source.keep_bytes),
        "forward" => many(&source.forward),
        "events" => many(&source.events),
        "header" => many(&source.header),
        "route" if !source.route.is_empty() => Some(source.route.clone()),
        "keep" => source.keep.map(|keep| vec![keep.to_string()]),
        "status" => source.status.map(|status| vec![status.to_string()]),
        "relay" => one(&source.relay),
        "api" => one(&source.api),
        "name" => one(&source.name),
        "relay-ca" => source
            .relay_ca
            .as_ref()
            .map(|path| vec![path.to_string_lossy().into_owned()]),
        "public-url" => one(&source.public_url),
        "register" => switch(source.register),
        "share" => switch(source.share),
        "ephemeral" => switch(source.ephemeral),
        "reject-invalid" => switch(source.reject_invalid),
        "insecure-target" => switch(source.insecure_target),
        _ => None,
    }
}
