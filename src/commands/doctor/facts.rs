//! What several checks want to know, found out once.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cakemail::event::{BadPattern, EventPattern};
use crate::capture::canary::CanaryKey;
use crate::cli::DoctorArgs;
use crate::commands::api;
use crate::commands::listener_client::ListenerClient;
use crate::commands::setup::{color, with_secrets};
use crate::config::{self, ConfigError, ConfigFiles, OneOrMany, Raw, Settings, known_event};
use crate::inspector::Running;

/// The settings, and what came of reading the files.
pub(super) struct Configured {
    pub(super) settings: Settings,
    /// Those that were read.
    pub(super) files: Vec<PathBuf>,
    /// The events that should arrive.
    pub(super) events: Vec<EventPattern>,
    /// Why they are of no use; the settings are those of flags and environment then.
    pub(super) error: Option<ConfigError>,
}

/// What flags and environment say.
fn raw(args: &DoctorArgs) -> Raw {
    let some = |values: Vec<String>| (!values.is_empty()).then_some(OneOrMany::Many(values));
    let mut raw = Raw {
        forward: some([&args.targets[..], &args.forward].concat()),
        header: some(args.header.clone()),
        insecure_target: args.insecure_target,
        store: args.store.store.clone(),
        // A store that is named is meant, whatever a file says of keeping none.
        ephemeral: args.store.store.is_some().then_some(false),
        relay: args.public.relay.clone(),
        relay_ca: args.public.relay_ca.clone(),
        name: args.public.name.clone(),
        public_url: args.public.public_url.clone(),
        // Nothing is registered here, and what a listener needs for that is no matter.
        register: Some(false),
        api: args.account.api.clone(),
        account: args.account.account,
        color: args.color.color.map(color),
        ..Raw::default()
    };
    with_secrets(&mut raw, &args.secrets);
    raw
}

/// Those of flags and environment. In a listener's settings they are what is forwarded, and
/// here what is wanted, so that they are no matter of those.
fn events(texts: &[String]) -> Result<Vec<EventPattern>, ConfigError> {
    let texts = texts.iter().flat_map(|list| list.split(','));
    let texts = texts.filter(|text| !text.trim().is_empty());
    let patterns = texts.map(|text| {
        let pattern = text.parse().map_err(|error: BadPattern| ConfigError {
            message: error.to_string(),
            hint: "for example `--events 'email.*,campaign.sent'`".into(),
        })?;
        known_event(&pattern)?;
        Ok(pattern)
    });
    patterns.collect()
}

impl Configured {
    /// Reads what there is. Files that are of no use end nothing: the rest can be looked at
    /// all the same.
    ///
    /// # Errors
    /// Where flags or the environment are the mistake.
    pub(super) fn read(args: &DoctorArgs, config: Option<&Path>) -> Result<Self, ConfigError> {
        let resolved = config::load(config).and_then(|files| {
            let read = files
                .sources
                .iter()
                .filter_map(|source| source.origin.clone());
            let read = read.collect();
            Ok((read, config::resolve(raw(args), files)?))
        });
        let asked = events(&args.events)?;
        match resolved {
            Ok((files, settings)) => Ok(Self {
                events: if asked.is_empty() {
                    settings.policy.events.clone()
                } else {
                    asked
                },
                settings,
                files,
                error: None,
            }),
            Err(error) => Ok(Self {
                settings: config::resolve(raw(args), ConfigFiles::default())?,
                events: asked,
                files: Vec::new(),
                error: Some(error),
            }),
        }
    }
}

/// The listener that runs, if one does.
pub(super) enum Listening {
    /// It does.
    Yes(Box<Heard>),
    /// None does.
    No,
    /// One is there and does not answer, and why.
    Stuck(String, String),
}

/// What a listener said.
pub(super) struct Heard {
    pub(super) status: Value,
    pub(super) url: String,
    /// What canaries for it are made with.
    pub(super) key: Option<CanaryKey>,
}

impl Listening {
    /// Looks for the store's, and where none is named for one that keeps nothing.
    pub(super) async fn find(settings: &Settings, is_named: bool) -> Self {
        let store = settings.store.path.as_deref();
        let mut places = vec![store];
        if store.is_some() && !is_named {
            places.push(None);
        }
        for place in places {
            let Some(running) = api::find(place) else {
                continue;
            };
            match Self::ask(running).await {
                Self::No => {}
                found => return found,
            }
        }
        Self::No
    }

    async fn ask(running: Running) -> Self {
        let (url, key) = (running.url.clone(), CanaryKey::new(&running.token).ok());
        match ListenerClient::connect(running).await {
            Ok(Some(client)) => Self::Yes(Box::new(Heard {
                status: client.status().clone(),
                url,
                key,
            })),
            Ok(None) => Self::No,
            Err(error) => Self::Stuck(error.to_string(), "stop it and start it again".into()),
        }
    }

    pub(super) const fn heard(&self) -> Option<&Heard> {
        match self {
            Self::Yes(heard) => Some(heard),
            _ => None,
        }
    }
}

impl Heard {
    /// Where the world reaches it now.
    pub(super) fn public_url(&self) -> Option<&str> {
        let tunnel = &self.status["tunnel"];
        (tunnel["state"] == "online")
            .then(|| tunnel["public_url"].as_str())
            .flatten()
    }

    /// The tunnel to a relay, where it has one.
    pub(super) fn tunnel(&self) -> Option<&Value> {
        Some(&self.status["tunnel"]).filter(|tunnel| tunnel.is_object())
    }

    /// The URL of a tunnel of the user's own, where it was told of one.
    pub(super) fn own_url(&self) -> Option<&str> {
        let url = self.status["public_url"].as_str();
        url.filter(|_| self.tunnel().is_none())
    }

    /// The texts of a list in what it said.
    pub(super) fn texts(&self, field: &str) -> Vec<&str> {
        let list = self.status[field].as_array();
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// The ids of the webhooks that it has registered itself.
    pub(super) fn registered(&self) -> Vec<&str> {
        let list = self.status["registered"].as_array();
        let ids = list.into_iter().flatten();
        ids.filter_map(|one| one["id"].as_str()).collect()
    }

    /// The events of those.
    pub(super) fn registered_events(&self) -> impl Iterator<Item = &str> {
        let list = self.status["registered"].as_array();
        let ids = list.into_iter().flatten();
        ids.filter_map(|one| one["event"].as_str())
    }

    pub(super) fn pid(&self) -> Option<u64> {
        self.status["pid"].as_u64()
    }
}
