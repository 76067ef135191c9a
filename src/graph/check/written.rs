//! Finds in a mapping's text what a shape came from: the value at a place, a string that is written out. Not for meaning.

use crate::mapping::ast::{Expr, ExprKind, Head, Item, Mapping, Root, Span, Step, SubSelection};

/// The expression that stands at a place; none for a selection as a whole.
pub(super) fn value_at<'m>(mapping: &'m Mapping, span: &Span) -> Option<&'m Expr> {
    find(mapping, &|expr| expr.span == *span)
}

/// Where a text is written out as a string, within a part of the mapping.
pub(super) fn literal(mapping: &Mapping, within: Option<&Span>, text: &str) -> Option<Span> {
    let inside = |span: &Span| within.is_none_or(|part| part.start <= span.start && span.end <= part.end);
    let found = find(mapping, &|expr| {
        inside(&expr.span) && matches!(&expr.kind, ExprKind::String(string) if string == text)
    });
    found.map(|expr| expr.span.clone())
}

/// Whether a value is read by keys alone: no method that could make an object of it.
pub(super) fn is_plain(value: &Expr) -> bool {
    match &value.kind {
        ExprKind::Path(path) => !path.steps.iter().any(|step| matches!(step, Step::Method { .. })),
        ExprKind::Chain { operands, .. } => operands.iter().all(is_plain),
        _ => true,
    }
}

/// As [`is_plain`], for a whole mapping.
pub(super) fn is_plain_mapping(mapping: &Mapping) -> bool {
    match &mapping.root {
        Root::Expression(value) => is_plain(value),
        Root::Selection(selection) => selection.items.iter().all(|item| match item {
            Item::Spread { value, .. } => is_plain(value),
            Item::Named { .. } => false,
        }),
    }
}

type Wanted<'w> = &'w dyn Fn(&Expr) -> bool;

fn find<'m>(mapping: &'m Mapping, wanted: Wanted<'_>) -> Option<&'m Expr> {
    match &mapping.root {
        Root::Selection(selection) => in_selection(selection, wanted),
        Root::Expression(value) => in_expression(value, wanted),
    }
}

fn in_selection<'m>(selection: &'m SubSelection, wanted: Wanted<'_>) -> Option<&'m Expr> {
    selection.items.iter().find_map(|item| match item {
        Item::Named { value, .. } | Item::Spread { value, .. } => in_expression(value, wanted),
    })
}

fn in_expression<'m>(expr: &'m Expr, wanted: Wanted<'_>) -> Option<&'m Expr> {
    if wanted(expr) {
        return Some(expr);
    }
    match &expr.kind {
        ExprKind::Null | ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String(_) => None,
        ExprKind::Array(parts) | ExprKind::Chain { operands: parts, .. } => {
            parts.iter().find_map(|part| in_expression(part, wanted))
        }
        ExprKind::Object(selection) => in_selection(selection, wanted),
        ExprKind::Path(path) => {
            let head = match &path.head {
                Head::Expr(inner) => in_expression(inner, wanted),
                _ => None,
            };
            head.or_else(|| path.steps.iter().find_map(|step| in_step(step, wanted)))
        }
    }
}

fn in_step<'m>(step: &'m Step, wanted: Wanted<'_>) -> Option<&'m Expr> {
    match step {
        Step::Select(selection) => in_selection(selection, wanted),
        Step::Method { arguments, .. } => {
            arguments.iter().find_map(|argument| in_expression(argument, wanted))
        }
        Step::Key(_) | Step::Optional(_) => None,
    }
}
