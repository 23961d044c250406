//! The floors of `src/`: imports point downwards, and no two modules import each other.
//!
//! A `use crate::` line is the architecture, so this reads exactly those lines. The table
//! is the whole picture; a module that is missing from it fails the test, because somebody
//! has to decide where it lives.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module and its floor. A module is the first part of a path below `crate::`, or
/// the first two where only those two live on different floors.
const FLOORS: &[(&str, u8)] = &[
    // The roof: parse, run, exit code.
    ("main", 6),
    ("lib", 6),
    // What a user types, what runs for it, what errors become.
    ("report", 5),
    ("commands", 5),
    ("cli", 5),
    // Faces.
    ("lines", 4),
    ("inspector", 4),
    ("tui", 4),
    // The main job.
    ("capture", 3),
    // A public way in: the agent's end, and the server's.
    ("tunnel", 3),
    ("relay", 3),
    // What a set-up that works looks like.
    ("check", 3),
    // A double of the other side, to try it all with.
    ("sandbox", 3),
    // What was delivered.
    ("store", 2),
    // Settings, what both sides of HTTP share, and how files are written.
    ("config", 1),
    ("http", 1),
    // The account at Cakemail, through its API.
    ("account", 1),
    ("files", 1),
    // What an agent and a relay say to each other.
    ("link", 1),
    // Pure: no runtime, no I/O, time passed in.
    ("filter", 0),
    ("compare", 0),
    ("export", 0),
    ("wire", 0),
    ("payload", 0),
    ("cakemail", 0),
    ("delivery", 0),
];

/// Imports between modules of one floor that are meant: the left one knows the right one.
const BESIDE: &[(&str, &str)] = &[
    ("main", "lib"),
    ("commands", "cli"),
    ("report", "commands"),
    ("report", "cli"),
    ("cakemail", "delivery"),
    ("payload", "delivery"),
    ("compare", "delivery"),
    ("compare", "payload"),
    ("wire", "delivery"),
    ("wire", "cakemail"),
    ("wire", "compare"),
    ("wire", "filter"),
    ("filter", "delivery"),
    ("filter", "payload"),
    ("filter", "cakemail"),
    ("export", "delivery"),
    ("export", "payload"),
    ("export", "cakemail"),
    ("export", "wire"),
    // Headers that the connection itself sets cannot be set by hand.
    ("config", "http"),
    // The tokens of `cmhook relay login` are written as every file for the user is.
    ("config", "files"),
    ("account", "config"),
    ("account", "http"),
    ("account", "files"),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn floor(module: &str) -> Option<u8> {
    FLOORS
        .iter()
        .find(|(name, _)| *name == module)
        .map(|(_, floor)| *floor)
}

/// The modules that a file's code names after `crate::`, tests and comments left out.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines()
        .map(str::trim_start)
        .filter(|line| !line.starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(list) => list.split([',', '}']).map(str::trim).collect::<Vec<_>>(),
            None => vec![rest],
        })
        .map(|path| {
            path.chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect()
        })
        .filter(|name: &String| !name.is_empty())
        .collect()
}

/// Which module imports which, read from the sources.
fn graph() -> BTreeMap<String, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let relative = file
            .strip_prefix(&root)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let module = relative.split(['/', '.', '\\']).next().unwrap().to_owned();
        let imported = imports(&fs::read_to_string(&file).unwrap());
        let entry = graph.entry(module.clone()).or_default();
        entry.extend(imported.into_iter().filter(|name| *name != module));
    }
    graph
}

#[test]
fn every_module_has_a_floor() {
    for (module, imported) in graph() {
        assert!(floor(&module).is_some(), "`{module}` is on no floor");
        for name in imported {
            assert!(
                floor(&name).is_some(),
                "`{module}` imports `{name}`, which is on no floor"
            );
        }
    }
}

#[test]
fn imports_point_downwards() {
    let wrong: Vec<String> = graph()
        .iter()
        .flat_map(|(from, to)| to.iter().map(move |to| (from.as_str(), to.as_str())))
        .filter(|pair| {
            let (Some(from), Some(to)) = (floor(pair.0), floor(pair.1)) else {
                return false;
            };
            let allowed = match to.cmp(&from) {
                std::cmp::Ordering::Less => true,
                std::cmp::Ordering::Equal => BESIDE.contains(pair),
                std::cmp::Ordering::Greater => false,
            };
            !allowed
        })
        .map(|(from, to)| format!("{from} -> {to}"))
        .collect();
    assert!(
        wrong.is_empty(),
        "these imports point up or sideways: {wrong:?}"
    );
}

#[test]
fn nothing_imports_itself_by_a_detour() {
    let graph = graph();
    for start in graph.keys() {
        let mut seen = BTreeSet::new();
        let mut next = vec![start.clone()];
        while let Some(module) = next.pop() {
            for to in graph.get(&module).into_iter().flatten() {
                assert_ne!(to, start, "`{start}` and `{module}` import each other");
                if seen.insert(to.clone()) {
                    next.push(to.clone());
                }
            }
        }
    }
}

#[test]
fn the_lowest_floor_is_pure() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    for folder in [
        "wire", "delivery", "cakemail", "filter", "payload", "export", "compare",
    ] {
        sources(&root.join(folder), &mut files);
    }
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let code: Vec<_> = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        let code = code.join("\n");
        for impure in [
            "tokio",
            "hyper",
            "rusqlite",
            "std::fs",
            "std::net::Tcp",
            "std::env::",
            "std::thread",
            "SystemTime::now",
            "Timestamp::now",
            "Instant::now",
        ] {
            assert!(!code.contains(impure), "{} uses `{impure}`", file.display());
        }
    }
}

#[test]
fn the_roof_is_thin() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (file, most) in [("main.rs", 20), ("lib.rs", 80)] {
        let lines = fs::read_to_string(root.join(file)).unwrap().lines().count();
        assert!(lines <= most, "{file} has {lines} lines, {most} are enough");
    }
}

#[test]
fn imports_are_read_as_they_are_written() {
    let text = "use crate::store::Store;\nuse crate::{cli, report::report};\n// use crate::lines;\nlet x = crate::http::headers::size;\n#[cfg(test)]\nuse crate::commands;";
    let found: Vec<_> = imports(text).into_iter().collect();
    assert_eq!(found, ["cli", "http", "report", "store"]);
}
