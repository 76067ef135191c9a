//! What methods give, and which uses of them can never work, over shapes: the counterpart of `mapping::methods`. A use is
//! a fault only where the kind of value is known for sure.

use std::rc::Rc;

use super::{
    FieldShape, ObjectShape, Shape,
    infer::{Infer, Scope, bounded},
    kinds::{
        Kind::{self, Bool, List, Null, Number, Object, String as Text},
        conversion, input_of, kind, may_be, may_be_alike,
    },
    made::is_there,
};
use crate::mapping::{
    ast::{Expr, ExprKind, Key, Span},
    methods::arguments_of,
    references::local_name,
};

impl Infer<'_> {
    /// What a method gives. `span` is the arrow and the name.
    pub(super) fn method<'m>(
        &mut self,
        name: &'m Key,
        arguments: &'m [Expr],
        span: Span,
        input: Shape,
        scope: &mut Scope<'m>,
    ) -> Shape {
        let method = name.name.as_str();
        if !arguments_of(method).is_some_and(|taken| taken.contains(&arguments.len())) {
            return Shape::Missing;
        }
        if input == Shape::Missing {
            // A method never runs on what is missing.
            return Shape::Missing;
        }
        if method == "as" {
            let bound = match arguments.get(1) {
                Some(argument) => self.with_at(argument, &input, scope),
                None => bounded(&input),
            };
            if let Some(local) = arguments.first().and_then(local_name) {
                scope.locals.insert(local, Rc::new(bound));
            }
            return input;
        }
        // Nobody writes a use that works for null alone.
        let some = input.but_null();
        if let Some((kinds, words)) = input_of(method)
            && !may_be(&some, kinds)
        {
            let message = format!("Method ->{method} needs {words}, and here it gets {}", some.in_words());
            self.misuse(message, span, conversion(method, kinds, &some));
            // `first` and `last` hand on what they cannot take apart.
            return if ["first", "last"].contains(&method) { input } else { Shape::Missing };
        }
        let mut call = Call { infer: self, method, arguments, span, input, scope };
        call.given()
    }

    /// An expression with `@` bound to the input of a method or to an element of it.
    fn with_at<'m>(&mut self, expr: &'m Expr, at: &Shape, scope: &Scope<'m>) -> Shape {
        self.expression(expr, &Scope { at: Rc::new(bounded(at)), ..scope.clone() })
    }
}

/// One use of a method whose input may do.
struct Call<'c, 'm, 'k> {
    infer: &'c mut Infer<'k>,
    method: &'m str,
    arguments: &'m [Expr],
    /// The arrow and the name.
    span: Span,
    input: Shape,
    scope: &'c Scope<'m>,
}

impl<'m> Call<'_, 'm, '_> {
    fn given(&mut self) -> Shape {
        let input = self.input.clone();
        match self.method {
            "echo" => self.argument(0),
            "map" => self.map(),
            "filter" | "find" => {
                let condition = self.of_element();
                self.takes(0, &condition, &[Bool], "a condition that is true or false");
                if self.method == "filter" { input.element().list() } else { input.element() }
            }
            "first" | "last" => first(&input),
            "get" => self.get(),
            "slice" => {
                self.all(&[Number], "whole numbers");
                input.each(|shape| match shape {
                    Shape::String(_) => Shape::String(None),
                    other => other.clone(),
                })
            }
            "withWarning" | "withError" => {
                self.argument(0);
                input
            }
            "match" | "matchIf" => self.pairs(),
            "keysToCamelCase" | "keysToCamelCaseDeep" | "jsonParse" => Shape::Unknown,
            "entries" => entry().list(),
            "keys" => Shape::String(None).list(),
            "values" => Shape::Unknown.list(),
            "split" => self.split(),
            "joinNotNull" => self.join(),
            "jsonStringify" | "toString" | "trim" | "trimStart" | "trimEnd" | "typeof" => Shape::String(None),
            "size" => Shape::Int,
            "parseInt" => {
                self.radix();
                Shape::Int
            }
            // A quotient may be a whole number.
            "div" | "add" | "sub" | "mul" | "mod" => {
                self.all(&[Number], "numbers");
                Shape::Number
            }
            "and" | "or" => {
                self.all(&[Bool], "true or false");
                Shape::Bool
            }
            "eq" | "ne" => self.equal(),
            "gt" | "gte" | "lt" | "lte" => self.order(),
            "in" => {
                self.all(&[List], "one list");
                Shape::Bool
            }
            "not" | "contains" | "has" => {
                (0..self.arguments.len()).for_each(|index| {
                    self.argument(index);
                });
                Shape::Bool
            }
            _ => Shape::Unknown,
        }
    }

