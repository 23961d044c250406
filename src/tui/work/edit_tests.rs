use super::*;

#[test]
fn a_final_line_end_that_an_editor_adds_is_no_change() {
    let changed = |text: &str| Outcome::Changed(text.into());
    for (original, edited, expected) in [
        ("{}", "{}", Outcome::Same),
        ("{}", "{}\n", Outcome::Same),
        ("{}\n", "{}\n", Outcome::Same),
        ("{}", "{}\r\n", Outcome::Same),
        ("a\r", "a\r\n", Outcome::Same),
        ("", "\n", Outcome::Same),
        // One of its own is one.
        ("{}", "{}\n\n", changed("{}\n")),
        ("{}\n", "{}", changed("{}")),
        ("{}", "[]\n", changed("[]")),
        ("{}", "", Outcome::Emptied),
        ("{}\n", "\n", Outcome::Emptied),
        ("{}", " \n\n", Outcome::Emptied),
    ] {
        assert_eq!(
            outcome(original.as_bytes(), edited.into()),
            expected,
            "{original:?} {edited:?}"
        );
    }
}

#[cfg(unix)]
mod with_programs {
    use super::*;
    use crate::tui::work::test_bench::{Bench, said, settled};
    use std::path::Path;

    /// Edits as these commands of a shell do it, with the file as `$1`; what comes of it
    /// and what the file was called.
    async fn edit(bench: &Bench, id: u64, commands: &str) -> (Msg, String) {
        let note = bench.folder().join("edited");
        let at = note.display();
        let script = format!("f() {{ echo \"$1\" > '{at}'; {commands}\n}}; f");
        let edit = bench.worker.edit_with(id, Editor::from(script)).unwrap();
        let run = move || edit.run(&CancellationToken::new());
        let msg = tokio::task::spawn_blocking(run).await.unwrap();
        let file = fs::read_to_string(note).unwrap().trim_end().to_owned();
        assert!(
            !Path::new(&file).parent().unwrap().exists(),
            "{file} is left"
        );
        (msg, file)
    }

    const BODY: &[u8] = br#"{"event":"email.opened","n":1}"#;

