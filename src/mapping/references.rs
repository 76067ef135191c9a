//! Which variables a mapping reads, and how deep. Connectors infer their keys and inputs from it, the checker looks each up.
//!
//! A path is followed as long as it is plain: `$this.address.city` reads `address.city`. Where `$` or `@` is bound to a
//! variable's value (`$this { id }`, `$batch->map(@.id)`), what is read through them counts as read from the variable.

use super::{
    ast::{Expr, ExprKind, Head, Item, Key, Mapping, Path, Root, Span, Step, SubSelection},
    template::{Part, Template, UrlTemplate},
};

/// One place where a mapping reads a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Its name, without `$`. Locals bound by `->as($x)` are not listed, unbound ones are.
    pub variable: String,
    /// The keys read below it; stops where a method takes the value. Empty for the whole variable.
    pub path: Vec<String>,
    /// Where it is read.
    pub span: Span,
}

/// Every variable that a mapping reads, in order.
#[must_use]
pub fn references(mapping: &Mapping) -> Vec<Reference> {
    let mut walk = Walk::default();
    match &mapping.root {
        Root::Selection(selection) => walk.selection(selection, &Scope::default()),
        Root::Expression(value) => walk.value(value, &Scope::default()),
    }
    walk.found
}

/// Every variable that a template reads, in order; spans count in the template's text.
#[must_use]
pub fn references_of_template(template: &Template) -> Vec<Reference> {
    let mut found = Vec::new();
    for part in &template.parts {
        if let Part::Expression { mapping, span } = part {
            found.extend(references(mapping).into_iter().map(|reference| Reference {
                span: reference.span.start + span.start..reference.span.end + span.start,
                ..reference
            }));
        }
    }
    found
}

/// Every variable that a URL reads, in order; spans count in the URL's text.
#[must_use]
pub fn references_of_url(url: &UrlTemplate) -> Vec<Reference> {
    let sections = url.origin.iter().chain([&url.path]).chain(&url.query);
    sections.flat_map(references_of_template).collect()
}

/// Where a value is known to come from.
#[derive(Debug, Clone, PartialEq)]
struct Origin {
    variable: String,
    path: Vec<String>,
}

/// What `$`, `@` and the locals stand for: a variable's value, or something else (`None`).
#[derive(Debug, Clone, Default)]
struct Scope {
    dollar: Option<Origin>,
    at: Option<Origin>,
    locals: Vec<(String, Option<Origin>)>,
}

#[derive(Default)]
struct Walk {
    found: Vec<Reference>,
}

impl Walk {
    fn add(&mut self, origin: Option<&Origin>, span: Span) {
        if let Some(Origin { variable, path }) = origin {
            self.found.push(Reference { variable: variable.clone(), path: path.clone(), span });
        }
    }

    /// An expression whose whole value is used.
    fn value(&mut self, expr: &Expr, scope: &Scope) {
        match &expr.kind {
            ExprKind::Null | ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String(_) => {}
            ExprKind::Array(operands) | ExprKind::Chain { operands, .. } => {
                operands.iter().for_each(|operand| self.value(operand, scope));
            }
            ExprKind::Object(selection) => self.selection(selection, scope),
            ExprKind::Path(path) => {
                let origin = self.path(path, expr, scope);
                self.add(origin.as_ref(), expr.span.clone());
            }
        }
    }

    fn selection(&mut self, selection: &SubSelection, scope: &Scope) {
        for item in &selection.items {
            match item {
                Item::Named { value, .. } | Item::Spread { value, .. } => self.value(value, scope),
            }
        }
    }

    /// Follows a path; gives where its value comes from, where that is a variable and nothing has read it yet.
    fn path(&mut self, path: &Path, expr: &Expr, scope: &Scope) -> Option<Origin> {
        let mut scope = scope.clone();
        let mut origin = self.head(&path.head, &scope);
        for step in &path.steps {
            match step {
                Step::Key(key) => origin = origin.map(|origin| origin.key(key)),
                Step::Optional(_) => {}
                Step::Select(selection) => {
                    let inner =
                        Scope { dollar: origin.clone(), at: origin.clone(), locals: scope.locals.clone() };
                    self.through(&origin, expr, |walk| walk.selection(selection, &inner));
                    origin = None;
                }
                Step::Method { name, arguments, .. } => {
                    origin = self.method(name, arguments, origin, expr, &mut scope);
                }
            }
        }
        origin
    }

