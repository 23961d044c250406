use super::*;

fn ids(filter: &str) -> Vec<u64> {
    let some = some();
    let duplicates = Duplicates::of(&some);
    let filter = match Filter::parse(filter, &now()) {
        Ok(filter) => filter,
        Err(error) => panic!("{}\n{error}", error.drawn(filter)),
    };
    let matching = some.iter().filter(|kept| filter.matches(kept, &duplicates));
    matching.map(|kept| kept.delivery.id).collect()
}

#[test]
fn every_term_finds_what_it_says() {
    for (filter, found) in [
        ("", &[1, 2, 3, 4, 5, 6, 7][..]),
        ("  ", &[1, 2, 3, 4, 5, 6, 7]),
        ("event:email.opened", &[1, 5, 6]),
        ("event:EMAIL.*", &[1, 2, 5, 6]),
        ("event:email.spam_complaint", &[2]),
        ("event:email.complained|campaign.sent", &[2, 3]),
        ("-event:*", &[4, 7]),
        ("status:200", &[1]),
        ("status:2xx", &[1, 5]),
        ("status:5XX", &[2]),
        ("status:>=400", &[2]),
        ("status:200..299", &[1, 5]),
        ("status:none", &[3, 4, 6, 7]),
        ("status:failed", &[3]),
        ("status:Timeout", &[3]),
        ("status:refused", &[]),
        ("status:200|timeout", &[1, 3]),
        ("sig:valid", &[6]),
        ("sig:invalid|unchecked", &[2, 7]),
        ("SIG:Unsigned", &[1, 3, 4, 5]),
        ("method:put", &[4]),
        ("method:p*", &[1, 2, 3, 4, 5, 6, 7]),
        ("path:/webhooks*", &[1, 2, 3, 5, 6, 7]),
        ("path:/other", &[4]),
        ("path:*x=1", &[4]),
        ("header.user-agent:cakemail*", &[1, 2, 3, 5, 6, 7]),
        ("header.X-A:café", &[4]),
        ("header.x-a:>16", &[4]),
        ("header.x-a:>17", &[]),
        ("-header.user-agent:*", &[4]),
        ("id:4", &[4]),
        ("id:#4", &[4]),
        ("id:2..3", &[2, 3]),
        ("id:6..", &[6, 7]),
        ("id:..2", &[1, 2]),
        ("id:*..2", &[1, 2]),
        ("id:>6", &[7]),
        ("id:<=1|7", &[1, 7]),
        ("after:10m", &[2]),
        ("after:2026-11-24", &[1, 2, 3, 5, 6, 7]),
        ("after:2026-11-24T11:30", &[2]),
        ("after:\"2026-11-24 11:30\"", &[2]),
        ("after:2026-11-24T10:55:00Z", &[2]),
        ("after:11:30", &[2]),
        ("before:yesterday", &[4]),
        ("before:2d", &[4]),
        ("before:2026-11-23", &[4]),
        ("after:today before:11:30", &[1, 3, 5, 6, 7]),
        ("took:>200ms", &[2, 3]),
        ("took:<=12ms", &[1]),
        ("took:10ms..1s", &[1, 2, 5]),
        ("size:0", &[7]),
        ("size:>0.1KB", &[1, 2, 5, 6]),
        ("size:<1KiB", &[1, 2, 3, 4, 5, 6, 7]),
        ("is:replayed", &[5]),
        ("is:edited", &[6]),
        ("is:failed", &[2, 3]),
        ("is:marked", &[7]),
        ("is:duplicate", &[5]),
        ("is:queued", &[7]),
        ("is:marked|edited", &[6, 7]),
    ] {
        assert_eq!(ids(filter), found, "{filter}");
    }
}

#[test]
fn payloads_are_looked_into() {
    for (filter, found) in [
        ("data.email:*@example.com", &[1, 5, 6][..]),
        ("data.email:ada@example.com|bob*", &[1, 2, 5, 6]),
        ("data.email:*", &[1, 2, 5, 6]),
        ("-data.email:*", &[3, 4, 7]),
        (".event:campaign.sent", &[3]),
        ("data.contact_id:42", &[1, 5, 6]),
        ("data.contact_id:42.0", &[1, 5, 6]),
        ("data.contact_id:>42", &[2]),
        ("data.contact_id:40..50", &[1, 2, 5, 6]),
        ("data.score:1.50", &[1, 5, 6]),
        ("data.score:<2", &[1, 5, 6]),
        ("data.items[0].id:>5", &[]),
        ("data.items[0].id:>=5", &[1, 5, 6]),
        ("data.items[1].id:9", &[1, 5, 6]),
        ("data[\"items\"][1].id:9", &[1, 5, 6]),
        ("data.tags:vip", &[1, 5, 6]),
        ("data.tags:VI?", &[1, 5, 6]),
        ("data.tags:vi", &[]),
        ("data.items:*", &[1, 5, 6]),
        ("data.note:null", &[1, 5, 6]),
        ("data.Email:*", &[]),
        (".timestamp:2024*", &[1, 5, 6]),
        (".timestamp:>2024-03-15T12:00", &[1, 5, 6]),
        (".timestamp:<2024-03-15", &[]),
        (".timestamp:2024-03-01..2024-04-01", &[1, 5, 6]),
        (".created_on:>2024-03-15", &[2]),
        (".created_on:<2024-03-15", &[]),
        ("data.url:https://x.test/*", &[2]),
        ("data.url:\"https://x.test/*\"", &[]),
        ("data.email:a..b", &[]),
    ] {
        assert_eq!(ids(filter), found, "{filter}");
    }
}

