//! `cmhook listen --register`: webhooks that are at Cakemail for as long as the listener
//! runs.

mod book;
mod clean;
mod commands;
mod error;
mod ledger;
mod making;
mod reuse;
mod running;
mod stop;
mod url;

use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::time::{Instant, sleep};

use crate::account::{Api, Credentials};
use crate::cakemail::diagnosis::REGISTERED;
use crate::cakemail::signature::Secret;
use crate::cakemail::webhook::Webhook;
use crate::check::some;
use crate::config::{AccountSettings, Settings};
use crate::delivery::Warning;
use crate::store::Store;
pub(super) use book::kept_for_reuse;
use clean::Cleaning;
pub(super) use commands::{keys_command, registered_for, signed_sample, webhooks_of};
pub use error::RegisterError;
use ledger::Ledger;
use ledger::look::{look, owner_of};
use ledger::steps::Owner;
use making::{Made, Making};
pub(super) use running::{LastWords, Registration};
use running::{STOPPED_WITHIN, WRITTEN_WITHIN};
pub(super) use stop::Stop;

/// How long archiving may take where the listener does not start after all.
const UNDO_WITHIN: Duration = Duration::from_secs(20);

/// The same, from when a stop is asked for meanwhile.
const HURRIED_WITHIN: Duration = Duration::from_secs(3);

/// The API that a listener has asked, and for which account, from the process and the ids of the
/// webhooks that it has registered.
pub(super) fn asked_by(pid: u32, ids: &[&str]) -> Option<(String, Option<u64>)> {
    let owner = owner_of(pid, ids)?;
    Some((owner.api, owner.account))
}

/// What came of it.
pub(super) struct Registered {
    pub(super) registration: Registration,
    /// The webhooks' keys.
    pub(super) secrets: Vec<Secret>,
    /// What should be known.
    pub(super) warnings: Vec<Warning>,
}

/// Nothing is registered.
pub(super) struct NotRegistered {
    pub(super) error: RegisterError,
    /// What should be known besides.
    pub(super) warnings: Vec<Warning>,
}

impl From<RegisterError> for NotRegistered {
    fn from(error: RegisterError) -> Self {
        Self {
            error,
            warnings: Vec::new(),
        }
    }
}

/// Makes the webhooks that the settings ask for, if they do, for a listener that is reached
/// at `local` on this machine. `stop` has it make no more of them.
pub(super) async fn register(
    settings: &Settings,
    store: &Store,
    local: &str,
    stop: &Stop,
) -> Result<Option<Registered>, NotRegistered> {
    let Some(wanted) = &settings.register else {
        return Ok(None);
    };
    let base = &settings.account.api;
    let own = settings.public_url.as_deref();
    let tunnel = store.tunnel();
    let url = url::of(own, tunnel.as_deref(), local, base)?;
    let (api, ledger) = open(&settings.account, store)?;
    let cleared = tokio::select! {
        cleared = clear(&api, &ledger) => cleared,
        () = stop.asked() => Ok(Cleared::default()),
    };
    let Cleared {
        before,
        mut warnings,
    } = match cleared {
        Ok(cleared) => cleared,
        Err(error) => {
            ledger.end(Vec::new(), &[]);
            return Err(error.into());
        }
    };
    let making = Making {
        api: &api,
        ledger: &ledger,
        url: &url,
        before: &before,
        stop,
    };
    let made = making.all(&wanted.events).await;
    let failure = made.failure.or_else(|| {
        let is_without = made.made.iter().all(|one| one.key.is_none());
        let rejects = settings.policy.reject_invalid && settings.secrets.is_empty();
        (rejects && is_without && !stop.is_asked()).then_some(RegisterError::NoKeys)
    });
    if let Some(error) = failure {
        warnings.extend(undo(&api, &ledger, stop).await);
        return Err(NotRegistered { error, warnings });
    }
    warnings.extend(wanted.left_out.clone().map(|message| Warning {
        code: "not_registered",
        message,
        hint: String::new(),
    }));
    warnings.extend(made.skipped);
    if !stop.is_asked() {
        warnings.extend(without_key(&made.made));
    }
    warnings.extend(twice(&ledger));
    let secrets = secrets(&made.made, &settings.secrets);
    for one in &made.made {
        store.tell_registered(one.registration(&url, ledger.owner()));
    }
    Ok(Some(Registered {
        registration: Registration::new(api, ledger, store.clone(), stop.at()),
        secrets,
        warnings,
    }))
}

/// The account, and the file for what is made there.
fn open(settings: &AccountSettings, store: &Store) -> Result<(Api, Ledger), RegisterError> {
    let credentials = Credentials::find(&settings.api).map_err(RegisterError::Account)?;
    let user = credentials.user();
    let warns = store.clone();
    let api = Api::new(settings, credentials).telling(move |text| {
        warns.warn(Warning {
            code: "login",
            message: text.to_owned(),
            hint: String::new(),
        });
    });
    let owner = Owner {
        api: api.shown().to_owned(),
        account: api.account(),
        user,
    };
    let ledger = Ledger::create(owner).map_err(RegisterError::File)?;
    Ok((api, ledger))
}