    fn argument(&mut self, index: usize) -> Shape {
        match self.arguments.get(index) {
            Some(expr) => self.infer.with_at(expr, &self.input, self.scope),
            None => Shape::Missing,
        }
    }

    /// The first argument, with `@` bound to an element.
    fn of_element(&mut self) -> Shape {
        match self.arguments.first() {
            Some(expr) => self.infer.with_at(expr, &self.input.element(), self.scope),
            None => Shape::Missing,
        }
    }

    /// What is no list and maps to nothing is null.
    fn map(&mut self) -> Shape {
        let mapped = self.of_element().list();
        let is_list = self.input.alternatives().iter().all(|shape| matches!(shape, Shape::List(_)));
        if is_list || self.arguments.first().is_some_and(is_there) {
            mapped
        } else {
            Shape::one_of([mapped, Shape::Null])
        }
    }

    /// Reports an argument that can never be of one of the kinds.
    fn takes(&mut self, index: usize, shape: &Shape, kinds: &[Kind], words: &str) {
        if may_be(shape, kinds) {
            return;
        }
        let span = self.arguments.get(index).map_or(self.span.clone(), |argument| argument.span.clone());
        let message = format!("Method ->{} takes {words}, and this is {}", self.method, shape.in_words());
        let help = conversion(self.method, kinds, shape);
        self.infer.misuse(message, span, help);
    }

    /// Every argument is of one of the kinds.
    fn all(&mut self, kinds: &[Kind], words: &str) {
        for index in 0..self.arguments.len() {
            let shape = self.argument(index);
            self.takes(index, &shape, kinds, words);
        }
    }

    fn radix(&mut self) {
        let Some(argument) = self.arguments.first() else { return };
        let shape = self.argument(0);
        let is_radix = match &argument.kind {
            ExprKind::Number(text) => text.parse().is_ok_and(|radix: u32| (2..=36).contains(&radix)),
            _ => may_be(&shape, &[Number]),
        };
        if !is_radix {
            let message =
                format!("Method ->parseInt takes a radix from 2 to 36, and this is {}", shape.in_words());
            self.infer.misuse(message, argument.span.clone(), Some("Decimal numbers need none.".to_owned()));
        }
    }

    fn split(&mut self) -> Shape {
        let separator = self.argument(0);
        self.takes(0, &separator, &[Text], "a string as separator");
        if self.arguments.len() > 1 {
            let count = self.argument(1);
            self.takes(1, &count, &[Number], "a whole number of pieces");
        }
        Shape::String(None).list()
    }

    fn join(&mut self) -> Shape {
        let separator = self.argument(0);
        self.takes(0, &separator, &[Text], "a string as separator");
        let elements = self.input.element();
        if !may_be(&elements, &[Null, Bool, Number, Text]) {
            let message =
                format!("Method ->joinNotNull joins scalars, and each element is {}", elements.in_words());
            let help = "Join one of their keys: `$.list.name->joinNotNull(…)`.".to_owned();
            self.infer.misuse(message, self.span.clone(), Some(help));
        }
        Shape::String(None)
    }

    fn get(&mut self) -> Shape {
        let index = self.argument(0);
        let fits = self.input.alternatives().iter().any(|input| match kind(input) {
            Some(List | Text) => may_be(&index, &[Number]),
            Some(Object) => may_be(&index, &[Text]),
            Some(_) => false,
            None => may_be(&index, &[Number, Text]),
        });
        if !fits {
            let (wanted, help) = match may_be(&self.input, &[List, Text]) {
                true => ("a whole number here", "A key of each element is read by `.key`."),
                false => {
                    ("the key of an object here, a string", "Values by their position: `->values->get(0)`.")
                }
            };
            let span = self.arguments.first().map_or(self.span.clone(), |argument| argument.span.clone());
            let message = format!(
                "Method ->get takes {wanted}: its input is {}, and this is {}",
                self.input.in_words(),
                index.in_words()
            );
            self.infer.misuse(message, span, Some(help.to_owned()));
            return Shape::Missing;
        }
        match self.arguments.first() {
            Some(Expr { kind: ExprKind::String(key), span }) => self.infer.get_key(&self.input, key, span),
            Some(Expr { kind: ExprKind::Number(_), .. }) => first(&self.input),
            _ => Shape::Unknown,
        }
    }