#[test]
fn words_and_structure() {
    for (filter, found) in [
        ("ADA@example", &[1, 5, 6][..]),
        ("\"not json\"", &[4]),
        ("not json", &[4]),
        ("x.test/café", &[2]),
        ("\\\"email.opened\\\"", &[1, 5, 6]),
        ("\"\\\"event\\\":\\\"email.opened\\\"\"", &[1, 5, 6]),
        ("em*opened", &[1, 5, 6]),
        ("\"em*opened\"", &[]),
        ("em\\*opened", &[]),
        ("\"not \"js*all", &[4]),
        ("id:1 OR id:2 id:3", &[1]),
        ("(id:1 OR id:2) id:2", &[2]),
        ("id:1..3 AND NOT id:2", &[1, 3]),
        ("-(id:1..3 OR id:5..7)", &[4]),
        ("--id:4", &[4]),
        ("-NOT id:4", &[4]),
        ("-(-(id:4))", &[4]),
        ("(id:1)(id:1)", &[1]),
        ("\"id:1\"", &[]),
        ("not or json", &[]),
        ("not \"OR\" json", &[]),
        ("-\"a\"", &[7]),
        ("data.x:\"\"", &[]),
        ("  id:1\t OR\n id:2 ", &[1, 2]),
    ] {
        assert_eq!(ids(filter), found, "{filter}");
    }
}

#[test]
fn duplicates_are_told() {
    let twice = [
        delivery(1, "a"),
        delivery(2, "b"),
        delivery(3, "a"),
        delivery(4, "a"),
    ];
    let edited = with(delivery(5, "a"), |r| r.original = Some(1));
    let elsewhere = with(delivery(6, "a"), |r| r.path_and_query = "/x".into());
    let mut duplicates = Duplicates::of(twice.iter().chain([&edited, &elsewhere]));
    // Seen again, as when an attempt comes in.
    duplicates.see(&twice[0]);
    let found: Vec<u64> = (1..=6).filter(|id| duplicates.contains(*id)).collect();
    assert_eq!(found, [3, 4]);
    assert!(
        Filter::parse("a (b OR -is:duplicate)", &now())
            .unwrap()
            .wants_duplicates()
    );
    assert!(
        !Filter::parse("is:marked \"is:duplicate\"", &now())
            .unwrap()
            .wants_duplicates()
    );
}

#[test]
fn a_likely_typo_is_told() {
    let typo = |filter: &str| Filter::parse(filter, &now()).unwrap().likely_typo();
    assert_eq!(
        typo("id:1 -event:email.opend"),
        Some(("email.opend".to_owned(), "email.opened".into()))
    );
    assert_eq!(
        typo("event:emial.*"),
        Some(("emial.*".to_owned(), "email.*".into()))
    );
    assert_eq!(typo("event:email.* event:mine.own"), None);
}

#[test]
fn times_are_read_in_the_zone_of_now() {
    for (text, at) in [
        ("10m", "2026-11-24T10:50:00Z"),
        ("1h30m", "2026-11-24T09:30:00Z"),
        ("2 hours ago", "2026-11-24T09:00:00Z"),
        ("1d", "2026-11-23T11:00:00Z"),
        ("2026-11-24", "2026-11-23T23:00:00Z"),
        ("2026-07-01", "2026-06-30T22:00:00Z"),
        ("2026-11-24T10:00", "2026-11-24T09:00:00Z"),
        ("2026-11-24T10:00:01.5", "2026-11-24T09:00:01.5Z"),
        ("2026-11-24T10:00-05:00", "2026-11-24T15:00:00Z"),
        ("10:30", "2026-11-24T09:30:00Z"),
        ("Today", "2026-11-23T23:00:00Z"),
        ("yesterday", "2026-11-22T23:00:00Z"),
        ("now", "2026-11-24T11:00:00Z"),
    ] {
        assert_eq!(time(text, &now()), Some(at.parse().unwrap()), "{text}");
    }
    for text in ["", "10", "soon", "2026", "25:00", "999999y", "-", ":"] {
        assert_eq!(time(text, &now()), None, "{text}");
    }
}

#[test]
fn what_the_document_shows_is_read() {
    let document = include_str!("../../../docs/filter.md");
    let mut count = 0;
    for line in document.lines().filter(|line| line.starts_with("| `")) {
        let shown = line[2..].split(" | ").next().unwrap_or_default();
        for filter in shown.split('`').skip(1).step_by(2) {
            let filter = filter.replace("\\|", "|");
            if let Err(error) = Filter::parse(&filter, &now()) {
                panic!("{error}\n{}", error.drawn(&filter));
            }
            count += 1;
        }
    }
    assert!(count > 35, "{count}");
    let mistake = "x is:replay";
    let error = Filter::parse(mistake, &now()).unwrap_err();
    assert!(document.contains(&error.to_string()), "{error}");
    for line in error.drawn(mistake).lines() {
        assert!(document.contains(&format!("    {line}\n")), "{line}");
    }
}
