use super::*;
use proptest::prelude::*;

#[test]
fn every_form_of_a_url_is_understood() {
    for (given, shown) in [
        ("https://hooks.example.com", "https://hooks.example.com"),
        ("https://hooks.example.com/", "https://hooks.example.com"),
        (" hooks.example.com ", "https://hooks.example.com"),
        ("Hooks.Example.com:443", "https://hooks.example.com"),
        ("hooks.example.com:8443", "https://hooks.example.com:8443"),
        ("https://example.com/relay/", "https://example.com/relay"),
        ("HTTP://example.com:80", "http://example.com"),
        ("127.0.0.1:4500", "http://127.0.0.1:4500"),
        ("localhost:4500", "http://localhost:4500"),
        ("[::1]:4500", "http://[::1]:4500"),
        ("localhost", "http://localhost"),
        ("https://localhost:4500", "https://localhost:4500"),
        ("10.0.0.1:4500", "https://10.0.0.1:4500"),
    ] {
        assert_eq!(shown_url(&relay_url(given).unwrap()), shown, "{given}");
    }
    for given in [
        "",
        "4500",
        "ftp://x",
        "wss://x",
        "https://",
        "https://u:sentinel@x",
        "u:sentinel@x",
        "x?token=sentinel",
        "x#sentinel",
        "x:0",
        "x:99999",
        "a b",
        "https://:80",
        "bücher.example",
    ] {
        let error = relay_url(given).unwrap_err();
        assert!(!error.message.contains("sentinel"), "{error}");
        assert!(
            error.message.contains("is not the URL of a relay"),
            "{error}"
        );
        assert!(!error.hint.is_empty());
    }
}

#[test]
fn names_are_labels() {
    let longest = "a".repeat(63);
    for name in ["a", "0", "shop", "team-a1", "a--b", &longest] {
        assert_eq!(name_of_agent(name).unwrap(), name);
    }
    let long = "a".repeat(64);
    for name in ["", "-a", "a-", "a.b", "a_b", "Shop", "é", "a b", &long] {
        assert!(name_of_agent(name).is_err(), "{name}");
    }
    let error = name_of_agent("Shop").unwrap_err();
    assert!(error.hint.contains("`shop`"), "{}", error.hint);
}

fn flags(change: impl FnOnce(&mut Raw)) -> Raw {
    let mut raw = Raw::default();
    change(&mut raw);
    raw
}

fn file(name: &str, change: impl FnOnce(&mut Raw)) -> Raw {
    let mut raw = flags(change);
    raw.origin = Some(name.into());
    raw
}

fn settings(sources: &[Raw]) -> Result<Option<RelaySettings>, ConfigError> {
    collect(sources, &mut Vec::new())
}

#[test]
fn what_belongs_to_a_relay_needs_one_where_it_was_typed() {
    let typed: [fn(&mut Raw); 4] = [
        |raw| raw.name = Some("shop".into()),
        |raw| raw.takeover = Some(true),
        |raw| raw.share = Some(true),
        |raw| raw.relay_ca = Some("ca.pem".into()),
    ];
    for change in typed {
        let error = settings(&[flags(change)]).unwrap_err();
        assert!(error.message.ends_with("there is none"), "{error}");
        let project = file("a.toml", change);
        assert!(settings(&[Raw::default(), project]).unwrap().is_none());
    }
    let none = flags(|raw| raw.relay = Some(String::new()));
    let project = file("a.toml", |raw| raw.relay = Some("a.example".into()));
    assert!(settings(&[none, project]).unwrap().is_none());
}

#[test]
fn a_flag_says_whose_name_it_is_before_a_file_does() {
    let claimed = |takeover: Option<bool>, share: Option<bool>| {
        let flags = flags(|raw| (raw.takeover, raw.share) = (takeover, share));
        let project = file("a.toml", |raw| {
            raw.relay = Some("a.example".into());
            raw.share = Some(true);
        });
        settings(&[flags, project]).map(|relay| relay.unwrap().claim)
    };
    assert_eq!(claimed(None, None), Ok(Claim::Share));
    assert_eq!(claimed(Some(true), None), Ok(Claim::Takeover));
    assert_eq!(claimed(None, Some(false)), Ok(Claim::Exclusive));
    assert_eq!(claimed(Some(true), Some(false)), Ok(Claim::Takeover));
    assert!(claimed(Some(true), Some(true)).is_err());
}

