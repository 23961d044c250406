//! A file that comes with a project does not get the events of whoever works on it.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::kit::{Failed, active, failed, new_home, registered};
use crate::support::listener::{cmhook, object};
use crate::support::process::Process;
use crate::support::sandbox::Sandbox;

const OWN: &str = "register = true\nevents = \"email.sent\"\n";
const PUBLIC: &str = "public_url = \"http://127.0.0.1:9/\"\n";

/// Starts a listener in a project's folder.
fn start(sandbox: &Sandbox, home: &TempDir, args: &[&str], variables: &[(&str, &str)]) -> Process {
    let mut command = cmhook();
    command.args(["listen", "--listen", "127.0.0.1:0", "--json", "--ephemeral"]);
    command.args(args);
    let api = sandbox.url();
    let variables = [&[("CAKEMAIL_API_BASE", &*api)], variables].concat();
    Process::start_with(&mut command, home.path(), &variables)
}

/// What comes of a listener that is refused.
#[track_caller]
fn refused(sandbox: &Sandbox, home: &TempDir, args: &[&str], variables: &[(&str, &str)]) -> Failed {
    let failed = failed(start(sandbox, home, args, variables));
    assert_eq!(failed.code, Some(2), "{failed:?}");
    assert!(sandbox.webhooks().is_empty());
    failed
}

#[track_caller]
fn registers(sandbox: &Sandbox, home: &TempDir, args: &[&str]) {
    let mut process = start(sandbox, home, args, &[]);
    let line = process.stdout.next().expect("it starts");
    assert_eq!(object(&line)["type"], "ready", "{line}");
    assert_eq!(active(sandbox).len(), 1);
    process.terminate();
}

fn own_file(home: &Path) -> std::path::PathBuf {
    let folder = home.join("config/cmhook");
    fs::create_dir_all(&folder).expect("a folder");
    folder.join("cmhook.toml")
}

#[test]
fn it_does_not_say_what_is_registered_and_where() {
    let sandbox = Sandbox::start(&["--seed", "8"]);
    let home = new_home();
    let text = format!("register = true\nevents = \"email.*\"\n{PUBLIC}");
    fs::write(home.path().join("cmhook.toml"), text).expect("a file");
    let failed = refused(&sandbox, &home, &[], &[]);
    failed.says("`public_url` stands in `");
    // Who types it means it.
    let listener = registered(&home, &sandbox, "email.sent", &[]);
    assert_eq!(active(&sandbox).len(), 1);
    listener.stop();
}

#[test]
fn it_does_not_say_where_for_a_user_who_always_registers() {
    let sandbox = Sandbox::start(&["--seed", "8"]);
    let home = new_home();
    fs::write(own_file(home.path()), OWN).expect("a file");
    let project = home.path().join("cmhook.toml");
    for (setting, text) in [
        ("public_url", PUBLIC),
        ("relay", "relay = \"127.0.0.1:9\"\n"),
        ("forward", "forward = \"http://192.0.2.1/\"\n"),
        ("routes", "[routes]\n\"email.*\" = \"http://192.0.2.1/\"\n"),
    ] {
        fs::write(&project, text).expect("a file");
        let failed = refused(&sandbox, &home, &[], &[]);
        failed.says(&format!("`{setting}` stands in `"));
        failed.hints("`--register`");
    }
    // An app on this machine is the user's, and so is what is typed.
    fs::write(&project, "forward = \"127.0.0.1:9\"\n").expect("a file");
    registers(&sandbox, &home, &[]);
    fs::write(&project, PUBLIC).expect("a file");
    registers(&sandbox, &home, &["--public-url", "http://127.0.0.1:8/"]);
    registers(&sandbox, &home, &["--register"]);
}

#[test]
fn a_variable_is_the_users_own_configuration() {
    let sandbox = Sandbox::start(&["--seed", "8"]);
    let home = new_home();
    fs::write(
        home.path().join("cmhook.toml"),
        format!("events = \"email.sent\"\n{PUBLIC}"),
    )
    .expect("a file");
    let always = [("CMHOOK_REGISTER", "true")];
    refused(&sandbox, &home, &[], &always).says("`public_url` stands in `");
    let mut process = start(&sandbox, &home, &["--register"], &always);
    assert!(process.stdout.next().expect("it starts").contains("ready"));
    process.terminate();
}

#[test]
fn a_path_through_the_users_folder_makes_no_file_the_users() {
    let sandbox = Sandbox::start(&["--seed", "8"]);
    let home = new_home();
    let own = own_file(home.path());
    let text = format!("{OWN}{PUBLIC}");
    fs::create_dir(home.path().join("project")).expect("a folder");
    fs::write(home.path().join("project/cmhook.toml"), &text).expect("a file");
    let around = own.with_file_name("../../project/cmhook.toml");
    let around = around.to_str().expect("UTF-8");
    refused(&sandbox, &home, &["--config", around], &[]).says("`public_url` stands in `");
    // In the user's own folder it may say both, even where that is a link to elsewhere.
    fs::write(home.path().join("mine.toml"), &text).expect("a file");
    std::os::unix::fs::symlink(home.path().join("mine.toml"), &own).expect("a link");
    registers(&sandbox, &home, &[]);
    registers(&sandbox, &home, &["--config", own.to_str().expect("UTF-8")]);
}
