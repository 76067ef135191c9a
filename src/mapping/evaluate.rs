//! Applies a mapping to a value (section 7 of the connect language). Missing is `None`; it is not null.
//! Methods are in `methods`, how items of a selection come together is in `merge`, how much of it may be done in `budget`.

use std::fmt::Arguments;

use bumpalo::Bump;

use super::{
    ast::{Coalesce, Expr, ExprKind, Head, Key, Mapping, Path, Root, Step, SubSelection},
    budget::{Budget, DEPTH_MAX, WORK_MAX},
    merge::Items,
    methods::{self, Call},
    problems::{Problems, ReportedError},
    references::local_name,
    scope::{Local, Scope, Trail},
    value::{Number, Value},
};

/// The variables of a mapping; `None` where one is not there.
#[derive(Debug, Clone, Copy, Default)]
pub struct Variables<'a> {
    /// `$args`: the field's arguments.
    pub args: Option<Value<'a>>,
    /// `$this`: fields of the parent or entity.
    pub this: Option<Value<'a>>,
    /// `$batch`: a list of keys.
    pub batch: Option<Value<'a>>,
    /// `$config`; none is read as `{}`.
    pub config: Option<Value<'a>>,
    /// `$context`.
    pub context: Option<Value<'a>>,
    /// `$env`: an object of strings.
    pub env: Option<Value<'a>>,
    /// `$request`: `{ headers: { name: [value] } }`.
    pub request: Option<Value<'a>>,
    /// `$status`: a number.
    pub status: Option<Value<'a>>,
    /// `$response`: `{ headers: { name: [value] } }`.
    pub response: Option<Value<'a>>,
}

impl<'a> Variables<'a> {
    fn get(&self, name: &str) -> Option<Value<'a>> {
        match name {
            "args" => self.args,
            "this" => self.this,
            "batch" => self.batch,
            "config" => self.config.or(Some(Value::Object(&[]))),
            "context" => self.context,
            "env" => self.env,
            "request" => self.request,
            "status" => self.status,
            "response" => self.response,
            _ => None,
        }
    }
}

/// Applies a mapping to `data`; `None` is missing.
pub fn evaluate<'a>(
    mapping: &'a Mapping,
    data: Value<'a>,
    variables: &Variables<'a>,
    arena: &'a Bump,
    problems: &mut Problems,
) -> Option<Value<'a>> {
    evaluate_root(&mapping.root, data, variables, arena, problems)
}

/// As [`evaluate`], for a tree that was pruned or extended after parsing.
pub fn evaluate_root<'a>(
    root: &'a Root,
    data: Value<'a>,
    variables: &Variables<'a>,
    arena: &'a Bump,
    problems: &mut Problems,
) -> Option<Value<'a>> {
    let mut evaluator = Evaluator {
        variables: *variables,
        arena,
        problems: std::mem::take(problems),
        entries: Vec::new(),
        budget: Budget::full(),
        may_repeat: false,
    };
    let scope = Scope::top(data);
    let value = match root {
        Root::Selection(selection) => evaluator.select(data, selection, &scope),
        Root::Expression(expr) => evaluator.expr(expr, &scope),
    };
    if let (Some(value), true) = (&value, evaluator.may_repeat) {
        // Whoever writes the result walks through all of it.
        evaluator.weigh(value);
    }
    *problems = evaluator.problems;
    if evaluator.budget.has_run_out() {
        problems.add(format_args!("The mapping does more than {WORK_MAX} steps of work"), String::new());
        problems.set_work_ran_out();
        // What was made is a part, and nobody can say which.
        return None;
    }
    value
}

/// The state of one evaluation.
pub(super) struct Evaluator<'a> {
    variables: Variables<'a>,
    pub(super) arena: &'a Bump,
    problems: Problems,
    /// Entries of the objects that are being made, the innermost object's last.
    pub(super) entries: Vec<(&'a str, Value<'a>)>,
    budget: Budget,
    /// Whether a list or an object may stand in the result more than once, so that the result may be far larger than the
    /// work that made it.
    pub(super) may_repeat: bool,
}

