//! The local API of a running listener, and the page that is made of it.
//!
//! It is on loopback only and never shares a port with captured traffic. Every request must
//! name this very host, carry this run's token, and come from no other site's page.

mod answer;
mod asked;
mod assets;
mod door;
mod filtering;
mod guard;
mod hub;
mod live;
mod parts;
mod routes;
mod runtime_file;
mod table;
mod token;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::capture::again::Again;
use crate::capture::reach::LazyReach;
pub use door::Door;
pub use parts::About;
pub use routes::routes;
pub use runtime_file::{Running, RuntimeFile};
pub use table::Route;
pub use token::{Token, Tokens};

/// How long a header block may take, and how long an idle connection stays.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);
/// Connections at a time. What more there is waits, and takes no descriptor from those that
/// deliver.
const CONNECTIONS: usize = 256;
/// Ports after the wanted one that are tried before any free one is taken.
const NEXT: u16 = 20;

/// Takes the port that is wanted or one of the next, where it is taken; without one, any
/// free port on loopback.
///
/// # Errors
/// Where the operating system gives none.
pub async fn bind(wanted: Option<SocketAddr>) -> io::Result<TcpListener> {
    let wanted = wanted.unwrap_or((Ipv4Addr::LOCALHOST, 0).into());
    for more in 0..=NEXT {
        let Some(port) = wanted.port().checked_add(more) else {
            break;
        };
        match TcpListener::bind((wanted.ip(), port)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            bound => return bound,
        }
    }
    TcpListener::bind((wanted.ip(), 0)).await
}

/// What the API acts through.
#[derive(Debug)]
pub struct Through {
    /// The listener's own.
    pub again: Again,
    /// Whether the target can be reached.
    pub reach: LazyReach,
    /// Tells when the last request has ended.
    pub tasks: TaskTracker,
    /// Cancelled when the listener stops.
    pub stop: CancellationToken,
}

/// Serves the API, and with it the page, until the listener stops.
///
/// # Errors
/// Where the system gives no random numbers, or the socket is none.
pub fn serve(
    listener: TcpListener,
    through: Through,
    about: About,
    tokens: Tokens,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let Through {
        again,
        reach,
        tasks,
        stop,
    } = through;
    let parts = parts::Parts {
        again,
        about: Arc::new(about),
        guard: Arc::new(guard::Guard::new(address, tokens)),
        reach,
        hub: Arc::new(hub::Hub::new().map_err(io::Error::other)?),
        tasks: tasks.clone(),
        stop: stop.clone(),
    };
    tokio::spawn(accept(listener, routes::router(parts), tasks, stop));
    Ok(())
}

async fn accept(
    listener: TcpListener,
    router: axum::Router,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
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
            let _permit = permit;
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADERS_WITHIN)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
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
