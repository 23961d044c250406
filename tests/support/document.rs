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
        } else if line.starts_with("# ") {
            section.clear();
        } else if section.is_empty() {
            // What a relay writes.
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
    assert_eq!(shapes.len(), 23, "{:?}", shapes.keys());
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

    /// Checks an object of the type that it names.
    #[track_caller]
    pub fn check(&mut self, object: &Value) {
        let kind = object["type"].as_str().unwrap_or_default().to_owned();
        self.check_as(&kind, object);
    }

    /// Checks an object of that section, which need not name its type.
    #[track_caller]
    pub fn check_as(&mut self, kind: &str, object: &Value) {
        let kind = kind.to_owned();
        let shape = self.shapes.get(&kind);
        let shape = shape.unwrap_or_else(|| panic!("no such type in the document: {object}"));
        let mut printed = BTreeSet::new();
        fields(object, "", &mut printed);
        for path in &printed {
            let around = format!("{path}.");
            let within = |field: &String| path.starts_with(&format!("{field}."));
            let known = shape.contains_key(path)
                || shape.keys().any(|f| f.starts_with(&around) || within(f));
            assert!(known, "`{path}` of {kind} is not documented: {object}");
        }
        for (path, meaning) in shape {
            let optional = path == "type" || meaning.starts_with("only in ");
            if optional && object.get(path).is_none() {
                continue;
            }
            let Some(value) = at(object, path) else {
                continue;
            };
            if path.rsplit('.').next() == Some("code") && !value.is_null() {
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

    /// Whether each documented field of these types was seen with a value.
    #[track_caller]
    pub fn complete(&self, kinds: &[&str]) {
        for kind in kinds {
            let seen = self.seen.get(*kind).cloned().unwrap_or_default();
            let shape = &self.shapes[*kind];
            let missing: Vec<_> = shape
                .keys()
                .filter(|f| *f != "type" && !seen.contains(*f))
                .collect();
            assert!(missing.is_empty(), "{kind} never had {missing:?}");
        }
    }
}