/// What there was before.
#[derive(Default)]
struct Cleared {
    before: Vec<Webhook>,
    warnings: Vec<Warning>,
}

/// Looks what there is, and archives what earlier runs have left.
async fn clear(api: &Api, ledger: &Ledger) -> Result<Cleared, RegisterError> {
    // Where this works, the rest does.
    let all = api.all(false).await.map_err(RegisterError::Api)?;
    let left_out = all.left_out().map(|message| Warning {
        code: "webhooks",
        message,
        hint: String::new(),
    });
    let mut before = all.webhooks;
    let found = look(ledger);
    let mut warnings: Vec<Warning> = left_out.into_iter().collect();
    for (path, why) in &found.broken {
        warnings.push(Warning {
            code: "registrations",
            message: format!(
                "`{}` may tell of webhooks that are to be archived, and cannot be read: {why}",
                path.display()
            ),
            hint: format!(
                "look into it and at `{}`, then delete it",
                ledger.owner().command(&["webhooks", "list"])
            ),
        });
    }
    let held: Vec<Ledger> = found.over.iter().chain([ledger]).cloned().collect();
    for old in &found.over {
        let is_same_user = old.owner() == ledger.owner();
        let mut cleaning = Cleaning::new(api, old, is_same_user, &held);
        cleaning.run().await;
        let count = cleaning.archived.len();
        before.retain(|webhook| cleaning.archived.iter().all(|(_, id)| *id != webhook.id));
        if count > 0 {
            warnings.push(Warning {
                code: "left_behind",
                message: match count {
                    1 => "archived a webhook that an earlier run left behind".into(),
                    many => format!("archived {many} webhooks that an earlier run left behind"),
                },
                hint: String::new(),
            });
        }
        warnings.extend(cleaning.words());
        cleaning.close(None).await;
    }
    Ok(Cleared { before, warnings })
}

/// Archives what was made for a listener that does not start after all, and says what is left.
async fn undo(api: &Api, ledger: &Ledger, stop: &Stop) -> Vec<Warning> {
    let mut cleaning = Cleaning::new(api, ledger, true, &[]);
    let hurried = stop.at().map_or(HURRIED_WITHIN, |_| STOPPED_WITHIN);
    // What is not archived by then is said.
    tokio::select! {
        () = cleaning.run() => {}
        () = sleep(UNDO_WITHIN) => {}
        () = stop.since(hurried) => {}
    }
    let words = cleaning.words();
    cleaning.close(Some(Instant::now() + WRITTEN_WITHIN)).await;
    words
}

/// The keys as secrets. Each has its event's name, unless the user calls another one so.
fn secrets(made: &[Made], known: &[Secret]) -> Vec<Secret> {
    let mut secrets: Vec<Secret> = Vec::new();
    for one in made {
        let Some(key) = &one.key else { continue };
        let is_taken = |label: &str| known.iter().any(|secret| **secret.label() == *label);
        let mut label = one.event.clone();
        while is_taken(&label) {
            label.push_str(REGISTERED);
        }
        // An empty one is none.
        if let Ok(secret) = Secret::new(&label, Some(&one.event), key.expose_secret())
            && !known
                .iter()
                .chain(&secrets)
                .any(|other| other.is_same(&secret))
        {
            secrets.push(secret);
        }
    }
    secrets
}

/// What is said where another webhook sends the same to the same URL: its deliveries are signed
/// with another key.
fn twice(ledger: &Ledger) -> Option<Warning> {
    let entries = ledger.entries();
    let entries = entries.iter();
    let entries = entries.filter(|entry| entry.id.is_some() && !entry.is_done);
    let twice = entries.filter(|entry| !entry.before.is_empty());
    let (events, ids): (Vec<String>, Vec<Vec<String>>) = twice
        .map(|entry| (entry.event.clone(), entry.before.clone()))
        .unzip();
    let ids = ids.concat();
    let first = ids.first()?;
    let owner = ledger.owner();
    let archive: Vec<&str> = (["webhooks", "archive"].into_iter())
        .chain(ids.iter().map(String::as_str))
        .collect();
    Some(Warning {
        code: "registered_twice",
        message: format!(
            "other webhooks send {} to this URL too, each signed with another key: these arrive twice",
            some(&events)
        ),
        hint: format!(
            "`{}` shows such a key, for `--secret`; `{}` archives them, where nobody needs them",
            owner.command(&["webhooks", "get", first, "--show-secrets"]),
            owner.command(&archive)
        ),
    })
}

fn without_key(made: &[Made]) -> Option<Warning> {
    let events: Vec<&str> = (made.iter())
        .filter(|one| one.key.is_none())
        .map(|one| &*one.event)
        .collect();
    (!events.is_empty()).then(|| Warning {
        code: "no_key",
        message: format!(
            "the API shows no key for {}, so these deliveries cannot be verified",
            events.join(", ")
        ),
        hint: "`--secret` takes the webhook's secret from elsewhere".into(),
    })
}
