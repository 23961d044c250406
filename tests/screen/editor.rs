//! The user's editor, which has the screen's terminal for a while.

use crate::kit::Terminal;
use crate::support::sender::post;
use crate::support::upstream::Upstream;

/// The terminal sends its signal to cmhook too, since both run in it.
#[test]
fn control_c_is_the_editors_while_it_has_the_terminal() {
    let app = Upstream::start();
    // It says so itself: a shell that were still about to start it would not end with it.
    let waits = "exec awk 'BEGIN {print \"at work\"; fflush(); getline line < \"-\"}'";
    let editor = [("EDITOR", waits), ("VISUAL", "")];
    let mut terminal = Terminal::open_with(&[&app.target()], &editor);
    post(terminal.address(), None, r#"{"event":"email.opened"}"#);
    terminal.reads("email.opened");
    for round in 1..=3 {
        terminal.press("e");
        terminal.until("the editor", |screen| {
            let at_work = screen.contents().matches("at work").count();
            !screen.alternate_screen() && at_work == round
        });
        terminal.press("\x03");
        terminal.reads("ended with signal 2; nothing was sent");
    }
    terminal.press("q");
    assert!(terminal.end().success());
    terminal.is_given_back_but_for_what_is_shown();
}