impl<'a> Evaluator<'a> {
    /// Writes a problem down, where somebody looks.
    pub(super) fn problem(&mut self, trail: Option<&Trail<'_, 'a>>, message: Arguments<'_>) {
        if self.problems.is_recording() {
            let mut path = String::new();
            if let Some(trail) = trail {
                trail.write(&mut path);
            }
            self.problems.add(message, path);
        }
    }

    /// Keeps an error for the client, at the place where the mapping reports it.
    pub(super) fn report(
        &mut self,
        trail: Option<&Trail<'_, 'a>>,
        message: String,
        extensions: serde_json::Map<String, serde_json::Value>,
    ) {
        let mut path = String::new();
        if let Some(trail) = trail {
            trail.write(&mut path);
        }
        self.problems.report(ReportedError { message, extensions, path, count: 1 });
    }

    /// Takes from the work that is left; none when nothing is left.
    pub(super) fn spend(&mut self, work: usize) -> Option<()> {
        self.budget.spend(work)
    }

    /// Takes the work of walking through a whole value.
    pub(super) fn weigh(&mut self, value: &Value<'a>) -> Option<()> {
        self.budget.weigh(value)
    }

    /// Text that was made, in the arena.
    pub(super) fn text(&mut self, text: &str) -> Option<Value<'a>> {
        self.spend(text.len() / 16 + 1)?;
        Some(Value::String(self.arena.alloc_str(text)))
    }

    /// Makes a list of `length` elements; missing becomes null.
    pub(super) fn list(
        &mut self,
        length: usize,
        mut element: impl FnMut(&mut Self, usize) -> Option<Value<'a>>,
    ) -> Option<Value<'a>> {
        self.spend(length + 1)?;
        let arena = self.arena;
        let made = arena.alloc_slice_fill_with(length, |index| element(self, index).unwrap_or(Value::Null));
        Some(Value::List(made))
    }

    // ---- expressions

    pub(super) fn expr(&mut self, expr: &'a Expr, scope: &Scope<'_, 'a>) -> Option<Value<'a>> {
        match &expr.kind {
            ExprKind::Null => Some(Value::Null),
            ExprKind::Bool(value) => Some(Value::Bool(*value)),
            ExprKind::Number(text) => Some(Value::Number(Number::Text(text))),
            ExprKind::String(text) => Some(Value::String(text)),
            ExprKind::Array(elements) => self.deeper(scope.trail, |evaluator| {
                evaluator.list(elements.len(), |evaluator, index| evaluator.expr(elements.get(index)?, scope))
            }),
            ExprKind::Object(selection) => {
                self.deeper(scope.trail, |evaluator| evaluator.object(selection, scope))
            }
            ExprKind::Path(path) => self.deeper(scope.trail, |evaluator| evaluator.path(path, scope)),
            ExprKind::Chain { operator, operands } => self.chain(*operator, operands, scope),
        }
    }

    /// Runs what may hold itself, within the bound of depth.
    pub(super) fn deeper(
        &mut self,
        trail: Option<&Trail<'_, 'a>>,
        run: impl FnOnce(&mut Self) -> Option<Value<'a>>,
    ) -> Option<Value<'a>> {
        if self.budget.enter().is_none() {
            self.problem(trail, format_args!("Values are nested more than {DEPTH_MAX} levels deep"));
            return None;
        }
        let value = run(self);
        self.budget.leave();
        value
    }

    /// Problems of operands that are skipped count only if no later operand gives a value.
    fn chain(
        &mut self,
        operator: Coalesce,
        operands: &'a [Expr],
        scope: &Scope<'_, 'a>,
    ) -> Option<Value<'a>> {
        let mut skipped = self.problems.fresh();
        for (index, operand) in operands.iter().enumerate() {
            let fresh = self.problems.fresh();
            let outer = std::mem::replace(&mut self.problems, fresh);
            let value = self.expr(operand, scope);
            let own = std::mem::replace(&mut self.problems, outer);
            let is_last = index + 1 == operands.len();
            match value {
                None => skipped.append(own),
                Some(Value::Null) if operator == Coalesce::NullOrMissing && !is_last => skipped.append(own),
                Some(value) => {
                    self.problems.append(own);
                    return Some(value);
                }
            }
        }
        self.problems.append(skipped);
        None
    }

    // ---- paths

    fn path(&mut self, path: &'a Path, outer: &Scope<'_, 'a>) -> Option<Value<'a>> {
        let mut scope = outer.at_head(&path.head);
        let mut value = match &path.head {
            Head::Dollar => scope.dollar,
            Head::At => scope.at,
            Head::Expr(inner) => self.expr(inner, &scope)?,
            Head::Key(key) => self.key(scope.dollar, key, (path, 0), &scope)?,
            Head::Variable(name) => self.variable(name, path, outer)?,
        };
        for (index, step) in path.steps.iter().enumerate() {
            let trail = Trail::path(scope.trail, path, 0, index + 2);
            let here = scope.on(&trail);
            value = match step {
                Step::Optional(_) if value.is_null() => return None,
                Step::Optional(_) => value,
                Step::Key(key) => self.key(value, key, (path, index + 1), &scope)?,
                Step::Select(selection) => self.select(value, selection, &here)?,
                Step::Method { name, arguments, .. } if name.name == "as" => {
                    self.may_repeat = true;
                    let local = self.bind(arguments, value, &here)?;
                    scope = scope.with(local);
                    value
                }
                Step::Method { name, method, arguments, .. } => methods::apply(&mut Call {
                    evaluator: self,
                    name,
                    method: *method,
                    arguments,
                    input: value,
                    scope: &here,
                })?,
            };
        }
        if let (Head::Variable(_), Value::List(_) | Value::Object(_)) = (&path.head, value) {
            self.may_repeat = true;
        }
        Some(value)
    }

    fn variable(&mut self, name: &'a Key, path: &'a Path, scope: &Scope<'_, 'a>) -> Option<Value<'a>> {
        let value = scope.lookup(&name.name).unwrap_or_else(|| self.variables.get(&name.name));
        if value.is_none() && !matches!(path.steps.first(), Some(Step::Optional(_))) {
            self.problem(scope.trail, format_args!("Variable ${} not found", name.name));
        }
        value
    }

    /// The value of a key; on a list, the list of its elements' values. `place` is the path and which segment of it the key is.
    fn key(
        &mut self,
        value: Value<'a>,
        key: &'a Key,
        place: (&'a Path, usize),
        scope: &Scope<'_, 'a>,
    ) -> Option<Value<'a>> {
        let (path, segment) = place;
        let is_optional = matches!(path.steps.get(segment), Some(Step::Optional(_)));
        match value {
            Value::List(elements) => {
                let list = Trail::path(scope.trail, path, 0, segment);
                let element = Trail::element(Some(&list));
                let trail = Trail::path(Some(&element), path, segment, segment + 1);
                self.list(elements.len(), |evaluator, index| {
                    evaluator.key_of_one(elements.get(index)?, key, is_optional, &trail)
                })
            }
            value => {
                let trail = Trail::path(scope.trail, path, 0, segment + 1);
                self.key_of_one(&value, key, is_optional, &trail)
            }
        }
    }

    fn key_of_one(
        &mut self,
        value: &Value<'a>,
        key: &'a Key,
        is_optional: bool,
        trail: &Trail<'_, 'a>,
    ) -> Option<Value<'a>> {
        match value {
            // A key of a very large object has to be looked for.
            Value::Object(entries) => self.spend(entries.len() / 16)?,
            // Lists of lists keep their form.
            Value::List(elements) => {
                return self.deeper(Some(trail), |evaluator| {
                    evaluator.list(elements.len(), |evaluator, index| {
                        evaluator.key_of_one(elements.get(index)?, key, is_optional, trail)
                    })
                });
            }
            _ => {}
        }
        let found = value.get(&key.name);
        if found.is_none() && !is_optional {
            self.problem(Some(trail), format_args!("Property .{} not found in {}", key.name, value.kind()));
        }
        found
    }

    /// `->as($name)` and `->as($name, expression)`.
    fn bind(
        &mut self,
        arguments: &'a [Expr],
        input: Value<'a>,
        scope: &Scope<'_, 'a>,
    ) -> Option<&'a Local<'a>> {
        let (name, value) = match arguments {
            [name] => (local_name(name), Some(input)),
            [name, value] => (local_name(name), self.expr(value, &scope.at(input))),
            _ => (None, None),
        };
        let Some(name) = name else {
            self.problem(
                scope.trail,
                format_args!("Method ->as takes a $variable, then at most one expression"),
            );
            return None;
        };
        Some(self.arena.alloc(scope.local(name, value)))
    }

    /// `{ … }` applied to a value.
    fn select(
        &mut self,
        value: Value<'a>,
        selection: &'a SubSelection,
        scope: &Scope<'_, 'a>,
    ) -> Option<Value<'a>> {
        self.select_items(value, Items::of(selection), scope)
    }

    fn select_items(
        &mut self,
        value: Value<'a>,
        items: Items<'a>,
        scope: &Scope<'_, 'a>,
    ) -> Option<Value<'a>> {
        match value {
            Value::List(elements) => self.deeper(scope.trail, |evaluator| {
                let trail = Trail::element(scope.trail);
                let scope = scope.on(&trail);
                evaluator.list(elements.len(), |evaluator, index| {
                    evaluator.select_items(*elements.get(index)?, items, &scope)
                })
            }),
            value => {
                let made = self.items(items, &scope.within(value));
                match (made, value) {
                    (None, Value::Object(_)) => Some(Value::Object(&[])),
                    (Some(made), Value::Object(_)) => made,
                    (made, scalar) => made.flatten().or(Some(scalar)),
                }
            }
        }
    }

    /// `{ … }` as a literal: `$` and `@` stay what they are.
    fn object(&mut self, selection: &'a SubSelection, scope: &Scope<'_, 'a>) -> Option<Value<'a>> {
        self.items(Items::of(selection), scope).unwrap_or(Some(Value::Object(&[])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{ast::Grammar, json, parse::parse};

    /// Whether evaluating ends for want of work, with `data` as data and as `$args`.
    fn runs_out(text: &str, data: &str) -> bool {
        let arena = Bump::new();
        let data = json::read(data, &arena).unwrap();
        let mapping = parse(text, Grammar::V0_4).unwrap();
        let variables = Variables { args: Some(data), ..Variables::default() };
        let mut problems = Problems::ignored();
        let value = evaluate(&mapping, data, &variables, &arena, &mut problems);
        assert!(value.is_none() || !problems.work_ran_out());
        problems.work_ran_out()
    }

    #[test]
    fn work_is_bounded_also_where_nobody_looks_at_problems() {
        let list = format!("[{}0]", "0,".repeat(2999));
        assert!(!runs_out("$->map(@)", &list));
        assert!(runs_out("$->filter($->contains(1))", &list));
        // A result that is made with little work and written with much.
        assert!(runs_out("$ { all: $args }", &list));
        assert!(runs_out(&format!("${}", "->as($a)->echo([$a, $a])".repeat(40)), "0"));
        // Of one long text a far longer one.
        let texts = format!("[\"{}\"{}]", "long".repeat(100_000), ",0".repeat(999));
        assert!(runs_out("$->map($args->first)->joinNotNull('')", &texts));
        assert!(runs_out(&format!("$->echo([@]){}->jsonStringify", "->echo([@, @])".repeat(40)), "0"));
    }

    #[test]
    fn depth_is_bounded_by_less_than_the_stack() {
        assert!(runs_out(&format!("$->echo([@]){}", "->echo([@])".repeat(20_000)), "0"));
        let deep = format!("{}0{}", "[".repeat(199), "]".repeat(199));
        let nested = format!("{}$args{}", "$args { a: ".repeat(60), " }".repeat(60));
        let arena = Bump::new();
        let mapping = parse(&nested, Grammar::V0_4).unwrap();
        let variables = Variables { args: Some(json::read(&deep, &arena).unwrap()), ..Variables::default() };
        let mut problems = Problems::recorded();
        evaluate(&mapping, Value::Null, &variables, &arena, &mut problems);
        assert_eq!(problems.found()[0].message, "Values are nested more than 300 levels deep");
    }
}
