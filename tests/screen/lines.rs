//! Where there is no place for a screen there are lines, and no escapes that only a screen
//! needs.

use crate::kit::Terminal;

#[test]
fn without_a_screen_there_are_lines() {
    let listen = "\"$CMHOOK\" listen --listen 127.0.0.1:0 --ephemeral";
    for (script, variables) in [
        // Not standard output; not standard input.
        (format!("exec {listen} > out"), &[][..]),
        (format!("exec {listen} < /dev/null"), &[("NO_COLOR", "1")]),
        (format!("exec {listen}"), &[("TERM", "dumb")]),
        (format!("exec {listen} --no-tui"), &[("NO_COLOR", "1")]),
    ] {
        let mut terminal = Terminal::run("sh", &["-c", &script], variables);
        terminal.reads("Ready");
        assert!(!terminal.is_raw(), "{script}");
        terminal.signal("TERM");
        assert!(terminal.end().success(), "{script}");
        terminal.is_given_back();
        assert!(!terminal.bytes().contains(&b'\x1b') || variables.is_empty());
        for escape in [&b"\x1b[?"[..], b"\x1b7", b"\x1b="] {
            let bytes = terminal.bytes();
            let found = bytes.windows(escape.len()).any(|some| some == escape);
            assert!(!found, "{script}: {}", String::from_utf8_lossy(&bytes));
        }
        let out = std::fs::read(terminal.home().join("out")).unwrap_or_default();
        assert!(!out.contains(&b'\x1b'), "{script}");
    }
}
