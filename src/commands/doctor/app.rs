//! The checks of the app: whether it is reached, and what it makes of samples.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderName, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt as _, Collected, Full, Limited};
use jiff::Timestamp;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service as _;

use super::Doctor;
use super::facts::Heard;
use super::web::AGENT;
use crate::cakemail::sample::{self, Sample};
use crate::cakemail::signature::Secret;
use crate::capture::again::secret_for;
use crate::capture::failure;
use crate::capture::own_port::own_target;
use crate::capture::trigger::random_seed;
use crate::check::app::{self, Answer, Asked};
use crate::check::surroundings::Surroundings;
use crate::check::target::{self, Reach};
use crate::check::{Check, Status};
use crate::config::Target;
use crate::delivery::{Failure, Scheme};
use crate::http::client::{Trust, connector, resolve};
use crate::http::headers::to_kept;
use crate::http::pool::{AskError, Client};
use crate::http::port_owner;

/// How long one address may take.
const CONNECTS_WITHIN: Duration = Duration::from_secs(2);

/// Bytes of an answer that are read.
const LONGEST: usize = 1 << 20;

/// An app that takes longer is sent no more samples than one.
const SLOW: Duration = Duration::from_secs(2);

/// An event that every app has a handler for, where no other was asked for.
const EVENT: &str = "email.opened";

/// The ids of its checks, and of those that samples make.
pub(super) const IDS: [&str; 4] = ["target", "signed", "unsigned", "forged"];
const SAMPLED: [&str; 3] = ["signed", "unsigned", "forged"];

/// A target, and the event whose sample it gets.
pub(super) struct App {
    pub(super) target: Target,
    pub(super) event: &'static str,
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
        let event = asked.unwrap_or(EVENT);
        let mut apps: Vec<App> = Vec::new();
        let mut add = |target: Target, event| {
            if apps.iter().all(|app| app.target != target) {
                apps.push(App { target, event });
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
                    apps.push(App { target, event });
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

    fn trust(&self, target: &Target) -> Trust {
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

    /// All schemes, the likeliest first: the account's, or else that of the newest delivery.
    pub(super) async fn schemes(&self) -> Vec<Scheme> {
        let signs = self.opened().await.signs();
        let signs = signs.map(|signs| signs.scheme);
        let seen = self.seen().await.first().copied();
        let mut schemes = Scheme::ALL.to_vec();
        schemes.sort_by_key(|scheme| Some(*scheme) != signs.or(seen));
        schemes
    }

    async fn sample<'s>(&'s self, app: &'s App, secret: &'s str) -> app::Sample<'s> {
        app::Sample {
            target: &app.target,
            event: app.event,
            secret,
            seen: self.seen().await,
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
        app::signed(&self.sample(app, secret.label()).await, &tried)
    }

    /// Whether an app may well check with another secret.
    async fn has_several(&self, app: &Target) -> bool {
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

/// Sends one body to one target.
struct Mail<'a> {
    target: &'a Target,
    client: Client,
    timeout: Duration,
    headers: &'a [(HeaderName, HeaderValue)],
    body: Bytes,
}

impl<'a> Mail<'a> {
    fn new(doctor: &'a Doctor<'_>, app: &'a App) -> Option<Self> {
        let sample: &Sample = sample::find(app.event)?;
        let seed = random_seed().ok()?;
        let body = sample.body(sample.envelope(), seed, Timestamp::now());
        Some(Self {
            target: &app.target,
            client: Client::new(connector(doctor.trust(&app.target)), None::<SocketAddr>),
            timeout: doctor.timeout,
            headers: &doctor.configured.settings.forward.headers,
            body: body.into(),
        })
    }

    fn is_silent(&self, check: &Check) -> bool {
        let after = failure::timed_out(self.target, self.timeout);
        check.found.contains(&*after.message)
    }

    async fn send(&self, secret: Option<&Secret>, scheme: Scheme) -> Asked {
        let url = self.target.url_for("/");
        let path = url.as_ref().map_or("/", |url| url.path()).to_owned();
        let begun = Instant::now();
        let answer = match url {
            None => Err(failure::unsendable(self.target)),
            Some(url) => timeout(self.timeout, self.ask(url, secret, scheme))
                .await
                .unwrap_or_else(|_| Err(failure::timed_out(self.target, self.timeout))),
        };
        Asked {
            scheme,
            path,
            body: self.body.clone(),
            took: begun.elapsed(),
            answer,
        }
    }

    async fn ask(
        &self,
        url: http::Uri,
        secret: Option<&Secret>,
        scheme: Scheme,
    ) -> Result<Answer, Failure> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url;
        let fields = request.headers_mut();
        if let Ok(host) = HeaderValue::from_str(self.target.authority().as_str()) {
            fields.insert(header::HOST, host);
        }
        fields.insert(header::USER_AGENT, AGENT);
        fields.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        if let Some(secret) = secret
            && let Ok(name) = HeaderName::from_bytes(scheme.header().as_bytes())
            && let Ok(value) = HeaderValue::from_str(&secret.sign(scheme, &self.body))
        {
            fields.insert(name, value);
        }
        for (name, value) in self.headers {
            fields.insert(name.clone(), value.clone());
        }
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| failure::of(self.target, &error))?;
        let (parts, body) = answer.into_parts();
        // How it ends matters as little to Cakemail.
        let body = Limited::new(body, LONGEST).collect().await;
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: to_kept(&parts.headers),
            body: body.map(Collected::to_bytes).unwrap_or_default(),
        })
    }
}
