//! The local API of a running listener: what other commands, and later a page, do through it.
//!
//! It is on loopback only and never shares a port with captured traffic. Every request must
//! name this very host, carry this run's token, and come from no other site's page.

mod guard;
mod refuse;
mod routes;
mod runtime_file;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::capture::again::Again;
pub use guard::Token;
pub use runtime_file::{Running, RuntimeFile};

/// How long a header block may take, and how long an idle connection stays.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);

/// What the API says of its listener.
#[derive(Debug, Clone)]
pub struct About {
    /// Where deliveries arrive.
    pub url: String,
    /// The store's file; `None` where everything is in memory only.
    pub store: Option<String>,
}

/// Takes a free port on loopback.
///
/// # Errors
/// Where the operating system gives none.
pub async fn bind() -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}

/// Serves the API until `stop`; `tasks` tells when the last request has ended.
pub async fn serve(
    listener: TcpListener,
    again: Again,
    about: About,
    token: Token,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    let Ok(address) = listener.local_addr() else {
        return;
    };
    let guard = Arc::new(guard::Guard::new(address, token));
    let router = routes::router(again, about, guard);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else {
            // No descriptor is free; it frees up no sooner by trying again at once.
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let stop = stop.clone();
        tasks.spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADERS_WITHIN)
                .serve_connection(TokioIo::new(stream), service);
            tokio::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => return,
                () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        });
    }
}

/// The addresses of the API, which nothing may be forwarded to.
pub fn own(listener: &TcpListener) -> Option<SocketAddr> {
    listener.local_addr().ok()
}
