//! Agents that connect.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::server::create_response;

use super::agents::{Asker, Held, Seat};
use super::answer::{AnswerBody, Reason, own, plain};
use super::asked::Asking;
use super::carrier;
use super::ingress::Front;
use super::names::is_name;
use super::socket::Socket;
use super::strict::Strict;
use super::tokens::{Found, Owner};
use crate::config::Claim;
use crate::link::{self, Farewell, Stream, names};

/// From the answer to the first byte of HTTP/2.
const BEGINS_WITHIN: Duration = Duration::from_secs(5);

/// Why an agent is not let in, in words.
type No = (Reason, String);

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

impl Front {
    /// Answers a request for a tunnel, or a question about one's token.
    pub(super) async fn connect(
        self: &Arc<Self>,
        request: &mut Asking,
        https: bool,
    ) -> Response<AnswerBody> {
        let upgrade = hyper::upgrade::on(&mut *request);
        let result = self.let_in(request, https).await;
        let answer = match result {
            Ok(Admitted::Asked(answer)) => answer,
            Ok(Admitted::Agent(agent)) => {
                let (seat, name, answer) = *agent;
                let this = Arc::clone(self);
                tokio::spawn(async move {
                    let begun = timeout(BEGINS_WITHIN, begin(upgrade)).await;
                    if let Ok(Some((stream, before))) = begun {
                        this.carry(stream, before, &seat, &name).await;
                    }
                    drop(seat);
                });
                answer
            }
            Err((reason, words)) => {
                self.metrics.refused_agent(reason);
                own(reason, &words)
            }
        };
        with_versions(answer)
    }

    async fn let_in(&self, request: &Asking, https: bool) -> Result<Admitted, No> {
        let headers = request.headers();
        if request.method() != Method::GET {
            let words = "agents connect with GET".to_owned();
            return Err((Reason::BadRequest, words));
        }
        Self::check_protocol(headers)?;
        let owner = match self.owner(headers) {
            // It may have been made this moment.
            Err((Reason::BadToken, _)) => {
                self.catch_up().await;
                self.owner(headers)?
            }
            other => other?,
        };
        if !headers.contains_key(header::UPGRADE) {
            return Ok(Admitted::Asked(self.about(owner.as_deref())));
        }
        if self.is_draining() {
            let words = "the relay is stopping; come again in a moment".to_owned();
            return Err((Reason::Draining, words));
        }
        if self.courier.agents.count() >= self.most_agents {
            let words = "as many agents are connected as may be".to_owned();
            return Err((Reason::Busy, words));
        }
        // What is in the way of the upgrade is known before a name is taken for it.
        let mut asking = Request::new(());
        *asking.method_mut() = request.method().clone();
        *asking.uri_mut() = request.uri().clone();
        *asking.version_mut() = request.version();
        *asking.headers_mut() = headers.clone();
        let granted = create_response(&asking)
            .map_err(|error| (Reason::BadRequest, format!("this is no WebSocket: {error}")))?;
        let name = match self.name(headers, owner.as_deref()).await {
            Err((Reason::NoSuchName, _)) => {
                self.catch_up().await;
                self.name(headers, owner.as_deref()).await?
            }
            other => other?,
        };
        let asker = asker(headers, owner.as_deref())?;
        let refused = asker.holder.clone();
        let seat = self.courier.agents.take(&name, asker).map_err(|held| {
            let words = told(&name, &held);
            tracing::info!(
                name = &*name,
                holder = &*held.holder,
                refused = &*refused,
                "a second agent was refused"
            );
            (Reason::Held, words)
        })?;
        let mut answer = granted.map(|()| AnswerBody::Whole(None));
        let url = self.url_of(&name, https);
        let waiting = self.courier.waiting(&name);
        let fields = answer.headers_mut();
        if let Ok(url) = HeaderValue::from_str(&url) {
            fields.insert(names::PUBLIC_URL, url);
        }
        fields.insert(names::WAITING, waiting.into());
        Ok(Admitted::Agent(Box::new((seat, name, answer))))
    }

