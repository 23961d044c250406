//! The terminal is given back, whatever happens: at the end, before a stop, and when some
//! thread panics, which is then the end too.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::pen::Pen;

/// Who writes to the terminal while the screen has it.
static TAKEN: Mutex<Option<Arc<Pen>>> = Mutex::new(None);
/// What a panic ends.
static WATCHED: Mutex<Option<CancellationToken>> = Mutex::new(None);
static PANICKED: AtomicBool = AtomicBool::new(false);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives the terminal back if the screen has it: modes as they were, the main screen, the
/// cursor shown. From any thread and as often as one likes; it waits for half a second at
/// most, if nobody reads the terminal. Nothing is drawn afterwards.
pub fn give_back() {
    // Held to the end: whoever comes second may be about to end the process.
    let mut taken = lock(&TAKEN);
    if let Some(pen) = taken.take() {
        pen.leave();
    }
}

/// From now on there is something to give back.
pub(super) fn taken_by(pen: &Arc<Pen>) {
    *lock(&TAKEN) = Some(Arc::clone(pen));
}

/// The terminal is somebody else's already.
pub(super) fn nothing_to_give() {
    *lock(&TAKEN) = None;
}

/// While this is there, a panic in any thread is the end of the process.
#[must_use = "a panic is fatal for as long as this is kept"]
#[derive(Debug)]
pub struct PanicWatch(());

impl Drop for PanicWatch {
    fn drop(&mut self) {
        *lock(&WATCHED) = None;
    }
}

/// Has `stop` cancelled when some thread panics: half of a screen, or a screen without what
/// it shows, is of no use to anybody.
pub fn on_panic(stop: CancellationToken) -> PanicWatch {
    *lock(&WATCHED) = Some(stop);
    #[cfg(debug_assertions)]
    super::test_panic::arm();
    PanicWatch(())
}

/// Whether a panic would be the end of the process now.
pub fn ends_with_a_panic() -> bool {
    lock(&WATCHED).is_some()
}

/// For the panic hook, after it has said what happened on the terminal that was given back.
pub fn end_after_panic() {
    if let Some(stop) = lock(&WATCHED).as_ref() {
        PANICKED.store(true, Ordering::SeqCst);
        stop.cancel();
    }
}

/// Whether the process ends because of a panic.
pub fn panicked() -> bool {
    PANICKED.load(Ordering::SeqCst)
}
