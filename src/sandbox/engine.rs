//! Delivers: what is due goes out in order, each webhook at its own pace and with a few at a
//! time, and comes back into the queue where it failed.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::one_try::Means;
use super::queue::{Due, Pace};
use super::{now, one_try};
use crate::cakemail::webhook::{RATE_LIMIT, RatePeriod, Webhook};

/// Tries at the same time, of one webhook and of all.
const AT_ONCE: usize = 8;
const ALL_AT_ONCE: usize = 64;
/// So many starts are remembered of a webhook; a higher rate is no limit any more.
const MOST_STARTS: usize = 10_000;
/// The longest sleep, so that a clock that was set is noticed.
const NAP: Duration = Duration::from_secs(1);

/// What the engine is told.
#[derive(Debug)]
enum Note {
    Due(Vec<Due>),
    Paced(String, Pace),
    Dropped(String),
    Reset,
    /// The request of a try has been on its way for a while.
    Sent(String, i64),
    /// A try has ended, and the next is at that time.
    Done(String, i64, Option<i64>),
}

/// Tells the engine what has changed.
#[derive(Debug, Clone)]
pub(super) struct Engine(mpsc::UnboundedSender<Note>);

impl Engine {
    /// These are to be tried.
    pub(super) fn due(&self, due: Vec<Due>) {
        self.tell(Note::Due(due));
    }

    /// The webhook has another pace, it may be.
    pub(super) fn paced(&self, webhook: &Webhook) {
        let pace = Pace {
            limit: webhook.rate_limit.unwrap_or(RATE_LIMIT),
            period: webhook.rate_limit_period.unwrap_or_default(),
        };
        self.tell(Note::Paced(webhook.id.clone(), pace));
    }

    /// Nothing of that webhook is to be tried any more.
    pub(super) fn dropped(&self, webhook: &str) {
        self.tell(Note::Dropped(webhook.to_owned()));
    }

    /// Nothing at all is.
    pub(super) fn reset(&self) {
        self.tell(Note::Reset);
    }

    /// The request of a try has been on its way for a while.
    pub(super) fn sent(&self, webhook: String, n: i64) {
        self.tell(Note::Sent(webhook, n));
    }

    /// A try has ended, and the next is at that time.
    pub(super) fn done(&self, webhook: String, n: i64, next: Option<i64>) {
        self.tell(Note::Done(webhook, n, next));
    }

    fn tell(&self, note: Note) {
        // It is gone where the sandbox stops, and then the next one reads what was kept.
        let _ = self.0.send(note);
    }
}

/// What is to be tried of one webhook.
#[derive(Debug)]
struct Lane {
    /// When, and which.
    due: BTreeSet<(i64, i64)>,
    in_flight: usize,
    /// The last one that was begun, until it was answered or had the time to be: the next has
    /// to wait for that, so that they arrive in order.
    opening: Option<i64>,
    pace: Pace,
    /// When the last ones began, as many as its rate allows in a period.
    starts: VecDeque<Instant>,
}

/// What a lane may do.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Start(i64),
    /// Not before that.
    At(Instant),
    /// Not before something has ended.
    Wait,
}

impl Lane {
    fn new(pace: Pace) -> Self {
        Self {
            due: BTreeSet::new(),
            in_flight: 0,
            opening: None,
            pace,
            starts: VecDeque::new(),
        }
    }

    /// What comes next. At no time more than its rate allows have begun within a period.
    fn turn(&mut self, clock: i64, instant: Instant) -> Turn {
        let Some((at, n)) = self.due.first().copied() else {
            return Turn::Wait;
        };
        if self.opening.is_some() || self.in_flight >= AT_ONCE {
            return Turn::Wait;
        }
        if at > clock {
            let wait = Duration::from_millis((at - clock).cast_unsigned());
            return Turn::At(instant + wait.min(NAP));
        }
        let limit = usize::try_from(self.pace.limit)
            .unwrap_or(usize::MAX)
            .max(1);
        while self.starts.len() > limit.min(MOST_STARTS) {
            self.starts.pop_front();
        }
        if limit <= MOST_STARTS && self.starts.len() == limit {
            let free = self.starts[0] + period(self.pace.period);
            if free > instant {
                return Turn::At(free);
            }
        }
        self.due.pop_first();
        self.in_flight += 1;
        self.opening = Some(n);
        self.starts.push_back(instant);
        Turn::Start(n)
    }

    /// Whether it can be forgotten.
    fn is_idle(&self, instant: Instant) -> bool {
        let last = self.starts.back();
        self.due.is_empty()
            && self.in_flight == 0
            && last.is_none_or(|last| *last + period(self.pace.period) < instant)
    }
}

const fn period(period: RatePeriod) -> Duration {
    match period {
        RatePeriod::Second => Duration::from_secs(1),
        RatePeriod::Minute => Duration::from_mins(1),
        RatePeriod::Hour => Duration::from_hours(1),
        RatePeriod::Day => Duration::from_hours(24),
    }
}

