//! Makes `docs/screen.svg` from a real run: `cmhook demo` in a pseudo-terminal, with some keys
//! pressed, and every cell drawn as a terminal would.
//!
//! ```sh
//! cargo build --release && cargo run --example screen
//! ```

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use vt100::{Cell, Color, Parser, Screen};

const ROWS: NonZeroU16 = NonZeroU16::new(30).unwrap();
const COLUMNS: NonZeroU16 = NonZeroU16::new(120).unwrap();
/// A cell's height and width, and the margin around all of them.
const LINE: f32 = 19.0;
const CHAR: f32 = 8.43;
const MARGIN: f32 = 20.0;
/// The 16 colours of a dark terminal.
const COLOURS: [&str; 16] = [
    "#484f58", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#b1bac4",
    "#6e7681", "#ffa198", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#ffffff",
];

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let size = PtySize {
        rows: ROWS.get(),
        cols: COLUMNS.get(),
        ..PtySize::default()
    };
    let pair = native_pty_system().openpty(size)?;
    let mut command = CommandBuilder::new(root.join("target/release/cmhook"));
    command.args(["demo", "--interval", "350ms"]);
    command.cwd(std::env::temp_dir());
    command.env("TERM", "xterm-256color");
    command.env("LANG", "C.UTF-8");
    command.env_remove("NO_COLOR");
    let mut child = pair.slave.spawn_command(command)?;
    drop(pair.slave);
    let mut keys = pair.master.take_writer()?;
    let output = read(pair.master.try_clone_reader()?);
    let mut terminal = Parser::new(ROWS, COLUMNS, 0);

    until(&mut terminal, &output, |text| text.contains(" 13  "))?;
    // To the last one that failed, and why it did.
    keys.write_all(b"N5")?;
    until(&mut terminal, &output, |text| text.contains("raw bytes"))?;
    let svg = draw(terminal.screen());
    keys.write_all(b"\x03")?;
    child.wait()?;
    std::fs::write(root.join("docs/screen.svg"), svg)?;
    Ok(())
}

/// What the terminal's program writes, piece by piece.
fn read(mut from: Box<dyn std::io::Read + Send>) -> Receiver<Vec<u8>> {
    let (to, output) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if to.send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    output
}

fn until(
    terminal: &mut Parser,
    output: &Receiver<Vec<u8>>,
    is_there: impl Fn(&str) -> bool,
) -> Result<(), Failure> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_there(&terminal.screen().contents()) {
        let left = deadline.saturating_duration_since(Instant::now());
        terminal.process(&output.recv_timeout(left)?);
    }
    // A frame comes in several pieces.
    while let Ok(piece) = output.recv_timeout(Duration::from_millis(100)) {
        terminal.process(&piece);
    }
    Ok(())
}

fn draw(screen: &Screen) -> String {
    let width = f32::from(COLUMNS.get()) * CHAR + 2.0 * MARGIN;
    let height = f32::from(ROWS.get()) * LINE + 2.0 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,monospace\" font-size=\"14\" \
         fill=\"#e6edf3\">\n<title>cmhook on a terminal</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#0d1117\"/>\n"
    );
    for row in 0..ROWS.get() {
        let y = MARGIN + f32::from(row) * LINE + 14.0;
        let _ = writeln!(
            svg,
            "<text y=\"{y:.0}\" xml:space=\"preserve\">{}</text>",
            spans(screen, row)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// The row's runs of one style.
fn spans(screen: &Screen, row: u16) -> String {
    let mut out = String::new();
    let mut column = 0;
    while column < COLUMNS.get() {
        let style = screen.cell(row, column).map(style_of).unwrap_or_default();
        let start = column;
        let mut text = String::new();
        while column < COLUMNS.get()
            && let Some(cell) = screen.cell(row, column)
            && style_of(cell) == style
        {
            if !cell.is_wide_continuation() {
                text.push_str(if cell.has_contents() {
                    cell.contents()
                } else {
                    " "
                });
            }
            column += 1;
        }
        if !text.trim().is_empty() {
            let x = MARGIN + f32::from(start) * CHAR;
            let text = text.replace('&', "&amp;").replace('<', "&lt;");
            let _ = write!(out, "<tspan x=\"{x:.1}\"{style}>{text}</tspan>");
        }
    }
    out
}

fn style_of(cell: &Cell) -> String {
    let mut style = String::new();
    if let Color::Idx(number) = cell.fgcolor()
        && let Some(colour) = COLOURS.get(usize::from(number))
    {
        let _ = write!(style, " fill=\"{colour}\"");
    }
    if cell.bold() {
        style.push_str(" font-weight=\"bold\"");
    }
    if cell.dim() {
        style.push_str(" fill-opacity=\".6\"");
    }
    if cell.underline() {
        style.push_str(" text-decoration=\"underline\"");
    }
    style
}
