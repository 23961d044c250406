//! Lists the sample payloads in `assets/events/`, so that adding a file adds an event.
//!
//! `api/` and `manual/` are apart because their names differ by case alone (`Email.Sent`,
//! `email.sent`), which is one file where file systems do not tell case.

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Folders and how the library calls their kind, in the order that events are listed in.
const KINDS: [(&str, &str); 2] = [("manual", "Manual"), ("api", "Api")];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=assets/events");
    let (mut names, mut samples) = (String::new(), String::new());
    for (folder, kind) in KINDS {
        let place = format!("assets/events/{folder}");
        let mut found = Vec::new();
        for entry in fs::read_dir(&place)? {
            let file = entry?.file_name();
            let file = file.to_str().ok_or("a sample's name is not UTF-8")?;
            if let Some(name) = file.strip_suffix(".json") {
                found.push(name.to_owned());
            }
        }
        // By the event and not by the folder's own order, which differs between machines.
        found.sort_unstable();
        for name in found {
            writeln!(names, "{name:?},")?;
            let file = format!("/{place}/{name}.json");
            writeln!(
                samples,
                "({name:?}, Envelope::{kind}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {file:?}))),"
            )?;
        }
    }
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    fs::write(
        Path::new(&out).join("event_names.rs"),
        format!("&[\n{names}]\n"),
    )?;
    fs::write(
        Path::new(&out).join("samples.rs"),
        format!("&[\n{samples}]\n"),
    )?;
    Ok(())
}
