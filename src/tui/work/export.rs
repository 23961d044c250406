//! Writing a delivery to a file.

use std::path::{Component, Path, PathBuf};

use super::Worker;
use crate::capture::asked;
use crate::delivery::Kept;
use crate::export::format::Format;
use crate::files::{self, FileError};
use crate::tui::dialog::{Confirm, Dialog};
use crate::tui::msg::{Effect, Msg, Said};

impl Worker {
    /// Writes a delivery as it is kept, nothing redacted, in a file for the user alone.
    /// Where there is a file and nobody has said that it may be replaced, that is asked.
    pub(super) fn export(&self, id: u64, format: Format, path: PathBuf, overwrite: bool) {
        let this = self.clone();
        self.runtime.spawn_blocking(move || {
            let Some(kept) = this.store().get(id) else {
                this.say(Said::bad(format!("#{id} is kept no longer")));
                return;
            };
            let home = std::env::home_dir();
            let to = place(&path, &this.folder, home.as_deref(), format, &kept);
            let url = |kept: &Kept| asked::url(kept, None, &this.again.policy());
            let kept = [kept];
            let written = files::create_parent(&to).and_then(|()| {
                files::write(&to, overwrite, |out| format.write(&kept, None, url, out))
            });
            this.tell(match written {
                Ok(()) => Msg::Done(Said::fine(format!("Wrote #{id} to {}", to.display()))),
                Err(error @ FileError::Exists(_)) => {
                    Msg::Ask(Box::new(Dialog::Confirm(Confirm::new(
                        format!("Replace `{}`?", path.display()),
                        format!("{error}."),
                        "replace",
                        Effect::Export {
                            id,
                            format,
                            path,
                            overwrite: true,
                        },
                    ))))
                }
                Err(error) => Msg::Done(Said::bad(in_words(&error))),
            });
        });
    }
}

/// The file that is meant: `~` is the user's home, what is relative is below `folder`, and
/// in a folder the file has the name that `cmhook export` gives it.
fn place(path: &Path, folder: &Path, home: Option<&Path>, format: Format, kept: &Kept) -> PathBuf {
    let mut parts = path.components();
    let begins_at_home = parts.next() == Some(Component::Normal("~".as_ref()));
    let path = match home {
        Some(home) if begins_at_home => &home.join(parts.as_path()),
        _ => path,
    };
    let is_folder = path.as_os_str().to_string_lossy().ends_with('/');
    let path = folder.join(path);
    if is_folder || path.is_dir() {
        return path.join(format.file_name(kept));
    }
    path
}

fn in_words(error: &FileError) -> String {
    match error {
        FileError::Folder(_, why) | FileError::Write(_, why) => format!("{error}: {why}"),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::work::test_bench::{Bench, said};

    #[tokio::test]
    async fn a_file_is_for_the_user_alone_and_never_replaced_unasked() {
        let mut bench = Bench::new().await;
        let id = bench.kept(b"{\"event\":\"email.opened\"}").await;
        bench
            .worker
            .export(id, Format::Raw, "x/a.body".into(), false);
        let path = bench.folder().join("x/a.body");
        let (text, bad) = said(bench.next().await);
        assert_eq!(
            (text, bad),
            (format!("Wrote #1 to {}", path.display()), false)
        );
        assert_eq!(
            std::fs::read(&path).unwrap(),
            b"{\"event\":\"email.opened\"}"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&path), 0o600);
            assert_eq!(mode(path.parent().unwrap()), 0o700);
        }

        bench
            .worker
            .export(id, Format::Http, "x/a.body".into(), false);
        let Msg::Ask(dialog) = bench.next().await else {
            panic!("it is not asked");
        };
        let Dialog::Confirm(confirm) = *dialog else {
            panic!("it is not asked");
        };
        assert_eq!(confirm.question, "Replace `x/a.body`?");
        bench
            .worker
            .export(id, Format::Http, "x/a.body".into(), true);
        assert!(!said(bench.next().await).1);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("POST /hook HTTP/1.1\r\n"), "{text}");
    }

    #[tokio::test]
    async fn a_folder_gets_a_file_of_the_usual_name_and_a_link_nothing() {
        let mut bench = Bench::new().await;
        let id = bench.kept(b"{\"event\":\"email.opened\"}").await;
        bench.worker.export(id, Format::Curl, "./".into(), false);
        assert!(!said(bench.next().await).1);
        let path = bench.folder().join("1-email.opened.sh");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("/hook'"), "{text}");
        #[cfg(unix)]
        {
            let link = bench.folder().join("link");
            std::os::unix::fs::symlink(&path, &link).unwrap();
            for overwrite in [false, true] {
                bench
                    .worker
                    .export(id, Format::Raw, "link".into(), overwrite);
                let (text, bad) = said(bench.next().await);
                assert!(
                    bad && text.ends_with("is a link, which is not followed"),
                    "{text}"
                );
            }
        }
        bench
            .worker
            .export(id, Format::Raw, "1-email.opened.sh/x".into(), false);
        let (text, bad) = said(bench.next().await);
        assert!(bad && text.starts_with("cannot make the folder"), "{text}");
        bench.worker.export(99, Format::Raw, "y".into(), false);
        assert_eq!(
            said(bench.next().await),
            ("#99 is kept no longer".into(), true)
        );
    }

    #[tokio::test]
    async fn a_tilde_is_the_home_of_the_user() {
        let bench = Bench::new().await;
        let id = bench.kept(b"{}").await;
        let kept = bench.worker.store().get(id).unwrap();
        let at = |path: &str, home: Option<&str>| {
            place(
                path.as_ref(),
                "/work".as_ref(),
                home.map(Path::new),
                Format::Har,
                &kept,
            )
        };
        for (path, home, expected) in [
            ("a.har", Some("/home/u"), "/work/a.har"),
            ("~/a.har", Some("/home/u"), "/home/u/a.har"),
            ("~", Some("/tmp"), "/tmp/1.har"),
            ("~/a.har", None, "/work/~/a.har"),
            ("~u/a.har", Some("/home/u"), "/work/~u/a.har"),
            ("/b/", Some("/home/u"), "/b/1.har"),
        ] {
            assert_eq!(at(path, home), Path::new(expected), "{path}");
        }
    }
}
