//! jq expressions over the JSON that commands write, by jaq.

use jaq_core::data::JustLut;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Vars, compile, unwrap_valr};
use jaq_json::{Num, Val};
use serde::Deserialize as _;
use serde_json::Value;

use crate::config::ConfigError;

type Data = JustLut<Val>;

/// What jq has and is left out: a command's output is no place to read the environment, to
/// end the process in its middle, or to write to standard error past the escaping. The
/// definitions go with the functions that they call.
const LEFT_OUT: [&str; 8] = [
    "env",
    "halt",
    "halt_error",
    "debug",
    "debug_empty",
    "stderr",
    "stderr_empty",
    // Replaced, since jaq's takes as much stack as the text is deep, and the text is a
    // stranger's.
    "fromjson",
];

/// Values within values of a result. Whatever comes from a parser here is not so deep.
const MAX_DEPTH: usize = 500;

/// An expression, ready to run.
pub(super) struct Jq {
    filter: jaq_core::Filter<Data>,
}

/// Why an expression came to no result.
#[derive(Debug, thiserror::Error)]
#[error("the jq expression failed: {0}")]
pub(super) struct JqFailed(String);

impl Jq {
    /// Reads an expression.
    ///
    /// # Errors
    /// Where it is none, with the place.
    pub(super) fn read(text: &str) -> Result<Self, ConfigError> {
        let kept = |name: &str| !LEFT_OUT.contains(&name);
        let defs = jaq_core::defs()
            .chain(jaq_std::defs())
            .chain(jaq_json::defs())
            .filter(|def| kept(def.name));
        let funs = jaq_core::funs::<Data>()
            .chain(jaq_std::funs())
            .chain(jaq_json::funs())
            .filter(|(name, ..)| kept(name))
            .chain([jaq_core::native::run(("fromjson", Box::default(), |cv| {
                jaq_core::native::bome(from_json(&cv.1))
            }))]);
        let arena = Arena::default();
        let program = File {
            code: text,
            path: (),
        };
        let modules = Loader::new(defs)
            .load(&arena, program)
            .map_err(|errors| mistake(text, misread(errors)))?;
        let filter = Compiler::default()
            .with_funs(funs)
            .compile(modules)
            .map_err(|errors| mistake(text, undefined(errors)))?;
        Ok(Self { filter })
    }

    /// Runs it on one value and hands over each result.
    ///
    /// # Errors
    /// The expression's own, or those of `each`.
    pub(super) fn run(
        &self,
        input: Value,
        mut each: impl FnMut(Value) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let input = Val::deserialize(input).map_err(|error| JqFailed(error.to_string()))?;
        let context = Ctx::<Data>::new(&self.filter.lut, Vars::new([]));
        for result in self.filter.id.run((context, input)).map(unwrap_valr) {
            let result = result.map_err(|error| failed(&error))?;
            each(to_json(&result, MAX_DEPTH)?)?;
        }
        Ok(())
    }
}

/// Says why; the value that it is about is in the text as a whole, and may be all there is.
fn failed(error: &jaq_json::Error) -> JqFailed {
    const MOST: usize = 200;
    let text = error.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => JqFailed(format!("{}…", &text[..end])),
        None => JqFailed(text),
    }
}

fn from_json(text: &Val) -> jaq_json::ValR {
    let (Val::TStr(bytes) | Val::BStr(bytes)) = text else {
        return Err(jaq_json::Error::str("only a text can be parsed as JSON"));
    };
    serde_json::from_slice(bytes)
        .map_err(|error| jaq_json::Error::str(format_args!("this is not JSON: {error}")))
}

fn to_json(value: &Val, depth: usize) -> Result<Value, JqFailed> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(JqFailed(format!(
            "its result is more than {MAX_DEPTH} deep"
        )));
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(match value {
        Val::Null => Value::Null,
        Val::Bool(is) => (*is).into(),
        Val::Num(number) => to_number(number),
        Val::BStr(bytes) | Val::TStr(bytes) => text(bytes).into(),
        Val::Arr(list) => {
            let list = list.iter().map(|value| to_json(value, depth));
            Value::Array(list.collect::<Result<_, _>>()?)
        }
        Val::Obj(map) => {
            let entries = map.iter().map(|(key, value)| {
                // jaq allows other keys, JSON does not.
                let key = match key {
                    Val::BStr(bytes) | Val::TStr(bytes) => text(bytes),
                    other => to_json(other, depth)?.to_string(),
                };
                Ok((key, to_json(value, depth)?))
            });
            Value::Object(entries.collect::<Result<_, JqFailed>>()?)
        }
    })
}

/// As jq writes what JSON has no words for: `null` for no number, the largest for infinity.
fn to_number(number: &Num) -> Value {
    match number {
        Num::Int(whole) => (*whole).into(),
        Num::Float(real) if real.is_nan() => Value::Null,
        Num::Float(real) => real.clamp(f64::MIN, f64::MAX).into(),
        other => serde_json::from_str(&other.to_string()).unwrap_or(Value::Null),
    }
}

/// What is wrong, and the part of the expression that it is about; nothing where it is its
/// end.
type Found<'t> = (String, &'t str);

