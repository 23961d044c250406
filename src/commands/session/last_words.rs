//! What is said of what is left to do, when all else has been said.

use std::io::{self, Write as _};
use std::time::Duration;

use crate::commands::register::LastWords;
use crate::config::OutputSettings;
use crate::delivery::Warning;
use crate::lines;
use crate::store::Store;
use crate::wire::Object;

/// How long saying what is left may take, on a terminal that is not read.
const LAST_WORDS: Duration = Duration::from_millis(400);

/// What is to be said of deliveries that the relay need not keep any more and that the app has
/// not got.
pub(super) fn waiting_left(store: &Store) -> Option<Warning> {
    let ids = store.waiting();
    let what = match ids.len() {
        0 => return None,
        1 => "1 delivery that waited at the relay has".to_owned(),
        many => format!("{many} deliveries that waited at the relay have"),
    };
    let (message, hint) = if store.path().is_some() {
        let hint = format!(
            "the next `cmhook listen` that forwards begins with that; `cmhook replay {}` does it now",
            ranges(&ids)
        );
        (format!("{what} not reached the app yet"), hint)
    } else {
        let hint = "without `--ephemeral` the next `cmhook listen` sends such deliveries";
        let message = format!("{what} not reached the app, and nothing keeps what is lost now");
        (message, hint.to_owned())
    };
    Some(Warning {
        code: "app_not_reached",
        message,
        hint,
    })
}

/// Ascending ids as `cmhook replay` takes them.
fn ranges(ids: &[u64]) -> String {
    let runs = ids.chunk_by(|a, b| a + 1 == *b);
    let runs = runs.filter_map(|run| match (run.first()?, run.last()?) {
        (first, last) if first == last => Some(first.to_string()),
        (first, last) => Some(format!("{first}..{last}")),
    });
    runs.collect::<Vec<_>>().join(" ")
}

/// Says what became of the webhooks and what waits, when the face has said all that it has to
/// say.
pub(super) fn say_last(words: LastWords, waiting: Option<Warning>, output: OutputSettings) {
    let (done, finished) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        if words.archived > 0 && !output.json && !output.quiet {
            let text = match words.archived {
                1 => "Archived 1 webhook.".to_owned(),
                many => format!("Archived {many} webhooks."),
            };
            // Standard error may be closed.
            let _ = writeln!(io::stderr(), "{text}");
        }
        if words.gone > 0 && !output.json && !output.quiet {
            let text = match words.gone {
                1 => "1 webhook was gone already.".to_owned(),
                many => format!("{many} webhooks were gone already."),
            };
            let _ = writeln!(io::stderr(), "{text}");
        }
        for left in words.left.iter().chain(&waiting) {
            let _ = lines::warn(&mut io::stderr().lock(), left);
        }
        let _ = done.send(());
    });
    // Whoever should read this may have stopped reading.
    let _ = finished.recv_timeout(LAST_WORDS);
}

/// Says what is left to do where the listener does not start.
pub(super) fn say_left(words: &LastWords, output: OutputSettings) {
    for left in &words.left {
        say_warning(left, output);
    }
}

pub(super) fn say_warning(warning: &Warning, output: OutputSettings) {
    if output.json {
        let _ = Object::from(warning).write_line(&mut io::stdout().lock());
    }
    let _ = lines::warn(&mut io::stderr().lock(), warning);
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn ids_are_named_as_a_replay_takes_them() {
        assert_eq!(ranges(&[7]), "7");
        assert_eq!(ranges(&[1, 2, 3, 5, 8, 9]), "1..3 5 8..9");
    }
}
