//! `cmhook demo`: a small app, a listener, and a sender of signed samples, all in one
//! process, so that a newcomer sees it work within a minute.
//!
//! The app makes the mistake that most handlers make: it hashes re-serialised JSON. Most
//! samples survive that, those with an escaped slash do not, and cmhook says why.

use std::convert::Infallible;
use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;

use super::listen::with_output;
use super::session::{Session, block_on};
use crate::cakemail::sample;
use crate::cakemail::signature::Secret;
use crate::cli::DemoArgs;
use crate::config::{self, ConfigFiles, OneOrMany, Raw};
use crate::delivery::Scheme;
use crate::http::client::{Trust, connector};
use crate::http::pool::Client;

/// What is sent, in this order: the manual's events, the third of which fails.
const EVENTS: [&str; 9] = [
    "email.sent",
    "email.opened",
    "email.clicked",
    "email.bounced",
    "email.unsubscribed",
    "email.spam_complaint",
    "campaign.sent",
    "campaign.scheduled",
    "campaign.cancelled",
];

/// What to look out for.
const NOTE: &str =
    "The demo's app hashes JSON.stringify(body), the usual mistake: see what cmhook says of it";

pub(super) fn run(args: DemoArgs) -> anyhow::Result<()> {
    let interval = config::duration("--interval", &args.interval)?;
    let mut random = [0; 24];
    getrandom::fill(&mut random).context("the system gives no random numbers")?;
    let value = hex::encode(&random[..16]);
    let seed = u64::from_le_bytes(random[16..].try_into().unwrap_or_default());
    let secret = Secret::new("demo", None, &value).context("cannot make a secret")?;
    let for_people = !(args.output.json.unwrap_or(false) || args.output.quiet.unwrap_or(false));
    let say = move |text: &str| {
        if for_people {
            // Standard error may be closed; the demo goes on all the same.
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    };
    say(&format!("{NOTE}.\n"));
    block_on(async move {
        let app = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))
            .await
            .context("cannot start the demo's app")?;
        let address = app
            .local_addr()
            .context("cannot tell the port of the demo's app")?;
        let raw = Raw {
            listen: Some(args.listen),
            forward: Some(OneOrMany::One(format!("{address}/webhooks/cakemail"))),
            secret: vec![format!("demo={value}").into()],
            ephemeral: Some(true),
            inspector: args.inspector.inspector,
            no_inspector: args.inspector.no_inspector,
            ..with_output(Raw::default(), &args.output)
        };
        let session =
            Session::start(config::resolve(raw, ConfigFiles::default())?, Some(NOTE)).await?;
        tokio::spawn(serve_app(app, secret.clone()));
        let url = session.url.clone();
        session
            .run(send_samples(url, secret, seed, interval, args.count))
            .await?;
        say("Next, with an app of yours: cmhook listen --forward localhost:3000 --secret S");
        Ok(())
    })
}

/// Sends a sample, waits for its answer, waits for the interval, and so on.
async fn send_samples(
    url: String,
    secret: Secret,
    seed: u64,
    interval: Duration,
    count: Option<u64>,
) {
    let client = Client::new(connector(Trust::NoTls), None);
    let samples: Vec<_> = EVENTS.into_iter().filter_map(sample::find).collect();
    for n in 0..count.unwrap_or(u64::MAX) {
        if n > 0 {
            tokio::time::sleep(interval).await;
        }
        let at = usize::try_from(n).unwrap_or(0);
        let scheme = Scheme::ALL[at % Scheme::ALL.len()];
        let Some(sample) = samples.get(at % samples.len().max(1)) else {
            return;
        };
        let body = sample.body(sample.envelope(), seed.wrapping_add(n), Timestamp::now());
        let request = Request::post(&url)
            .header("content-type", "application/json")
            .header("user-agent", "Cakemail-Webhooks (cmhook demo)")
            .header(scheme.header(), secret.sign(scheme, &body))
            .body(Full::new(Bytes::from(body)));
        let Ok(request) = request else { continue };
        if let Ok(answer) = client.request(request).await {
            // Read to its end, so that the connection can be used again.
            let _ = answer.into_body().collect().await;
        }
    }
}

async fn serve_app(listener: TcpListener, secret: Secret) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let secret = secret.clone();
        let service = service_fn(move |request| handle(request, secret.clone()));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// What an app that hashes `JSON.stringify(req.body)` would answer.
async fn handle(
    request: Request<Incoming>,
    secret: Secret,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let raw = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let again = serde_json::from_slice::<serde_json::Value>(&raw)
        .map(|value| value.to_string())
        .unwrap_or_default();
    let right = Scheme::ALL.into_iter().any(|scheme| {
        let expected = secret.sign(scheme, again.as_bytes());
        parts
            .headers
            .get(scheme.header())
            .is_some_and(|given| bool::from(given.as_bytes().ct_eq(expected.as_bytes())))
    });
    let (status, text) = if right {
        (StatusCode::OK, "OK")
    } else {
        (StatusCode::UNAUTHORIZED, "Invalid signature")
    };
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(
        "x-powered-by",
        http::HeaderValue::from_static("Express (cmhook demo)"),
    );
    Ok(response)
}
