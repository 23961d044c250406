//! `cmhook login` and `logout`.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::kit::{Place, URL};
use crate::support::needs::{needs, works};
use crate::support::sandbox::{Sandbox, TOKEN};

const EMAIL: &str = "sandbox@cmhook.test";

fn login(place: &Place, input: &str) -> crate::kit::Ran {
    place.run_with(&["login", "--email", EMAIL], input)
}

#[test]
fn a_login_is_kept_for_its_user_alone_until_the_logout() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let ran = login(&place, "sandbox\n").coded(0);
    let ran = ran.says(&format!("Logged in to {} as {EMAIL}.", sandbox.url()));
    let file = place.path().join("config/cmhook/logins.toml");
    let ran = ran.says(&format!("It is kept in {}, for you alone.", file.display()));
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    let mode = std::fs::metadata(&file).expect("it is there").permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let logins = place.logins();
    assert!(
        logins.contains(EMAIL) && !logins.contains("\"sandbox\""),
        "{logins}"
    );
    place.create("email.sent", &[]);
    let ran = place.run(&["logout"]).coded(0);
    ran.says("its tokens are forgotten");
    assert!(!place.logins().contains("access_token"));
    place
        .run(&["logout"])
        .coded(1)
        .says("Nobody is logged in at ");
}

#[test]
fn a_wrong_password_keeps_nothing() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let ran = login(&place, "sentinel-password\n").coded(1);
    let ran = ran.says("does not know this e-mail address with this password");
    let ran = ran.says("they come from standard input");
    assert!(!ran.stderr.contains("sentinel"), "{}", ran.stderr);
    assert_eq!(place.logins(), "");
    login(&place, "").coded(2).says("there is no password");
    let ran = place.run_with(&["login"], "sandbox\n").coded(2);
    ran.says("there is no terminal to ask on who logs in")
        .says("`--email`");
    place
        .run_with(&["login", "--email", " "], "sandbox\n")
        .coded(2);
}

#[test]
fn a_password_may_hold_anything_but_a_line_end() {
    let password = " pä&ss=w%20ö+rd\t";
    let sandbox = Sandbox::start(&["--password", password]);
    let place = Place::new(sandbox.url());
    login(&place, &format!("{password}\r\n")).coded(0);
    login(&place, password.trim()).coded(1);
}

#[test]
fn a_pipe_that_stays_open_holds_up_nothing() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let began = std::time::Instant::now();
    let mut child = place
        .command(&["login", "--email", EMAIL])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("cmhook starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    std::io::Write::write_all(&mut stdin, b"sandbox\n").expect("it reads");
    crate::kit::end(child, began).coded(0);
    drop(stdin);
}

#[test]
fn a_second_factor_is_asked_for() {
    let sandbox = Sandbox::start(&["--mfa", "123456"]);
    let place = Place::new(sandbox.url());
    login(&place, "sandbox\n123456\n").coded(0);
    let ran = login(&place, "sandbox\n654321\n").coded(1);
    ran.says("the code is wrong, or it came too late");
    let ran = login(&place, "sandbox\n").coded(1);
    ran.says("asks for a code of its second factor")
        .says("run `cmhook login`");
    // The variables cannot answer it.
    let place = place
        .with("CAKEMAIL_EMAIL", EMAIL)
        .with("CAKEMAIL_PASSWORD", "sandbox");
    let ran = place.webhooks(&["list"]).coded(1);
    ran.says("asks for a code").says("personal access token");
}

#[test]
fn on_a_terminal_it_asks_and_shows_nothing_of_the_password() {
    let sandbox = Sandbox::start(&["--mfa", "123456"]);
    let place = Place::new(sandbox.url());
    let mut terminal = place.terminal(120, &["login"]);
    terminal.until("e-mail address at http://127.0.0.1:");
    terminal.press(&format!("{EMAIL}\n"));
    terminal.until(&format!("password of {EMAIL} at http://127.0.0.1:"));
    assert!(!terminal.echoes());
    terminal.press("sandbox\n");
    terminal.until("code of your second factor (MFA): ");
    assert!(terminal.echoes());
    terminal.press("1\n");
    terminal.until("The code is wrong");
    terminal.press("654321\n");
    terminal.press("123456\n");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Logged in to "), "{text}");
    assert_eq!(text.matches("second factor").count(), 3, "{text}");
    let after = text.split("password of").nth(1).expect("the question");
    let after = after.split("127.0.0.1").nth(1).expect("the address");
    assert!(!after.lines().next().unwrap().contains("sandbox"), "{text}");
}