    /// Takes in what another process has done to tokens and names: who is no longer let in
    /// is thrown out.
    pub(super) async fn catch_up(&self) {
        match self.data.changed().await {
            Ok(false) => {}
            Ok(true) => {
                let agents = &self.courier.agents;
                agents.close_where(|name, asker| self.thrown_out(name, asker));
            }
            Err(error) => tracing::error!(%error, "cannot see whether tokens were revoked"),
        }
    }

    /// Why an agent that was let in may not stay; `None` where it may.
    fn thrown_out(&self, name: &str, asker: &Asker) -> Option<Farewell> {
        let owner = asker.owner.as_ref()?;
        if !self.data.tokens.is_valid(owner) {
            let words = "the token was revoked";
            return Some(Farewell::new(Farewell::REVOKED, words));
        }
        (!self.data.names.is_of(name, owner)).then(|| {
            let words = format!("the name `{name}` was released");
            Farewell::new(Farewell::RELEASED, words)
        })
    }

    fn check_protocol(headers: &HeaderMap) -> Result<(), No> {
        let own = names::PROTOCOL;
        let theirs = text(headers, &names::VERSION).and_then(|text| text.parse::<u32>().ok());
        if theirs == Some(own) {
            return Ok(());
        }
        let release = text(headers, &names::RELEASE).unwrap_or("unknown");
        let (speaks, who) = match theirs {
            Some(theirs) if theirs > own => (theirs.to_string(), "the relay has to be upgraded"),
            Some(theirs) => (theirs.to_string(), "the agent has to be upgraded"),
            None => ("none".to_owned(), "only cmhook can connect here"),
        };
        tracing::debug!(
            theirs = speaks,
            own,
            release,
            "an agent speaks another version: {who}"
        );
        let words =
            format!("the agent speaks version {speaks} of the protocol and the relay {own}: {who}");
        Err((Reason::Protocol, words))
    }

    fn owner(&self, headers: &HeaderMap) -> Result<Option<Arc<Owner>>, No> {
        let bearer = text(headers, &header::AUTHORIZATION)
            .and_then(|value| value.strip_prefix("Bearer "))
            .map(str::trim);
        match bearer.map(|token| self.data.tokens.find(token)) {
            Some(Found::Owner(owner)) => Ok(Some(owner)),
            Some(Found::Revoked) => Err((Reason::BadToken, "this token was revoked".into())),
            Some(Found::Unknown) => Err((
                Reason::BadToken,
                "there is no such token on this relay".into(),
            )),
            None if self.is_open => Ok(None),
            None => Err((Reason::NoToken, "this relay wants a token".into())),
        }
    }

    async fn name(&self, headers: &HeaderMap, owner: Option<&Owner>) -> Result<Box<str>, No> {
        let wanted = text(headers, &names::NAME);
        match (wanted, owner) {
            (Some(wanted), Some(owner)) if self.data.names.is_of(wanted, &owner.id) => {
                Ok(wanted.into())
            }
            // Whether it is another's is nobody's business.
            (Some(wanted), _) => {
                let shown: String = wanted
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(63)
                    .collect();
                let words = format!("there is no name `{shown}` for this token");
                Err((Reason::NoSuchName, words))
            }
            (None, Some(owner)) => {
                let name = self.data.names.default_name(&owner.id).await;
                name.map_err(|error| {
                    tracing::error!(%error, "no name could be made");
                    (Reason::Busy, "no name could be made: try again".into())
                })
            }
            (None, None) => nameless(headers).ok_or_else(|| {
                (
                    Reason::BadRequest,
                    "the agent does not say who it is".into(),
                )
            }),
        }
    }

    /// What `cmhook relay login` asks: whether the token is good, and for what.
    fn about(&self, owner: Option<&Owner>) -> Response<AnswerBody> {
        let names = owner.map_or_else(Vec::new, |owner| self.data.names.all_of(&owner.id));
        let about = serde_json::json!({
            "relay": self.domain.to_string(),
            "version": env!("CARGO_PKG_VERSION"),
            "protocol": link::names::PROTOCOL,
            "token": owner.map(|owner| &*owner.label),
            "names": names,
        });
        let mut answer = plain(StatusCode::OK, format!("{about}\n"));
        let json = HeaderValue::from_static("application/json");
        answer.headers_mut().insert(header::CONTENT_TYPE, json);
        answer
    }

