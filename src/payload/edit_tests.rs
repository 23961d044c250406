use super::*;
use proptest::prelude::*;
use serde_json::{Map, Value};

fn path(text: &str) -> Path {
    text.parse().unwrap()
}

fn edited(body: &str, at: &str, text: &str) -> String {
    let made = set(body.as_bytes(), &path(at), &value(text)).unwrap();
    String::from_utf8(made).unwrap()
}

fn deleted(body: &str, at: &str) -> String {
    String::from_utf8(delete(body.as_bytes(), &path(at)).unwrap()).unwrap()
}

#[test]
fn only_the_value_changes() {
    for (body, at, text, made) in [
        // Spellings that a parser would lose.
        (
            r#"{"n":1.50e+2,"u":"a\/b\u00e9","email":"x@y"}"#,
            "email",
            "a@b.c",
            r#"{"n":1.50e+2,"u":"a\/b\u00e9","email":"a@b.c"}"#,
        ),
        // The last of several counts.
        (r#"{"a":1,"a":2}"#, "a", "3", r#"{"a":1,"a":3}"#),
        // A key may be written with escapes.
        (r#"{"\u0061":1}"#, "a", "3", r#"{"\u0061":3}"#),
        (
            "\u{feff} [ 1 , {\"b\" : null} ]\n",
            "[1].b",
            "{\"c\": []}",
            "\u{feff} [ 1 , {\"b\" : {\"c\": []}} ]\n",
        ),
        // Strings of digits stay texts where they are no numbers.
        (r#"{"p":"x"}"#, "p", "007", r#"{"p":"007"}"#),
        (r#"{"p":"x"}"#, "p", "\"5\"", r#"{"p":"5"}"#),
        (r#"{"p":"x"}"#, "p", "true", r#"{"p":true}"#),
        (r#"{"p":"x"}"#, "p", "a\"b\n", r#"{"p":"a\"b\n"}"#),
    ] {
        assert_eq!(edited(body, at, text), made);
    }
}

#[test]
fn what_is_new_follows_the_style_around_it() {
    for (body, at, made) in [
        ("{}", "a", r#"{"a":1}"#),
        ("{ }", "a.b", r#"{"a":{"b":1}}"#),
        ("null", "a[0].b", r#"{"a":[{"b":1}]}"#),
        (r#"{"x":0}"#, "a.b", r#"{"x":0,"a":{"b":1}}"#),
        (r#"{"x": 0}"#, "a.b", r#"{"x": 0, "a": {"b": 1}}"#),
        (r#"{"x": 0, "y": 0}"#, "a", r#"{"x": 0, "y": 0, "a": 1}"#),
        (r#"{"d":{"x":null}}"#, "d.x.y", r#"{"d":{"x":{"y":1}}}"#),
        ("[]", "[0]", "[1]"),
        ("[7, 8]", "[2]", "[7, 8, 1]"),
        ("[7,8]", "[2][0]", "[7,8,[1]]"),
        (
            "{\n  \"x\": 0\n}\n",
            "a.b",
            "{\n  \"x\": 0,\n  \"a\": {\n    \"b\": 1\n  }\n}\n",
        ),
        (
            "{\r\n\t\"x\": {}\r\n}",
            "x.b",
            "{\r\n\t\"x\": {\r\n\t\t\"b\": 1\r\n\t}\r\n}",
        ),
        (
            "{\n    \"d\": {\n        \"e\": {}\n    }\n}",
            "d.e.f.g",
            "{\n    \"d\": {\n        \"e\": {\n            \"f\": {\n                \"g\": 1\n            }\n        }\n    }\n}",
        ),
        (
            "{\n  \"d\": {\n    \"e\": null\n  }\n}",
            "d.e.f",
            "{\n  \"d\": {\n    \"e\": {\n      \"f\": 1\n    }\n  }\n}",
        ),
    ] {
        assert_eq!(edited(body, at, "1"), made);
    }
}

#[test]
fn what_goes_takes_one_comma_with_it() {
    for (body, at, made) in [
        (r#"{"a":1}"#, "a", "{}"),
        ("{\n  \"a\": 1\n}", "a", "{}"),
        (r#"{"a":1,"b":2,"c":3}"#, "a", r#"{"b":2,"c":3}"#),
        (r#"{"a":1,"b":2,"c":3}"#, "b", r#"{"a":1,"c":3}"#),
        (r#"{"a":1,"b":2,"c":3}"#, "c", r#"{"a":1,"b":2}"#),
        ("{\n  \"a\": 1,\n  \"b\": 2\n}", "a", "{\n  \"b\": 2\n}"),
        ("{\n  \"a\": 1,\n  \"b\": 2\n}", "b", "{\n  \"a\": 1\n}"),
        (r#"{"a":1,"b":2,"a":3}"#, "a", r#"{"b":2}"#),
        (r#"{"b":2,"a":1,"a":3,"c":4}"#, "a", r#"{"b":2,"c":4}"#),
        ("[1, 2, 3]", "[1]", "[1, 3]"),
        ("[[1], [2]]", "[1][0]", "[[1], []]"),
    ] {
        assert_eq!(deleted(body, at), made);
    }
}

#[test]
fn what_cannot_be_is_said() {
    for (body, at, problem) in [
        (
            "a=1",
            "a",
            "the payload is not JSON: expected value at line 1 column 1",
        ),
        (r#"{"a":"x"}"#, "a.b", "`a` is a text: `.b` cannot be in it"),
        (
            r#"{"a":{"b":7}}"#,
            "a.b[0]",
            "`a.b` is a number: `[0]` cannot be in it",
        ),
        (
            r#"{"a":true}"#,
            "a.b",
            "`a` is true or false: `.b` cannot be in it",
        ),
        (
            r#"{"a":[]}"#,
            "a.b",
            "`a` is an array: `.b` cannot be in it",
        ),
        (
            "{}",
            "[0]",
            "the payload is an object: `[0]` cannot be in it",
        ),
        (
            r#"{"a":[1]}"#,
            "a[3]",
            "`a` has 1 element: there is no `[3]`, and the next one would be `[1]`",
        ),
        (
            "{}",
            "a.b[2]",
            "`a.b` has 0 elements: there is no `[2]`, and the next one would be `[0]`",
        ),
    ] {
        let error = set(body.as_bytes(), &path(at), "1").unwrap_err();
        assert_eq!(error.to_string(), problem);
    }
    for (body, at) in [
        ("{}", "a"),
        (r#"{"a":1}"#, "a.b"),
        ("[1]", "[1]"),
        ("[1]", "a"),
        ("7", "a"),
    ] {
        let error = delete(body.as_bytes(), &path(at)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("there is no `{at}` in the payload")
        );
    }
}

#[test]
fn nesting_takes_no_stack() {
    let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(500_000), "]".repeat(500_000));
    let body = format!("{{\"x\":{},\"a\":1}}", deep("0"));
    let made = edited(&body, "a", "2");
    assert_eq!(made, format!("{{\"x\":{},\"a\":2}}", deep("0")));
    assert_eq!(deleted(&body, "x"), r#"{"a":1}"#);
    let deep = deep("0");
    let steps = Path::from(vec![Step::Index(0); 200]);
    let made = set(deep.as_bytes(), &steps, "1").unwrap();
    assert_eq!(
        made,
        format!("{}1{}", "[".repeat(200), "]".repeat(200)).as_bytes()
    );
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-c\\\\\"\u{e9}{}\\[\\],:]{0,5}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[ab]|\"|\u{e9}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => "[ab]|\"|\u{e9}".prop_map(Step::Key),
        1 => (0usize..4).prop_map(Step::Index),
    ];
    prop::collection::vec(step, 1..4)
}

/// The same edit of a parsed value, `None` where it cannot be made.
fn model_set(at: &mut Value, steps: &[Step], new: &Value) -> Option<()> {
    let Some((step, rest)) = steps.split_first() else {
        *at = new.clone();
        return Some(());
    };
    if at.is_null() {
        *at = match step {
            Step::Key(_) => Value::Object(Map::new()),
            Step::Index(_) => Value::Array(Vec::new()),
        };
    }
    match (at, step) {
        (Value::Object(members), Step::Key(key)) => {
            model_set(members.entry(key).or_insert(Value::Null), rest, new)
        }
        (Value::Array(elements), Step::Index(index)) => {
            if elements.len() == *index {
                elements.push(Value::Null);
            }
            model_set(elements.get_mut(*index)?, rest, new)
        }
        _ => None,
    }
}

fn model_delete(at: &mut Value, steps: &[Step]) -> Option<()> {
    match (at, steps) {
        (Value::Object(members), [Step::Key(key)]) => members.shift_remove(key).map(drop),
        (Value::Array(elements), [Step::Index(index)]) => {
            (*index < elements.len()).then(|| drop(elements.remove(*index)))
        }
        (Value::Object(members), [Step::Key(key), rest @ ..]) => {
            model_delete(members.get_mut(key)?, rest)
        }
        (Value::Array(elements), [Step::Index(index), rest @ ..]) => {
            model_delete(elements.get_mut(*index)?, rest)
        }
        _ => None,
    }
}

/// In one of the ways in which the same value can be written.
fn written(value: &Value, how: u8) -> String {
    match how {
        0 => value.to_string(),
        1 => serde_json::to_string_pretty(value).unwrap(),
        _ => format!(
            " {} \n",
            serde_json::to_string_pretty(value)
                .unwrap()
                .replace('\n', "\r\n\t")
        ),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn a_set_is_that_of_the_parsed_value(
        payload in values(), steps in steps(), new in values(), how in 0u8..3,
    ) {
        let body = written(&payload, how);
        let mut expected = payload;
        let possible = model_set(&mut expected, &steps, &new).is_some();
        let made = set(body.as_bytes(), &Path::from(steps), &new.to_string());
        prop_assert_eq!(made.is_ok(), possible, "{}", body);
        if let Ok(made) = made {
            let read: Value = serde_json::from_slice(&made).unwrap();
            prop_assert_eq!(&read, &expected);
            // Before and behind one place, every byte is as it was.
            let start = made.iter().zip(body.as_bytes()).take_while(|(a, b)| a == b).count();
            let end = made.iter().rev().zip(body.as_bytes().iter().rev());
            let end = end.take_while(|(a, b)| a == b).count();
            let most = new.to_string().len() + 200;
            prop_assert!(made.len().saturating_sub(start + end) <= most);
        }
    }

    #[test]
    fn a_delete_is_that_of_the_parsed_value(payload in values(), steps in steps(), how in 0u8..3) {
        let body = written(&payload, how);
        let mut expected = payload;
        let possible = model_delete(&mut expected, &steps).is_some();
        let made = delete(body.as_bytes(), &Path::from(steps));
        prop_assert_eq!(made.is_ok(), possible, "{}", body);
        if let Ok(made) = made {
            let read: Value = serde_json::from_slice(&made).unwrap();
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn setting_what_is_there_changes_nothing(payload in values(), steps in steps(), how in 0u8..3) {
        let body = written(&payload, how);
        let path = Path::from(steps);
        let mut there = Some(&payload);
        for step in path.steps() {
            there = there.and_then(|value| match step {
                Step::Key(key) => value.get(key),
                Step::Index(index) => value.get(index),
            });
        }
        if let Some(there) = there.filter(|v| !v.is_object() && !v.is_array()) {
            prop_assert_eq!(set(body.as_bytes(), &path, &there.to_string()).unwrap(), body.as_bytes());
        }
    }

    #[test]
    fn any_bytes_are_edited_or_refused(
        body in "[\\[\\]{}\":,0-9a\\\\ \n-]{0,24}", steps in steps(),
    ) {
        let path = Path::from(steps);
        let _ = (set(body.as_bytes(), &path, "1"), delete(body.as_bytes(), &path));
    }
}
