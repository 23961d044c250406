//! What commands on kept deliveries need of the settings: the store, the secrets, how to
//! forward.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Runtime;

use super::api;
use crate::cakemail::signature::Secret;
use crate::cli::{ColorArg, SecretArgs, StoreArgs};
use crate::config::{self, Color, ConfigError, OneOrMany, Raw, Settings};
use crate::delivery::Kept;
use crate::store::Reader;

/// The settings of one run.
#[derive(Debug)]
pub(super) struct Setup {
    /// All of them; what a listener alone needs is there and not used.
    pub(super) settings: Settings,
}

impl Setup {
    /// From these flags, the environment and the files. `more` fills in further flags.
    ///
    /// # Errors
    /// At the first setting that cannot be used.
    pub(super) fn read(
        config: Option<&Path>,
        store: &StoreArgs,
        more: impl FnOnce(&mut Raw),
    ) -> Result<Self, ConfigError> {
        let mut raw = Raw {
            store: store.store.clone(),
            // A store that is named is meant, whatever a file says of keeping none.
            ephemeral: store.store.is_some().then_some(false),
            // Only a listener has one, and what is wrong with it is no matter of theirs.
            relay: Some(String::new()),
            public_url: Some(String::new()),
            register: Some(false),
            ..Raw::default()
        };
        more(&mut raw);
        let files = config::load(config)?;
        Ok(Self {
            settings: config::resolve(raw, files)?,
        })
    }

    /// The store's file.
    ///
    /// # Errors
    /// Where the settings say to keep nothing on disk.
    pub(super) fn store(&self) -> Result<&Path, ConfigError> {
        self.settings.store.path.as_deref().ok_or_else(|| ConfigError {
            message: "the configuration keeps deliveries in memory only, so there is no store to look into".into(),
            hint: "name one with `--store PATH`".into(),
        })
    }

    /// The store, opened to read it.
    ///
    /// # Errors
    /// Where there is none or it cannot be read.
    pub(super) fn reader(&self) -> anyhow::Result<Reader> {
        let store = self.store()?;
        let reader = Reader::open(store)?;
        api::settle(store);
        Ok(reader)
    }

    /// All that is kept, oldest first. Damage is said on standard error.
    ///
    /// # Errors
    /// As [`Setup::reader`].
    pub(super) fn kept(&self) -> anyhow::Result<Vec<Kept>> {
        let found = self.reader()?.all()?;
        if found.damaged > 0 {
            let _ = writeln!(
                std::io::stderr(),
                "warning: {} deliveries or attempts in the store are damaged and left out",
                found.damaged
            );
        }
        Ok(found.kept)
    }
}

/// Fills in the flags of secrets.
pub(super) fn with_secrets(raw: &mut Raw, args: &SecretArgs) {
    raw.secret.clone_from(&args.secret);
    if !args.secret_file.is_empty() {
        raw.secret_file = Some(OneOrMany::Many(args.secret_file.clone()));
    }
}

/// Of all known secrets those that are meant, and the others: those of `--secret` where
/// there are any, else all.
pub(super) fn meant<'s>(known: &'s [Secret], args: &SecretArgs) -> (&'s [Secret], &'s [Secret]) {
    // Those of flags stand first.
    match args.secret.len() {
        0 => (known, &[]),
        count => known.split_at(count.min(known.len())),
    }
}

/// The colour setting that a flag says.
pub(super) const fn color(arg: ColorArg) -> Color {
    match arg {
        ColorArg::Auto => Color::Auto,
        ColorArg::Always => Color::Always,
        ColorArg::Never => Color::Never,
    }
}

/// How long what has not ended holds up the end.
const ENDED_WITHIN: Duration = Duration::from_millis(500);

/// A runtime for one command. Unlike a runtime by itself it ends with the command: it does not
/// wait for a name that is being looked up, or a disk that hangs, when Ctrl-C was pressed.
pub(super) struct Running(Option<Runtime>);

impl Running {
    /// Runs a future to its end.
    pub(super) fn block_on<F: Future>(&self, future: F) -> F::Output {
        match &self.0 {
            Some(runtime) => runtime.block_on(future),
            None => unreachable!("it is there until it is dropped"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_timeout(ENDED_WITHIN);
        }
    }
}

/// A runtime for a command that sends or asks the listener.
///
/// # Errors
/// Where the operating system gives none.
pub(super) fn runtime() -> anyhow::Result<Running> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    Ok(Running(Some(runtime)))
}
