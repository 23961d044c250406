//! `cmhook listen`.

use std::path::Path;

use crate::cli::{ColorArg, HostHeaderArg, ListenArgs, OutputArgs};
use crate::config::{self, Color, HostHeader, OneOrMany, Raw};

use super::session::{Session, block_on};

/// Why a listener did not start or go on, beyond its port and its store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It would forward to itself.
    #[error("the target `{0}` is cmhook's own port")]
    OwnPort(String),
    /// A second signal came while it was stopping.
    #[error("stopped at once by a second signal; what was in flight is lost")]
    Forced,
    /// Its lines went to a full disk, for example.
    #[error("cannot write to standard output")]
    Output(#[source] std::io::Error),
}

impl StartError {
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::OwnPort(_) => "loop",
            Self::Forced => "forced",
            Self::Output(_) => "output",
        }
    }

    pub(crate) const fn exit(&self) -> u8 {
        match self {
            Self::OwnPort(_) => 2,
            Self::Forced | Self::Output(_) => 1,
        }
    }

    pub(crate) const fn hint(&self) -> &'static str {
        match self {
            Self::OwnPort(_) => "forward to the port that your app listens on",
            Self::Forced => "",
            Self::Output(_) => {
                "it was stopped for that; what came in is in the store, and `--quiet` writes no lines"
            }
        }
    }
}

pub(super) fn run(args: ListenArgs, config: Option<&Path>, json: &mut bool) -> anyhow::Result<()> {
    let (flags, files) = (raw(args), config::load(config)?);
    *json = flags.json.or(files.json()).unwrap_or(false);
    let settings = config::resolve(flags, files)?;
    block_on(async {
        let session = Session::start(settings).await?;
        session.run(std::future::pending()).await
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
        secret: args.verify.secret,
        secret_file: some(args.verify.secret_file),
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
        ..with_output(Raw::default(), &args.output)
    }
}

/// Fills in what the output flags say.
pub(super) fn with_output(mut raw: Raw, output: &OutputArgs) -> Raw {
    raw.json = output.json;
    raw.quiet = output.quiet;
    raw.color = output.color.map(|color| match color {
        ColorArg::Auto => Color::Auto,
        ColorArg::Always => Color::Always,
        ColorArg::Never => Color::Never,
    });
    raw
}