/// Starts it with what is pending. When `stop` is cancelled nothing more is begun, and
/// `tasks` tells when what was begun has ended.
pub(super) fn start(
    means: Means,
    pending: Vec<Due>,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> Engine {
    let (sender, notes) = mpsc::unbounded_channel();
    let engine = Engine(sender);
    engine.due(pending);
    let loop_ = Loop {
        means: Arc::new(means),
        engine: engine.clone(),
        lanes: HashMap::new(),
        in_flight: 0,
        tasks: tasks.clone(),
    };
    tasks.spawn(loop_.run(notes, stop));
    engine
}

struct Loop {
    means: Arc<Means>,
    engine: Engine,
    lanes: HashMap<String, Lane>,
    in_flight: usize,
    tasks: TaskTracker,
}

impl Loop {
    async fn run(mut self, mut notes: mpsc::UnboundedReceiver<Note>, stop: CancellationToken) {
        loop {
            let next = self.start_what_is_due();
            let nap = async {
                match next {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                note = notes.recv() => {
                    let Some(note) = note else { return };
                    self.take(note);
                    while let Ok(note) = notes.try_recv() {
                        self.take(note);
                    }
                }
                () = nap => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Starts all that may be; when to look again, where that is known.
    fn start_what_is_due(&mut self) -> Option<Instant> {
        let (clock, instant) = (now(), Instant::now());
        let mut next: Option<Instant> = None;
        let mut starts = Vec::new();
        for (webhook, lane) in &mut self.lanes {
            if self.in_flight + starts.len() >= ALL_AT_ONCE {
                break;
            }
            match lane.turn(clock, instant) {
                Turn::Start(n) => starts.push((webhook.clone(), n)),
                Turn::At(at) => next = Some(next.map_or(at, |next| next.min(at))),
                Turn::Wait => {}
            }
        }
        for (webhook, n) in starts {
            self.in_flight += 1;
            let (means, engine) = (Arc::clone(&self.means), self.engine.clone());
            self.tasks.spawn(one_try::make(means, engine, webhook, n));
        }
        next
    }

    fn take(&mut self, note: Note) {
        match note {
            Note::Due(due) => {
                for Due {
                    webhook,
                    n,
                    at,
                    pace,
                } in due
                {
                    let lane = self.lanes.entry(webhook);
                    let lane = lane.or_insert_with(|| Lane::new(pace));
                    lane.pace = pace;
                    lane.due.insert((at, n));
                }
            }
            Note::Paced(webhook, pace) => {
                if let Some(lane) = self.lanes.get_mut(&webhook) {
                    lane.pace = pace;
                }
            }
            Note::Dropped(webhook) => {
                if let Some(lane) = self.lanes.get_mut(&webhook) {
                    lane.due.clear();
                }
            }
            Note::Reset => self.lanes.values_mut().for_each(|lane| lane.due.clear()),
            Note::Sent(webhook, n) => {
                if let Some(lane) = self.lanes.get_mut(&webhook) {
                    lane.opening.take_if(|opening| *opening == n);
                }
            }
            Note::Done(webhook, n, next) => {
                self.in_flight = self.in_flight.saturating_sub(1);
                if let Some(lane) = self.lanes.get_mut(&webhook) {
                    lane.in_flight = lane.in_flight.saturating_sub(1);
                    lane.opening.take_if(|opening| *opening == n);
                    lane.due.extend(next.map(|at| (at, n)));
                }
                let instant = Instant::now();
                self.lanes.retain(|_, lane| !lane.is_idle(instant));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(limit: u32, count: i64) -> Lane {
        let mut lane = Lane::new(Pace {
            limit,
            period: RatePeriod::Second,
        });
        lane.due.extend((0..count).map(|n| (0, n)));
        lane
    }

    fn end(lane: &mut Lane) {
        lane.opening = None;
        lane.in_flight -= 1;
    }

    #[tokio::test]
    async fn no_period_has_more_starts_than_the_rate() {
        let mut lane = lane(3, 20);
        let begin = Instant::now();
        let mut starts = Vec::new();
        let mut at = begin;
        while starts.len() < 20 {
            match lane.turn(1, at) {
                Turn::Start(n) => {
                    assert_eq!(n, i64::try_from(starts.len()).unwrap());
                    starts.push(at);
                    end(&mut lane);
                    at += Duration::from_millis(7);
                }
                Turn::At(next) => at = next,
                Turn::Wait => panic!("nothing is under way"),
            }
        }
        for window in starts.windows(4) {
            assert!(window[3] - window[0] >= Duration::from_secs(1));
        }
        // And it is not slower than that.
        assert!(starts[19] - begin < Duration::from_millis(6100));
    }

    #[tokio::test]
    async fn one_waits_for_the_one_before_it_to_be_sent() {
        let mut lane = lane(50, 20);
        let at = Instant::now();
        assert_eq!(lane.turn(0, at), Turn::Start(0));
        assert_eq!(lane.turn(0, at), Turn::Wait);
        for n in 1..8 {
            lane.opening = None;
            assert_eq!(lane.turn(0, at), Turn::Start(n));
        }
        lane.opening = None;
        assert_eq!(lane.turn(0, at), Turn::Wait, "eight are under way");
        end(&mut lane);
        assert_eq!(lane.turn(0, at), Turn::Start(8));
        lane.due = [(5000, 9)].into();
        lane.opening = None;
        end(&mut lane);
        assert_eq!(lane.turn(0, at), Turn::At(at + NAP));
    }
}
