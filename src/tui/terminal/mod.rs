//! The terminal while the screen has it: taken, drawn on, read from, and given back.
//!
//! ```text
//!   view ──frame──▶ paper ──bytes──▶ pen ═════▶ terminal ═════▶ keyboard ──Input──▶ update
//!                                  a thread                     a thread
//! ```
//!
//! A terminal need not read what is written to it (Ctrl-S in tmux, a window that hangs). Then
//! the pen waits and frames are left out; everything else goes on.

mod give_back;
mod input;
mod paper;
mod pen;
#[cfg(unix)]
mod signals;
#[cfg(not(unix))]
#[path = "signals_elsewhere.rs"]
mod signals;
#[cfg(debug_assertions)]
mod test_panic;
#[cfg(unix)]
mod tty;
#[cfg(not(unix))]
#[path = "tty_elsewhere.rs"]
mod tty;

use std::io;
use std::sync::Arc;

use ratatui::layout::{Rect, Size};
use tokio::sync::mpsc::Sender;

pub use give_back::{
    PanicWatch, end_after_panic, ends_with_a_panic, give_back, on_panic, panicked,
};
pub(in crate::tui) use input::Input;

use input::Keyboard;
use paper::Paper;
use pen::Pen;
use signals::Signals;
use tty::Tty;

/// The terminal while the screen has it. Dropped, it is given back.
pub(in crate::tui) struct Terminal {
    pen: Arc<Pen>,
    canvas: ratatui::Terminal<Paper>,
    /// Draw every cell, whatever was there.
    whole: bool,
    reading: Option<(Keyboard, Signals)>,
}

impl Terminal {
    /// Takes the terminal that standard input and output are: keys come as they are pressed,
    /// and what is drawn is on a screen of its own, without a cursor.
    ///
    /// An error if there is none; it is as before then.
    pub(in crate::tui) fn take(mouse: bool) -> io::Result<Self> {
        let pen = Pen::start(Tty::open()?, mouse)?;
        let canvas = ratatui::Terminal::new(Paper::default())?;
        let terminal = Self {
            pen,
            canvas,
            whole: true,
            reading: None,
        };
        terminal.enter()?;
        Ok(terminal)
    }

    /// Reads what comes from the terminal, for as long as it is taken.
    pub(in crate::tui) fn read(&mut self, to: Sender<Input>) -> io::Result<()> {
        let keyboard = Keyboard::start(to.clone())?;
        self.reading = Some((keyboard, Signals::start(to)?));
        Ok(())
    }

    /// Draws a frame, as one write that terminals show at once. Says whether it did: not
    /// while the frame before is still being written, nor while somebody else has the
    /// terminal. An error means that the terminal is gone.
    pub(in crate::tui) fn draw(
        &mut self,
        view: impl FnOnce(&mut ratatui::Frame<'_>),
    ) -> io::Result<bool> {
        if !self.pen.is_idle()? {
            return Ok(false);
        }
        let size = Size::from(self.size());
        self.canvas.backend_mut().size = size;
        if std::mem::take(&mut self.whole) {
            self.canvas.resize(Rect::from(size))?;
        }
        self.canvas.draw(view)?;
        let bytes = self.canvas.backend_mut().take();
        if !bytes.is_empty() {
            self.pen.frame(&bytes);
        }
        #[cfg(debug_assertions)]
        test_panic::drawn();
        Ok(true)
    }

    /// Ready when a frame would be drawn, or the terminal is gone.
    pub(in crate::tui) async fn pen_idle(&self) {
        self.pen.idle().await;
    }

    /// Has the next frame drawn in full.
    pub(in crate::tui) fn redraw(&mut self) {
        self.whole = true;
    }

    /// Columns and rows, as the terminal says now.
    pub(in crate::tui) fn size(&self) -> (u16, u16) {
        self.pen.tty.size()
    }

    /// Whether the mouse is the screen's, or the terminal's for selecting text.
    pub(in crate::tui) fn mouse(&mut self, on: bool) {
        self.pen.mouse(on);
    }

    /// Bytes for the terminal itself, such as a text for its clipboard, after the frame under
    /// way.
    pub(in crate::tui) fn send(&mut self, bytes: &[u8]) {
        self.pen.send(bytes);
    }

    /// Gives the terminal to a child. Nothing is read or drawn until
    /// [`take_back`](Self::take_back).
    pub(in crate::tui) fn lend(&mut self) {
        if let Some((keyboard, signals)) = &self.reading {
            keyboard.hold();
            signals.aside();
        }
        give_back();
    }

    /// Takes it back, or makes sure of it if the screen has it; the next frame is drawn in
    /// full. In the background it stays the shell's, and [`Input::Continued`] comes later.
    pub(in crate::tui) fn take_back(&mut self) -> io::Result<()> {
        if !Tty::is_ours() {
            self.pen.drop_it();
            give_back::nothing_to_give();
            if let Some((keyboard, _)) = &self.reading {
                keyboard.watch();
            }
            return Ok(());
        }
        self.enter()?;
        self.whole = true;
        self.canvas.backend_mut().hidden();
        if let Some((keyboard, signals)) = &self.reading {
            signals.back();
            keyboard.go_on();
        }
        Ok(())
    }

    /// Gives it back, stops this process as `Ctrl-Z` does, and takes it back when the process
    /// goes on. Where nobody could have it go on, it is drawn again and that is all.
    pub(in crate::tui) fn suspend(&mut self) -> io::Result<()> {
        if !signals::can_stop() {
            self.redraw();
            return Ok(());
        }
        self.lend();
        if let Some((_, signals)) = &self.reading {
            signals.stop();
        }
        self.take_back()
    }

    fn enter(&self) -> io::Result<()> {
        if panicked() {
            return Err(io::Error::other("it was given back because of a panic"));
        }
        give_back::taken_by(&self.pen);
        self.pen.enter().inspect_err(|_| give_back())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.reading = None;
        give_back();
        self.pen.end();
    }
}
