//! The methods of the mapping language (section 8 of the connect language): the table of their names, and what each is given.
//! One file per family. `->as` is no entry: it binds a variable and is part of evaluating a path.
//!
//! A method that cannot answer gives missing and writes a problem down; none of them panics or fails a field.

mod control;
mod lists;
mod logic;
mod numbers;
mod objects;
mod strings;

use std::{fmt::Arguments, ops::RangeInclusive};

use smallvec::SmallVec;

use super::{
    ast::{Expr, Key, MethodId},
    evaluate::Evaluator,
    scope::{Scope, Trail},
    value::Value,
};

/// What a method is given.
pub(super) struct Call<'c, 'a> {
    pub(super) evaluator: &'c mut Evaluator<'a>,
    pub(super) name: &'a Key,
    pub(super) method: Option<MethodId>,
    pub(super) arguments: &'a [Expr],
    /// What stands before the arrow; never missing.
    pub(super) input: Value<'a>,
    pub(super) scope: &'c Scope<'c, 'a>,
}

/// What a method gives; none is missing.
type Given<'a> = Option<Value<'a>>;

/// Elements of a list that is being made, few of them mostly.
type Elements<'a> = SmallVec<[Value<'a>; 32]>;

/// A method's entry in the table.
struct Method {
    name: &'static str,
    /// How many arguments it takes, from and to.
    arguments: (usize, usize),
    apply: for<'c, 'a> fn(&mut Call<'c, 'a>) -> Given<'a>,
}

/// No bound on the number of arguments.
const ANY: usize = usize::MAX;

macro_rules! methods {
    ($($name:literal ($from:expr, $to:expr) $apply:path;)*) => {
        /// All methods, in the order of their names.
        const METHODS: &[Method] = &[$(Method { name: $name, arguments: ($from, $to), apply: $apply }),*];
    };
}

methods! {
    "add" (1, ANY) numbers::add;
    "and" (1, ANY) logic::and;
    "contains" (1, 1) lists::contains;
    "div" (1, ANY) numbers::div;
    "echo" (1, 1) control::echo;
    "entries" (0, 0) objects::entries;
    "eq" (1, 1) logic::eq;
    "filter" (1, 1) lists::filter;
    "find" (1, 1) lists::find;
    "first" (0, 0) lists::first;
    "get" (1, 1) lists::get;
    "gt" (1, 1) logic::gt;
    "gte" (1, 1) logic::gte;
    "has" (1, 1) objects::has;
    "in" (1, 1) lists::is_in;
    "joinNotNull" (1, 1) strings::join_not_null;
    "jsonParse" (0, 0) strings::json_parse;
    "jsonStringify" (0, 0) strings::json_stringify;
    "keys" (0, 0) objects::keys;
    "keysToCamelCase" (0, 0) objects::keys_to_camel_case;
    "keysToCamelCaseDeep" (0, 0) objects::keys_to_camel_case_deep;
    "last" (0, 0) lists::last;
    "lt" (1, 1) logic::lt;
    "lte" (1, 1) logic::lte;
    "map" (1, 1) lists::map;
    "match" (1, ANY) control::match_pairs;
    "matchIf" (1, ANY) control::match_if;
    "mod" (1, ANY) numbers::modulo;
    "mul" (1, ANY) numbers::mul;
    "ne" (1, 1) logic::ne;
    "not" (0, 0) logic::not;
    "or" (1, ANY) logic::or;
    "parseInt" (0, 1) numbers::parse_int;
    "size" (0, 0) lists::size;
    "slice" (1, 2) lists::slice;
    "split" (1, 2) strings::split;
    "sub" (1, ANY) numbers::sub;
    "toString" (0, 0) strings::to_string;
    "trim" (0, 0) strings::trim;
    "trimEnd" (0, 0) strings::trim_end;
    "trimStart" (0, 0) strings::trim_start;
    "typeof" (0, 0) control::type_of;
    "values" (0, 0) objects::values;
    "withError" (1, 1) control::with_error;
    "withWarning" (1, 1) control::with_warning;
}

/// The method of a name, but for `as`.
pub(super) fn find_method(name: &str) -> Option<MethodId> {
    let index = METHODS.binary_search_by(|method| method.name.cmp(name)).ok()?;
    u8::try_from(index).ok().map(MethodId)
}

fn method(id: MethodId) -> Option<&'static Method> {
    METHODS.get(usize::from(id.0))
}

/// Whether a method of this name exists.
#[must_use]
pub fn is_known_method(name: &str) -> bool {
    name == "as" || find_method(name).is_some()
}

/// The names of all methods, for suggestions.
pub fn names() -> impl Iterator<Item = &'static str> {
    METHODS.iter().map(|method| method.name).chain(["as"])
}

