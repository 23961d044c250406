use super::*;

#[test]
fn every_mistake_has_a_column() {
    for (filter, column, message, suggestion) in [
        (
            "event:a staus:5xx",
            9,
            "there is no key `staus`",
            Some("status:"),
        ),
        ("since:10m", 1, "there is no key `since`", Some("after:")),
        ("account_id:17", 1, "dotted paths", Some(".account_id:")),
        ("http://x.test", 1, "in quotes", Some("\"http://x.test\"")),
        (
            "header:x",
            1,
            "there is no key `header`",
            Some("header.NAME:"),
        ),
        (
            "headers.x:y",
            1,
            "headers stand behind `header.`",
            Some("header.x:"),
        ),
        ("header.:y", 8, "a header's name belongs here", None),
        ("header.a@b:y", 8, "a header's name belongs here", None),
        ("é status:9zz", 10, "not `9zz`", None),
        ("status:42", 8, "`status:` takes", None),
        ("is:marked status:9xx", 18, "not `9xx`", None),
        ("status:>=600", 8, "not `>=600`", None),
        ("status:timout", 8, "`timeout`", Some("status:timeout")),
        (
            "status:500..400",
            8,
            "ends before it begins",
            Some("400..500"),
        ),
        (
            "sig:invald",
            5,
            "`valid`, `invalid`, `unsigned` or `unchecked`",
            Some("sig:invalid"),
        ),
        ("is:replay", 4, "`is:` takes", Some("is:replayed")),
        ("is:marked|dup", 11, "not `dup`", Some("is:duplicate")),
        ("is:marked|", 11, "`|` needs a value on both sides", None),
        ("is:|marked", 4, "`|` needs a value on both sides", None),
        ("id:x", 4, "an id such as", None),
        ("id:..", 4, "an id such as", None),
        ("id:50..40", 4, "ends before it begins", Some("40..50")),
        ("after:soon", 7, "a time such as", None),
        ("after:todya", 7, "a time such as", Some("after:today")),
        ("after:2026-13-01", 7, "a time such as", None),
        ("took:200ms", 6, "a comparison", Some("took:>200ms")),
        ("took:>200", 6, "a comparison", None),
        ("size:>big", 6, "a size such as", None),
        ("event:\"a b\"", 8, "a name or glob", None),
        ("event:", 7, "a value belongs right behind `event:`", None),
        ("event: x", 7, "a value belongs right behind `event:`", None),
        (":x", 1, "a key belongs before `:`", None),
        ("\"event\":\"x\"", 1, "a key stands without quotes", None),
        ("data..x:1", 6, "a name is missing", None),
        ("é data.é[x]:1", 10, "an index is a number from 0", None),
        ("data.x:>", 8, "a number or a time", None),
        ("data.x:>abc", 8, "not `abc`", None),
        ("data.x:9..1", 8, "ends before it begins", Some("1..9")),
        ("a \"b", 3, "these quotes are not closed", None),
        ("a\\", 2, "a character is missing", None),
        ("a\\x", 2, "`\\x` means nothing", None),
        ("a\\\u{ffa0}", 2, "`\\\\u{ffa0}` means nothing", None),
        ("(a", 1, "this `(` is not closed", None),
        ("a (", 3, "this `(` is not closed", None),
        ("a)", 2, "this `)` closes nothing", None),
        (")", 1, "this `)` closes nothing", None),
        ("a ()", 3, "nothing between", None),
        ("a OR", 3, "`OR` needs a term on both sides", None),
        ("OR a", 1, "`OR` needs a term on both sides", None),
        ("(a AND)", 4, "`AND` needs a term on both sides", None),
        ("a OR OR b", 3, "`OR` needs a term on both sides", None),
        ("a - b", 3, "`-` needs a term right behind it", None),
        ("a -", 3, "`-` needs a term right behind it", None),
        ("-)", 2, "a term is missing here", None),
        ("NOT", 4, "a term is missing here", None),
    ] {
        let error = Filter::parse(filter, &now()).unwrap_err();
        assert_eq!(error.column, column, "{filter}: {error}");
        assert!(error.message.contains(message), "{filter}: {error}");
        assert_eq!(error.suggestion.as_deref(), suggestion, "{filter}: {error}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Filter::parse(&nested(64), &now()).is_ok());
    let error = Filter::parse(&nested(65), &now()).unwrap_err();
    assert_eq!(
        (error.column, error.message.as_str()),
        (65, "parentheses are 64 deep at most")
    );
    assert!(Filter::parse(&"(".repeat(100_000), &now()).is_err());
    assert!(Filter::parse(&format!("{}a", "-".repeat(100_001)), &now()).is_ok());
    assert!(Filter::parse(&"a OR ".repeat(50_000), &now()).is_err());
}

#[test]
fn mistakes_are_drawn() {
    let drawn = |filter: &str| Filter::parse(filter, &now()).unwrap_err().drawn(filter);
    assert_eq!(drawn("event:a staus:5xx"), "event:a staus:5xx\n        ^");
    // A wide character takes two columns, and a control character four.
    assert_eq!(drawn("日\x1b is:x"), "日\\x1b is:x\n          ^");
    let long = format!("{} is:x {}", "a".repeat(100), "b".repeat(100));
    let shown = drawn(&long);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(
        lines[0].starts_with("…aaaa") && lines[0].ends_with("bbb…"),
        "{shown}"
    );
    assert_eq!(
        lines[0].chars().nth(lines[1].len() - 1),
        Some('x'),
        "{shown}"
    );
}
