//! `cmhook export`.

mod files;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::Context as _;

use super::Outcome;
use super::select::{Needed, select};
use super::setup::Setup;
use crate::cakemail::signature::Secret;
use crate::capture::{asked, targets};
use crate::cli::{ExportArgs, FormatArg};
use crate::config::{ConfigError, Policy, Target};
use crate::delivery::{Kept, is_unsafe_on_terminal};
use crate::export::THROW_AWAY;
use crate::export::format::Format;
use crate::export::redact::Redactor;
use crate::files::{check, create_folder, create_parent, write};
use files::{Destination, refused};

pub(super) fn run(args: &ExportArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let format = format(args)?;
    let to = target(args, format)?;
    let setup = Setup::read(config, &args.store, |_| {})?;
    let destination = Destination::of(args.output.as_deref());
    let Some(mut chosen) = select(&setup, &args.select, Needed::Named)? else {
        return Ok(Outcome::No);
    };
    if format == Format::Raw && chosen.len() > 1 && !matches!(destination, Destination::Folder(_)) {
        return Err(ConfigError {
            message: format!("{} bodies would run into each other", chosen.len()),
            hint: "name a folder for them with `-o FOLDER/`".into(),
        }
        .into());
    }
    let secret = if args.redact {
        Some(redact(&mut chosen)?)
    } else {
        None
    };
    let policy = match format {
        Format::Curl => targets::remembered(&setup.reader()?),
        _ => Policy::default(),
    };
    let export = Export {
        format,
        to,
        policy,
        secret,
    };
    match destination {
        Destination::Stdout => export.to_stdout(&chosen, args.force)?,
        Destination::File(path) => {
            create_parent(&path).map_err(refused)?;
            write(&path, args.force, |out| export.write(&chosen, out)).map_err(refused)?;
            let count = super::ask::deliveries(chosen.len());
            writeln!(io::stderr(), "Wrote {count} to {}.", files::shown(&path))?;
        }
        Destination::Folder(folder) => export.to_folder(&chosen, &folder, args.force)?,
    }
    export.say_secret()?;
    Ok(Outcome::Fine)
}

fn format(args: &ExportArgs) -> Result<Format, ConfigError> {
    let by_name = || {
        let name = Path::new(args.output.as_deref()?);
        Some(
            match name.extension()?.to_str()?.to_ascii_lowercase().as_str() {
                "har" => Format::Har,
                "http" => Format::Http,
                "json" => Format::Fixture,
                "jsonl" | "ndjson" => Format::Json,
                "sh" => Format::Curl,
                _ => return None,
            },
        )
    };
    let named = args.format.map(|format| match format {
        FormatArg::Curl => Format::Curl,
        FormatArg::Har => Format::Har,
        FormatArg::Fixture => Format::Fixture,
        FormatArg::Json => Format::Json,
        FormatArg::Raw => Format::Raw,
        FormatArg::Http => Format::Http,
    });
    named.or_else(by_name).ok_or_else(|| ConfigError {
        message: "it is not said what to write".into(),
        hint: "add `--as curl`, `har`, `fixture`, `json`, `raw` or `http`".into(),
    })
}

fn target(args: &ExportArgs, format: Format) -> Result<Option<Target>, ConfigError> {
    let Some(to) = &args.to else { return Ok(None) };
    if format != Format::Curl {
        return Err(ConfigError {
            message: "`--to` is for `--as curl`; nothing else says where to send it".into(),
            hint: "leave it out".into(),
        });
    }
    let target: Result<Target, _> = to.parse();
    target.map(Some).map_err(|bad| ConfigError {
        message: bad.to_string(),
        hint: bad.hint().into(),
    })
}

/// Redacts all of them, and returns the secret that they are signed with now.
fn redact(chosen: &mut [Kept]) -> anyhow::Result<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).context("the system gives no random numbers")?;
    let value = format!("{THROW_AWAY}-{}", hex::encode(random));
    let secret = Secret::new(THROW_AWAY, None, &value).context("cannot make a secret")?;
    let mut redactor = Redactor::new(secret, chosen);
    for kept in chosen {
        let redacted = redactor.redact(kept);
        for why in redacted.left_out {
            writeln!(
                io::stderr(),
                "warning: something of #{} cannot be looked through and was left out: {why}",
                kept.delivery.id
            )?;
        }
        *kept = redacted.kept;
    }
    Ok(value)
}

struct Export {
    format: Format,
    to: Option<Target>,
    /// Where the store's last listener forwarded to.
    policy: Policy,
    /// What redacted deliveries are signed with.
    secret: Option<String>,
}

impl Export {
    fn write(&self, chosen: &[Kept], out: &mut impl io::Write) -> io::Result<()> {
        let url = |kept: &Kept| asked::url(kept, self.to.as_ref(), &self.policy);
        self.format.write(chosen, self.secret.as_deref(), url, out)
    }

    fn to_stdout(&self, chosen: &[Kept], force: bool) -> anyhow::Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let is_exact = matches!(self.format, Format::Raw | Format::Http);
        if is_exact && !force && io::stdout().is_terminal() {
            let mut bytes = Vec::new();
            self.write(chosen, &mut bytes)?;
            if !is_harmless(&bytes) {
                return Err(ConfigError {
                    message: "it holds bytes that a terminal would act on".into(),
                    hint: "write it to a file with `-o FILE`, or say `--force`".into(),
                }
                .into());
            }
            out.write_all(&bytes)?;
        } else {
            self.write(chosen, &mut out)?;
        }
        Ok(out.flush()?)
    }

    fn to_folder(&self, chosen: &[Kept], folder: &Path, force: bool) -> anyhow::Result<()> {
        create_folder(folder).map_err(refused)?;
        let path = |kept: &Kept| folder.join(self.format.file_name(kept));
        // Before the first is written, so that a second export does nothing by halves.
        for kept in chosen {
            check(&path(kept), force).map_err(refused)?;
        }
        for kept in chosen {
            let one = std::slice::from_ref(kept);
            write(&path(kept), force, |out| self.write(one, out)).map_err(refused)?;
        }
        let count = super::ask::deliveries(chosen.len());
        writeln!(io::stderr(), "Wrote {count} to {}.", files::shown(folder))?;
        Ok(())
    }

    /// Formats without a place for the secret have it said beside them.
    fn say_secret(&self) -> io::Result<()> {
        let Some(secret) = &self.secret else {
            return Ok(());
        };
        match self.format {
            Format::Curl | Format::Raw | Format::Http => writeln!(
                io::stderr(),
                "Redacted and signed with the throw-away secret `{secret}`."
            ),
            Format::Har | Format::Fixture | Format::Json => Ok(()),
        }
    }
}

fn is_harmless(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        let text = text.replace("\r\n", "\n");
        !text.contains(|c| c != '\n' && c != '\t' && is_unsafe_on_terminal(c))
    })
}