fn misread(errors: load::Errors<&str, ()>) -> Option<Found<'_>> {
    let (_, error) = errors.into_iter().next()?;
    match error {
        load::Error::Io(errors) => {
            let (path, _) = errors.into_iter().next()?;
            Some(("modules cannot be loaded".to_owned(), path))
        }
        load::Error::Lex(errors) => {
            let (expected, found) = errors.into_iter().next()?;
            let problem = match expected {
                load::lex::Expect::Token => "this means nothing here".to_owned(),
                expected => format!("a {} belongs here", expected.as_str()),
            };
            Some((problem, found))
        }
        load::Error::Parse(errors) => {
            let (expected, found) = errors.into_iter().next()?;
            Some((format!("a {} belongs here", expected.as_str()), found))
        }
    }
}

fn undefined(errors: compile::Errors<&str, ()>) -> Option<Found<'_>> {
    let (_, errors) = errors.into_iter().next()?;
    let (name, what) = errors.into_iter().next()?;
    let what = match what {
        compile::Undefined::Filter(arity) if arity > 0 => {
            format!("there is no filter `{name}` that takes {arity} arguments")
        }
        other => format!("there is no {} `{name}`", other.as_str()),
    };
    Some((what, name))
}

fn mistake(text: &str, found: Option<Found<'_>>) -> ConfigError {
    let (problem, at) = found.unwrap_or_else(|| ("it means nothing".to_owned(), ""));
    // What was found is a part of the text, so its address says where.
    let offset = (at.as_ptr() as usize).checked_sub(text.as_ptr() as usize);
    let before = offset.and_then(|offset| text.get(..offset)).unwrap_or(text);
    let column = before.chars().count() + 1;
    ConfigError {
        message: format!(
            "column {column} of the jq expression `{text}`: {problem}"
        ),
        hint: "the language is described at https://jqlang.org/manual/; put the expression in single quotes, so that the shell leaves it alone".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(expression: &str, input: Value) -> Result<Vec<Value>, String> {
        let mut results = Vec::new();
        let jq = Jq::read(expression).map_err(|error| error.message)?;
        jq.run(input, |value| {
            results.push(value);
            Ok(())
        })
        .map_err(|error| error.to_string())?;
        Ok(results)
    }

    #[test]
    fn expressions_do_what_jq_does() {
        let input = json!([{"id": 1, "body": "{\"a\":[1,2.5]}"}, {"id": 18_446_744_073_709_551_615_u64, "body": "x"}]);
        for (expression, results) in [
            (".", vec![input.clone()]),
            (
                ".[].id",
                vec![json!(1), json!(18_446_744_073_709_551_615_u64)],
            ),
            ("map(select(.id < 9)) | length", vec![json!(1)]),
            (".[0].body | fromjson | .a[1]", vec![json!(2.5)]),
            (".[0] | keys", vec![json!(["body", "id"])]),
            (
                "\"a\\tb\", null, true",
                vec![json!("a\tb"), json!(null), json!(true)],
            ),
            ("nan, infinite", vec![json!(null), json!(f64::MAX)]),
            ("empty", vec![]),
            ("[.[].body | test(\"^x\")]", vec![json!([false, true])]),
            (
                ".[0].body | fromjson? // \"no\"",
                vec![json!({"a": [1, 2.5]})],
            ),
            (".[1].body | fromjson? // \"no\"", vec![json!("no")]),
            ("\"12\" | tonumber", vec![json!(12)]),
            (
                "[.[] | {id, b: (.body | length)}] | .[0]",
                vec![json!({"id": 1, "b": 13})],
            ),
        ] {
            assert_eq!(run(expression, input.clone()), Ok(results), "{expression}");
        }
    }

    #[test]
    fn a_mistake_is_pointed_at() {
        for (expression, message) in [
            (
                ".a | foo",
                "column 6 of the jq expression `.a | foo`: there is no filter `foo`",
            ),
            (
                "map(foo(1))",
                "column 5 of the jq expression `map(foo(1))`: there is no filter `foo` that takes 1 arguments",
            ),
            (".a | ", "column 6 "),
            (
                "\"é\" | $x",
                "column 7 of the jq expression `\"é\" | $x`: there is no variable `$x`",
            ),
            (
                ".é",
                "column 2 of the jq expression `.é`: this means nothing here",
            ),
            ("(.a", "column 4 "),
            (".a }", "column 4 "),
            ("\"a", "column 3 "),
            ("include \"x\"; .", "modules cannot be loaded"),
            ("env", "there is no filter `env`"),
            ("$ENV", "there is no variable `$ENV`"),
            ("halt", "there is no filter `halt`"),
            ("halt_error(1)", "there is no filter `halt_error`"),
            ("input", "there is no filter `input`"),
            ("debug", "there is no filter `debug`"),
        ] {
            let error = run(expression, Value::Null).unwrap_err();
            assert!(error.contains(message), "{expression}: {error}");
        }
    }

    #[test]
    fn a_failure_is_told() {
        assert_eq!(
            run(".a", json!([1])).unwrap_err().split(':').next(),
            Some("the jq expression failed")
        );
        let error = run(".a", json!(["x".repeat(1000)])).unwrap_err();
        assert!(error.ends_with("xxx…") && error.len() < 300, "{error}");
        assert!(
            run("error(\"mine\")", Value::Null)
                .unwrap_err()
                .contains("mine")
        );
    }

    #[test]
    fn depth_ends_nothing() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let error = run(".[0] | fromjson", json!([deep])).unwrap_err();
        assert!(error.contains("recursion limit"), "{error}");
        let error = run("reduce range(600) as $i (0; [.])", Value::Null).unwrap_err();
        assert!(error.contains("more than 500 deep"), "{error}");
    }
}
