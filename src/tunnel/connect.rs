//! Making the connection: proxy, TLS, and the request for a tunnel.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::timeout;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;

use super::advice::Asked;
use super::backoff;
use super::failure::{self, Answer, Failure, Refused};
use super::holder::holder;
use super::scheme;
use crate::config::Claim;
use crate::http::line::{self, Lines, Obstacle, Unconnected, Whom, no_answer};
use crate::link::{self, names};

const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// Whom lines lead to.
const RELAY: Whom = Whom {
    name: "the relay",
    trust: "for a private one, give its certificate with `--relay-ca FILE`",
};

/// The line to a relay.
pub(super) type Line = TokioIo<line::Line>;

/// What is asked for.
#[derive(Debug)]
pub struct Asking {
    /// The relay.
    pub relay: Uri,
    /// Who asks.
    pub token: Option<SecretString>,
    /// The wanted name.
    pub name: Option<String>,
    /// What if somebody has it.
    pub claim: Claim,
    /// How the relay's certificate is checked.
    pub tls: Arc<rustls::ClientConfig>,
}

/// What was got.
pub(super) struct Connected {
    pub(super) stream: link::Stream<Line>,
    pub(super) public_url: String,
    pub(super) waiting: u64,
}

/// Makes connections with one identity.
pub(super) struct Connector {
    asking: Asking,
    instance: String,
    lines: Lines,
}

impl Connector {
    pub(super) fn new(asking: Asking) -> std::io::Result<Self> {
        let mut instance = [0; 16];
        getrandom::fill(&mut instance).map_err(|_| std::io::ErrorKind::Other)?;
        Ok(Self {
            instance: hex::encode(instance),
            lines: Lines::new(Arc::clone(&asking.tls), RELAY),
            asking,
        })
    }

    pub(super) const fn relay(&self) -> &Uri {
        &self.asking.relay
    }

    /// Asks for the tunnel.
    pub(super) async fn connect(&self) -> Result<Connected, Failure> {
        let line = TokioIo::new(self.line().await?);
        let request = self.request().ok_or_else(unsendable)?;
        let asked = client_async_with_config(request, line, Some(link::config()));
        match timeout(ANSWERS_WITHIN, asked).await {
            Ok(Ok((socket, response))) => {
                let header = |name: header::HeaderName| {
                    text(response.headers(), &name).map(ToOwned::to_owned)
                };
                let public_url = header(names::PUBLIC_URL).filter(|url| is_url(url));
                let public_url = public_url.ok_or_else(|| {
                    let reason = format!("there is no relay at {}: it names no URL", self.relay());
                    Failure::Refused(Refused::of("not_a_relay", reason, "is the URL right?"))
                })?;
                let waiting = header(names::WAITING).and_then(|text| text.parse().ok());
                Ok(Connected {
                    stream: link::Stream::new(socket),
                    public_url,
                    waiting: waiting.unwrap_or(0),
                })
            }
            Ok(Err(Error::Http(response))) => Err(self.said_no(&response).await),
            Ok(Err(error)) => {
                let heard = failure::of_handshake(self.relay(), &error);
                Err(self.broke(&error, heard).await)
            }
            Err(_) => Err(no_answer(self.relay(), None).into()),
        }
    }

    async fn line(&self) -> Result<line::Line, Failure> {
        match self.lines.open(self.relay()).await {
            Ok(line) => Ok(line),
            // Whoever takes no connection speaks nothing else either.
            Err(why) if why.obstacle != Obstacle::Tls => Err(why.into()),
            Err(why) => Err(self.unintelligible(why, None).await),
        }
    }

