//! The checks of the app: whether it is reached, and what it makes of samples.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service as _;

use super::Doctor;
use super::facts::Heard;
use super::mail::Mail;
use crate::cakemail::event::EventPattern;
use crate::cakemail::sample::Envelope;
use crate::cakemail::signature::Secret;
use crate::capture::again::secret_for;
use crate::capture::failure;
use crate::capture::own_port::own_target;
use crate::check::app::{self, Asked, OtherKey};
use crate::check::surroundings::Surroundings;
use crate::check::target::{self, Reach};
use crate::check::{Check, Status};
use crate::config::Target;
use crate::delivery::{Failure, Scheme};
use crate::http::client::{Trust, connector, resolve};
use crate::http::pool::AskError;
use crate::http::port_owner;

/// How long one address may take.
const CONNECTS_WITHIN: Duration = Duration::from_secs(2);

/// An app that takes longer is sent no more samples than one.
const SLOW: Duration = Duration::from_secs(2);

/// So many keys of the account are tried on an app that refuses the secret that was given.
const OTHER_KEYS: usize = 2;

/// An event that every app has a handler for, where no other was asked for.
const EVENT: &str = "email.opened";

/// The ids of its checks, and of those that samples make.
pub(super) const IDS: [&str; 5] = ["target", "signed", "unsigned", "forged", "deliveries"];
const SAMPLED: [&str; 3] = ["signed", "unsigned", "forged"];

/// A target, and the event whose sample it gets.
pub(super) struct App {
    pub(super) target: Target,
    pub(super) event: &'static str,
    /// What stands around its data, where it is known what will.
    pub(super) envelope: Option<Envelope>,
}

impl App {
    const fn new(target: Target, event: &'static str) -> Self {
        Self {
            target,
            event,
            envelope: None,
        }
    }
}

