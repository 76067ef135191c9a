//! A mapping as text again, in the grammar of `connect/v0.4`: for people who want to see what is left of one that was pruned.
//! Comments and the way it was laid out are not kept.

use std::fmt::{Display, Formatter, Result};

use super::ast::{Expr, ExprKind, Head, Item, Key, Path, Root, Step, SubSelection};

impl Display for Root {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Root::Selection(selection) => items(selection, f),
            Root::Expression(expr) => expression(expr, f),
        }
    }
}

fn items(selection: &SubSelection, f: &mut Formatter<'_>) -> Result {
    for (index, item) in selection.items.iter().enumerate() {
        if index > 0 {
            f.write_str(" ")?;
        }
        match item {
            Item::Named { name, value } => named(name, value, f)?,
            Item::Spread { value, explicit, .. } => {
                f.write_str(if *explicit { "..." } else { "" })?;
                expression(value, f)?;
            }
        }
    }
    Ok(())
}

fn braces(selection: &SubSelection, f: &mut Formatter<'_>) -> Result {
    if selection.items.is_empty() {
        return f.write_str("{}");
    }
    f.write_str("{ ")?;
    items(selection, f)?;
    f.write_str(" }")
}

/// `name`, `name { … }` or `name: expression`.
fn named(name: &Key, value: &Expr, f: &mut Formatter<'_>) -> Result {
    if let ExprKind::Path(Path { head: Head::Key(key), steps }) = &value.kind
        && key.name == name.name
        && is_plain(&name.name)
    {
        match steps.as_slice() {
            [] => return f.write_str(&name.name),
            [Step::Select(selection)] => {
                write!(f, "{} ", name.name)?;
                return braces(selection, f);
            }
            _ => {}
        }
    }
    key(&name.name, f)?;
    f.write_str(": ")?;
    expression(value, f)
}

fn expression(expr: &Expr, f: &mut Formatter<'_>) -> Result {
    match &expr.kind {
        ExprKind::Null => f.write_str("null"),
        ExprKind::Bool(value) => write!(f, "{value}"),
        ExprKind::Number(text) => f.write_str(text),
        ExprKind::String(text) => string(text, f),
        ExprKind::Array(elements) => {
            f.write_str("[")?;
            list(elements, ", ", f)?;
            f.write_str("]")
        }
        ExprKind::Object(selection) => braces(selection, f),
        ExprKind::Path(written) => path(written, f),
        ExprKind::Chain { operator, operands } => list(operands, &format!(" {} ", operator.as_str()), f),
    }
}

fn list(elements: &[Expr], separator: &str, f: &mut Formatter<'_>) -> Result {
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        expression(element, f)?;
    }
    Ok(())
}

fn path(path: &Path, f: &mut Formatter<'_>) -> Result {
    match &path.head {
        Head::Dollar => f.write_str("$")?,
        Head::At => f.write_str("@")?,
        Head::Variable(name) => write!(f, "${}", name.name)?,
        Head::Key(name) if is_plain(&name.name) => f.write_str(&name.name)?,
        // Quoted, or a keyword: alone it would be a literal.
        Head::Key(name) => {
            f.write_str("$.")?;
            string(&name.name, f)?;
        }
        Head::Expr(inner) => {
            f.write_str("$(")?;
            expression(inner, f)?;
            f.write_str(")")?;
        }
    }
    for step in &path.steps {
        match step {
            Step::Key(name) => {
                f.write_str(".")?;
                key(&name.name, f)?;
            }
            Step::Method { name, arguments, .. } => {
                write!(f, "->{}", name.name)?;
                if !arguments.is_empty() {
                    f.write_str("(")?;
                    list(arguments, ", ", f)?;
                    f.write_str(")")?;
                }
            }
            Step::Optional(_) => f.write_str("?")?,
            Step::Select(selection) => {
                f.write_str(" ")?;
                braces(selection, f)?;
            }
        }
    }
    Ok(())
}

fn key(name: &str, f: &mut Formatter<'_>) -> Result {
    if is_plain(name) { f.write_str(name) } else { string(name, f) }
}

/// Whether a key can stand without quotes wherever a key may stand.
fn is_plain(name: &str) -> bool {
    let mut letters = name.chars();
    let first = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    let rest = letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    first && rest && !["true", "false", "null"].contains(&name)
}

fn string(text: &str, f: &mut Formatter<'_>) -> Result {
    f.write_str("\"")?;
    for letter in text.chars() {
        match letter {
            '"' | '\\' => write!(f, "\\{letter}")?,
            '\n' => f.write_str("\\n")?,
            other => write!(f, "{other}")?,
        }
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    use crate::mapping::{ast::Grammar, parse};

    #[test]
    fn what_is_shown_reads_as_it_was_meant() {
        let cases = [
            ("id  name # comment", "id name"),
            ("id: id, n: full_name, a { b c: d.e }", "id n: full_name a { b c: d.e }"),
            ("$.items { id at: $.at? all: $ }", "$.items { id at: $.at? all: $ }"),
            ("$args.ids->map({ id: @ })->first", "$args.ids->map({ id: @ })->first"),
            (
                "a: 'it\\'s' b: \"\\\"\\\\\\n\" c: null d: -.5",
                "a: \"it's\" b: \"\\\"\\\\\\n\" c: null d: -0.5",
            ),
            ("'a b' 'c d': e f: $.'g h'.\"i\"", "\"a b\": $.\"a b\" \"c d\": e f: $.\"g h\".i"),
            ("a: $(b ?? [1, {}]->echo(@)) ...c d.e { f }", "a: $(b ?? $([1, {}])->echo(@)) ...c d.e { f }"),
            ("x: $.a ?! $.b->as($v, 1)", "x: $.a ?! $.b->as($v, 1)"),
        ];
        for (text, expected) in cases {
            let shown = |text: &str| parse(text, Grammar::V0_4).expect(text).root.to_string();
            assert_eq!(shown(text), expected);
            assert_eq!(shown(expected), expected);
        }
    }
}