#[test]
fn a_token_goes_only_to_the_relay_that_its_file_names() {
    let user = file("user.toml", |raw| {
        raw.relay = Some("https://a.example/".into());
        raw.relay_token = Some("cmr_sentinel".into());
    });
    let found = |flags: Raw, user: Raw| settings(&[flags, user]).unwrap().unwrap().token;
    let own = found(Raw::default(), user.clone()).unwrap();
    assert_eq!(own.expose_secret(), "cmr_sentinel");
    let same = flags(|raw| raw.relay = Some("A.example".into()));
    assert!(found(same, user.clone()).is_some());
    let other = flags(|raw| raw.relay = Some("b.example".into()));
    assert!(found(other.clone(), user.clone()).is_none());
    let mut bare = user;
    bare.relay = None;
    let mut doubts = Vec::new();
    let relay = collect(&[other, bare], &mut doubts).unwrap().unwrap();
    assert!(relay.token.is_none());
    assert!(doubts[0].contains("user.toml"), "{doubts:?}");
    assert!(!format!("{relay:?} {doubts:?}").contains("sentinel"));
}

#[test]
fn an_exported_token_goes_only_to_a_relay_that_the_user_names() {
    fn named(relay: &'static str) -> impl FnOnce(&mut Raw) {
        move |raw| raw.relay = Some(relay.to_owned())
    }
    let own = |relay: &'static str| file("/home/ada/.config/cmhook/cmhook.toml", named(relay));
    let project = file("/project/cmhook.toml", named("a.example"));
    let url = relay_url("a.example").unwrap();
    let may = |sources: &[Raw]| {
        refuse_a_strangers(sources, &url, Some(Path::new("/home/ada/.config/cmhook")))
    };
    let bare = Raw::default();
    let error = may(&[bare.clone(), project.clone()]).unwrap_err();
    assert!(error.message.contains("/project/cmhook.toml"), "{error}");
    assert!(error.hint.contains("--relay URL"), "{}", error.hint);
    assert!(may(&[bare.clone(), project.clone(), own("b.example")]).is_err());
    assert_eq!(
        may(&[bare.clone(), project.clone(), own("https://A.example/")]),
        Ok(())
    );
    assert_eq!(may(&[bare, own("a.example")]), Ok(()));
    assert_eq!(may(&[flags(named("a.example")), project]), Ok(()));
}

#[test]
fn a_token_crosses_no_network_in_the_clear() {
    let with = |relay: &str, token: Option<&str>| {
        let mut doubts = Vec::new();
        let file = file("a.toml", |raw| {
            raw.relay = Some(relay.into());
            raw.relay_token = token.map(Into::into);
        });
        collect(&[file], &mut doubts).map(|_| doubts)
    };
    let error = with("http://a.example", Some("cmr_x")).unwrap_err();
    assert!(error.message.contains("in the clear"), "{error}");
    assert_eq!(with("http://a.example", None).unwrap().len(), 1);
    for fine in ["127.0.0.1:1", "http://localhost:1", "a.example"] {
        assert!(with(fine, Some("cmr_x")).unwrap().is_empty(), "{fine}");
    }
    for token in ["", "  ", "a b", "a\u{7}", "é"] {
        let error = with("a.example", Some(token)).unwrap_err();
        assert!(error.message.ends_with("is not a token"), "{error}");
    }
}

#[test]
fn certificates_are_looked_at_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let said = |content: Option<&str>| {
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        check_certificates(&path).map_err(|error| error.message)
    };
    assert!(said(None).unwrap_err().contains("cannot be read"));
    assert!(said(Some("")).unwrap_err().contains("holds no certificate"));
    assert!(
        said(Some("text"))
            .unwrap_err()
            .contains("holds no certificate")
    );
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(said(Some(damaged)).unwrap_err().contains("damaged"));
    let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
    assert!(said(Some(cut)).unwrap_err().contains("no PEM"));
    let key = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    said(Some(&key.cert.pem())).unwrap();
}

proptest! {
    #[test]
    fn any_text_is_taken_or_named(text in "[a-z:/.@?#\\[\\]0-9]{0,20}|\\PC{0,20}") {
        match relay_url(&text) {
            Ok(url) => {
                let shown = shown_url(&url);
                prop_assert_eq!(relay_url(&shown).map(|url| shown_url(&url)), Ok(shown));
            }
            Err(error) => prop_assert!(error.message.contains("is not the URL of a relay")),
        }
    }
}
