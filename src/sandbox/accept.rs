//! Takes connections, and makes room for new ones where idle ones take it all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::stall::Bounded;

/// How long a header block may take, and how long an idle connection stays.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);
/// Connections at a time. For one more the longest idle one is closed; where none is, it waits.
const CONNECTIONS: usize = 256;

/// A connection's place.
#[derive(Debug)]
struct Seat {
    /// Since when no request of it is answered; `None` while one is.
    idle_since: Option<Instant>,
    leave: CancellationToken,
}

/// Who sits where.
#[derive(Debug, Default)]
struct Seats(Mutex<HashMap<u64, Seat>>);

impl Seats {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<u64, Seat>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take(&self, number: u64) -> CancellationToken {
        let leave = CancellationToken::new();
        let seat = Seat {
            idle_since: Some(Instant::now()),
            leave: leave.clone(),
        };
        self.with(|seats| seats.insert(number, seat));
        leave
    }

    fn mark(&self, number: u64, idle_since: Option<Instant>) {
        self.with(|seats| {
            if let Some(seat) = seats.get_mut(&number) {
                seat.idle_since = idle_since;
            }
        });
    }

    /// Has the one leave that has been idle for longest.
    fn clear_one(&self) {
        self.with(|seats| {
            let idle = seats
                .values()
                .filter_map(|seat| Some((seat.idle_since?, seat)))
                .filter(|(_, seat)| !seat.leave.is_cancelled());
            if let Some((_, longest)) = idle.min_by_key(|(since, _)| *since) {
                longest.leave.cancel();
            }
        });
    }
}

/// A request that is being answered.
struct Busy(Arc<Seats>, u64);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.mark(self.1, Some(Instant::now()));
    }
}

/// A place that is given back, whatever becomes of the connection's task.
struct Taken(Arc<Seats>, u64);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.with(|seats| seats.remove(&self.1));
    }
}

pub(super) async fn accept(
    listener: TcpListener,
    router: axum::Router,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let seats = Arc::new(Seats::default());
    for number in 0.. {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else {
            // No descriptor is free; it frees up no sooner by trying again at once.
            seats.clear_one();
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        if room.available_permits() == 0 {
            seats.clear_one();
        }
        let permit = tokio::select! {
            permit = Arc::clone(&room).acquire_owned() => permit,
            () = stop.cancelled() => return,
        };
        let Ok(permit) = permit else { return };
        let leave = seats.take(number);
        let taken = Taken(Arc::clone(&seats), number);
        let (router, stop) = (router.clone(), stop.clone());
        tasks.spawn(async move {
            let _permit = permit;
            tokio::select! {
                () = serve(stream, router, &taken, stop) => {}
                () = leave.cancelled() => {}
            }
        });
    }
}

/// Answers a connection's requests until it ends.
async fn serve(stream: TcpStream, router: axum::Router, taken: &Taken, stop: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(router);
    let service = service_fn(|request| {
        taken.0.mark(taken.1, None);
        let busy = Busy(Arc::clone(&taken.0), taken.1);
        let answering = service.call(request);
        async move {
            let answer = answering.await;
            drop(busy);
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .serve_connection(TokioIo::new(Bounded::new(stream)), service);
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
