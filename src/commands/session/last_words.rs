//! What is said of webhooks when all else has been said.

use std::io::{self, Write as _};
use std::time::Duration;

use crate::commands::register::LastWords;
use crate::config::OutputSettings;
use crate::delivery::Warning;
use crate::lines;
use crate::wire::Object;

/// How long saying what became of webhooks may take, on a terminal that is not read.
const LAST_WORDS: Duration = Duration::from_millis(400);

/// Says what became of the webhooks, when the face has said all that it has to say.
pub(super) fn say_last(words: LastWords, output: OutputSettings) {
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
        for left in &words.left {
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
