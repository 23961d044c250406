//! `cmhook import`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::Outcome;
use super::hand::Hand;
use super::json_output::JsonOutput;
use super::setup::{Setup, color, runtime, with_secrets};
use crate::cakemail::signature::Secret;
use crate::cakemail::verify::verify;
use crate::cli::ImportArgs;
use crate::config::{ConfigError, StoreSettings};
use crate::delivery::{Kept, Verdict, escape_for_terminal};
use crate::export::THROW_AWAY;
use crate::export::read::{ReadError, deliveries};
use crate::store::Store;

/// The largest file, in bytes. It is read as a whole, and ten of the largest deliveries
/// that a listener takes fit in.
const LARGEST: u64 = 1 << 30;

const FIELDS: [&str; 4] = ["type", "file", "delivery", "event"];

pub(super) fn run(args: &ImportArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let setup = Setup::read(config, &args.store, |raw| {
        with_secrets(raw, &args.secrets);
        raw.color = args.color.color.map(color);
    })?;
    let output = &setup.settings.output;
    let json = if args.json.wanted() {
        Some(JsonOutput::new(&args.json, &FIELDS, output.color)?)
    } else {
        None
    };
    let files = read(args, &setup.settings.secrets)?;
    make_store(&setup)?;
    let imported = runtime()?.block_on(async {
        let hand = Hand::open(&setup).await?;
        let imported = take_in(&hand, files).await;
        let closed = hand.close().await;
        let imported = imported?;
        closed?;
        anyhow::Ok(imported)
    })?;
    if let Some(json) = json {
        json.write_all(imported.iter().map(Imported::object))?;
    } else {
        let mut out = io::stdout().lock();
        for one in &imported {
            let file = escape_for_terminal(&one.file);
            writeln!(out, "{file} \u{2192} #{}", one.id)?;
        }
    }
    Ok(Outcome::Fine)
}

/// All files, before the first delivery is taken in.
fn read(args: &ImportArgs, secrets: &[Secret]) -> anyhow::Result<Vec<(String, Vec<Kept>)>> {
    let stdins = args.files.iter().filter(|file| is_stdin(file)).count();
    if stdins > 1 {
        return Err(ConfigError {
            message: "standard input can be read only once".into(),
            hint: "name `-` once".into(),
        }
        .into());
    }
    let mut files = Vec::with_capacity(args.files.len());
    for path in &args.files {
        let (name, bytes) = if is_stdin(path) {
            let bytes = limited("standard input", io::stdin().lock())?;
            ("-".to_owned(), bytes)
        } else {
            let name = path.display().to_string();
            let file = File::open(path).with_context(|| format!("cannot read `{name}`"))?;
            let bytes = limited(&name, file)?;
            (name, bytes)
        };
        let mut kept = deliveries(&name, &bytes)?;
        for one in &mut kept {
            check(one, secrets);
        }
        files.push((name, kept));
    }
    Ok(files)
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn limited(name: &str, input: impl Read) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = input.take(LARGEST + 1).read_to_end(&mut bytes);
    read.with_context(|| format!("cannot read `{name}`"))?;
    if bytes.len() as u64 > LARGEST {
        return Err(ReadError {
            name: name.to_owned(),
            line: 1,
            field: String::new(),
            problem: "it is larger than 1 GiB".to_owned(),
        }
        .into());
    }
    Ok(bytes)
}

/// A verdict is what was found out here, and not what a file says. Only a signature that was
/// checked with the secret in the file itself stands as it is.
fn check(kept: &mut Kept, secrets: &[Secret]) {
    let delivery = Arc::make_mut(&mut kept.delivery);
    let request = &mut delivery.request;
    let own = matches!(&request.verdict, Verdict::Valid { secret, .. } if **secret == *THROW_AWAY);
    let verdict = verify(secrets, &request.headers, &request.body);
    if verdict.is_valid() || !own {
        request.verdict = verdict;
    }
}

/// A store that is not there yet is made.
fn make_store(setup: &Setup) -> anyhow::Result<()> {
    let path = setup.store()?;
    if path.exists() {
        return Ok(());
    }
    let settings = &setup.settings.store;
    let (store, _) = Store::open(&StoreSettings {
        path: Some(path.to_owned()),
        durable: settings.durable,
        keep: settings.keep,
        keep_bytes: settings.keep_bytes,
    })?;
    store.close();
    Ok(())
}

struct Imported {
    file: String,
    id: u64,
    event: Option<Box<str>>,
}

impl Imported {
    fn object(&self) -> Value {
        json!({
            "type": "imported",
            "file": self.file,
            "delivery": self.id,
            "event": self.event,
        })
    }
}

/// Takes all of them in, or none: what was taken in before one fails is deleted again.
async fn take_in(hand: &Hand, files: Vec<(String, Vec<Kept>)>) -> anyhow::Result<Vec<Imported>> {
    let mut imported: Vec<Imported> = Vec::new();
    for (file, kept) in files {
        // An edited copy names its original by the id that it had.
        let mut ids = HashMap::new();
        for mut one in kept {
            let request = &mut Arc::make_mut(&mut one.delivery).request;
            request.original = request.original.and_then(|id| ids.get(&id).copied());
            let (old, event) = (one.delivery.id, one.delivery.request.event.clone());
            let taken = match hand.take_in(vec![one]).await {
                Ok(taken) => taken,
                Err(error) => {
                    let taken: Vec<u64> = imported.iter().map(|one| one.id).collect();
                    // What went wrong first is what there is to say.
                    let _ = hand.delete(&taken).await;
                    return Err(error.context(format!("cannot take in `{file}`")));
                }
            };
            for id in taken {
                ids.insert(old, id);
                imported.push(Imported {
                    file: file.clone(),
                    id,
                    event: event.clone(),
                });
            }
        }
    }
    Ok(imported)
}
