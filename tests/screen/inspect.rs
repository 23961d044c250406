//! What is seen of deliveries, and how it is looked at.

use crate::kit::Terminal;
use crate::scene::{
    self, LABELLED, Port, SECRET, answer, deliver, deliver_many, deliver_signed, payload, signed,
    webhook,
};
use crate::support::raw::{RawApp, Then, ask, request};
use crate::support::sender::{Scheme, sign};

/// An app that refuses what has bounced.
fn app() -> RawApp {
    RawApp::answering(|request| {
        if request.text().contains("bounced") {
            answer(401, "application/json", r#"{"error":"Invalid signature"}"#)
        } else if request.text().contains("failed") {
            answer(500, "text/plain", "oh no\n")
        } else {
            answer(200, "text/plain", "OK")
        }
    })
}

#[test]
fn an_empty_screen_says_what_to_do() {
    let terminal = Terminal::open(&[]);
    let address = terminal.address();
    for text in [
        "No deliveries yet.",
        "Point your webhook at",
        &format!("http://{address}"),
        "or press t to send a sample.",
        "kept only, answers 200",
        "0 in · no secret",
        "q quit",
    ] {
        terminal.reads(text);
    }
    deliver(address, "email.opened");
    terminal.lists("1 email.opened · 200");
    terminal.reads_no("No deliveries yet.");
    terminal.quits();
}

#[test]
fn each_delivery_is_a_row_with_its_verdict_and_what_came_of_it() {
    let app = app();
    let terminal = Terminal::open(&["-s", LABELLED, &app.target()]);
    let to = terminal.address();
    terminal.reads("1 secret");
    deliver_signed(to, "email.opened");
    deliver(to, "email.sent");
    let wrong = sign(Scheme::ApiBase64, "another", payload("email.clicked"));
    ask(to, webhook(Some(wrong), payload("email.clicked")));
    assert_eq!(deliver_signed(to, "email.bounced").status(), 401);
    assert_eq!(deliver(to, "campaign.failed").status(), 500);
    ask(to, request("PUT /other", "", b"text"));
    for row in [
        "1 email.opened ✓ 200",
        "2 email.sent · 200",
        "3 email.clicked ✗ 200",
        "4 email.bounced ✓ 401",
        "5 campaign.failed · 500",
        "6 PUT /other · 200",
    ] {
        terminal.lists(row);
    }
    // How long each took.
    terminal.until("durations", |screen| {
        let rows = crate::scene::list(screen);
        rows.iter()
            .filter(|row| row.last().is_some_and(|last| last.ends_with("ms")))
            .count()
            == 6
    });
    terminal.reads("6 in · 2 failed · 1 invalid");
    terminal.reads("●");
    terminal.quits();
}

#[test]
fn without_a_secret_a_signature_is_not_checked() {
    let mut terminal = Terminal::open(&[]);
    deliver_signed(terminal.address(), "email.opened");
    terminal.lists("1 email.opened ? 200");
    terminal.details("? signed, no secret known to check it");
    terminal.press("5");
    terminal.details("It is signed, and no secret is known to check it with.");
    terminal.quits();
}

#[test]
fn the_newest_is_followed_until_somebody_moves() {
    let mut terminal = Terminal::open(&[]);
    let to = terminal.address();
    deliver_many(to, "email.sent", 50);
    terminal.selects(50);
    terminal.reads("following ↓");
    terminal.press("k");
    terminal.selects(49);
    deliver_many(to, "email.opened", 12);
    terminal.reads("12 new ↓");
    terminal.selects(49);
    terminal.press("g");
    terminal.selects(1);
    terminal.press("\x1b[B");
    terminal.selects(2);
    terminal.press("G");
    terminal.selects(62);
    terminal.reads("following ↓");
    deliver(to, "email.clicked");
    terminal.selects(63);
    // Reading is staying.
    terminal.press("\r");
    terminal.reads_no("following ↓");
    deliver(to, "email.bounced");
    terminal.reads("1 new ↓");
    terminal.selects(63);
    terminal.press("\x1b");
    terminal.reads("⏎ open");
    terminal.press("f");
    terminal.selects(64);
    terminal.press("f");
    terminal.reads_no("following ↓");
    terminal.press("\x1b[5~");
    terminal.reads_no("▌ 64");
    terminal.quits();
}

#[test]
fn n_goes_to_what_failed() {
    let app = app();
    let mut terminal = Terminal::open(&["-s", LABELLED, &app.target()]);
    let to = terminal.address();
    for event in [
        "email.bounced",
        "email.sent",
        "campaign.failed",
        "email.sent",
    ] {
        deliver_signed(to, event);
    }
    let wrong = sign(Scheme::CakemailHex, "another", payload("email.clicked"));
    ask(to, webhook(Some(wrong), payload("email.clicked")));
    deliver(to, "email.opened");
    terminal.selects(6);
    for (key, id) in [("N", 5), ("N", 3), ("N", 1), ("n", 3), ("n", 5)] {
        terminal.press(key);
        terminal.selects(id);
    }
    terminal.press("n");
    terminal.reads("Nothing newer failed");
    terminal.selects(5);
    terminal.quits();
}

#[test]
fn the_tabs_say_why_an_app_refused_a_right_signature() {
    let app = app();
    let mut terminal = Terminal::open(&["-s", LABELLED, &app.target()]);
    deliver_signed(terminal.address(), "email.bounced");
    terminal.lists("1 email.bounced ✓ 401");
    terminal.details("#1 email.bounced ✓ signed (cakemail-hex, `hooks`)");
    terminal.details("event \"email.bounced\"");
    terminal.details("App answered 401 in");
    let (_, signature) = signed(&payload("email.bounced"));
    let refused = "Your app refused a delivery whose signature is right.";
    let start = &signature[..20];
    for (key, texts) in [
        (
            "2",
            &[
                "content-type application/json",
                "x-cakemail-signature",
                start,
            ][..],
        ),
        (
            "3",
            &[refused, "401 Unauthorized", "error \"Invalid signature\""],
        ),
        ("4", &["live 401", "/webhooks/cakemail"]),
        (
            "5",
            &[
                refused,
                "the same, with secret `hooks`",
                "the 52 raw bytes of the body",
            ],
        ),
        (
            "6",
            &[
                "POST /webhooks/cakemail HTTP/1.1",
                "{\"event\":\"email.bounced\"",
            ],
        ),
        ("1", &["campaign_id 790"]),
    ] {
        terminal.press(key);
        for text in texts {
            terminal.details(text);
        }
    }
    assert!(
        !terminal
            .bytes()
            .windows(SECRET.len())
            .any(|some| some == SECRET.as_bytes())
    );
    terminal.quits();
}

#[test]
fn a_wrong_signature_is_explained() {
    let mut terminal = Terminal::open(&["-s", LABELLED]);
    let body = payload("email.opened");
    let wrong = sign(Scheme::CakemailHex, "another", &body);
    ask(terminal.address(), webhook(Some(wrong), body));
    terminal.lists("1 email.opened ✗ 200");
    terminal.press("5");
    terminal.details("The signature is wrong.");
    terminal.details("differs from character");
    terminal.details("with secret `hooks`");
    terminal.quits();
}

#[test]
fn an_app_that_is_down_and_comes_back_is_told() {
    let port = Port::reserve();
    let target = port.target();
    let mut terminal = Terminal::open(&[&target]);
    let to = terminal.address();
    terminal.reads("✗ down");
    assert_eq!(deliver(to, "email.opened").status(), 502);
    terminal.lists("1 email.opened · down");
    terminal.reads(", since ");
    terminal.details("No answer in");
    for (key, text) in [
        ("3", "No response"),
        ("4", "live refused"),
        ("5", "It carries no signature."),
    ] {
        terminal.press(key);
        terminal.details(text);
    }
    let app = RawApp::serving_on(
        port.open(),
        std::time::Duration::from_mins(1),
        |_, stream| {
            std::io::Write::write_all(stream, &answer(200, "text/plain", "back"))?;
            Ok(Then::GoOn)
        },
    );
    terminal.reads("●");
    terminal.reads_no(", since ");
    deliver(to, "email.clicked");
    terminal.lists("2 email.clicked · 200");
    terminal.press("N");
    terminal.selects(1);
    terminal.press("r");
    terminal.lists("1 email.opened · 200");
    terminal.press("4");
    terminal.details("refused → 200");
    app.next();
    terminal.quits();
}

#[test]
fn each_body_is_shown_as_what_it_is() {
    let mut terminal = Terminal::open(&[]);
    let to = terminal.address();
    let png = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x9b31m";
    ask(
        to,
        request("POST /image", "Content-Type: image/png\r\n", png),
    );
    terminal.details("00000000 89 50 4e 47 0d 0a 1a 0a");
    terminal.details("|.PNG");
    let form = b"event=email.opened&long+name=%1b%5B2J+x";
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    ask(to, request("POST /form", kind, form));
    terminal.details("event email.opened");
    terminal.details("long name \\x1b[2J x");
    let zipped = gzip(payload("email.zipped").as_bytes());
    let fields = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
    ask(to, request("POST /zip", fields, &zipped));
    terminal.details("(gzip,");
    terminal.details("event \"email.zipped\"");
    ask(to, request("POST /empty", "", b""));
    terminal.details("(empty)");
    ask(to, webhook(None, "{\"event\":"));
    terminal.details("no JSON, though its header says so");
    // As text and in hex.
    deliver(to, "email.sent");
    terminal.selects(6);
    terminal.press("o");
    terminal.details("\"campaign_id\": 790");
    terminal.press("o");
    terminal.details("00000000 7b 22 65 76 65 6e 74");
    terminal.press("o");
    terminal.details("campaign_id 790");
    terminal.quits();
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    zip.write_all(bytes).expect("memory can be written to");
    zip.finish().expect("memory can be written to")
}

#[test]
fn a_tree_is_folded_and_unfolded() {
    let mut terminal = Terminal::open(&[]);
    let body = r#"{"event":"email.opened","data":{"tags":["one","two"]},"last":true}"#;
    ask(terminal.address(), webhook(None, body));
    terminal.details("▾ data ▾ tags [0] \"one\" [1] \"two\" last true");
    terminal.press("\r");
    terminal.reads("⏎ fold");
    terminal.press("j ");
    terminal.details("▸ data {…} 1 member last true");
    terminal.press("\r");
    terminal.details("▾ data ▾ tags");
    terminal.press("j\r");
    terminal.details("▸ tags […] 2 elements");
    terminal.press("-");
    terminal.details("▸ data {…} 1 member");
    terminal.press("+");
    terminal.details("▾ data ▾ tags [0] \"one\"");
    terminal.quits();
}

#[test]
fn long_lines_are_wrapped_or_moved_sideways() {
    let mut terminal = Terminal::open(&[]);
    let long = (0..40)
        .map(|n| format!("<{n:02}>"))
        .collect::<Vec<_>>()
        .concat();
    ask(
        terminal.address(),
        request("POST /long", "", long.as_bytes()),
    );
    terminal.details("<39>");
    terminal.press("W");
    terminal.reads("Long lines are cut: < and > move them");
    terminal.reads_no("<39>");
    terminal.reads("<00>");
    for _ in 0..13 {
        terminal.press(">");
    }
    terminal.reads("<39>");
    terminal.reads_no("<00>");
    terminal.press("<");
    terminal.reads("<24>");
    terminal.press("W");
    terminal.details("<00>");
    terminal.details("<39>");
    terminal.quits();
}

#[test]
fn the_mouse_selects_scrolls_and_clicks_tabs() {
    let mut terminal = Terminal::open(&[]);
    let to = terminal.address();
    deliver_many(to, "email.sent", 60);
    terminal.selects(60);
    // The list begins below the header, its rule and the names of its columns.
    let click =
        |column: u16, row: u16| format!("\x1b[<0;{0};{1}M\x1b[<0;{0};{1}m", column + 1, row + 1);
    let mut first = 0;
    terminal.until("a first row", |screen| {
        let row = scene::list(screen).into_iter().nth(1).unwrap_or_default();
        first = row.first().and_then(|id| id.parse().ok()).unwrap_or(0);
        first > 0
    });
    terminal.press(&click(10, 3));
    terminal.selects(first);
    terminal.press(&click(10, 5));
    terminal.selects(first + 2);
    let mut tab = (0, 0);
    terminal.until("a tab", |screen| {
        let mut rows = screen.rows(0, 120).zip(0..);
        let found = rows.find_map(|(row, at)| {
            let before = row.split_once("2 Headers")?.0;
            Some((u16::try_from(before.chars().count()).ok()?, at))
        });
        tab = found.unwrap_or_default();
        found.is_some()
    });
    terminal.press(&click(tab.0 + 3, tab.1));
    terminal.details("content-length");
    // The wheel, over the list.
    terminal.press("\x1b[<64;10;10M");
    terminal.selects(first - 1);
    terminal.press("\x1b[<65;10;10M");
    terminal.selects(first + 2);
    terminal.quits();
}

#[test]
fn the_mouse_is_given_back_to_the_terminal() {
    use vt100::MouseProtocolMode::{ButtonMotion, None};
    let mut terminal = Terminal::open(&[]);
    terminal.until("the mouse", |screen| {
        screen.mouse_protocol_mode() == ButtonMotion
    });
    terminal.press("M");
    terminal.until("no mouse", |screen| screen.mouse_protocol_mode() == None);
    terminal.reads("The mouse is the terminal's: select text with it");
    terminal.press("M");
    terminal.until("the mouse", |screen| {
        screen.mouse_protocol_mode() == ButtonMotion
    });
    terminal.reads("The mouse selects, scrolls and clicks tabs");
    terminal.quits();
}

#[test]
fn times_are_told_as_how_long_ago() {
    let mut terminal = Terminal::open(&[]);
    deliver(terminal.address(), "email.sent");
    terminal.lists("1 email.sent · 200");
    terminal.reads("time ");
    terminal.press("i");
    terminal.reads("ago ");
    let mut times = std::collections::BTreeSet::new();
    // It goes on by itself.
    terminal.until("two times", |screen| {
        let is_ago = |word: &&String| {
            word.strip_suffix('s')
                .is_some_and(|n| n.parse::<u32>().is_ok())
        };
        times.extend(scene::list(screen).iter().flatten().find(is_ago).cloned());
        times.len() > 1
    });
    terminal.press("i");
    terminal.reads("time ");
    terminal.quits();
}
