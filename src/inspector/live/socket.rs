//! One socket, from its first frame to its last.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::{Instant, interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::batch::text;
use crate::delivery::Kept;
use crate::filter::{Duplicates, Filter};
use crate::inspector::filtering::{duplicates, parse};
use crate::inspector::hub::{Seat, What};
use crate::inspector::parts::Parts;
use crate::store::Store;
use crate::wire::{self, Bye, Fields, Filtered, Matches, Pong, Resumed, Row, Snapshot};

/// Rows of a snapshot, and their bytes.
const ROWS: usize = 600;
const BYTES: usize = 256 << 10;
/// How often the other side is asked whether it is there, and how long that may take.
const ASK: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_mins(1);
/// How long the last frame may take.
const FAREWELL: Duration = Duration::from_millis(500);

type Stream = WebSocketStream<TokioIo<Upgraded>>;

/// What a page says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, untagged)]
enum Said {
    Ping {
        ping: u64,
    },
    Filter {
        // Without this it might be left out, and `{}` would take the filter away.
        #[serde(deserialize_with = "Option::deserialize")]
        filter: Option<String>,
    },
}

/// The socket is of no use any more.
struct Ended;

struct Socket<'a> {
    stream: Stream,
    parts: &'a Parts,
    newest: watch::Receiver<u64>,
    /// The number of the frame that was sent last.
    at: u64,
    filter: Option<Chosen>,
}

/// A filter by its text, and what it knows of all that it was shown.
struct Chosen {
    name: String,
    filter: Filter,
    duplicates: Duplicates,
    /// How many it was shown since it saw all.
    since: usize,
}

impl Chosen {
    /// Takes these into account. Those before were seen already, and all of them take a
    /// second or more to see again, so that is for when they are others for the most part.
    fn see(&mut self, kept: &[Kept], store: &Store) {
        const FEW: usize = 1000;
        self.since += kept.len();
        if self.since > store.len().max(FEW) {
            self.since = 0;
            self.duplicates = Duplicates::of(&store.all());
        }
        for kept in kept {
            self.duplicates.see(kept);
        }
    }
}

/// Serves it until either side ends it.
pub(super) async fn run(stream: Stream, parts: &Parts, seat: Seat, resume: Option<&str>) {
    let _seat = seat;
    let mut socket = Socket {
        stream,
        parts,
        newest: parts.hub.newest(),
        at: 0,
        filter: None,
    };
    let served = socket.serve(resume);
    tokio::select! {
        biased;
        () = parts.stop.cancelled() => {}
        _ = served => return,
    }
    let bye = Message::Text(text(&Bye {}));
    let _ = timeout(FAREWELL, async {
        let _ = socket.stream.send(bye).await;
        let _ = socket.stream.close(None).await;
    })
    .await;
}

