//! `cmhook doctor`: what lies between Cakemail and the app, checked piece by piece.
//!
//! Checks run side by side and are told in their order. What several of them want to know is
//! found out by the first that asks; the others wait for it.

mod account;
mod app;
mod canary;
mod cures;
mod facts;
mod keys;
mod lately;
mod machine;
mod mail;
mod print;
mod public;
mod web;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

use super::Outcome;
use super::register::asked_by;
use super::setup::runtime;
use crate::check::{Check, Commands};
use crate::cli::DoctorArgs;
use crate::config;
use account::Opened;
pub(super) use cures::given;
use facts::{Configured, Listening};
use lately::Lately;
use print::Told;
use public::Way;

/// The whole takes no longer.
const AT_MOST: Duration = Duration::from_secs(30);

/// One run.
struct Doctor<'a> {
    args: &'a DoctorArgs,
    configured: Configured,
    /// How cures are written.
    commands: Commands,
    /// How long the app may take.
    timeout: Duration,
    /// When whatever is not done then is given up.
    until: Instant,
    listening: OnceCell<Listening>,
    account: OnceCell<Opened>,
    way: OnceCell<Way>,
    lately: OnceCell<Lately>,
}

pub(super) fn run(args: &DoctorArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let mut doctor = Doctor {
        args,
        configured: Configured::read(args, config)?,
        commands: cures::commands(args, config),
        timeout: config::duration("--timeout", &args.timeout)?,
        until: Instant::now() + AT_MOST,
        listening: OnceCell::new(),
        account: OnceCell::new(),
        way: OnceCell::new(),
        lately: OnceCell::new(),
    };
    let color = doctor.configured.settings.output.color;
    let mut told = Told::new(&args.json, color)?;
    let runtime = runtime()?;
    let told = runtime.block_on(async {
        doctor.ask_whom_the_listener_asks().await;
        let mut checks = doctor.checks();
        while let Some(mut group) = checks.next().await {
            for cure in group.iter_mut().filter_map(|check| check.cure.as_mut()) {
                *cure = doctor.commands.completed(cure);
            }
            told.say(&group)?;
        }
        told.end()
    });
    Ok(if told?.is_well() {
        Outcome::Fine
    } else {
        Outcome::No
    })
}

type Checking<'d> = Pin<Box<dyn Future<Output = Vec<Check>> + 'd>>;

/// What is said of a check that was given up.
fn late() -> String {
    format!("no result within {} s", AT_MOST.as_secs())
}

impl Doctor<'_> {
    /// Takes the API and the account of the listener that has registered webhooks, where none
    /// was named: they are there, and nowhere else.
    async fn ask_whom_the_listener_asks(&mut self) {
        let given = &self.args.account;
        if given
            .api
            .as_deref()
            .is_some_and(|api| !api.trim().is_empty())
        {
            return;
        }
        let asked = self.listening().await.heard().and_then(|heard| {
            let pid = u32::try_from(heard.pid()?).ok()?;
            let (api, account) = asked_by(pid, &heard.registered())?;
            Some((config::api_url(&api).ok()?, api, account))
        });
        let Some((url, api, account)) = asked else {
            return;
        };
        let settings = &mut self.configured.settings.account;
        if settings.api != url {
            settings.api = url;
            self.commands.api = vec!["--api".into(), api];
        }
        if let Some(number) = account.filter(|_| settings.account.is_none()) {
            settings.account = Some(number);
            self.commands.account = vec!["--account".into(), number.to_string()];
        }
    }

    /// All of them, in their order.
    fn checks(&self) -> FuturesOrdered<Checking<'_>> {
        let groups: [Checking<'_>; 4] = [
            Box::pin(self.bounded(&["config", "store", "listener"], self.machine())),
            Box::pin(self.bounded(&app::IDS, self.app())),
            Box::pin(self.bounded(&["relay", "canary"], self.public())),
            Box::pin(self.bounded(&account::IDS, self.account_checks())),
        ];
        groups.into_iter().collect()
    }

    /// Those checks, or that they take too long: the first has failed then, and what follows
    /// from it was not tried. One within another ends at the same time and leaves the other's
    /// results as they are.
    async fn bounded(
        &self,
        ids: &[&'static str],
        checks: impl Future<Output = Vec<Check>>,
    ) -> Vec<Check> {
        let in_time = timeout_at(self.until, checks).await;
        in_time.unwrap_or_else(|_| {
            let late = late();
            let ids = ids.iter().enumerate();
            let checks = ids.map(|(n, id)| match n {
                0 => Check::fail(id, &*late),
                _ => Check::skip(id, &*late),
            });
            checks.collect()
        })
    }

    async fn listening(&self) -> &Listening {
        let is_named = self.args.store.store.is_some();
        let find = || Listening::find(&self.configured.settings, is_named);
        self.listening.get_or_init(find).await
    }
}
