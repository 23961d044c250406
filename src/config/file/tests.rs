//! Tests of this module.

use super::*;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// A file with a few wrong characters in it, as somebody who edits it has it.
    #[test]
    fn no_mistake_prints_the_secret(
        edits in proptest::collection::vec(
            (any::<prop::sample::Index>(), prop::option::of(prop::sample::select(
                "\"'=[]{}#.,\n\\ x1-\u{1b}\u{202e}".chars().collect::<Vec<_>>(),
            ))),
            0..4,
        ),
    ) {
        let text = "keep = 1\nforward = [\"localhost:3000\"]\ncolor = \"never\"\n\
            relay_token = \"sentinel\"\n\
            [routes]\n\"a.*\" = \"localhost:3001\"\n\
            [[secrets]]\nlabel = \"main\"\nvalue = \"sentinel\"\nevent = \"email.sent\"\n";
        let mut text: Vec<char> = text.chars().collect();
        for (at, edit) in edits {
            let at = at.index(text.len());
            match edit {
                Some(c) => text.insert(at, c),
                None => drop(text.remove(at)),
            }
        }
        let text: String = text.into_iter().collect();
        if let Err(error) = parse(&text) {
            prop_assert!(!error.message.contains("sentinel"), "{}\n{}", error, text);
        }
    }

    #[test]
    fn any_text_is_taken_or_named(text in "(\\PC|\n){0,80}") {
        if let Err(error) = parse(&text) {
            prop_assert!(error.message.starts_with("the configuration file `"), "{}", error);
        }
    }
}

fn parse(text: &str) -> Result<ConfigFiles, ConfigError> {
    let mut files = ConfigFiles::default();
    read(Path::new("/project/cmhook.toml"), text, true, &mut files)?;
    Ok(files)
}

#[test]
fn every_setting_has_a_place() {
    let files = parse(
        r#"
            listen = "4400"
            forward = ["localhost:3000", "localhost:3001"]
            events = "email.*"
            secret_file = "secrets.txt"
            reject_invalid = true
            ack = false
            status = 204
            timeout = "10s"
            max_body = "1MB"
            keep = 50
            keep_bytes = "10MB"
            store = "hooks.db"
            ephemeral = false
            durable = true
            headers = ["X-A: b"]
            host_header = "preserve"
            insecure_target = true
            relay = "https://hooks.example.com"
            relay_token = "cmr_x"
            relay_ca = "ca.pem"
            name = "shop"
            share = false
            register = true
            public_url = "https://hooks.example.com/shop"
            account = 17
            json = true
            quiet = true
            color = "never"
            [routes]
            "campaign.*" = "localhost:3002"
            [[secrets]]
            label = "bounces"
            event = "email.bounced"
            env = "BOUNCES"
            "#,
    )
    .unwrap();
    let raw = &files.sources[0];
    assert_eq!(raw.store.as_deref(), Some(Path::new("/project/hooks.db")));
    assert_eq!(raw.relay_ca.as_deref(), Some(Path::new("/project/ca.pem")));
    assert_eq!(raw.secrets[0].event.as_deref(), Some("email.bounced"));
}

#[test]
fn a_mistake_is_named_with_its_line_and_no_secret() {
    let error = parse("keep = 1\n[[secrets]]\nvalu = \"sentinel\"\n").unwrap_err();
    assert!(error.message.contains("line 3"), "{error}");
    assert!(error.message.contains("valu"), "{error}");
    assert!(!error.message.contains("sentinel"), "{error}");
}

#[test]
fn folders_above_count_within_a_repository_only() {
    let top = tempfile::tempdir().unwrap();
    let inner = top.path().join("a/b");
    fs::create_dir_all(&inner).unwrap();
    fs::write(top.path().join(NAME), "").unwrap();
    assert_eq!(project_file(&inner), None);
    fs::create_dir(top.path().join(".git")).unwrap();
    assert_eq!(project_file(&inner), Some(top.path().join(NAME)));
    fs::write(inner.join(NAME), "").unwrap();
    assert_eq!(project_file(&inner), Some(inner.join(NAME)));
}
