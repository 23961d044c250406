//! A link that goes down without a word, between two network namespaces.

use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::kit::{agents_in, eventually, text, tunnel, within};
use crate::pki::{Authority, host};
use crate::support::listener::{Listener, home};
use crate::support::needs::{needs, works};
use crate::support::relay::Relay;

const NOTICED: Duration = Duration::from_secs(15);
const BACK: Duration = Duration::from_secs(3);
const RELAY: &str = "10.77.0.1";

/// A network namespace, which ends with this.
struct Space(Child);

impl Drop for Space {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Space {
    /// One that `command` makes, once it is there; `None` where it cannot be made.
    fn new(mut command: Command) -> Option<Self> {
        let quiet = command.stdin(Stdio::null()).stderr(Stdio::null());
        let space = Self(quiet.args(["sleep", "600"]).spawn().ok()?);
        let comm = format!("/proc/{}/comm", space.0.id());
        // It becomes `sleep` when all before that is done.
        let is_there = || std::fs::read_to_string(&comm).map(|name| name == "sleep\n");
        eventually("a namespace or none", || match is_there() {
            Ok(true) => Some(Some(())),
            Ok(false) => None,
            Err(_) => Some(None),
        })?;
        Some(space)
    }

    /// What is run in there.
    fn command(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--user", "--net", "--preserve-credentials", "--target"]);
        command.arg(self.0.id().to_string());
        command
    }

    fn ip(&self, args: &str) -> bool {
        works(self.command().arg("ip").args(args.split(' ')))
    }
}

/// The relay's and the agent's, joined.
fn joined() -> Option<[Space; 2]> {
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--net"]);
    let far = Space::new(unshare)?;
    let mut inside = Command::new("nsenter");
    inside.args(["--user", "--preserve-credentials", "--target"]);
    inside
        .arg(far.0.id().to_string())
        .args(["unshare", "--net"]);
    let near = Space::new(inside)?;
    let near_id = near.0.id();
    let is_set = far.ip("link set lo up")
        && far.ip(&format!(
            "link add v0 type veth peer name v1 netns {near_id}"
        ))
        && far.ip(&format!("addr add {RELAY}/24 dev v0"))
        && far.ip("link set v0 up")
        && near.ip("link set lo up")
        && near.ip("addr add 10.77.0.2/24 dev v1")
        && near.ip("link set v1 up");
    is_set.then_some([far, near])
}

fn curl(space: &Space, args: &[&str]) -> String {
    let mut command = space.command();
    command.args(["curl", "-sS", "--noproxy", "*", "--max-time", "5"]);
    let output = command.args(args).output().expect("curl starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_link_that_goes_down_is_noticed_and_used_again() {
    let joined = joined();
    let Some([far, near]) = joined.filter(|_| works(Command::new("curl").arg("--version"))) else {
        needs(
            false,
            "curl, and `ip`, `unshare`, `nsenter` and leave to use them",
        );
        return;
    };
    let home = Rc::new(home());
    let (authority, ca) = (Authority::new("ours"), home.path().join("ca.pem"));
    authority.write(&ca);
    authority.certify(home.path(), &host(RELAY));
    let ca = ca.to_str().expect("text");
    let tls = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let relay = Relay::start_under(&home, far.command(), &format!("{RELAY}:4480"), &tls);
    let token = relay.make_token("ada", &["shop"]);
    let metrics = text(&relay.ready, "metrics").to_owned();
    let agents = || agents_in(&curl(&far, &[&metrics]));
    let deliver = |path: &str| {
        let url = format!("https://{RELAY}:4480/t/shop/{path}");
        let status = ["-o", "/dev/null", "-w", "%{http_code}", "-d", "{}"];
        curl(&far, &[&status[..], &["--cacert", ca, &url]].concat())
    };
    let mut wrapper = near.command();
    wrapper.env("CMHOOK_RELAY_TOKEN", token);
    let args = ["--relay", text(&relay.ready, "url"), "--relay-ca", ca];
    let mut agent = Listener::start_under(&home, wrapper, &args);
    tunnel(&mut agent, "online");
    assert_eq!(deliver("before"), "200");
    agent.delivery();

    assert!(far.ip("link set v0 down"));
    let down = Instant::now();
    let lost = tunnel(&mut agent, "reconnecting");
    let noticed = down.elapsed();
    assert!(noticed < NOTICED, "{noticed:?}");
    assert!(text(&lost, "reason").contains("nothing has come"), "{lost}");
    let left = NOTICED.saturating_sub(down.elapsed());
    within(left, "the relay misses its agent", || {
        (agents() == 0).then_some(())
    });
    println!(
        "noticed by the agent after {noticed:?}, by the relay {:?}",
        down.elapsed()
    );
    assert_eq!(deliver("meanwhile"), "202");

    assert!(far.ip("link set v0 up"));
    let up = Instant::now();
    tunnel(&mut agent, "online");
    let back = up.elapsed();
    println!("back after {back:?}");
    assert!(back < BACK, "{back:?}");
    assert_eq!(agent.delivery()["request"]["path"], "/meanwhile");
    assert_eq!(deliver("after"), "200");
    assert_eq!(agent.delivery()["request"]["path"], "/after");
    agent.stop();
}
