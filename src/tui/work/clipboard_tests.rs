use super::*;

fn ways(set: &[&str]) -> (bool, Vec<&'static str>) {
    let clipboard = Clipboard::of(|name| set.contains(&name));
    let names = clipboard.programs.iter().map(|program| program.name);
    (clipboard.tmux, names.collect())
}

#[test]
#[cfg(target_os = "linux")]
fn the_environment_says_which_ways_there_are() {
    for (set, tmux, programs) in [
        (&[][..], false, &[][..]),
        (&["DISPLAY"], false, &["xclip", "xsel"]),
        (
            &["WAYLAND_DISPLAY", "DISPLAY", "TMUX"],
            true,
            &["wl-copy", "xclip", "xsel"],
        ),
        (
            &["WSL_DISTRO_NAME", "DISPLAY"],
            false,
            &["clip.exe", "xclip", "xsel"],
        ),
        // It would be the clipboard of the machine over there.
        (&["SSH_CONNECTION", "DISPLAY", "TMUX"], true, &[]),
    ] {
        assert_eq!(ways(set), (tmux, programs.to_vec()), "{set:?}");
    }
}

#[test]
fn a_terminal_is_asked_for_no_more_than_it_takes() {
    assert_eq!(osc52("hé").unwrap(), b"\x1b]52;c;aMOp\x07");
    assert_eq!(osc52("").unwrap(), b"\x1b]52;c;\x07");
    let most = MOST_FOR_TERMINAL / 4 * 3;
    assert_eq!(
        osc52(&"x".repeat(most)).unwrap().len(),
        MOST_FOR_TERMINAL / 4 * 4 + 8
    );
    assert_eq!(osc52(&"x".repeat(most + 1)), None);
}

#[test]
fn windows_gets_what_it_reads() {
    assert_eq!(encoded(Encoding::Windows, "a"), b"a");
    assert_eq!(encoded(Encoding::Windows, "é"), b"\xe9\0");
    assert_eq!(encoded(Encoding::Utf8, "é"), "é".as_bytes());
}

#[cfg(unix)]
mod with_programs {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    /// A folder with these scripts, and a clipboard that knows no programs but those.
    fn scripted(set: &[&str], scripts: &[(&str, &str)]) -> (tempfile::TempDir, Clipboard) {
        let folder = tempfile::tempdir().unwrap();
        for (name, script) in scripts {
            let path = folder.path().join(name);
            let at = folder.path().display();
            fs::write(
                &path,
                format!("#!/bin/sh\nPATH=/usr/bin:/bin\ncd '{at}'\n{script}\n"),
            )
            .unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let mut clipboard = Clipboard::of(|name| set.contains(&name));
        clipboard.path = Some(folder.path().into());
        (folder, clipboard)
    }

    fn read(folder: &Path, name: &str) -> String {
        fs::read_to_string(folder.join(name)).unwrap_or_default()
    }

    #[tokio::test]
    async fn the_text_goes_in_by_standard_input_and_nowhere_else() {
        let (folder, clipboard) = scripted(
            &["TMUX", "DISPLAY"],
            &[
                ("tmux", "echo \"$@\" > tmux.args; cat > tmux.text"),
                (
                    "xclip",
                    "echo \"$@\" > xclip.args; cat > xclip.text; echo noise; echo noise >&2",
                ),
            ],
        );
        let text = "sentinel\n".repeat(600_000);
        let copied = clipboard.copy(&text).await;
        assert_eq!(copied.to, ["tmux", "the clipboard"]);
        assert_eq!(copied.to_terminal, None);
        for name in ["tmux", "xclip"] {
            let args = read(folder.path(), &format!("{name}.args"));
            assert!(!args.contains("sentinel"), "{args}");
            assert!(
                read(folder.path(), &format!("{name}.text")) == text,
                "{name}"
            );
        }
        assert_eq!(read(folder.path(), "tmux.args"), "load-buffer -w -\n");
    }

    #[tokio::test]
    async fn what_fails_leaves_it_to_the_next_and_at_last_to_the_terminal() {
        let (folder, clipboard) = scripted(
            &["DISPLAY", "TMUX"],
            &[
                (
                    "tmux",
                    "case \"$*\" in *-w*) exit 1;; esac; cat > tmux.text",
                ),
                ("xclip", "exit 1"),
                ("xsel", "cat > xsel.text"),
            ],
        );
        let copied = clipboard.copy("a").await;
        assert_eq!(copied.to, ["tmux", "the clipboard"]);
        assert_eq!(read(folder.path(), "tmux.text"), "a");
        assert_eq!(read(folder.path(), "xsel.text"), "a");

        let (_folder, clipboard) = scripted(&["DISPLAY", "TMUX"], &[("xclip", "exit 1")]);
        let copied = clipboard.copy("a").await;
        assert_eq!(copied.to, ["the terminal (OSC 52)"]);
        assert_eq!(copied.to_terminal, osc52("a"));
        let copied = clipboard.copy(&"a".repeat(60_000)).await;
        assert_eq!(copied, Copied::default());
    }

    #[tokio::test]
    async fn one_that_stays_to_hand_it_out_is_not_waited_for() {
        let (folder, clipboard) = scripted(
            &["DISPLAY"],
            &[(
                "xclip",
                "cat > text; mkfifo held; (read _ < held; echo > let-go) &",
            )],
        );
        assert_eq!(clipboard.copy("a").await.to, ["the clipboard"]);
        assert_eq!(read(folder.path(), "text"), "a");
        assert!(!folder.path().join("let-go").exists());
        fs::write(folder.path().join("held"), "\n").unwrap();
    }

    #[tokio::test]
    async fn one_that_hangs_is_given_up() {
        let (_folder, mut clipboard) = scripted(&["DISPLAY"], &[("xclip", "exec sleep 1000")]);
        clipboard.patience = Duration::from_millis(1);
        assert_eq!(clipboard.copy("a").await.to, ["the terminal (OSC 52)"]);
    }

    #[tokio::test]
    async fn a_real_tmux_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let tmux = |arguments: &[&str]| {
            let mut command = std::process::Command::new("tmux");
            command
                .arg("-S")
                .arg(&socket)
                .args(["-f", "/dev/null"])
                .args(arguments);
            command.output()
        };
        let Ok(started) = tmux(&["new-session", "-d", "cat"]) else {
            eprintln!("there is no tmux here, so it is not asked");
            return;
        };
        assert!(started.status.success(), "{started:?}");
        // The program finds its server by the variable, as it does in a session.
        let program = folder.path().join("tmux");
        fs::write(
            &program,
            format!("#!/bin/sh\nexec /usr/bin/env PATH=/usr/bin:/bin:/usr/local/bin TMUX='{},0,0' tmux \"$@\"\n", socket.display()),
        )
        .unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let mut clipboard = Clipboard::of(|name| name == "TMUX");
        clipboard.path = Some(folder.path().into());
        let copied = clipboard.copy("a\n\u{202e}b").await;
        let kept = tmux(&["show-buffer"]).unwrap();
        let _ = tmux(&["kill-server"]);
        assert_eq!(copied.to, ["tmux"]);
        assert_eq!(kept.stdout, "a\n\u{202e}b".as_bytes());
    }
}
