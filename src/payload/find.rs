//! The value at a path of a payload, and nothing else of it.
//!
//! Most of a payload is skipped and not parsed: filters ask this of ten thousand at once.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Path, Step};

/// The value at `path`, as the JSON text that it has in `body`.
///
/// As `JSON.parse` has it, the last of several members of one name is the one that counts,
/// and where it has no such value there is none. A byte-order mark may stand first. What
/// comes after the value need not be JSON. A path of more than 127 steps leads nowhere.
pub fn find<'b>(body: &'b [u8], path: &Path) -> Option<&'b str> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut found = None;
    let mut json = serde_json::Deserializer::from_slice(body);
    let way = Way {
        steps: path.steps(),
        found: &mut found,
    };
    // What comes after the value need not be JSON, so the result does not matter.
    let _ = way.deserialize(&mut json);
    found.map(RawValue::get)
}

/// What is left of the path. It recurses no deeper than the path is long, and serde_json
/// ends it at 128; what is skipped takes no stack however deep it is.
struct Way<'p, 'f, 'b> {
    steps: &'p [Step],
    found: &'f mut Option<&'b RawValue>,
}

impl<'b> DeserializeSeed<'b> for Way<'_, '_, 'b> {
    type Value = ();

    fn deserialize<D: Deserializer<'b>>(self, json: D) -> Result<(), D::Error> {
        // The one before it of the same name does not count any more, even if this is broken.
        *self.found = None;
        if self.steps.is_empty() {
            let value = <&RawValue as serde::Deserialize>::deserialize(json)?;
            *self.found = Some(value);
            return Ok(());
        }
        json.deserialize_any(self)
    }
}

