//! `cmhook listen`.

use std::path::Path;

use crate::cli::{ColorArg, HostHeaderArg, ListenArgs, OutputArgs};
use crate::config::{self, Color, ConfigError, HostHeader, OneOrMany, Raw};

use super::Outcome;
use super::session::{Session, block_on};

pub(super) fn run(
    args: ListenArgs,
    config: Option<&Path>,
    json: &mut bool,
) -> anyhow::Result<Outcome> {
    let account = args.account.account.clone();
    let (mut flags, files) = (raw(args), config::load(config)?);
    if flags.register.or(files.register()).unwrap_or(false) {
        flags.account = account
            .as_deref()
            .map(account_number)
            .transpose()?
            .flatten();
    } else {
        // Other tools read these variables too, and this run asks no API.
        flags.api = None;
    }
    *json = flags.json.or(files.json()).unwrap_or(false);
    let settings = config::resolve(flags, files)?;
    block_on(async {
        let session = Session::start(settings, None).await?;
        session.run(std::future::pending()).await
    })
}

/// An account as it was typed; an empty one is none.
fn account_number(text: &str) -> Result<Option<u64>, ConfigError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let variable = "CAKEMAIL_CURRENT_ACCOUNT_ID";
    let place = match std::env::var(variable) {
        Ok(value) if value.trim() == text => format!(" (it comes from {variable})"),
        _ => String::new(),
    };
    text.parse().map(Some).map_err(|_| ConfigError {
        message: format!("`--account {}` is no number{place}", text.escape_debug()),
        hint: "give the account's number, or leave it and CAKEMAIL_CURRENT_ACCOUNT_ID out".into(),
    })
}

fn some(values: Vec<String>) -> Option<OneOrMany> {
    (!values.is_empty()).then_some(OneOrMany::Many(values))
}

/// What flags and environment say, in the form that files have too.
fn raw(args: ListenArgs) -> Raw {
    let mut forward = args.targets;
    forward.extend(args.forward);
    Raw {
        listen: args.listen,
        forward: some(forward),
        route: args.forwarding.route,
        events: some(args.forwarding.events),
        secret: args.verify.secrets.secret,
        secret_file: some(args.verify.secrets.secret_file),
        reject_invalid: args.verify.reject_invalid,
        ack: args.forwarding.ack,
        status: args.forwarding.status,
        timeout: args.forwarding.timeout,
        max_body: args.keeping.max_body,
        keep: args.keeping.keep,
        keep_bytes: args.keeping.keep_bytes,
        store: args.keeping.store,
        ephemeral: args.keeping.ephemeral,
        durable: args.keeping.durable,
        header: some(args.forwarding.header),
        host_header: args.forwarding.host_header.map(|which| match which {
            HostHeaderArg::Preserve => HostHeader::Preserve,
            HostHeaderArg::Rewrite => HostHeader::Rewrite,
        }),
        insecure_target: args.forwarding.insecure_target,
        inspector: args.inspector.inspector,
        no_inspector: args.inspector.no_inspector,
        relay: args.relay.relay,
        relay_ca: args.relay.relay_ca,
        name: args.relay.name,
        takeover: args.relay.takeover.then_some(true),
        share: args.relay.share,
        register: args.account.register,
        is_register_typed: args.account.is_typed,
        public_url: args.account.public_url,
        api: args.account.api,
        ..with_output(Raw::default(), &args.output)
    }
}

/// Fills in what the output flags say.
pub(super) fn with_output(mut raw: Raw, output: &OutputArgs) -> Raw {
    raw.json = output.json;
    raw.quiet = output.quiet;
    raw.no_tui = output.no_tui;
    raw.color = output.color.map(|color| match color {
        ColorArg::Auto => Color::Auto,
        ColorArg::Always => Color::Always,
        ColorArg::Never => Color::Never,
    });
    raw
}
