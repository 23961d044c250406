//! `cmhook export`.

mod files;

use std::io::{self, IsTerminal as _, Write};
use std::path::Path;

use anyhow::Context as _;
use http::Uri;

use super::Outcome;
use super::select::{Needed, select};
use super::setup::Setup;
use crate::cakemail::signature::Secret;
use crate::capture::targets;
use crate::cli::{ExportArgs, FormatArg};
use crate::config::{ConfigError, Policy, Target};
use crate::delivery::{Kept, is_unsafe_on_terminal};
use crate::export::redact::Redactor;
use crate::export::{THROW_AWAY, curl, fixture, har, http as wire_form, json};
use files::Destination;

pub(super) fn run(args: &ExportArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let format = format(args)?;
    let to = target(args, format)?;
    let setup = Setup::read(config, &args.store, |_| {})?;
    let destination = Destination::of(args.output.as_deref());
    let Some(mut chosen) = select(&setup, &args.select, Needed::Named)? else {
        return Ok(Outcome::No);
    };
    if format == FormatArg::Raw
        && chosen.len() > 1
        && !matches!(destination, Destination::Folder(_))
    {
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
        FormatArg::Curl => targets::remembered(&setup.reader()?),
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
            files::create_parent(&path)?;
            files::write(&path, args.force, |out| export.write(&chosen, out))?;
            let count = super::ask::deliveries(chosen.len());
            writeln!(io::stderr(), "Wrote {count} to {}.", files::shown(&path))?;
        }
        Destination::Folder(folder) => export.to_folder(&chosen, &folder, args.force)?,
    }
    export.say_secret()?;
    Ok(Outcome::Fine)
}

fn format(args: &ExportArgs) -> Result<FormatArg, ConfigError> {
    let by_name = || {
        let name = Path::new(args.output.as_deref()?);
        Some(
            match name.extension()?.to_str()?.to_ascii_lowercase().as_str() {
                "har" => FormatArg::Har,
                "http" => FormatArg::Http,
                "json" => FormatArg::Fixture,
                "jsonl" | "ndjson" => FormatArg::Json,
                "sh" => FormatArg::Curl,
                _ => return None,
            },
        )
    };
    args.format.or_else(by_name).ok_or_else(|| ConfigError {
        message: "it is not said what to write".into(),
        hint: "add `--as curl`, `har`, `fixture`, `json`, `raw` or `http`".into(),
    })
}

fn target(args: &ExportArgs, format: FormatArg) -> Result<Option<Target>, ConfigError> {
    let Some(to) = &args.to else { return Ok(None) };
    if format != FormatArg::Curl {
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
    format: FormatArg,
    to: Option<Target>,
    /// Where the store's last listener forwarded to.
    policy: Policy,
    /// What redacted deliveries are signed with.
    secret: Option<String>,
}

impl Export {
    fn write(&self, chosen: &[Kept], out: &mut impl Write) -> io::Result<()> {
        let secret = self.secret.as_deref();
        if self.format == FormatArg::Har {
            return har::write(chosen, secret, out);
        }
        for (at, kept) in chosen.iter().enumerate() {
            let received = &kept.delivery.request;
            match self.format {
                FormatArg::Curl => {
                    if at > 0 {
                        out.write_all(b"\n")?;
                    }
                    out.write_all(curl::command(received, &self.url(kept)).as_bytes())?;
                }
                FormatArg::Fixture => fixture::write(kept, secret, out)?,
                FormatArg::Json => json::write_line(kept, secret, out)?,
                FormatArg::Raw => out.write_all(&received.body)?,
                FormatArg::Http => out.write_all(&wire_form::request(received))?,
                FormatArg::Har => {}
            }
        }
        Ok(())
    }

    fn to_stdout(&self, chosen: &[Kept], force: bool) -> anyhow::Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let is_exact = matches!(self.format, FormatArg::Raw | FormatArg::Http);
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
        files::create_folder(folder)?;
        let path = |kept: &Kept| folder.join(files::name(kept, self.format));
        // Before the first is written, so that a second export does nothing by halves.
        for kept in chosen {
            files::check(&path(kept), force)?;
        }
        for kept in chosen {
            let one = std::slice::from_ref(kept);
            files::write(&path(kept), force, |out| self.write(one, out))?;
        }
        let count = super::ask::deliveries(chosen.len());
        writeln!(io::stderr(), "Wrote {count} to {}.", files::shown(folder))?;
        Ok(())
    }

    /// The URL to ask: the target that is named, the one that was asked last, or what is
    /// known of the store's last listener.
    fn url(&self, kept: &Kept) -> String {
        let received = &kept.delivery.request;
        let path = &*received.path_and_query;
        let of = |target: &Target| {
            let url = target.url_for(path).map(|url| url.to_string());
            url.unwrap_or_else(|| format!("{target}{path}"))
        };
        if let Some(to) = &self.to {
            return of(to);
        }
        let asked = kept.newest().map(|attempt| &*attempt.target);
        if let Some(asked) = asked.filter(|asked| is_url(asked)) {
            return asked.to_owned();
        }
        let event = received.event.as_deref().unwrap_or_default();
        let routed = self
            .policy
            .routes
            .iter()
            .find(|(glob, _)| glob.matches(event));
        match routed
            .map(|(_, target)| target)
            .or(self.policy.forward.first())
        {
            Some(target) => of(target),
            None => format!("http://localhost:3000{path}"),
        }
    }

    /// Formats without a place for the secret have it said beside them.
    fn say_secret(&self) -> io::Result<()> {
        let Some(secret) = &self.secret else {
            return Ok(());
        };
        match self.format {
            FormatArg::Curl | FormatArg::Raw | FormatArg::Http => writeln!(
                io::stderr(),
                "Redacted and signed with the throw-away secret `{secret}`."
            ),
            FormatArg::Har | FormatArg::Fixture | FormatArg::Json => Ok(()),
        }
    }
}

/// Whether a recorded target, which may have been imported, is one that curl may be given.
fn is_url(text: &str) -> bool {
    let uri: Result<Uri, _> = text.parse();
    uri.is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
    })
}

fn is_harmless(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        let text = text.replace("\r\n", "\n");
        !text.contains(|c| c != '\n' && c != '\t' && is_unsafe_on_terminal(c))
    })
}
