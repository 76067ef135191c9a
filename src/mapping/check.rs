//! What can be seen to be wrong in a parsed mapping without running it and without a schema: methods that do not exist or
//! are given too few or too many arguments. Variables are in `references`, what the mapping gives is in `shape`.

use super::{
    ast::{Expr, ExprKind, Head, Item, Key, Mapping, Root, Span, Step, SubSelection},
    methods,
    parse::ParseError,
    references::local_name,
};

/// Every use of a method that could only give missing, in the order of the text.
#[must_use]
pub fn check(mapping: &Mapping) -> Vec<ParseError> {
    let mut faults = Vec::new();
    match &mapping.root {
        Root::Selection(items) => selection(items, &mut faults),
        Root::Expression(expr) => expression(expr, &mut faults),
    }
    faults
}

fn selection(selection: &SubSelection, faults: &mut Vec<ParseError>) {
    for item in &selection.items {
        match item {
            Item::Named { value, .. } | Item::Spread { value, .. } => expression(value, faults),
        }
    }
}

fn expression(expr: &Expr, faults: &mut Vec<ParseError>) {
    match &expr.kind {
        ExprKind::Null | ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String(_) => {}
        ExprKind::Array(parts) | ExprKind::Chain { operands: parts, .. } => {
            parts.iter().for_each(|part| expression(part, faults));
        }
        ExprKind::Object(items) => selection(items, faults),
        ExprKind::Path(path) => {
            if let Head::Expr(inner) = &path.head {
                expression(inner, faults);
            }
            for step in &path.steps {
                match step {
                    Step::Key(_) | Step::Optional(_) => {}
                    Step::Select(items) => selection(items, faults),
                    Step::Method { name, arguments, span, .. } => {
                        faults.extend(method(name, arguments, span));
                        arguments.iter().for_each(|argument| expression(argument, faults));
                    }
                }
            }
        }
    }
}

fn method(name: &Key, arguments: &[Expr], span: &Span) -> Option<ParseError> {
    let Some(taken) = methods::arguments_of(&name.name) else {
        let error = ParseError::new(format!("Method ->{} does not exist", name.name), name.span.clone());
        return Some(match nearest(&name.name) {
            Some(nearest) => error.help(format!("Did you mean `->{nearest}`?")),
            None => error,
        });
    };
    if name.name == "as" && arguments.first().and_then(local_name).is_none() {
        let error = ParseError::new("Method ->as takes a variable first", span.clone());
        return Some(error.help("Write `->as($name)` or `->as($name, expression)`."));
    }
    if taken.contains(&arguments.len()) {
        return None;
    }
    let arity = methods::Arity((*taken.start(), *taken.end()));
    let message = format!("Method ->{} takes {arity}, not {}", name.name, arguments.len());
    Some(ParseError::new(message, span.clone()))
}

/// The method whose name is most like another, if one is like it at all.
fn nearest(name: &str) -> Option<&'static str> {
    let distances = methods::names().map(|known| (strsim::damerau_levenshtein(known, name), known));
    // Of two letters, one says too little: `id` is not `in`.
    let is_like = |distance: usize| distance <= 2 && distance * 2 < name.chars().count();
    distances.min().filter(|(distance, _)| is_like(*distance)).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{ast::Grammar, parse::parse};

    #[test]
    fn methods_that_cannot_work_are_found_wherever_they_stand() {
        let text = "a: b->frist c { d: $([e->map]) } f: g->as(1) h: i->match([1, j->whatever(2)]) k: l->slice(1, 2, 3)";
        let faults = check(&parse(text, Grammar::V0_4).unwrap());
        let shown: Vec<String> = faults
            .iter()
            .map(|fault| {
                format!("{}: {fault}. {}", &text[fault.span.clone()], fault.help.as_deref().unwrap_or(""))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "frist: Method ->frist does not exist. Did you mean `->first`?",
                "->map: Method ->map takes one argument, not 0. ",
                "->as(1): Method ->as takes a variable first. Write `->as($name)` or `->as($name, expression)`.",
                "whatever: Method ->whatever does not exist. ",
                "->slice(1, 2, 3): Method ->slice takes 1 to 2 arguments, not 3. ",
            ]
        );
    }

    #[test]
    fn what_works_is_not_complained_about() {
        let text = "a: b->map(@->add(1, 2))->as($x)->and($x) c: d->first";
        assert!(check(&parse(text, Grammar::V0_4).unwrap()).is_empty());
    }
}