    #[tokio::test]
    async fn an_edited_copy_is_signed_anew_and_sent() {
        let mut bench = Bench::new().await;
        let id = bench.sent(BODY, Some("one")).await;
        let modes = "stat -c %a \"$1\" \"$(dirname \"$1\")\" > modes; ";
        let modes = modes.replace("modes", &bench.folder().join("modes").display().to_string());
        let (msg, file) = edit(&bench, id, &format!("{modes} sed -i s/1/2/ \"$1\"")).await;
        assert_eq!(said(msg), ("Sending the edited copy of #1".into(), false));
        assert!(file.ends_with("/email.opened-1.json"), "{file}");
        #[cfg(target_os = "linux")]
        assert_eq!(
            fs::read_to_string(bench.folder().join("modes")).unwrap(),
            "600\n700\n"
        );
        assert!(matches!(bench.next().await, Msg::Select(2)));
        assert_eq!(
            said(bench.next().await),
            ("Sent #2, signed with `one`: 200".into(), false)
        );
        let copy = bench.worker.store().get(2).unwrap().delivery;
        assert_eq!(&*copy.request.body, br#"{"event":"email.opened","n":2}"#);
        assert_eq!(copy.request.original, Some(1));
        let last = bench.app.last();
        assert_eq!(last.body, copy.request.body);
        assert_eq!(last.headers["cmhook-replay-of"], "1");
    }

    #[tokio::test]
    async fn how_a_copy_is_signed_goes_by_the_original() {
        let mut bench = Bench::new().await;
        for (signature, words) in [(None, "unsigned"), (Some("wrong"), "signed with `one`")] {
            let id = bench.sent(BODY, signature).await;
            edit(&bench, id, "sed -i s/1/2/ \"$1\"").await;
            assert!(matches!(bench.next().await, Msg::Select(_)));
            let (text, _) = said(bench.next().await);
            assert_eq!(text, format!("Sent #{}, {words}: 200", id + 1));
        }
        let mut bench = Bench::without_secret().await;
        let id = bench.sent(BODY, Some("wrong")).await;
        edit(&bench, id, "sed -i s/1/2/ \"$1\"").await;
        assert!(matches!(bench.next().await, Msg::Select(_)));
        let (text, _) = said(bench.next().await);
        assert_eq!(
            text,
            "Sent #2, with the signature of #1 since no secret is known: 200"
        );
    }

    #[tokio::test]
    async fn nothing_is_sent_where_nothing_was_made_of_it() {
        let bench = Bench::new().await;
        let id = bench.kept(BODY).await;
        let same = "Nothing was changed, so no copy of #1 was sent";
        for (commands, text, bad) in [
            ("true", same, false),
            ("echo >> \"$1\"", same, false),
            (
                ": > \"$1\"",
                "The file was emptied, so no copy of #1 was sent",
                false,
            ),
            (
                "echo x > \"$1\"; exit 3",
                "ended with exit code 3; nothing was sent",
                true,
            ),
            (
                "rm \"$1\"",
                "cannot read what was edited: No such file",
                true,
            ),
        ] {
            let (msg, _) = edit(&bench, id, commands).await;
            let (found, found_bad) = said(msg);
            assert!(found.contains(text) && found_bad == bad, "{found}");
        }
        assert_eq!(bench.worker.store().len(), 1);
    }

    #[tokio::test]
    async fn what_is_no_json_any_more_is_asked_about() {
        let mut bench = Bench::new().await;
        let id = bench.kept(BODY).await;
        let (msg, _) = edit(&bench, id, "printf '{\"a\":1,}' > \"$1\"").await;
        let Msg::Ask(dialog) = msg else {
            panic!("it is not asked");
        };
        let Dialog::Confirm(confirm) = *dialog else {
            panic!("it is not asked");
        };
        assert_eq!(confirm.question, "Send it although it is no JSON any more?");
        assert_eq!(confirm.detail, "key must be a string at line 1 column 8.");
        bench.worker.begin(settled(confirm));
        assert!(matches!(bench.next().await, Msg::Select(2)));
        assert!(!said(bench.next().await).1);
        assert_eq!(&*bench.app.last().body, b"{\"a\":1,}");

        // What was none before is none of that.
        let id = bench.kept(b"a=b").await;
        let (msg, file) = edit(&bench, id, "printf a=c > \"$1\"").await;
        assert!(!said(msg).1);
        assert!(file.ends_with("/delivery-3.json"), "{file}");
    }

    #[tokio::test]
    async fn what_cannot_be_edited_as_text_is_refused() {
        let bench = Bench::new().await;
        let id = bench.kept(b"\xff\xfe").await;
        let refused = |id| {
            bench
                .worker
                .edit_with(id, Editor::from("true".to_owned()))
                .unwrap_err()
        };
        assert_eq!(
            refused(id),
            "the payload of #1 is not UTF-8, so it cannot be edited: x exports it"
        );
        let id = bench.encoded(b"{}", "gzip").await;
        assert_eq!(
            refused(id),
            "the payload of #2 is encoded (gzip), so it cannot be edited: x exports it"
        );
        assert_eq!(refused(9), "#9 is kept no longer");
    }

    #[tokio::test]
    async fn a_copy_of_what_has_gone_meanwhile_is_sent_all_the_same() {
        let mut bench = Bench::new().await;
        let id = bench.sent(BODY, Some("one")).await;
        let edited = Edited {
            original: bench.worker.store().get(id).unwrap().delivery,
            body: Bytes::from_static(b"{}"),
        };
        bench.worker.store().delete(&[id]);
        bench.worker.send_edited(edited);
        assert!(matches!(bench.next().await, Msg::Select(2)));
        assert_eq!(
            said(bench.next().await).0,
            "Sent #2, signed with `one`: 200"
        );
    }

    #[tokio::test]
    async fn five_megabytes_are_edited_like_any() {
        let mut bench = Bench::new().await;
        let body = format!("{{\"a\":\"{}\"}}", "x".repeat(5 << 20));
        let id = bench.kept(body.as_bytes()).await;
        let (msg, _) = edit(&bench, id, "printf ' ' >> \"$1\"").await;
        assert!(!said(msg).1);
        assert!(matches!(bench.next().await, Msg::Select(2)));
        assert!(!said(bench.next().await).1);
        assert_eq!(bench.app.last().body.len(), body.len() + 1);
    }
}