#[test]
fn on_a_terminal_nothing_is_said_of_pipes() {
    let place = Place::new("http://127.0.0.1:1");
    let mut terminal = place.terminal(120, &["login", "--email", EMAIL]);
    terminal.until("password of ");
    terminal.press("\x04");
    let (code, text) = terminal.end();
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("there is no password"), "{text}");
    assert!(!text.contains("in a pipe"), "{text}");
    let mut terminal = place.terminal(120, &["login"]);
    terminal.until("e-mail address at ");
    terminal.press("\n");
    let (code, text) = terminal.end();
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("there is no e-mail address"), "{text}");
    assert!(!text.contains("password of"), "{text}");
}

#[test]
fn three_wrong_codes_are_enough() {
    let sandbox = Sandbox::start(&["--mfa", "123456"]);
    let place = Place::new(sandbox.url());
    let mut terminal = place.terminal(120, &["login", "--email", EMAIL]);
    terminal.until("password of ");
    terminal.press("sandbox\n");
    for n in 1..=3 {
        let text = "second factor (MFA): ";
        while terminal.text().matches(text).count() < n {
            terminal.until(text);
        }
        terminal.press("1\n");
    }
    let (code, text) = terminal.end();
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("error: cannot log in: the code is wrong"),
        "{text}"
    );
}

#[test]
fn ctrl_c_gives_the_terminal_back() {
    let place = Place::new("http://127.0.0.1:1");
    let mut terminal = place.terminal(120, &["login", "--email", EMAIL]);
    terminal.until("password of ");
    assert!(!terminal.echoes());
    terminal.press("\x03");
    let (code, text) = terminal.end();
    assert_ne!(code, 0, "{text}");
    assert!(terminal.echoes());
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_takes_it_again() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    // A shell of its own with job control, which does not look after the modes itself.
    let script = format!(
        "set -m; \"$0\" login --email {EMAIL}; echo stop''ped; read x; stty echo; fg; echo en''ded"
    );
    let mut terminal = place.shell(120, &script);
    terminal.until("password of ");
    assert!(!terminal.echoes());
    terminal.press("\x1a");
    terminal.until("stopped");
    assert!(terminal.echoes());
    terminal.press("\n");
    while terminal.text().matches("password of ").count() < 2 {
        terminal.until("password of ");
    }
    assert!(!terminal.echoes());
    terminal.press("sandbox\n");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Logged in to "), "{text}");
    assert!(terminal.echoes());
}

#[test]
fn where_no_shell_could_continue_it_ctrl_z_stops_nothing() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let mut terminal = place.terminal(120, &["login", "--email", EMAIL]);
    terminal.until("password of ");
    terminal.press("\x1asandbox\n");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
}

#[test]
fn an_access_token_is_checked_before_it_is_kept() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let login = |input: &str| place.run_with(&["login", "--token"], input);
    login("\n")
        .coded(2)
        .says("there is no token on standard input");
    login("two words").coded(2);
    let ran = login("ck_pat_sentinel\n").coded(1);
    let ran = ran
        .says("cannot log in: ")
        .says("does not accept this token (401)")
        .says("a sandbox knows no tokens but its own, and is used without a login");
    assert!(!ran.stderr.contains("sentinel"), "{}", ran.stderr);
    assert_eq!(place.logins(), "");
    login(&format!("  {TOKEN} \n"))
        .coded(0)
        .says("with an access token");
    assert!(place.logins().contains(TOKEN));
    place.create("email.sent", &[]);
    let mut terminal = place.terminal(120, &["login", "--token"]);
    terminal.until("personal access token for ");
    assert!(!terminal.echoes());
    terminal.press(&format!("{TOKEN}\n"));
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains(TOKEN), "{text}");
}

