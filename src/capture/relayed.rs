//! The same pipeline for what a relay hands on: at once, or after it has waited there.
//!
//! A relay may hand the same delivery on again, because it did not learn that it had
//! arrived. It is recorded once, and the app is not asked twice for it.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use jiff::Timestamp;

use super::answer::{AnswerBody, own};
use super::backlog::{Job, Turn};
use super::forward::Head;
use super::intake::{Along, Intake, Said, UNSAVED};
use super::peer::Peer;
use super::plan::{Plan, Why};
use super::receive::{NO_ROOM, Source};
use super::rejudge;
use crate::delivery::{Answerer, Delivery, OwnAnswer, Received, Relayed};
use crate::http::headers;
use crate::link::names::{KEPT, PREFIX};
use crate::store::Recorded;

/// Said of what waited at the relay, once it is in the store.
const IN_ITS_TURN: &str = "kept; it waited at the relay, and the app gets it in its turn";

/// Said of what waited at the relay where the journal fails.
const WAITS_ON: &str = "the store cannot be written: it waits at the relay and comes again";

impl Intake {
    /// Takes a request that a relay has handed on through the whole pipeline.
    ///
    /// The answer has the field [`KEPT`] when, and only when, the delivery is in the store, so
    /// that the relay need not keep it. One that waited there is answered as soon as that
    /// is so, and goes to the app behind that, in the order in which this was called; it is
    /// answered 503 where there is no room, and comes again.
    pub async fn deliver_relayed(
        self: &Arc<Self>,
        request: Request<Incoming>,
        peer: &Peer,
        relayed: Relayed,
    ) -> Response<AnswerBody> {
        let turn = match relayed.queued_at {
            Some(_) => Some(self.backlog.turn().await),
            None => None,
        };
        let source = match turn {
            Some(_) => Source::Queue,
            None => Source::Relay,
        };
        let whole = match self.receive(request, peer, source).await {
            Ok(whole) => whole,
            Err(away) => {
                if away.is_busy && turn.is_some() {
                    self.backlog.turn_away(&relayed.id);
                }
                return away.answer;
            }
        };
        if let Some(answer) = self.canary(&whole, turn.is_some()).await {
            return answer;
        }
        let this = Arc::clone(self);
        let work = async move {
            let relayed = Box::new(to_microseconds(relayed));
            let (received, along) = this.examine(whole, Some(relayed)).await;
            let said = match turn {
                None => this.live(received, along).await,
                Some(turn) => this.queued(received, along, turn).await,
            };
            through_relay(said)
        };
        self.to_the_end(work).await
    }

    /// One whose sender waits for the answer.
    async fn live(self: &Arc<Self>, received: Received, along: Along) -> Said {
        let id = match self.store.record_once(received) {
            Ok(recorded) => return self.handle(recorded, along).await,
            Err(id) => id,
        };
        self.store.record_repeat(id);
        // cmhook was stopped before it could ask the app.
        if let Some(recorded) = self.store.take_up(id)
            && let (Plan::Forward(targets), ack) = self.plan(&recorded.delivery)
        {
            let reservation = Arc::new(along.reservation);
            return self
                .forward(recorded, along.head, targets, ack, reservation)
                .await;
        }
        self.known(id).await
    }

    /// One that waited at the relay.
    async fn queued(self: &Arc<Self>, received: Received, along: Along, turn: Turn) -> Said {
        let bytes = received.body.len() + headers::size(&along.head.headers);
        let now = turn.come().await;
        let id = received.relayed.as_ref().map(|relayed| relayed.id.clone());
        let Some(room) = self.backlog.room(&id.unwrap_or_default(), bytes) else {
            return Said {
                answer: own(StatusCode::SERVICE_UNAVAILABLE, NO_ROOM),
                kept: false,
            };
        };
        // A pause holds up those that wait for the app, and none of them is left out.
        let plan = Plan::of(&self.controls.policy(), false, &received);
        let waits = matches!(plan, Plan::Forward(_));
        let recorded = if waits {
            self.store.record_waiting(received)
        } else {
            self.store.record_once(received)
        };
        let (recorded, is_new) = match recorded {
            Ok(recorded) => (recorded, true),
            Err(id) => {
                self.store.record_repeat(id);
                let Some(recorded) = self.store.take_up(id) else {
                    drop(now);
                    return self.known(id).await;
                };
                self.store.set_waiting(id, waits);
                (recorded, false)
            }
        };
        rejudge::if_outdated(
            &self.store,
            &self.controls,
            &recorded.delivery,
            &along.secrets,
        );
        let targets = match plan {
            Plan::Forward(targets) => targets,
            Plan::Answer(_, why) => {
                drop(now);
                return self.keep_for_good(recorded, why, is_new).await;
            }
        };
        let seat = self.backlog.seat();
        drop(now);
        let Recorded {
            delivery,
            saved,
            hold,
        } = recorded;
        if saved.wait().await.is_err() {
            return self.not_yet(&delivery, is_new);
        }
        // What follows waits in memory of its own, and does not keep live ones out.
        drop(along.reservation);
        seat.fill(Job {
            delivery,
            head: along.head,
            targets,
            hold,
            room: Some(room),
        });
        Said {
            answer: own(StatusCode::OK, IN_ITS_TURN),
            kept: true,
        }
    }

