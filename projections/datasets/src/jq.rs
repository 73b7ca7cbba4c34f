//! `--where`: a jq filter over one line. A line is kept when the filter's first answer is neither `false`
//! nor `null`.

use jaq_core::data::JustLut;
use jaq_core::load::{Arena, File, Loader, lex, parse};
use jaq_core::{Compiler, Ctx, Filter, Vars, unwrap_valr};
use jaq_json::Val;

/// Characters of a filter, at most.
const MOST_CHARS: usize = 4_096;

/// A filter that cannot be read; shows where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--where cannot be read: {what}\n  {line}\n  {:>at$}", "^", at = at + 1)]
pub struct JqError {
    /// What is wrong.
    pub what: String,
    /// The line of the filter.
    pub line: String,
    /// Characters of it before the place.
    pub at: usize,
}

/// A compiled filter.
pub struct Jq(Filter<JustLut<Val>>);

impl std::fmt::Debug for Jq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jq")
    }
}

impl Jq {
    /// Compiles a filter, with jq's own functions.
    ///
    /// # Errors
    /// [`JqError`] with the first place that is wrong.
    pub fn new(code: &str) -> Result<Self, JqError> {
        if code.chars().count() > MOST_CHARS {
            return Err(JqError { what: format!("more than {MOST_CHARS} characters"), line: String::new(), at: 0 });
        }
        let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let funs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let arena = Arena::default();
        let modules = Loader::new(defs).load(&arena, File { code, path: () }).map_err(|errors| {
            let first = errors.into_iter().next().map(|(_, error)| error);
            match first {
                Some(jaq_core::load::Error::Lex(errors)) => first_lex(code, &errors),
                Some(jaq_core::load::Error::Parse(errors)) => first_parse(code, &errors),
                _ => pointing(code, "it cannot be loaded".to_owned(), None),
            }
        })?;
        let compiled = Compiler::default().with_funs(funs).compile(modules);
        compiled.map(Self).map_err(|errors| {
            let first = errors.into_iter().next().and_then(|(_, errors)| errors.into_iter().next());
            let (name, kind) = first.map_or(("", "symbol"), |(name, undefined)| (name, undefined.as_str()));
            pointing(code, format!("there is no {kind} `{name}`"), Some(name))
        })
    }

    /// Whether a line, as JSON, is kept. What the filter cannot be applied to is not.
    #[must_use]
    pub fn keeps(&self, json: &[u8]) -> bool {
        let Ok(input) = jaq_json::read::parse_single(json) else { return false };
        let context = Ctx::<JustLut<Val>>::new(&self.0.lut, Vars::new([]));
        let first = self.0.id.run((context, input)).map(unwrap_valr).next();
        matches!(first, Some(Ok(value)) if !matches!(value, Val::Null | Val::Bool(false)))
    }
}

fn first_lex(code: &str, errors: &[lex::Error<&str>]) -> JqError {
    let Some((expected, found)) = errors.first() else { return pointing(code, "it cannot be read".to_owned(), None) };
    pointing(code, format!("{} expected", expected.as_str()), Some(found))
}

fn first_parse(code: &str, errors: &[parse::Error<&str>]) -> JqError {
    let Some((expected, found)) = errors.first() else { return pointing(code, "it cannot be read".to_owned(), None) };
    let but = if found.is_empty() { "the end" } else { found };
    pointing(code, format!("{} expected, but {but} stands there", expected.as_str()), Some(found))
}

/// `found` is a part of `code`, by address; an empty one stands at the end.
fn pointing(code: &str, what: String, found: Option<&str>) -> JqError {
    let within = found.map(|found| (found.as_ptr() as usize).wrapping_sub(code.as_ptr() as usize));
    let byte = within.filter(|&at| at <= code.len() && code.is_char_boundary(at)).unwrap_or(code.len());
    let start = code[..byte].rfind('\n').map_or(0, |at| at + 1);
    let line = code[start..].lines().next().unwrap_or_default().to_owned();
    JqError { what, line, at: code[start..byte].chars().count() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_keeps_what_is_neither_false_nor_null() {
        let line = br#"{"event":"MESSAGE_CREATE","data":{"content":"hi there","n":3}}"#;
        for (filter, kept) in [
            (".data.n > 2", true),
            (".data.n > 3", false),
            (".data.missing", false),
            (".data.content | test(\"^hi\")", true),
            (".event == \"MESSAGE_CREATE\" and (.data | has(\"n\"))", true),
            (".data.content.deeper", false),
            ("empty", false),
        ] {
            assert_eq!(Jq::new(filter).expect(filter).keeps(line), kept, "{filter}");
        }
        assert!(!Jq::new(".").expect("a filter").keeps(b"{not json"));
    }

    #[test]
    fn what_cannot_be_read_shows_the_place() {
        let error = Jq::new(".data.n >").expect_err("cut");
        assert_eq!((error.at, error.line.as_str()), (9, ".data.n >"));
        let error = Jq::new(".a | nosuch(1)").expect_err("unknown");
        assert_eq!(error.at, 5);
        assert!(error.to_string().ends_with("\n  .a | nosuch(1)\n       ^"), "{error}");
        let error = Jq::new(".a |\n .b | (").expect_err("open");
        assert_eq!(error.line, " .b | (");
        assert!(Jq::new(&"(".repeat(5_000)).is_err());
    }
}