#[test]
fn variables_go_before_it_and_that_is_said() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    login(&place, "sandbox\n").coded(0);
    let token = place.with("CAKEMAIL_ACCESS_TOKEN", "ck_pat_sentinel");
    let ran = login(&token, "sandbox\n").coded(0);
    ran.says("warning: CAKEMAIL_ACCESS_TOKEN in the environment goes before it");
    let ran = token.webhooks(&["list"]).coded(1);
    let ran = ran
        .says("does not accept the token (401)")
        .says("comes from CAKEMAIL_ACCESS_TOKEN");
    assert!(!ran.stderr.contains("sentinel"), "{}", ran.stderr);
    let password = place
        .with("CAKEMAIL_EMAIL", EMAIL)
        .with("CAKEMAIL_PASSWORD", "sandbox");
    password.create("email.sent", &[]);
    let ran = password.run(&["logout"]).coded(0);
    ran.says("warning: CAKEMAIL_EMAIL and CAKEMAIL_PASSWORD in the environment still opens");
    let wrong = place
        .with("CAKEMAIL_EMAIL", EMAIL)
        .with("CAKEMAIL_PASSWORD", "sentinel-password");
    let ran = wrong
        .webhooks(&["create", "-u", URL, "-e", "email.sent", "-vv"])
        .coded(1);
    let ran = ran.says("they come from CAKEMAIL_EMAIL and CAKEMAIL_PASSWORD");
    assert!(!ran.stderr.contains("sentinel"), "{}", ran.stderr);
    let unusable = place.with("CAKEMAIL_ACCESS_TOKEN", "two words");
    unusable
        .webhooks(&["list"])
        .coded(1)
        .says("CAKEMAIL_ACCESS_TOKEN has characters");
}

#[test]
fn who_is_to_log_in_is_told_where() {
    let place = Place::new("https://api.example.test");
    let other = "https://other.example.test";
    let args = [
        "list",
        "--api",
        other,
        "--account",
        "7",
        "--config",
        "own.toml",
    ];
    std::fs::write(place.path().join("own.toml"), "").expect("a file");
    let ran = place.webhooks(&args).coded(1);
    let login = format!("run `cmhook login --api {other} --config own.toml`");
    ran.says(&login);
    let own = ["--public-url", "https://hooks.example.test"];
    let listen = [
        "listen",
        "--listen",
        "0",
        "--register",
        "--events",
        "email.sent",
    ];
    let ran = place.run(&[&listen[..], &own, &["--api", other]].concat());
    ran.coded(1)
        .says(&format!("run `cmhook login --api {other}`"));
    let ran = place.webhooks(&["list", "--api", "https://me:sentinel@other.example.test"]);
    let ran = ran.coded(2).says("log in with `cmhook login`");
    assert!(!ran.stderr.contains("sentinel"), "{}", ran.stderr);
}

#[test]
fn a_sandbox_that_runs_is_named_to_whoever_is_not_logged_in() {
    let place = Place::new("https://api.example.test");
    let sandbox = Sandbox::start_in(&place.home, &[]);
    let named = format!(
        "the sandbox that runs here is asked with `--api {}`",
        sandbox.url()
    );
    place.webhooks(&["list"]).coded(1).says(&named);
    place.webhooks(&["list", "--api", &sandbox.url()]).coded(1);
    drop(sandbox);
    let ran = place.webhooks(&["list"]).coded(1);
    ran.says("`cmhook sandbox` is for trying it without an account");
}

#[test]
fn nobody_is_logged_in_at_first() {
    let place = Place::new("https://api.example.test");
    let ran = place.webhooks(&["list"]).coded(1);
    let ran = ran.says("nobody is logged in at https://api.example.test");
    ran.says("run `cmhook login`, or set CAKEMAIL_ACCESS_TOKEN");
    let half = place.with("CAKEMAIL_EMAIL", EMAIL);
    let ran = half.webhooks(&["list", "--json"]).coded(1);
    assert_eq!(ran.json()["code"], "not_logged_in");
    ran.says("CAKEMAIL_EMAIL is set alone");
    let plain = Place::new("http://api.example.test");
    plain.webhooks(&["list"]).coded(2).says("in the clear");
    let file = place.path().join("config/cmhook/logins.toml");
    std::fs::create_dir_all(file.parent().unwrap()).expect("a folder");
    std::fs::write(&file, "access = sentinel\n").expect("a file");
    let ran = place.webhooks(&["list"]).coded(1);
    let ran = ran
        .says("it is not TOML")
        .says("mend the file, or delete it");
    assert!(!ran.stderr.contains("sentinel"), "{}", ran.stderr);
    for args in [&["logout"][..], &["login", "--email", EMAIL]] {
        let ran = place.run_with(args, "sandbox\n").coded(1);
        let ran = ran
            .says("it is not TOML")
            .says("mend the file, or delete it");
        assert!(!ran.stderr.contains("Logged in"), "{}", ran.stderr);
    }
    let kept = std::fs::read_to_string(&file).expect("it is there");
    assert_eq!(kept, "access = sentinel\n");
}