    /// What it means that a line broke before an answer came; `heard` is what that says by
    /// itself.
    async fn broke(
        &self,
        error: &(dyn std::error::Error + Send + Sync + 'static),
        heard: Option<Failure>,
    ) -> Failure {
        let why = self.lines.why(self.relay(), None, error);
        self.unintelligible(why, heard).await
    }

    async fn unintelligible(&self, why: Unconnected, heard: Option<Failure>) -> Failure {
        // It is rare, and every connection would carry its room.
        Box::pin(scheme::failure(&self.lines, self.relay(), why, heard)).await
    }

    fn request(&self) -> Option<Request<()>> {
        let asking = &self.asking;
        let relay = self.relay();
        let secure = relay.scheme_str() == Some("https");
        let base = relay.path().trim_end_matches('/');
        let uri = Uri::builder()
            .scheme(if secure { "wss" } else { "ws" })
            .authority(relay.authority()?.clone())
            .path_and_query(format!("{base}{}", names::PATH))
            .build()
            .ok()?;
        let claim = match asking.claim {
            Claim::Exclusive => "exclusive",
            Claim::Takeover => "takeover",
            Claim::Share => "share",
        };
        let mut request = Request::builder()
            .uri(uri)
            .header(header::HOST, relay.authority()?.as_str())
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, generate_key())
            .header(names::VERSION, names::PROTOCOL)
            .header(names::RELEASE, env!("CARGO_PKG_VERSION"))
            .header(names::CLAIM, claim)
            .header(names::HOLDER, holder())
            .header(names::INSTANCE, &self.instance);
        if let Some(name) = &asking.name {
            request = request.header(names::NAME, name);
        }
        if let Some(token) = &asking.token {
            let bearer = format!("Bearer {}", token.expose_secret());
            let mut value = HeaderValue::from_str(&bearer).ok()?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        request.body(()).ok()
    }

    async fn said_no(&self, response: &Response<Option<Vec<u8>>>) -> Failure {
        let headers = response.headers();
        let retry_after = text(headers, &header::RETRY_AFTER).and_then(|text| text.parse().ok());
        let code = text(headers, &names::REASON);
        // So some servers answer what comes without TLS where it should not.
        if code.is_none()
            && response.status() == StatusCode::BAD_REQUEST
            && self.relay().scheme_str() == Some("http")
            && let Some(failure) = Box::pin(scheme::no_http(&self.lines, self.relay())).await
        {
            return failure;
        }
        let body = response.body().as_deref().unwrap_or_default();
        let said = String::from_utf8_lossy(body);
        let said = said.trim().trim_start_matches("cmhook relay: ");
        let answer = Answer {
            status: response.status(),
            code,
            said: (code.is_some() && !said.is_empty()).then(|| said.to_owned()),
            speaks: text(headers, &names::VERSION),
            retry_after: retry_after.map(backoff::asked),
        };
        answer.failure(Asked {
            relay: self.relay(),
            has_token: self.asking.token.is_some(),
        })
    }
}

/// Whether it is what it should be: it is shown, copied and opened.
fn is_url(text: &str) -> bool {
    let url = text.parse::<Uri>().ok();
    url.is_some_and(|url| {
        matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some()
    })
}

/// What a relay says of a token.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct About {
    /// What its operator calls it.
    pub token: Option<String>,
    /// The names that it has.
    pub names: Vec<String>,
}

/// The longest answer to that.
const LONGEST: usize = 64 << 10;

/// Asks a relay about a token without opening a tunnel.
///
/// # Errors
/// Where the relay says no, or there is none.
pub async fn ask(asking: Asking) -> Result<About, Refused> {
    let connector = Connector::new(asking)
        .map_err(|_| Refused::of("random", "the system gives no random numbers", ""))?;
    connector.ask().await.map_err(Failure::into_refused)
}

impl Connector {
    async fn ask(&self) -> Result<About, Failure> {
        let line = TokioIo::new(self.line().await?);
        let mut request = self.request().ok_or_else(unsendable)?;
        for name in [
            header::CONNECTION,
            header::UPGRADE,
            header::SEC_WEBSOCKET_KEY,
            header::SEC_WEBSOCKET_VERSION,
        ] {
            request.headers_mut().remove(name);
        }
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map(Uri::from).unwrap_or_default();
        let asking = async {
            let (mut sender, connection) = http1::handshake(line.into_inner()).await?;
            tokio::spawn(connection);
            let answer = sender
                .send_request(request.map(|()| Empty::<Bytes>::new()))
                .await?;
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, LONGEST).collect().await;
            Ok::<_, hyper::Error>((parts, body.map(http_body_util::Collected::to_bytes)))
        };
        let (parts, body) = match timeout(ANSWERS_WITHIN, asking).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                let heard = failure::of_exchange(self.relay(), &error);
                return Err(self.broke(&error, heard).await);
            }
            Err(_) => return Err(no_answer(self.relay(), None).into()),
        };
        let body = body.unwrap_or_default();
        if parts.status == StatusCode::OK
            && parts.headers.contains_key(names::VERSION)
            && let Ok(about) = serde_json::from_slice(&body)
        {
            return Ok(about);
        }
        let answer = Response::from_parts(parts, Some(body.to_vec()));
        Err(self.said_no(&answer).await)
    }
}

fn unsendable() -> Failure {
    Failure::Refused(Refused::of(
        "bad_token",
        "the token or the name has characters that cannot be sent",
        "paste it again",
    ))
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