    fn head(&mut self, head: &Head, scope: &Scope) -> Option<Origin> {
        match head {
            Head::Dollar => scope.dollar.clone(),
            Head::At => scope.at.clone(),
            Head::Key(key) => scope.dollar.clone().map(|origin| origin.key(key)),
            Head::Variable(name) => match scope.locals.iter().rev().find(|(local, _)| *local == name.name) {
                Some((_, origin)) => origin.clone(),
                None => Some(Origin { variable: name.name.clone(), path: Vec::new() }),
            },
            Head::Expr(inner) => match &inner.kind {
                ExprKind::Path(path) => self.path(path, inner, scope),
                _ => {
                    self.value(inner, scope);
                    None
                }
            },
        }
    }

    fn method(
        &mut self,
        name: &Key,
        arguments: &[Expr],
        origin: Option<Origin>,
        expr: &Expr,
        scope: &mut Scope,
    ) -> Option<Origin> {
        let inner = Scope { at: origin.clone(), ..scope.clone() };
        match name.name.as_str() {
            "as" => {
                let bound = match arguments.get(1) {
                    Some(Expr { kind: ExprKind::Path(path), .. }) => self.path(path, expr, &inner),
                    Some(value) => {
                        self.value(value, &inner);
                        None
                    }
                    None => origin.clone(),
                };
                if let Some(local) = arguments.first().and_then(local_name) {
                    scope.locals.push((local.to_owned(), bound));
                }
                origin
            }
            // What they give are elements of what they take.
            "first" | "last" | "slice" | "filter" | "find" | "withError" | "withWarning" => {
                arguments.iter().for_each(|argument| self.value(argument, &inner));
                origin
            }
            // They read their input through the argument alone.
            "map" => {
                self.through(&origin, expr, |walk| {
                    arguments.iter().for_each(|argument| walk.value(argument, &inner));
                });
                None
            }
            "echo" => {
                arguments.iter().for_each(|argument| self.value(argument, &inner));
                None
            }
            _ => {
                self.add(origin.as_ref(), expr.span.clone());
                arguments.iter().for_each(|argument| self.value(argument, &inner));
                None
            }
        }
    }

    /// Runs what reads a value through `$` or `@`; where it reads no part of it, the value counts as read whole.
    fn through(&mut self, origin: &Option<Origin>, expr: &Expr, read: impl FnOnce(&mut Self)) {
        let before = self.found.len();
        read(self);
        let reads_it = origin.as_ref().is_some_and(|origin| {
            self.found.iter().skip(before).any(|reference| reference.variable == origin.variable)
        });
        if !reads_it {
            self.add(origin.as_ref(), expr.span.clone());
        }
    }
}

impl Origin {
    fn key(mut self, key: &Key) -> Self {
        self.path.push(key.name.clone());
        self
    }
}

/// The name that the first argument of `->as($name)` binds, without `$`.
pub(super) fn local_name(argument: &Expr) -> Option<&str> {
    match &argument.kind {
        ExprKind::Path(Path { head: Head::Variable(name), steps }) if steps.is_empty() => Some(&name.name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{ast::Grammar, parse::parse};

    fn read(text: &str) -> String {
        let mapping = parse(text, Grammar::V0_4).unwrap();
        let found = references(&mapping);
        let lines = found.iter().map(|reference| {
            let keys = reference.path.iter().map(|key| format!(".{key}"));
            format!("${}{}", reference.variable, keys.collect::<String>())
        });
        lines.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_read_of_a_variable_is_found() {
        let cases = [
            ("a b: c.d { e }", ""),
            ("$args.id", "$args.id"),
            ("a: $this.x.y b: $args", "$this.x.y $args"),
            ("a: $this.x ?? [$args.y?.z, { k: $env.K }]", "$this.x $args.y.z $env.K"),
            ("$request.headers.'x-id'->first", "$request.headers.x-id"),
            ("$this { a b: c.d e { f } }", "$this.a $this.c.d $this.e.f"),
            ("$this { all: $ }", "$this"),
            ("$this { x: 1 }", "$this"),
            ("ids: $batch.id->joinNotNull(\",\")", "$batch.id"),
            ("$batch->map({ id: @.id, name: @.n })", "$batch.id $batch.n"),
            ("$batch->map(1)", "$batch"),
            ("$batch->first.id", "$batch.id"),
            ("$batch->filter(@.ok).id", "$batch.ok $batch.id"),
            ("$args.a->eq($args.b)", "$args.a $args.b"),
            ("$args.a->as($x)->echo([$x.b, $y])", "$args.a.b $y"),
            ("items->map($this.id)", "$this.id"),
            ("items { id: $ owner: $this.id }", "$this.id"),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn a_template_counts_in_its_own_text() {
        let url = crate::mapping::template::parse_url("/u/{$args.id}?q={$this.q}", Grammar::V0_3).unwrap();
        let spans: Vec<Span> = references_of_url(&url).into_iter().map(|reference| reference.span).collect();
        assert_eq!(spans, [4..12, 17..24]);
    }
}