/// How many arguments a method takes; none for an unknown method.
#[must_use]
pub fn arguments_of(name: &str) -> Option<RangeInclusive<usize>> {
    match name {
        "as" => Some(1..=2),
        _ => find_method(name).and_then(method).map(|method| method.arguments.0..=method.arguments.1),
    }
}

/// Applies the method that the call names.
pub(super) fn apply<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    let Some(method) = call.method.and_then(method) else { return call.miss(format_args!("does not exist")) };
    let given = call.arguments.len();
    // An argument may use the input any number of times.
    call.evaluator.may_repeat |= given > 0 && matches!(call.input, Value::List(_) | Value::Object(_));
    if (method.arguments.0..=method.arguments.1).contains(&given) {
        return (method.apply)(call);
    }
    call.miss(format_args!("takes {}, not {given}", Arity(method.arguments)))
}

/// How many arguments a method takes, in words.
pub(super) struct Arity(pub(super) (usize, usize));

impl std::fmt::Display for Arity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            (0, 0) => f.write_str("no arguments"),
            (1, 1) => f.write_str("one argument"),
            (1, ANY) => f.write_str("one argument or more"),
            (from, to) => write!(f, "{from} to {to} arguments"),
        }
    }
}

impl<'a> Call<'_, 'a> {
    /// Missing, with a problem: "Method ->name …".
    fn miss(&mut self, why: Arguments<'_>) -> Given<'a> {
        self.problem(why);
        None
    }

    fn problem(&mut self, what: Arguments<'_>) {
        self.evaluator.problem(self.scope.trail, format_args!("Method ->{} {what}", self.name.name));
    }

    /// Missing, because of the input's kind.
    fn miss_input(&mut self, wanted: &str) -> Given<'a> {
        let kind = self.input.kind();
        self.miss(format_args!("needs {wanted}, not {kind}"))
    }

    /// Missing, because of an argument's kind.
    fn miss_argument(&mut self, wanted: &str, given: Value<'a>) -> Given<'a> {
        self.miss(format_args!("takes {wanted}, not {}", given.kind()))
    }

    /// An argument that has to be a whole number.
    fn whole_number(&mut self, index: usize, wanted: &str) -> Option<i64> {
        match self.argument(index)? {
            Value::Number(number) => match number.as_i64() {
                Some(whole) => Some(whole),
                None => {
                    self.miss(format_args!("takes {wanted}, not {number}"));
                    None
                }
            },
            other => {
                self.miss_argument(wanted, other);
                None
            }
        }
    }

    /// An argument, with `@` bound to the input.
    fn argument(&mut self, index: usize) -> Given<'a> {
        self.evaluate(self.arguments.get(index)?, self.input)
    }

    /// An expression, with `@` bound to a value.
    fn evaluate(&mut self, expr: &'a Expr, at: Value<'a>) -> Given<'a> {
        self.evaluator.expr(expr, &self.scope.at(at))
    }

    /// The first argument, with `@` bound to an element of the input.
    fn evaluate_for(&mut self, element: Value<'a>) -> Given<'a> {
        let trail = Trail::element(self.scope.trail);
        self.evaluator.expr(self.arguments.first()?, &self.scope.at(element).on(&trail))
    }

    /// The input's elements; what is no list is one element.
    fn elements(&mut self) -> &'a [Value<'a>] {
        match self.input {
            Value::List(elements) => elements,
            one => std::slice::from_ref(self.evaluator.arena.alloc(one)),
        }
    }

    /// Whether two values are equal by value.
    fn is_equal(&mut self, one: Value<'a>, other: Value<'a>) -> Option<bool> {
        if one.kind() == other.kind() {
            self.evaluator.weigh(&one)?;
        }
        Some(one.is_equal(&other))
    }

    /// A string that was made.
    fn text(&mut self, text: &str) -> Given<'a> {
        self.evaluator.text(text)
    }

    /// A list that was made.
    fn list(&mut self, elements: &[Value<'a>]) -> Given<'a> {
        self.evaluator.spend(elements.len() + 1)?;
        Some(Value::List(self.evaluator.arena.alloc_slice_copy(elements)))
    }

    /// An object that was made; its keys are distinct.
    fn object(&mut self, entries: &[(&'a str, Value<'a>)]) -> Given<'a> {
        self.evaluator.spend(entries.len() + 1)?;
        Some(Value::Object(self.evaluator.arena.alloc_slice_copy(entries)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_so_that_names_are_found() {
        assert!(METHODS.is_sorted_by(|a, b| a.name < b.name));
        assert!(names().all(is_known_method));
        assert!(!is_known_method("withErrors"));
        assert_eq!(arguments_of("split"), Some(1..=2));
    }
}
