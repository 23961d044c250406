//! The examples of docs/api.md work as they stand there.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::kit::{BEARER, Inspector, app};
use crate::support::needs::{needs, works};

/// The blocks for a shell that have this in them.
fn blocks(part: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/api.md");
    let text = std::fs::read_to_string(path).expect("the document");
    let blocks = text.split("```sh\n").skip(1);
    let blocks = blocks.filter_map(|rest| Some(rest.split_once("```")?.0.to_owned()));
    blocks.filter(|block| block.contains(part)).collect()
}

/// Runs each command of a block; what curl was asked that went wrong.
fn run(inspector: &Inspector, block: &str) -> String {
    let auth = BEARER.trim_end().replace("TOKEN", &inspector.token);
    let script = format!(
        "api=http://{}\nauth='{auth}'\n\
         curl() {{ echo ran >&2; command curl -f \"$@\" >out 2>err || echo \"$*: $(cat err)\"; }}\n{block}",
        inspector.api
    );
    let output = Command::new("bash")
        .args(["-euc", &script])
        .current_dir(inspector.listener.home())
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert_eq!(
        log.lines().count(),
        block.matches("curl -s").count(),
        "{log}"
    );
    said
}

/// One in which there are 41 and 42, the latter with two attempts.
fn inspector(target: &str) -> Inspector {
    let mut inspector = Inspector::start(&["--forward", target, "--secret", "s"]);
    for _ in 0..42 {
        inspector.deliver(None, r#"{"event":"email.bounced"}"#);
    }
    let again = inspector.call("POST /api/v1/deliveries/42/replay", &Value::Null);
    assert_eq!(again.fine()["n"], json!(2));
    inspector
}

#[test]
fn the_commands_of_the_document_go_well() {
    let found = works(Command::new("curl").arg("--version"))
        && works(Command::new("bash").arg("--version"));
    if !needs(found, "curl and bash") {
        return;
    }
    let app = app();
    for part in ["/api/v1/deliveries?limit", "/api/tunnels"] {
        let blocks = blocks(part);
        assert_eq!(blocks.len(), 1, "{part}");
        // To 3001 nothing may be sent, whatever listens there.
        let block = blocks[0].replace("3001", &app.target());
        assert_eq!(run(&inspector(&app.target()), &block), "");
    }
}

#[test]
fn the_file_beside_the_store_is_as_the_document_says() {
    if !needs(works(Command::new("jq").arg("--version")), "jq") {
        return;
    }
    let inspector = Inspector::start(&[]);
    let block = blocks("jq -r .api").remove(0);
    let file = inspector
        .listener
        .home()
        .join("data/cmhook/deliveries.db.api");
    let block = block.replace(
        "~/.local/share/cmhook/deliveries.db.api",
        &file.to_string_lossy(),
    );
    let output = Command::new("bash")
        .args(["-euc", &block])
        .output()
        .expect("it starts");
    let status: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(status["pid"], inspector.listener.process.id());
}