    fn equal(&mut self) -> Shape {
        let other = self.argument(0);
        if !may_be_alike(&self.input, &other) {
            self.never_equal(&other);
        }
        Shape::Bool
    }

    fn never_equal(&mut self, other: &Shape) {
        let span = self.arguments.first().map_or(self.span.clone(), |argument| argument.span.clone());
        let message = format!(
            "Method ->{} compares {} with {}, which are never equal",
            self.method,
            self.input.in_words(),
            other.in_words()
        );
        let is_quoted = matches!(other, Shape::String(Some(text)) if text.parse::<f64>().is_ok());
        let help = match is_quoted && may_be(&self.input, &[Number]) {
            true => Some("Write the number without quotes.".to_owned()),
            false => conversion(self.method, &[Number, Text], other),
        };
        self.infer.misuse(message, span, help);
    }

    fn order(&mut self) -> Shape {
        let other = self.argument(0);
        let fits = |kind: Kind| may_be(&self.input, &[kind]) && may_be(&other, &[kind]);
        if !fits(Number) && !fits(Text) {
            let span = self.arguments.first().map_or(self.span.clone(), |argument| argument.span.clone());
            let message = format!(
                "Method ->{} compares two numbers or two strings, and here it gets {} and {}",
                self.method,
                self.input.in_words(),
                other.in_words()
            );
            let number = may_be(&self.input, &[Number]);
            let help = conversion(self.method, if number { &[Number] } else { &[Text] }, &other);
            self.infer.misuse(message, span, help);
        }
        Shape::Bool
    }

    /// `[candidate, value]` pairs: one of the values.
    fn pairs(&mut self) -> Shape {
        let mut shapes = Vec::new();
        for (index, argument) in self.arguments.iter().enumerate() {
            let ExprKind::Array(pair) = &argument.kind else {
                let shape = self.argument(index);
                shapes.push(Shape::Unknown);
                if !may_be(&shape, &[List]) {
                    self.takes(index, &shape, &[List], "[candidate, value] pairs");
                    // Whoever writes one argument so writes all of them so.
                    return Shape::Unknown;
                }
                continue;
            };
            let [candidate, value] = pair.as_slice() else {
                let message = format!(
                    "Method ->{} takes [candidate, value] pairs, and this list has {} elements",
                    self.method,
                    pair.len()
                );
                let help = "A pair of other length is never chosen; the default is `[@, value]`.".to_owned();
                self.infer.misuse(message, argument.span.clone(), Some(help));
                continue;
            };
            self.candidate(candidate);
            shapes.push(self.infer.with_at(value, &self.input, self.scope).in_a_list());
        }
        Shape::one_of(shapes)
    }

    /// A candidate that can never be chosen.
    fn candidate(&mut self, candidate: &'m Expr) {
        let shape = self.infer.with_at(candidate, &self.input, self.scope);
        let message = if self.method == "matchIf" {
            if may_be(&shape, &[Bool]) {
                return;
            }
            format!(
                "Method ->matchIf takes conditions, and this is {}, which is never true",
                shape.in_words()
            )
        } else {
            let is_literal =
                matches!(candidate.kind, ExprKind::String(_) | ExprKind::Number(_) | ExprKind::Bool(_));
            if !is_literal || may_be_alike(&shape, &self.input) {
                return;
            }
            format!(
                "{} is never the same as {}, which ->match compares it with",
                capital(&shape),
                self.input.in_words()
            )
        };
        self.infer.misuse(message, candidate.span.clone(), None);
    }
}

/// A shape in words that begin a sentence.
fn capital(shape: &Shape) -> String {
    let words = shape.in_words();
    let mut characters = words.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

/// What `->first` gives: an element of a list, a character of a string, anything else itself.
fn first(input: &Shape) -> Shape {
    input.each(|shape| match shape {
        Shape::String(_) => Shape::String(None),
        other => other.element(),
    })
}

/// `{ key, value }`, as `->entries` gives them.
fn entry() -> Shape {
    let field = |name: &str, shape| FieldShape { name: name.to_owned(), span: 0..0, value: 0..0, shape };
    let fields = vec![field("key", Shape::String(None)), field("value", Shape::Unknown)];
    Shape::Object(ObjectShape { fields, ..ObjectShape::default() })
}