    /// One that waited and goes to no app. Whatever the policy would have told its sender: the
    /// relay is told that it is kept, and has told the sender that it waits.
    async fn keep_for_good(&self, recorded: Recorded, why: Why, is_new: bool) -> Said {
        if recorded.saved.wait().await.is_err() {
            return self.not_yet(&recorded.delivery, is_new);
        }
        let reason = why.of_what_waited();
        self.answered_by_relay(&recorded.delivery, reason);
        Said {
            answer: own(StatusCode::OK, reason),
            kept: true,
        }
    }

    /// The journal does not have one that waited, so that it waits on. It comes again until
    /// the journal has it, of which people are told once.
    fn not_yet(&self, delivery: &Delivery, is_new: bool) -> Said {
        if is_new {
            self.answered_by_relay(delivery, WAITS_ON);
        }
        Said {
            answer: own(StatusCode::SERVICE_UNAVAILABLE, UNSAVED),
            kept: false,
        }
    }

    fn answered_by_relay(&self, delivery: &Delivery, reason: &'static str) {
        self.store.record_own_answer(OwnAnswer {
            delivery: delivery.id,
            by: Answerer::Relay,
            status: StatusCode::ACCEPTED.as_u16(),
            reason,
        });
    }

    /// Gives what waited for the app at the last stop its turn, before whatever comes. Where
    /// nothing is forwarded it goes on waiting.
    pub fn resume(&self) {
        let policy = self.controls.policy();
        if policy.status.is_some() || policy.targets().next().is_none() {
            return;
        }
        for id in self.store.waiting() {
            let Some(recorded) = self.store.take_up(id) else {
                continue;
            };
            let request = &recorded.delivery.request;
            let (Plan::Forward(targets), Some(head)) =
                (Plan::of(&policy, false, request), Head::of_kept(request))
            else {
                self.store.set_waiting(id, false);
                continue;
            };
            self.backlog.seat().fill(Job {
                delivery: recorded.delivery,
                head,
                targets,
                hold: recorded.hold,
                room: None,
            });
        }
    }

    /// Leaves what waits for the app for the next start, where the store keeps it until then.
    pub fn stop(&self) {
        self.backlog.stop();
    }

    /// The answer to what came before, once it is certain that the journal has it.
    async fn known(&self, id: u64) -> Said {
        let kept = self.store.saved(id).wait().await.is_ok();
        let answer = if kept {
            let text =
                format!("kept before as #{id}: it came again, and the app is not asked again");
            own(StatusCode::OK, &text)
        } else {
            own(StatusCode::SERVICE_UNAVAILABLE, UNSAVED)
        };
        Said { answer, kept }
    }
}

/// As it is kept, so that it is the same after a restart.
fn to_microseconds(relayed: Relayed) -> Relayed {
    let cut = |at: Timestamp| Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at);
    Relayed {
        queued_at: relayed.queued_at.map(cut),
        ..relayed
    }
}

/// The answer with what the relay is told, and nothing that an app would tell it in its place.
fn through_relay(said: Said) -> Response<AnswerBody> {
    let mut answer = said.answer;
    let fields = answer.headers_mut();
    let of_app = fields
        .keys()
        .filter(|name| name.as_str().starts_with(PREFIX));
    let of_app: Vec<HeaderName> = of_app.cloned().collect();
    for name in of_app {
        fields.remove(name);
    }
    if said.kept {
        fields.insert(KEPT, HeaderValue::from_static("1"));
    }
    answer
}