#[test]
fn nobody_types_a_password_that_cannot_be_kept() {
    let place = Place::new("http://127.0.0.1:1");
    let lock = place.path().join("config/cmhook/logins.lock");
    std::fs::create_dir_all(lock).expect("a folder");
    let (code, text) = place.terminal(120, &["login", "--email", EMAIL]).end();
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("no login can be kept: "), "{text}");
    assert!(!text.contains("password of"), "{text}");
    place.run(&["logout"]).coded(1).says("Nobody is logged in");
}

#[test]
fn several_accounts_are_named() {
    let api = crate::errors::saying(
        200,
        &json!({"access_token": "a", "token_type": "bearer", "expires_in": 60, "accounts": [3, 17]}),
    );
    let place = Place::new(format!("http://{}", api.address()));
    let ran = login(&place, "x\n").coded(0);
    ran.says("Your accounts are 3, 17: `--account N`");
    let one = place.with("CAKEMAIL_CURRENT_ACCOUNT_ID", "17");
    assert!(!login(&one, "x\n").coded(0).stderr.contains("accounts are"));
}

#[test]
fn a_projects_file_leads_no_token_elsewhere() {
    let sandbox = Sandbox::start(&[]);
    let thief = crate::errors::saying(200, &json!({"data": []}));
    let place = Place::new(sandbox.url()).with("CAKEMAIL_ACCESS_TOKEN", TOKEN);
    let api = format!("api = \"http://{}\"\n", thief.address());
    std::fs::write(place.path().join("cmhook.toml"), &api).expect("a file");
    let ran = place.webhooks(&["list"]);
    assert!(thief.is_idle(), "{ran:?}");
    // Without the variable it is Cakemail's own API, which no test may reach.
    let place = place.with("HTTPS_PROXY", "http://127.0.0.1:1");
    let mut command = place.command(&["webhooks", "list"]);
    let ran = command.env_remove("CAKEMAIL_API_BASE").output();
    let said = ran.expect("it runs").stderr;
    assert!(thief.is_idle(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn a_login_is_on_the_disk_before_it_has_its_name() {
    let is_there = works(Command::new("strace").args(["-o", "/dev/null", "true"]));
    if !needs(is_there, "strace") {
        return;
    }
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let clean = place.command(&["login", "--email", EMAIL]);
    let log = place.path().join("calls");
    let mut command = Command::new("strace");
    command
        .args(["-f", "-y", "-e", "trace=fsync,fdatasync,/^rename", "-o"])
        .arg(&log)
        .arg(clean.get_program())
        .args(clean.get_args())
        .current_dir(place.path())
        .stdin(Stdio::piped())
        .stderr(Stdio::null());
    for (name, value) in clean.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut child = command.spawn().expect("strace starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(b"sandbox\n").expect("it reads");
    assert!(child.wait().expect("it ends").success());
    let calls = std::fs::read_to_string(log).expect("a log");
    let calls: Vec<&str> = calls
        .lines()
        .filter(|line| line.contains("cmhook"))
        .collect();
    let named = calls.iter().position(|line| line.contains("rename"));
    let named = named.unwrap_or_else(|| panic!("no name: {calls:?}"));
    let synced = |line: &&str, end: &str| line.contains("sync(") && line.contains(end);
    assert!(synced(&calls[named - 1], ".part>)"), "{calls:?}");
    assert!(synced(&calls[named + 1], "config/cmhook>)"), "{calls:?}");
}
