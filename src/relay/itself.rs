//! What the relay answers of itself: whether it lives, and where to go.

use std::sync::Arc;

use http::uri::{Authority, PathAndQuery};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;

use super::acme::Challenges;
use super::answer::{AnswerBody, Reason, closing, own, plain};
use super::asked::{Asking, host_of, is_agent, refuse_upgrade};
use super::ingress::Front;
use super::queue::Queue;
use super::route::Route;
use super::strict::Violation;
use super::tls::Tls;
use crate::link::names;

impl Front {
    /// What is for the relay itself.
    pub(super) async fn own(
        self: &Arc<Self>,
        request: &mut Asking,
        https: bool,
    ) -> Response<AnswerBody> {
        match request.uri().path() {
            names::PATH => self.connect(request, https).await,
            _ if is_agent(request) => self.wrong_place(request, https),
            "/healthz" => own(Reason::Fine, "alive"),
            "/readyz" => self.ready(),
            "/" if matches!(*request.method(), Method::GET | Method::HEAD) => plain(
                StatusCode::OK,
                format!("cmhook relay {}\n", env!("CARGO_PKG_VERSION")),
            ),
            _ => refuse_upgrade(request).unwrap_or_else(|| {
                own(
                    Reason::NotFound,
                    "there is nothing here; tunnels are at /t/NAME/",
                )
            }),
        }
    }

    /// Whether senders and agents may be sent here.
    pub(super) fn ready(&self) -> Response<AnswerBody> {
        if self.is_draining() {
            return own(Reason::Draining, "stopping");
        }
        if self.tls().is_some_and(|tls| !tls.is_ready()) {
            return own(Reason::NoCertificate, "there is no certificate yet");
        }
        if self.courier.queue.as_ref().is_some_and(Queue::is_failing) {
            return own(Reason::QueueFailed, "deliveries cannot be kept");
        }
        own(Reason::Fine, "ready")
    }

    /// What makes the public side HTTPS.
    pub(super) fn tls(&self) -> Option<&Tls> {
        self.tls.get().and_then(Option::as_ref)
    }

    /// What is answered over plain HTTP, where HTTPS is to be spoken.
    pub(super) fn redirect(
        &self,
        request: &Request<Incoming>,
        challenges: Option<&Challenges>,
    ) -> Response<AnswerBody> {
        let path = request.uri().path();
        if let Some(proof) = challenges.and_then(|challenges| challenges.answer(path)) {
            return plain(StatusCode::OK, proof);
        }
        let Some(host) = host_of(request) else {
            return self.turn_away(Violation::BadHost);
        };
        if self.domain.route(&host, &PathAndQuery::from_static("/")) == Route::Elsewhere {
            return self.elsewhere(&host);
        }
        let port = self
            .domain
            .port()
            .map_or_else(String::new, |port| format!(":{port}"));
        let rest = request
            .uri()
            .path_and_query()
            .map_or("/", PathAndQuery::as_str);
        let location = format!("https://{}{port}{rest}", host.host());
        // The method stays what it is.
        let words = if is_agent(request) {
            format!(
                "only over HTTPS: agents connect to https://{}{port}",
                host.host()
            )
        } else {
            format!("only over HTTPS: {location}")
        };
        let mut answer = own(Reason::HttpsOnly, &words);
        if let Ok(location) = HeaderValue::from_str(&location) {
            answer.headers_mut().insert(header::LOCATION, location);
        }
        closing(answer)
    }

    /// An agent asks somewhere else than where agents connect.
    pub(super) fn wrong_place(&self, request: &Asking, https: bool) -> Response<AnswerBody> {
        let url = self.own_url(https);
        let reason = if request.headers().contains_key(header::UPGRADE) {
            Reason::Upgrade
        } else {
            Reason::NotFound
        };
        let words = format!("this URL is not the relay's own; agents connect to {url}");
        own(reason, &words)
    }

    /// Where agents connect.
    pub(super) fn own_url(&self, https: bool) -> String {
        let scheme = if self.public_https.unwrap_or(https) {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.domain)
    }

    /// Somebody asks for another host, or a proxy in front has put its own in the place of it.
    pub(super) fn elsewhere(&self, host: &Authority) -> Response<AnswerBody> {
        let words = format!(
            "this relay is for {} and was asked as {host}: ask it by its own name; a proxy in front must pass Host on as it came",
            self.domain
        );
        own(Reason::UnknownHost, &words)
    }
}
