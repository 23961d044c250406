//! What frames are drawn on: bytes in memory, which the pen then writes.

use std::io;

use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};

/// Collects the bytes of a frame; there are none if it is like the one before.
#[derive(Default)]
pub(super) struct Paper {
    /// Of the terminal, in cells.
    pub(super) size: Size,
    bytes: Vec<u8>,
    /// Where the cursor is shown; `None` is hidden, and so it is to begin with.
    cursor: Option<Position>,
    /// Cells were written since the cursor was put there.
    moved: bool,
}

impl Paper {
    /// The bytes since the last time.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// The terminal's cursor was hidden by somebody else.
    pub(super) fn hidden(&mut self) {
        self.cursor = None;
    }

    fn ink(&mut self) -> CrosstermBackend<&mut Vec<u8>> {
        CrosstermBackend::new(&mut self.bytes)
    }
}

impl Backend for Paper {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut content = content.peekable();
        if content.peek().is_none() {
            return Ok(());
        }
        self.moved = true;
        self.ink().draw(content)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        match self.cursor.take() {
            Some(_) => self.ink().hide_cursor(),
            None => Ok(()),
        }
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        // With its place, below.
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.cursor.unwrap_or(Position::ORIGIN))
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let position = position.into();
        if self.cursor == Some(position) && !self.moved {
            return Ok(());
        }
        self.moved = false;
        self.ink().set_cursor_position(position)?;
        if self.cursor.replace(position).is_none() {
            self.ink().show_cursor()?;
        }
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.ink().clear_region(clear_type)
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize {
            columns_rows: self.size,
            pixels: Size::ZERO,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::layout::Size;

    use super::Paper;

    fn frame(terminal: &mut Terminal<Paper>, text: &str, cursor: Option<(u16, u16)>) -> String {
        let drawn = terminal.draw(|frame| {
            frame.render_widget(text, frame.area());
            if let Some(place) = cursor {
                frame.set_cursor_position(place);
            }
        });
        drawn.expect("memory can be written to");
        String::from_utf8(terminal.backend_mut().take()).expect("it is UTF-8")
    }

    #[test]
    fn only_what_differs_is_written() {
        let paper = Paper {
            size: Size::new(20, 2),
            ..Paper::default()
        };
        let mut terminal = Terminal::new(paper).expect("it has a size");
        assert!(frame(&mut terminal, "calm", None).contains("calm"));
        assert_eq!(frame(&mut terminal, "calm", None), "");
        assert_eq!(
            frame(&mut terminal, "calm", Some((2, 0))),
            "\x1b[1;3H\x1b[?25h"
        );
        assert_eq!(frame(&mut terminal, "calm", Some((2, 0))), "");
        // The cells that are written move the cursor, so it is put back.
        assert!(frame(&mut terminal, "balm", Some((2, 0))).ends_with("\x1b[1;3H"));
        assert_eq!(frame(&mut terminal, "balm", None), "\x1b[?25l");
        assert_eq!(frame(&mut terminal, "balm", None), "");
    }
}
