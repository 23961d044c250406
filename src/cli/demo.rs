//! `cmhook demo`.

use clap::Args;

use super::shared::{InspectorArgs, OutputArgs};

/// `cmhook demo`.
#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub struct DemoArgs {
    /// Take deliveries in here: PORT or ADDRESS:PORT, port 0 for a free one
    #[arg(short, long, value_name = "ADDR", default_value = "127.0.0.1:4400")]
    pub listen: String,

    /// How long to wait between two sample deliveries
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    pub interval: String,

    /// Stop after this many sample deliveries
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub inspector: InspectorArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub output: OutputArgs,
}