impl<'b> Visitor<'b> for Way<'_, '_, 'b> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Step::Key(wanted), rest)) = self.steps.split_first() else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        while let Some(key) = map.next_key::<Text<'b>>()? {
            if key.0 == wanted.as_str() {
                map.next_value_seed(Way {
                    steps: rest,
                    found: &mut *self.found,
                })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut list: A) -> Result<(), A::Error> {
        if let Some((Step::Index(index), rest)) = self.steps.split_first() {
            for _ in 0..*index {
                if list.next_element::<IgnoredAny>()?.is_none() {
                    return Ok(());
                }
            }
            list.next_element_seed(Way {
                steps: rest,
                found: self.found,
            })?;
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    // In anything else there is nothing to find.

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// The text of a JSON string as [`find`] gives it; `None` for another value.
pub fn text_of(json: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(json)
        .ok()
        .map(|text| text.0)
}

/// The elements of a JSON array as [`find`] gives it; none for another value.
pub fn elements_of(json: &str) -> Vec<&str> {
    serde_json::from_str::<Vec<&RawValue>>(json)
        .map(|list| list.into_iter().map(RawValue::get).collect())
        .unwrap_or_default()
}

struct Text<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Borrowing;

        impl<'de> Visitor<'de> for Borrowing {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E: serde::de::Error>(
                self,
                text: &'de str,
            ) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        json.deserialize_str(Borrowing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn at<'b>(body: &'b str, path: &str) -> Option<&'b str> {
        find(body.as_bytes(), &path.parse().unwrap())
    }

    #[test]
    fn values_are_found_where_they_stand() {
        let body = "\u{feff} {\"event\": \"a\", \"data\": {\"email\": \"x@y\", \"items\": [1, {\"id\": 7 }, [2, 3]], \"a.b\": null}, \"e\\u0076\": 1e999}";
        for (path, value) in [
            ("event", Some("\"a\"")),
            ("data.email", Some("\"x@y\"")),
            ("data.items[0]", Some("1")),
            ("data.items[1]", Some("{\"id\": 7 }")),
            ("data.items[1].id", Some("7")),
            ("data.items[2][1]", Some("3")),
            ("data.items[3]", None),
            ("data.items.id", None),
            ("data[0]", None),
            ("data[\"a.b\"]", Some("null")),
            ("event.x", None),
            ("ev", Some("1e999")),
            ("nothing", None),
        ] {
            assert_eq!(at(body, path), value, "{path}");
        }
        assert_eq!(at("[[1,2]]", "[0][1]"), Some("2"));
        for body in ["", "7", "null", "\"a\"", "{", "[", "a=b"] {
            assert_eq!(at(body, "a.b"), None, "{body}");
        }
    }

    #[test]
    fn the_last_of_a_name_counts() {
        assert_eq!(at(r#"{"a":1,"a":2}"#, "a"), Some("2"));
        assert_eq!(at(r#"{"a":{"b":1},"a":{"c":2}}"#, "a.b"), None);
        assert_eq!(at(r#"{"a":{"b":1},"a":[]}"#, "a.b"), None);
        assert_eq!(at(r#"{"a":[1],"a":[]}"#, "a[0]"), None);
        assert_eq!(at(r#"{"a":{"b":1},"a":2}"#, "a.b"), None);
    }

    #[test]
    fn what_comes_later_may_be_broken() {
        assert_eq!(at(r#"{"a":{"b":1},"c": oh"#, "a.b"), Some("1"));
        assert_eq!(at(r#"{"a":{"b":1"#, "a.b"), Some("1"));
        assert_eq!(at(r#"{"a":{"b":"cut"#, "a.b"), None);
    }

    #[test]
    fn depth_takes_no_stack() {
        let deep = format!(
            "{{\"x\":{}1{},\"y\":2}}",
            "[".repeat(500_000),
            "]".repeat(500_000)
        );
        assert_eq!(at(&deep, "y"), Some("2"));
        assert_eq!(at(&deep, "x").map(str::len), Some(1_000_001));
        for (steps, length) in [(126, Some(1_000_001 - 252)), (127, None), (500_000, None)] {
            let path = format!("x{}", "[0]".repeat(steps));
            assert_eq!(at(&deep, &path).map(str::len), length, "{steps}");
        }
    }

    #[test]
    fn texts_and_elements_are_read() {
        assert_eq!(text_of("\"caf\\u00e9\"").as_deref(), Some("café"));
        assert!(matches!(text_of("\"a\""), Some(Cow::Borrowed("a"))));
        assert_eq!(text_of("7"), None);
        assert_eq!(elements_of("[1, \"a\", [2]]"), ["1", "\"a\"", "[2]"]);
        assert!(elements_of("{}").is_empty());
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[ab]{1,2}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            "[ab]{1,2}".prop_map(Step::Key),
            (0usize..3).prop_map(Step::Index),
        ]
    }

    proptest! {
        #[test]
        fn agrees_with_a_full_parser(
            json in json(),
            steps in proptest::collection::vec(step(), 1..4),
            pretty in any::<bool>(),
        ) {
            let mut wanted = Some(&json);
            for step in &steps {
                wanted = match (wanted, step) {
                    (Some(Value::Object(map)), Step::Key(key)) => map.get(key),
                    (Some(Value::Array(list)), Step::Index(index)) => list.get(*index),
                    _ => None,
                };
            }
            let body = if pretty {
                serde_json::to_vec_pretty(&json).unwrap()
            } else {
                serde_json::to_vec(&json).unwrap()
            };
            let found = find(&body, &Path::from(steps));
            let found = found.map(|text| serde_json::from_str::<Value>(text).unwrap());
            prop_assert_eq!(found.as_ref(), wanted);
        }

        #[test]
        fn any_bytes_are_looked_through(
            bytes in proptest::collection::vec(any::<u8>(), 0..60),
            json in "[\\[\\]{}\",:a0. \\\\]{0,40}",
        ) {
            let path = "a[0].a".parse().unwrap();
            let _ = find(&bytes, &path);
            let _ = find(json.as_bytes(), &path);
            let _ = (text_of(&json), elements_of(&json));
        }
    }
}