impl Socket<'_> {
    async fn serve(&mut self, resume: Option<&str>) -> Result<(), Ended> {
        match resume.and_then(|resume| self.parts.hub.find(resume)) {
            Some(n) => self.resume(n).await?,
            None => self.snapshot().await?,
        }
        let mut turn = interval(ASK);
        let mut heard_at = Instant::now();
        loop {
            self.frames().await?;
            tokio::select! {
                changed = self.newest.changed() => changed.map_err(|_| Ended)?,
                message = self.stream.next() => {
                    heard_at = Instant::now();
                    match message {
                        Some(Ok(message)) => self.message(message).await?,
                        Some(Err(_)) | None => return Err(Ended),
                    }
                }
                _ = turn.tick() => {
                    if heard_at.elapsed() > PATIENCE {
                        return Err(Ended);
                    }
                    self.send(Message::Ping(Vec::new().into())).await?;
                }
            }
        }
    }

    /// Sends, unless the other side takes so little that it falls too far behind.
    async fn send(&mut self, message: Message) -> Result<(), Ended> {
        let (hub, at) = (&self.parts.hub, self.at);
        let behind =
            async { while hub.after(at).is_ok() && self.newest.changed().await.is_ok() {} };
        tokio::select! {
            biased;
            sent = self.stream.send(message) => sent.map_err(|_| Ended),
            () = behind => Err(Ended),
        }
    }

    async fn say(&mut self, frame: Utf8Bytes) -> Result<(), Ended> {
        self.send(Message::Text(frame)).await
    }

    async fn resume(&mut self, n: u64) -> Result<(), Ended> {
        self.at = n;
        let frame = {
            let now = self.parts.now();
            text(&Resumed {
                resume: &self.parts.hub.resume(n),
                status: &self.parts.status(&now),
            })
        };
        self.say(frame).await
    }

    /// The listener as it is now. What changes while this is put together is in a frame
    /// after it too, which does no harm.
    async fn snapshot(&mut self) -> Result<(), Ended> {
        let (hub, store) = (&self.parts.hub, self.parts.again.store());
        self.at = hub.last();
        let frame = {
            let kept = store.newest(ROWS);
            let pending = store.held(kept.iter().map(|kept| kept.delivery.id));
            let mut rows = Row::all(&kept, &pending);
            let mut bytes = 0;
            let fits = rows.iter().rev().take_while(|row| {
                bytes += row.size();
                bytes <= BYTES
            });
            let fits = fits.count();
            let rows = rows.split_off(rows.len() - fits);
            let oldest = kept.len().checked_sub(fits).and_then(|at| kept.get(at));
            let refusals = store.refusals();
            let now = self.parts.now();
            text(&Snapshot {
                resume: &hub.resume(self.at),
                status: &self.parts.status(&now),
                more: oldest.is_some_and(|kept| Some(kept.delivery.id) != store.oldest()),
                deliveries: rows,
                refused: refusals
                    .iter()
                    .map(|refusal| wire::RefusedObject::from(&**refusal).short())
                    .collect(),
            })
        };
        self.say(frame).await
    }

    /// Sends all frames that there are.
    async fn frames(&mut self) -> Result<(), Ended> {
        while let Some(frame) = self.parts.hub.after(self.at).map_err(|_| Ended)? {
            match frame.what {
                What::Gap => {
                    self.snapshot().await?;
                    self.refilter().await?;
                }
                What::Changes(changes, ids) => {
                    self.say(changes).await?;
                    self.at = frame.n;
                    self.matches(&ids).await?;
                }
            }
        }
        Ok(())
    }

    /// Says which of these pass the filter.
    async fn matches(&mut self, ids: &[u64]) -> Result<(), Ended> {
        let Some(mut chosen) = self.filter.take_if(|_| !ids.is_empty()) else {
            return Ok(());
        };
        let store = self.parts.again.store().clone();
        let kept = store.some(ids);
        // Payloads can be long, and others have work for this thread.
        let looked = tokio::task::spawn_blocking(move || {
            let kept: Vec<_> = kept.into_iter().flatten().collect();
            if chosen.filter.wants_duplicates() {
                chosen.see(&kept, &store);
            }
            let passes = |kept: &&Kept| chosen.filter.matches(kept, &chosen.duplicates);
            let (yes, no): (Vec<_>, Vec<_>) = kept.iter().partition(passes);
            let ids = |kept: Vec<&Kept>| kept.iter().map(|kept| kept.delivery.id).collect();
            let frame = text(&Matches {
                filter: &chosen.name,
                yes: ids(yes),
                no: ids(no),
            });
            (frame, chosen)
        });
        let (frame, chosen) = looked.await.map_err(|_| Ended)?;
        self.filter = Some(chosen);
        self.say(frame).await
    }

    async fn message(&mut self, message: Message) -> Result<(), Ended> {
        let said = match message {
            Message::Text(said) => said,
            Message::Close(_) => return Err(Ended),
            // They are answered underneath, or mean nothing here.
            _ => return Ok(()),
        };
        match serde_json::from_str::<Fields<Said>>(&said).map(|said| said.0) {
            Ok(Said::Ping { ping }) => self.say(text(&Pong { ping })).await,
            Ok(Said::Filter { filter }) => self.set_filter(filter).await,
            Err(_) => {
                let object = wire::Object::Error(wire::Message {
                    code: "usage",
                    message: "that is neither a filter nor a ping",
                    hint: "docs/api.md says what a socket understands",
                });
                self.say(text(&object)).await
            }
        }
    }

    async fn set_filter(&mut self, wanted: Option<String>) -> Result<(), Ended> {
        self.filter = None;
        let wanted = wanted.filter(|filter| !filter.trim().is_empty());
        let frame = match wanted.as_deref().map(parse) {
            None => text(&Filtered {
                filter: None,
                ids: None,
                error: None,
            }),
            Some(Err(error)) => text(&Filtered {
                filter: wanted.as_deref(),
                ids: None,
                error: Some((&error).into()),
            }),
            Some(Ok(filter)) => {
                self.filter = wanted.map(|name| Chosen {
                    name,
                    filter,
                    duplicates: Duplicates::default(),
                    since: 0,
                });
                return self.refilter().await;
            }
        };
        self.say(frame).await
    }

    /// Says what of all that is kept passes the filter.
    async fn refilter(&mut self) -> Result<(), Ended> {
        let Some(mut chosen) = self.filter.take() else {
            return Ok(());
        };
        let store = self.parts.again.store().clone();
        // Looking at all payloads takes a moment, in which deliveries come in.
        let found = tokio::task::spawn_blocking(move || {
            let all = store.all();
            chosen.since = 0;
            chosen.duplicates = duplicates(&chosen.filter, || all.clone());
            let passes = |kept: &&Kept| chosen.filter.matches(kept, &chosen.duplicates);
            let ids: Vec<_> = all.iter().filter(passes).map(|k| k.delivery.id).collect();
            let frame = text(&Filtered {
                filter: Some(&chosen.name),
                ids: Some(&ids),
                error: None,
            });
            (frame, chosen)
        });
        let (frame, chosen) = found.await.map_err(|_| Ended)?;
        self.filter = Some(chosen);
        self.say(frame).await
    }
}