    /// Carries deliveries through a connection until it ends.
    async fn carry(&self, stream: Strict<Socket>, before: Vec<u8>, seat: &Seat, name: &str) {
        let line = Stream::accepted(stream, before).await;
        let pulse = line.pulse();
        let Ok(Ok((carrier, carrying))) = timeout(BEGINS_WITHIN, carrier::begin(line)).await else {
            tracing::info!(name, "an agent did not begin to speak HTTP/2");
            return;
        };
        let Some(agent) = seat.fill(carrier, pulse) else {
            // It is told so; then it hangs up.
            let _ = timeout(BEGINS_WITHIN, carrying).await;
            return;
        };
        // While it was not there yet, it could not be thrown out.
        if let Some(farewell) = self.thrown_out(name, &agent.asker) {
            agent.pulse.close(farewell);
        }
        let holder = &*agent.asker.holder;
        tracing::info!(name, holder, link = agent.id(), "an agent is there");
        self.courier.see_to(name);
        tokio::pin!(carrying);
        let begun = timeout(BEGINS_WITHIN, carrying.as_mut()).await;
        let ended = if let Ok(ended) = begun {
            ended
        } else {
            // Nothing that is handed on to it would ever be answered.
            if !agent.pulse.has_sent() {
                let farewell = Farewell::new(Farewell::PROTOCOL_ERROR, "no HTTP/2 came");
                agent.pulse.close(farewell);
            }
            carrying.await
        };
        let why = ended.err().map(|error| error.to_string());
        let said = agent.pulse.said().map(|said| said.reason);
        tracing::info!(
            name,
            holder,
            link = agent.id(),
            why,
            said,
            "an agent is gone"
        );
    }
}

enum Admitted {
    /// Somebody who wanted to know.
    Asked(Response<AnswerBody>),
    Agent(Box<(Seat, Box<str>, Response<AnswerBody>)>),
}

fn with_versions(mut answer: Response<AnswerBody>) -> Response<AnswerBody> {
    let headers = answer.headers_mut();
    headers.insert(names::VERSION, names::PROTOCOL.into());
    let release = HeaderValue::from_static(env!("CARGO_PKG_VERSION"));
    headers.insert(names::RELEASE, release);
    answer
}

fn asker(headers: &HeaderMap, owner: Option<&Owner>) -> Result<Asker, No> {
    let claim = match text(headers, &names::CLAIM) {
        None | Some("exclusive") => Claim::Exclusive,
        Some("takeover") => Claim::Takeover,
        Some("share") => Claim::Share,
        Some(_) => return Err((Reason::BadRequest, "the claim is not known".into())),
    };
    let instance = text(headers, &names::INSTANCE).filter(|text| is_instance(text));
    let instance = instance.ok_or_else(|| {
        (
            Reason::BadRequest,
            "the agent does not say who it is".to_owned(),
        )
    })?;
    let holder = text(headers, &names::HOLDER).unwrap_or("somebody");
    let holder: String = holder
        .chars()
        .filter(char::is_ascii_graphic)
        .take(100)
        .collect();
    Ok(Asker {
        owner: owner.map(|owner| owner.id.clone()),
        instance: instance.into(),
        holder: holder.into(),
        claim,
    })
}

fn is_instance(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The name of an agent without a token, where those are let in: made of its own random
/// number, so that it is the same when it comes again, and nobody can guess it.
fn nameless(headers: &HeaderMap) -> Option<Box<str>> {
    let instance = text(headers, &names::INSTANCE).filter(|text| is_instance(text))?;
    let name = hex::encode(&Sha256::digest(instance)[..12]);
    is_name(&name).then(|| name.into())
}

fn told(name: &str, held: &Held) -> String {
    let since = held.since.strftime("%Y-%m-%d %H:%M:%S UTC");
    let how = if held.shares { "shares" } else { "has" };
    format!("{} {how} the name `{name}` since {since}", held.holder)
}

/// The socket of a granted upgrade, and what was read from it behind the request.
async fn begin(upgrade: hyper::upgrade::OnUpgrade) -> Option<(Strict<Socket>, Vec<u8>)> {
    let upgraded = upgrade.await.ok()?;
    let parts = upgraded.downcast::<TokioIo<Strict<Socket>>>().ok()?;
    Some((parts.io.into_inner(), parts.read_buf.to_vec()))
}
