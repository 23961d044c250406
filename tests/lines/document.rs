//! Objects as `docs/json.md` describes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

/// The documented fields of each type, nested ones with dots, and the words of their rows.
type Shapes = BTreeMap<String, BTreeMap<String, String>>;

pub fn documentation() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json.md");
    fs::read_to_string(path).expect("docs/json.md")
}

/// Words between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Reads the tables: `## TYPE`, then rows whose first cell names fields.
fn documented() -> Shapes {
    let mut shapes = Shapes::new();
    let mut section = String::new();
    for line in documentation().lines() {
        if let Some(title) = line.strip_prefix("## ") {
            title.clone_into(&mut section);
        } else if let Some(row) = line.strip_prefix("| `") {
            let (fields, meaning) = row.split_once(" | ").expect("two cells");
            let shape = shapes.entry(section.clone()).or_default();
            for field in quoted(&format!("`{fields}")) {
                shape.insert(field.to_owned(), meaning.to_owned());
            }
        }
    }
    for shape in shapes.values_mut() {
        shape.insert("type".into(), String::new());
    }
    assert_eq!(shapes.len(), 11, "{:?}", shapes.keys());
    shapes
}

/// Every field of an object, nested ones with dots; the objects around them too.
fn fields(object: &Value, before: &str, found: &mut BTreeSet<String>) {
    for (name, value) in object.as_object().into_iter().flatten() {
        let path = format!("{before}{name}");
        fields(value, &format!("{path}."), found);
        found.insert(path);
    }
}

/// The value at a dotted path; `None` where an object around it is null.
fn at<'o>(object: &'o Value, path: &str) -> Option<&'o Value> {
    let mut value = object;
    for name in path.split('.') {
        if value.is_null() {
            return None;
        }
        let found = value.get(name);
        value = found.unwrap_or_else(|| panic!("`{path}` is documented and not in {object}"));
    }
    Some(value)
}

/// What was seen of each type with a value.
#[derive(Default)]
pub struct Checker {
    shapes: Shapes,
    seen: BTreeMap<String, BTreeSet<String>>,
}

impl Checker {
    pub fn new() -> Self {
        Self {
            shapes: documented(),
            seen: BTreeMap::new(),
        }
    }

    #[track_caller]
    pub fn check(&mut self, object: &Value) {
        let kind = object["type"].as_str().unwrap_or_default().to_owned();
        let shape = self.shapes.get(&kind);
        let shape = shape.unwrap_or_else(|| panic!("no such type in the document: {object}"));
        let mut printed = BTreeSet::new();
        fields(object, "", &mut printed);
        for path in &printed {
            let around = format!("{path}.");
            let known = shape.contains_key(path) || shape.keys().any(|f| f.starts_with(&around));
            assert!(known, "`{path}` of {kind} is not documented: {object}");
        }
        for (path, meaning) in shape {
            let Some(value) = at(object, path) else {
                continue;
            };
            if path.rsplit('.').next() == Some("code") {
                let code = value.as_str().expect("a code is text");
                assert!(
                    quoted(meaning).any(|c| c == code),
                    "`{code}` is undocumented"
                );
            }
            if !value.is_null() {
                self.seen
                    .entry(kind.clone())
                    .or_default()
                    .insert(path.clone());
            }
        }
    }

    #[track_caller]
    pub fn check_all(&mut self, objects: &[Value]) {
        for object in objects {
            self.check(object);
        }
    }

    /// Whether each documented field was seen with a value.
    #[track_caller]
    pub fn complete(&self) {
        for (kind, shape) in &self.shapes {
            // The journal has to fail for one, and commands to act for the others, which is
            // tested with those.
            if ["warning", "deleted", "marked", "kept delivery"].contains(&&**kind) {
                continue;
            }
            let seen = self.seen.get(kind).cloned().unwrap_or_default();
            let missing: Vec<_> = shape
                .keys()
                .filter(|f| !seen.contains(*f) && *f != "original")
                .collect();
            assert!(missing.is_empty(), "{kind} never had {missing:?}");
        }
    }
}
