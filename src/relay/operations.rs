//! What whoever looks after a relay asks it: metrics, and whether it is well.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::answer::{AnswerBody, Reason, own, plain};
use super::asked::is_agent;
use super::metrics::Now;
use super::protocol::http1;
use super::serve::Relay;
use super::tls::Tls;

impl Relay {
    pub(super) async fn serve_metrics(
        self: Arc<Self>,
        listener: TcpListener,
        end: CancellationToken,
    ) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = end.cancelled() => return,
            };
            let Ok((stream, _)) = accepted else {
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            let this = Arc::clone(&self);
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = this.of_metrics(&request);
                async move { Ok::<_, Infallible>(answer) }
            });
            tokio::spawn(http1().serve_connection(TokioIo::new(stream), service));
        }
    }

    fn of_metrics(&self, request: &Request<Incoming>) -> Response<AnswerBody> {
        match request.uri().path() {
            "/metrics" => {
                let courier = &self.front.courier;
                let totals = courier.queue.as_ref().map(super::queue::Queue::totals);
                let (waiting, waiting_bytes) = totals.unwrap_or_default();
                let text = self.front.metrics.text(&Now {
                    agents: courier.agents.count(),
                    waiting,
                    waiting_bytes,
                    expired: courier
                        .queue
                        .as_ref()
                        .map_or(0, super::queue::Queue::expired),
                    certificate_until: self.front.tls().and_then(Tls::until),
                    connections: self.most - self.places.available_permits(),
                });
                let mut answer = plain(http::StatusCode::OK, text);
                let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                let kind = header::HeaderValue::from_static(kind);
                answer.headers_mut().insert(header::CONTENT_TYPE, kind);
                answer
            }
            "/healthz" => own(Reason::Fine, "alive"),
            "/readyz" => self.front.ready(),
            _ if is_agent(request) => {
                let url = self.front.own_url(false);
                let words = format!("metrics are here; agents connect to {url}");
                own(Reason::NotFound, &words)
            }
            _ => own(Reason::NotFound, "there is /metrics, /healthz and /readyz"),
        }
    }
}
