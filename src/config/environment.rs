//! `${NAME}`, `${NAME:-default}` and `$${` in the strings of connector files and `ficus.yaml`.
//! Works on single strings after YAML is parsed, so what is read can never become YAML or a template.

use std::fmt;

/// Where environment variables come from: the process, or a test.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A string with its variables filled in. What came from the environment stays apart from what was written.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    /// As it stands in the file, for messages.
    pub written: String,
    /// In order.
    pub pieces: Vec<Piece>,
}

/// A part of a [`Text`].
#[derive(Clone, PartialEq, Eq)]
pub enum Piece {
    /// Stands in the file.
    Written(String),
    /// Came from the environment, a default or an escape: sent as it stands, never interpreted, never shown.
    Literal(String),
}

impl Text {
    /// The whole value. Not for messages.
    #[must_use]
    pub fn value(&self) -> String {
        self.pieces.iter().map(Piece::as_str).collect()
    }

    /// Whether a part must not be interpreted or shown.
    #[must_use]
    pub fn has_literal(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Literal(_)))
    }
}

impl Piece {
    fn as_str(&self) -> &str {
        match self {
            Piece::Written(text) | Piece::Literal(text) => text,
        }
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Piece::Written(text) => write!(f, "Written({text:?})"),
            Piece::Literal(_) => f.write_str("Literal(…)"),
        }
    }
}

/// Shows what was written, never what was read.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.written)
    }
}

/// What can be wrong with a reference to a variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// No such variable, and no default.
    #[error("the environment variable `{0}` is not set")]
    Missing(String),
    /// `${` without its end, or not a name inside.
    #[error("`${{` must be followed by a variable's name and `}}` (a literal `${{` is written `$${{`)")]
    Malformed,
}

/// Fills in the variables. `template` strings keep what stands in `{ … }` untouched: mappings read `$env.NAME`.
///
/// # Errors
/// All that is wrong with its references.
pub fn interpolate(written: &str, template: bool, lookup: Lookup<'_>) -> Result<Text, Vec<EnvironmentError>> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut errors = Vec::new();
    let mut rest = written;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("$${") {
            if template {
                push_literal(&mut pieces, &mut plain, "${".to_owned());
            } else {
                plain.push_str("${");
            }
            rest = after;
        } else if let Some(after) = rest.strip_prefix("${") {
            match reference(after) {
                Some((name, default, after)) => {
                    // As in a shell, a default also stands in for an empty variable.
                    let set = lookup(name).filter(|value| !value.is_empty() || default.is_none());
                    match set.or_else(|| default.map(str::to_owned)) {
                        Some(value) => push_literal(&mut pieces, &mut plain, value),
                        None => errors.push(EnvironmentError::Missing(name.to_owned())),
                    }
                    rest = after;
                }
                None => {
                    errors.push(EnvironmentError::Malformed);
                    rest = after;
                }
            }
        } else {
            let length = if template && c == '{' { expression(rest) } else { c.len_utf8() };
            let (taken, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            plain.push_str(taken);
            rest = after;
        }
    }
    if !plain.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Written(plain));
    }
    if errors.is_empty() { Ok(Text { written: written.to_owned(), pieces }) } else { Err(errors) }
}

fn push_literal(pieces: &mut Vec<Piece>, plain: &mut String, text: String) {
    if !plain.is_empty() {
        pieces.push(Piece::Written(std::mem::take(plain)));
    }
    pieces.push(Piece::Literal(text));
}

/// What stands after `${`: the name, the default, and the text after `}`.
fn reference(text: &str) -> Option<(&str, Option<&str>, &str)> {
    let (inside, after) = text.split_once('}')?;
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let valid =
        !name.is_empty() && name.chars().all(letters) && !name.starts_with(|c: char| c.is_ascii_digit());
    valid.then_some((name, default, after))
}

/// The length of `{ … }` in bytes, braces and quotes balanced; all of the text when it is never closed.
fn expression(text: &str) -> usize {
    let mut depth = 0usize;
    let mut quote = None;
    let mut escaped = false;
    for (offset, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') => {
                depth -= 1;
                if depth == 0 {
                    return offset + 1;
                }
            }
            (None, _) => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "KEY" => Some("s{3}cret".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    fn filled(text: &str) -> String {
        interpolate(text, false, &lookup).unwrap().value()
    }

    #[test]
    fn variables_defaults_and_escapes() {
        assert_eq!(filled("Bearer ${KEY}!"), "Bearer s{3}cret!");
        assert_eq!(filled("${PORT:-http://a:80}"), "http://a:80");
        assert_eq!(filled("${EMPTY:-x}"), "x");
        assert_eq!(filled("${EMPTY}"), "");
        assert_eq!(filled("${PORT:-}"), "");
        assert_eq!(filled("$${KEY} $KEY $"), "${KEY} $KEY $");
        assert_eq!(filled(""), "");
    }

    #[test]
    fn every_missing_variable_is_named() {
        let errors = interpolate("${A}${B} ${1x} ${", false, &lookup).unwrap_err();
        let missing = |name: &str| EnvironmentError::Missing(name.to_owned());
        let malformed = EnvironmentError::Malformed;
        assert_eq!(errors, [missing("A"), missing("B"), malformed.clone(), malformed]);
    }

    #[test]
    fn expressions_of_a_template_are_left_alone() {
        let text = interpolate("{$config.a->echo(\"}${KEY}\")}/${KEY}", true, &lookup).unwrap();
        assert_eq!(
            text.pieces,
            [
                Piece::Written("{$config.a->echo(\"}${KEY}\")}/".to_owned()),
                Piece::Literal("s{3}cret".to_owned())
            ]
        );
        let escaped = interpolate("$${a}", true, &lookup).unwrap();
        assert_eq!(escaped.pieces, [Piece::Literal("${".to_owned()), Piece::Written("a}".to_owned())]);
    }

    #[test]
    fn what_was_read_is_never_shown() {
        let text = interpolate("${KEY}", false, &lookup).unwrap();
        assert_eq!(format!("{text:?}"), "\"${KEY}\"");
    }
}
