//! Where a mapping reads data: `$`, `@` or a bare key outside of anything that binds them. In a request there is no data yet,
//! and without a request there never is.

use crate::mapping::ast::{Expr, ExprKind, Head, Item, Mapping, Path, Root, Span, Step, SubSelection};

/// A read of the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::graph) struct DataRead {
    /// The first key that is read; none for the data as a whole.
    pub(in crate::graph) key: Option<String>,
    /// Where.
    pub(in crate::graph) span: Span,
}

/// Every read of the data that a mapping is applied to.
pub(in crate::graph) fn data_reads(mapping: &Mapping) -> Vec<DataRead> {
    let mut walk = Walk { found: Vec::new() };
    match &mapping.root {
        Root::Selection(selection) => walk.selection(selection, Bound::NOTHING),
        Root::Expression(expr) => walk.expression(expr, Bound::NOTHING),
    }
    walk.found
}

/// Which of `$` and `@` stand for something other than the data.
#[derive(Debug, Clone, Copy)]
struct Bound {
    dollar: bool,
    at: bool,
}

impl Bound {
    const NOTHING: Self = Bound { dollar: false, at: false };
}

struct Walk {
    found: Vec<DataRead>,
}

impl Walk {
    fn selection(&mut self, selection: &SubSelection, bound: Bound) {
        for item in &selection.items {
            match item {
                Item::Named { value, .. } | Item::Spread { value, .. } => self.expression(value, bound),
            }
        }
    }

    fn expression(&mut self, expr: &Expr, bound: Bound) {
        match &expr.kind {
            ExprKind::Null | ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String(_) => {}
            ExprKind::Array(parts) | ExprKind::Chain { operands: parts, .. } => {
                parts.iter().for_each(|part| self.expression(part, bound));
            }
            ExprKind::Object(selection) => self.selection(selection, bound),
            ExprKind::Path(path) => self.path(path, expr, bound),
        }
    }

    fn path(&mut self, path: &Path, expr: &Expr, bound: Bound) {
        let first_key = || match path.steps.first() {
            Some(Step::Key(key)) => Some(key.name.clone()),
            _ => None,
        };
        let read = match &path.head {
            Head::Key(key) if !bound.dollar => Some(Some(key.name.clone())),
            Head::Dollar if !bound.dollar => Some(first_key()),
            Head::At if !bound.at => Some(first_key()),
            Head::Expr(inner) => {
                self.expression(inner, bound);
                None
            }
            _ => None,
        };
        self.found.extend(read.map(|key| DataRead { key, span: expr.span.clone() }));
        for step in &path.steps {
            match step {
                Step::Key(_) | Step::Optional(_) => {}
                // Inside, both stand for the value of the path; if that is the data, it was found above.
                Step::Select(selection) => self.selection(selection, Bound { dollar: true, at: true }),
                Step::Method { arguments, .. } => {
                    arguments
                        .iter()
                        .for_each(|argument| self.expression(argument, Bound { at: true, ..bound }));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{ast::Grammar, parse};

    #[test]
    fn only_what_nothing_binds() {
        let cases = [
            ("$args.id", ""),
            ("id: $args.id name", "name"),
            ("$args { id x: $.x y: @.y }", ""),
            ("$args.ids->map(@.id)", ""),
            ("$args.ids->map($.id)", "id"),
            ("a: { b: $.c.d }", "c"),
            ("a: $ b: [@, \"x\"]", "? ?"),
            ("a: $args.x ?? y", "y"),
            ("list { id }", "list"),
        ];
        for (text, expected) in cases {
            let reads = data_reads(&parse(text, Grammar::V0_4).unwrap());
            let keys: Vec<String> =
                reads.into_iter().map(|read| read.key.unwrap_or("?".to_owned())).collect();
            assert_eq!(keys.join(" "), expected, "{text}");
        }
    }
}