impl Doctor<'_> {
    /// The targets of the settings, or else those of the running listener.
    pub(super) async fn apps(&self) -> Vec<App> {
        let policy = &self.configured.settings.policy;
        let asked = self
            .configured
            .events
            .first()
            .and_then(|pattern| pattern.names().first().copied());
        let registered = self.listening().await.heard().and_then(|heard| {
            let event = heard.registered_events().next()?;
            event.parse::<EventPattern>().ok()?.names().first().copied()
        });
        let event = asked.or(registered).unwrap_or(EVENT);
        let mut apps: Vec<App> = Vec::new();
        let mut add = |target: Target, event| {
            if apps.iter().all(|app| app.target != target) {
                apps.push(App::new(target, event));
            }
        };
        for target in &policy.forward {
            add(target.clone(), event);
        }
        for (pattern, target) in &policy.routes {
            add(
                target.clone(),
                pattern.names().first().copied().unwrap_or(event),
            );
        }
        if apps.is_empty()
            && let Some(heard) = self.listening().await.heard()
        {
            for target in heard
                .texts("targets")
                .into_iter()
                .filter_map(|text| text.parse().ok())
            {
                if apps.iter().all(|app| app.target != target) {
                    apps.push(App::new(target, event));
                }
            }
        }
        apps
    }

    pub(super) async fn app(&self) -> Vec<Check> {
        let apps = self.apps().await;
        if apps.is_empty() {
            let why = "no target was given; `cmhook doctor -f 3000` checks the app on port 3000";
            return IDS.map(|id| Check::skip(id, why)).into();
        }
        let checked = apps.iter().map(|app| self.one_app(app));
        join_all(checked).await.concat()
    }

    async fn one_app(&self, app: &App) -> Vec<Check> {
        let target = &app.target;
        let reach = self.reach(target).await;
        let mut checks = vec![target::judge(target, &reach)];
        let skip = |why: &str| SAMPLED.map(|id| Check::skip(id, format!("`{target}`: {why}")));
        if !reach.is_up() {
            checks.extend(skip("it takes no connection"));
        } else if self.args.no_send {
            checks.extend(skip("nothing is sent (--no-send)"));
        } else {
            // They may wait for the account, and that the app is there is known without it.
            let sampled = Box::pin(self.bounded(&SAMPLED, self.samples(app)));
            checks.extend(sampled.await);
        }
        let delivered = Box::pin(self.bounded(&["deliveries"], async {
            vec![self.delivered(target).await]
        }));
        checks.extend(delivered.await);
        checks
    }

    async fn reach(&self, target: &Target) -> Reach {
        let mut reach = Reach {
            addresses: Vec::new(),
            failure: None,
            owner: None,
            surroundings: Surroundings::find(),
        };
        if let Some(url) = self
            .listening()
            .await
            .heard()
            .map(|heard: &Heard| &*heard.url)
            && own_target(url, std::slice::from_ref(target))
                .await
                .is_some()
        {
            reach.failure = Some(failure::looped(target));
            return reach;
        }
        let looked_up = timeout(CONNECTS_WITHIN, resolve(target.host(), target.port())).await;
        let addresses = match looked_up {
            Ok(Ok(addresses)) => addresses,
            Ok(Err(error)) => {
                reach.failure = Some(failure::of(target, &AskError::Connect(error.into())));
                return reach;
            }
            Err(_) => {
                reach.failure = Some(failure::timed_out(target, CONNECTS_WITHIN));
                return reach;
            }
        };
        let tried = addresses.into_iter().map(|address| async move {
            let failed = match timeout(CONNECTS_WITHIN, TcpStream::connect(address)).await {
                Ok(Ok(_)) => None,
                Ok(Err(error)) => Some(failure::of(target, &AskError::Connect(error.into()))),
                Err(_) => Some(failure::timed_out(target, CONNECTS_WITHIN)),
            };
            (address, failed)
        });
        reach.addresses = join_all(tried).await;
        if reach.is_up() && target.is_https() {
            reach.failure = self.handshake(target).await;
        }
        if !reach.is_up() {
            let port = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), target.port());
            reach.owner = tokio::task::spawn_blocking(move || port_owner::find(port))
                .await
                .ok()
                .flatten();
        }
        reach
    }

    pub(super) fn trust(&self, target: &Target) -> Trust {
        let anything = self.configured.settings.forward.insecure_target && target.is_loopback();
        match (target.is_https(), anything) {
            (false, _) => Trust::NoTls,
            (true, false) => Trust::System,
            (true, true) => Trust::Anything,
        }
    }

    /// What is wrong with its TLS.
    async fn handshake(&self, target: &Target) -> Option<Failure> {
        let url = target.url_for("/")?;
        let mut connector = connector(self.trust(target));
        match timeout(CONNECTS_WITHIN, connector.call(url)).await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(failure::of(target, &AskError::Connect(error))),
            Err(_) => Some(failure::timed_out(target, CONNECTS_WITHIN)),
        }
    }

    async fn samples(&self, app: &App) -> Vec<Check> {
        let app = &self.as_it_comes(app).await;
        let target = &app.target;
        let Some(mail) = Mail::new(self, app) else {
            let why = format!("there is no sample of {}", app.event);
            return SAMPLED.map(|id| Check::skip(id, &*why)).into();
        };
        let schemes = self.schemes().await;
        let mut early = None;
        let signed = match self.secret_of(app).await {
            None => {
                let asked = mail.send(None, schemes[0]).await;
                let check = app::without_secret(&self.sample(app, "").await, &asked);
                early = Some(asked);
                check
            }
            Some(secret) => self.signed(app, &mail, &secret, &schemes).await,
        };
        // An app that did not answer in time will not the next time.
        if signed.status == Status::Fail && mail.is_silent(&signed) {
            let skip = |id| Check::skip(id, format!("`{target}`: it does not answer"));
            return vec![signed, skip("unsigned"), skip("forged")];
        }
        let unsigned = match early {
            Some(asked) => asked,
            None => mail.send(None, schemes[0]).await,
        };
        let strange = Secret::new("strange", None, "not the secret of any webhook").ok();
        let forged = mail.send(strange.as_ref(), schemes[0]).await;
        vec![
            signed,
            app::unsigned(target, &unsigned),
            app::forged(target, &forged),
        ]
    }

    /// The same with its sample as the account would send it: the API has names and an envelope
    /// of its own.
    async fn as_it_comes(&self, app: &App) -> App {
        let envelope = self.envelope().await;
        let mut event = app.event;
        if envelope == Some(Envelope::Api)
            && let Ok(pattern) = event.parse::<EventPattern>()
            && let Some(name) = pattern.api_names().first()
        {
            event = name;
        }
        App {
            target: app.target.clone(),
            event,
            envelope,
        }
    }

    /// All schemes, the likeliest first: the account's, or else that of the newest delivery.
    pub(super) async fn schemes(&self) -> Vec<Scheme> {
        let signs = self.opened().await.signs();
        let signs = signs.map(|signs| signs.scheme);
        let seen = self.lately().await.schemes.first().copied();
        let mut schemes = Scheme::ALL.to_vec();
        schemes.sort_by_key(|scheme| Some(*scheme) != signs.or(seen));
        schemes
    }

    async fn sample<'s>(&'s self, app: &'s App, secret: &'s str) -> app::Sample<'s> {
        app::Sample {
            target: &app.target,
            event: app.event,
            secret,
            seen: &self.lately().await.schemes,
            signs: self.opened().await.signs(),
            several: self.has_several(&app.target).await,
        }
    }

    async fn signed(
        &self,
        app: &App,
        mail: &Mail<'_>,
        secret: &Secret,
        schemes: &[Scheme],
    ) -> Check {
        let tried = in_all(mail, secret, schemes).await;
        let doubts = |asked: &Asked| asked.is_refused() || asked.has_thrown();
        if tried.first().is_some_and(doubts)
            && let Some(check) = self.with_other_key(app, mail, secret, schemes).await
        {
            return check;
        }
        app::signed(&self.sample(app, secret.label()).await, &tried)
    }

    /// What is to be said of an app that takes what is signed with a key of the account, where
    /// the secret that was given is another one: it is not the app that is wrong.
    async fn with_other_key(
        &self,
        app: &App,
        mail: &Mail<'_>,
        given: &Secret,
        schemes: &[Scheme],
    ) -> Option<Check> {
        let keys = self.keys_for(app).await;
        let others = keys.iter().filter(|(_, key)| !key.is_same(given));
        for (webhook, key) in others.take(OTHER_KEYS) {
            let tried = in_all(mail, key, schemes).await;
            let other = OtherKey {
                given: given.label(),
                is_a_key: self.opened().await.has_key(given),
                webhook,
            };
            let sample = self.sample(app, key.label()).await;
            let check = app::with_other_key(&sample, &tried, &other, &self.commands);
            if check.is_some() {
                return check;
            }
        }
        None
    }

    /// Whether an app may well check with another secret.
    pub(super) async fn has_several(&self, app: &Target) -> bool {
        self.configured.settings.secrets.len() > 1 || self.keys_here(app).await.len() > 1
    }

    /// What a delivery of that event is signed with, as far as that is known.
    async fn secret_of(&self, app: &App) -> Option<Secret> {
        let event = app.event;
        let own = &self.configured.settings.secrets;
        if let Some(secret) = secret_for(own, Some(event)) {
            return Some(secret.clone());
        }
        let keys = self.keys_here(&app.target).await;
        secret_for(&keys, Some(event)).cloned()
    }
}

/// A sample in each scheme.
async fn in_all(mail: &Mail<'_>, secret: &Secret, schemes: &[Scheme]) -> Vec<Asked> {
    let mut tried = Vec::new();
    for scheme in schemes {
        let asked = mail.send(Some(secret), *scheme).await;
        // What else it says tells nothing of signatures, and a slow app is not asked thrice.
        let is_telling = asked.is_taken() || asked.is_refused() || asked.has_thrown();
        let is_first = tried.is_empty();
        let is_enough = asked.is_late() || is_first && !(is_telling && asked.took < SLOW);
        tried.push(asked);
        if is_enough {
            break;
        }
    }
    tried
}
