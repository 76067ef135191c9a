//! Finds the shape of a mapping: the rules of `evaluate`, over shapes instead of values. What can never work is found on
//! the way, and only that: a fault counts when every value that could stand there has it.

use std::{collections::HashMap, rc::Rc};

use super::{
    FieldShape, Known, NothingKnown, ObjectShape, Shape, WEIGHT_MAX,
    made::{Making, number},
};
use crate::{
    diagnostic::suggest,
    mapping::{
        ParseError,
        ast::{Coalesce, Expr, ExprKind, Head, Item, Key, Mapping, Path, Root, Span, Step, SubSelection},
        parse::lone_path,
    },
};

/// What a mapping gives when it is applied to data that nothing is known of.
#[must_use]
pub fn shape(mapping: &Mapping) -> Shape {
    shape_of_root(&mapping.root)
}

/// As [`shape`], for a tree that was pruned or extended after parsing.
#[must_use]
pub fn shape_of_root(root: &Root) -> Shape {
    root_of(root, &mut Infer::new(&NothingKnown))
}

/// What a mapping gives, and what of it can never work.
#[derive(Debug)]
pub struct Inferred {
    /// What it gives.
    pub shape: Shape,
    /// Methods and keys that always miss, in the order they were found.
    pub misuses: Vec<ParseError>,
    /// Keys that a declared object does not have.
    pub absent: Vec<Absent>,
}

/// A key that a declared object does not have, read where that is not foreseen by `?`, `??` or `?!`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// The object, by the name that [`Known`] gave it.
    pub object: String,
    /// The key.
    pub key: String,
    /// Where it is read.
    pub span: Span,
}

/// What a mapping gives where something is known of its variables. Methods that do not exist or take another number of
/// arguments are the matter of `check`, and nothing is said about them.
#[must_use]
pub fn infer(root: &Root, known: &dyn Known) -> Inferred {
    let mut infer = Infer::new(known);
    let shape = root_of(root, &mut infer);
    Inferred { shape, misuses: infer.found.misuses, absent: infer.found.absent }
}

fn root_of<'m>(root: &'m Root, infer: &mut Infer<'_>) -> Shape {
    let unknown = Rc::new(Shape::Unknown);
    let scope: Scope<'m> =
        Scope { dollar: Rc::clone(&unknown), one: Rc::clone(&unknown), at: unknown, locals: HashMap::new() };
    match root {
        Root::Selection(selection) => infer.select(&Shape::Unknown, selection, &scope),
        Root::Expression(value) => infer.expression(value, &scope),
    }
}

/// Parts of shapes that are made for one mapping; what comes after them counts as unknown. What may be one of several is looked at for
/// each, and within that again: a short mapping could take for ever.
const PARTS_MAX: usize = 200_000;

/// What stands for `$`, `@` and the locals.
#[derive(Clone)]
pub(super) struct Scope<'m> {
    pub(super) dollar: Rc<Shape>,
    /// `$` as its keys are read ([`Shape::one`]).
    pub(super) one: Rc<Shape>,
    pub(super) at: Rc<Shape>,
    pub(super) locals: HashMap<&'m str, Rc<Shape>>,
}

/// Why a value never has a key.
enum Lack<'s> {
    /// An object that is written out, with its keys.
    Object(&'s ObjectShape),
    /// A declared object.
    Declared(&'s str),
    /// A value that has no keys at all.
    Scalar(&'s Shape),
}

#[derive(Default)]
struct Found {
    misuses: Vec<ParseError>,
    absent: Vec<Absent>,
}

pub(super) struct Infer<'k> {
    known: &'k dyn Known,
    found: Found,
    /// How many parts the shapes had that were made on the way.
    parts: usize,
    /// Above 0 inside operands of `??` and `?!` that others stand in for: what is missing there is foreseen.
    foreseen: usize,
}

pub(super) fn bounded(shape: &Shape) -> Shape {
    if shape.weight(WEIGHT_MAX) < WEIGHT_MAX { shape.clone() } else { Shape::Unknown }
}

impl<'k> Infer<'k> {
    fn new(known: &'k dyn Known) -> Self {
        Infer { known, found: Found::default(), parts: 0, foreseen: 0 }
    }

    /// Reports what never works.
    pub(super) fn misuse(&mut self, message: String, span: Span, help: Option<String>) {
        self.found.misuses.push(ParseError { message, span, help });
    }

    /// Applies a function to each alternative; what it finds counts only when it finds it for every one but null.
    pub(super) fn for_each(
        &mut self,
        shape: &Shape,
        mut apply: impl FnMut(&mut Self, &Shape) -> Shape,
    ) -> Shape {
        let [_, _, ..] = shape.alternatives() else { return apply(self, shape) };
        let outer = std::mem::take(&mut self.found);
        let mut common: Option<Found> = None;
        let mut shapes = Vec::new();
        for alternative in shape.alternatives() {
            shapes.push(apply(self, alternative));
            let found = std::mem::take(&mut self.found);
            if *alternative == Shape::Null {
                continue;
            }
            common = Some(match common {
                None => found,
                Some(mut common) => {
                    common.misuses.retain(|one| found.misuses.iter().any(|other| other.span == one.span));
                    common.absent.retain(|one| found.absent.contains(one));
                    common
                }
            });
        }
        self.found = outer;
        let common = common.unwrap_or_default();
        self.found.misuses.extend(common.misuses);
        self.found.absent.extend(common.absent);
        Shape::one_of(shapes)
    }

    /// Infers something of which nothing is reported.
    pub(super) fn quietly(&mut self, infer: impl FnOnce(&mut Self) -> Shape) -> Shape {
        let found = std::mem::take(&mut self.found);
        let shape = infer(self);
        self.found = found;
        shape
    }

    pub(super) fn expression<'m>(&mut self, expr: &'m Expr, scope: &Scope<'m>) -> Shape {
        if self.parts >= PARTS_MAX {
            return Shape::Unknown;
        }
        let shape = match &expr.kind {
            ExprKind::Null => Shape::Null,
            ExprKind::Bool(_) => Shape::Bool,
            ExprKind::Number(text) => number(text),
            ExprKind::String(text) => Shape::String(Some(text.clone())),
            ExprKind::Array(elements) => {
                let mut shapes = Vec::new();
                for element in elements {
                    shapes.push(match self.expression(element, scope) {
                        Shape::Missing => Shape::Null,
                        shape => shape,
                    });
                }
                // Of an empty list there is nothing to be known.
                if shapes.is_empty() { Shape::Missing.list() } else { Shape::one_of(shapes).list() }
            }
            ExprKind::Object(selection) => self.object(selection, scope),
            ExprKind::Path(steps) => self.path(steps, scope),
            ExprKind::Chain { operator, operands } => self.chain(*operator, operands, scope),
        };
        self.counted(shape)
    }

    /// Counts the parts of a shape.
    fn counted(&mut self, shape: Shape) -> Shape {
        self.parts += shape.weight(WEIGHT_MAX);
        shape
    }

    fn chain<'m>(&mut self, operator: Coalesce, operands: &'m [Expr], scope: &Scope<'m>) -> Shape {
        let last = operands.len().saturating_sub(1);
        let mut shapes = Vec::new();
        for (index, operand) in operands.iter().enumerate() {
            let is_last = index == last;
            self.foreseen += usize::from(!is_last);
            let shape = self.expression(operand, scope);
            self.foreseen -= usize::from(!is_last);
            shapes.push(if is_last || operator == Coalesce::Missing {
                shape
            } else {
                // A null that is skipped is not what the chain gives.
                shape.each(|shape| if *shape == Shape::Null { Shape::Missing } else { shape.clone() })
            });
        }
        Shape::one_of(shapes)
    }

    fn path<'m>(&mut self, path: &'m Path, scope: &Scope<'m>) -> Shape {
        let mut scope = scope.clone();
        let is_optional = |next: usize| matches!(path.steps.get(next), Some(Step::Optional(_)));
        let mut shape = match &path.head {
            Head::Dollar if matches!(path.steps.first(), Some(Step::Key(_))) => bounded(&scope.one),
            Head::Dollar => bounded(&scope.dollar),
            Head::At => bounded(&scope.at),
            Head::Key(key) => bounded(&self.key(&scope.one, key, is_optional(0))),
            Head::Variable(name) => match scope.locals.get(name.name.as_str()) {
                Some(local) => bounded(local),
                None => self.known.variable(&name.name),
            },
            Head::Expr(inner) => self.expression(inner, &scope),
        };
        for (index, step) in path.steps.iter().enumerate() {
            let stepped = match step {
                Step::Key(key) => self.key(&shape, key, is_optional(index + 1)),
                Step::Optional(_) => shape.each(|shape| match shape {
                    Shape::Null => Shape::Missing,
                    other => other.clone(),
                }),
                Step::Select(selection) => self.select(&shape, selection, &scope),
                Step::Method { name, arguments, span, .. } => {
                    self.method(name, arguments, span.start..name.span.end, shape, &mut scope)
                }
            };
            shape = self.counted(stepped);
        }
        shape
    }

    /// What a key gives; a key that is never there is reported, unless that is foreseen.
    fn key(&mut self, shape: &Shape, key: &Key, is_optional: bool) -> Shape {
        let lack = match self.key_of(shape, &key.name) {
            Ok(found) => return found,
            Err(lack) => lack,
        };
        if !is_optional && self.foreseen == 0 {
            self.lack(&lack, &key.name, key.span.clone());
        }
        without_key(shape)
    }

    /// Reports a key that is never there.
    fn lack(&mut self, lack: &Lack<'_>, key: &str, span: Span) {
        match lack {
            Lack::Declared(object) => {
                self.found.absent.push(Absent { object: (*object).to_owned(), key: key.to_owned(), span });
            }
            Lack::Object(object) => {
                let known = object.fields.iter().map(|field| field.name.as_str());
                self.misuse(
                    format!("The object that is read here never has a key `{key}`"),
                    span,
                    suggest(key, known),
                );
            }
            Lack::Scalar(shape) => {
                let size = ["length", "size", "count"].contains(&key) && matches!(shape, Shape::String(_));
                let message = format!("`{key}` is read of {}, which has no keys", shape.in_words());
                self.misuse(message, span, size.then(|| "Its length is `->size`.".to_owned()));
            }
        }
    }

    /// What a key of it gives, or why it is never there: when no alternative has it.
    fn key_of<'s>(&self, shape: &'s Shape, name: &str) -> Result<Shape, Lack<'s>> {
        match shape {
            Shape::Unknown => Ok(Shape::Unknown),
            Shape::Missing | Shape::Null => Ok(Shape::Missing),
            Shape::List(element) => self.key_of(element, name).map(elements),
            Shape::Declared(object) => self.known.key(object, name).ok_or(Lack::Declared(object)),
            Shape::Object(object) => match object.field(name) {
                // Of a list, the list of each element's, and the lists may stand in lists.
                _ if object.maybe_list => Ok(Shape::Unknown),
                Some(field) if object.is_open && field.is_made() => Ok(Shape::Unknown),
                Some(field) => Ok(field.shape.clone()),
                None if object.is_open => Ok(Shape::Unknown),
                None => Err(Lack::Object(object)),
            },
            Shape::OneOf(shapes) => {
                let mut lack = None;
                let (mut found, mut lacking) = (Vec::new(), Vec::new());
                for shape in shapes {
                    match self.key_of(shape, name) {
                        Ok(shape) => found.push(shape),
                        Err(why) => {
                            lack = lack.or(Some(why));
                            lacking.push(without_key(shape));
                        }
                    }
                }
                match lack {
                    Some(lack) if found.iter().all(|shape| *shape == Shape::Missing) => Err(lack),
                    _ => Ok(Shape::one_of(found.into_iter().chain(lacking))),
                }
            }
            scalar => Err(Lack::Scalar(scalar)),
        }
    }

    /// What `->get("key")` gives.
    pub(super) fn get_key(&mut self, shape: &Shape, key: &str, span: &Span) -> Shape {
        match self.key_of(shape, key) {
            Ok(found) => found,
            Err(lack) => {
                if self.foreseen == 0 {
                    self.lack(&lack, key, span.clone());
                }
                Shape::Missing
            }
        }
    }

    /// The object that items build; several where a spread gives one of several.
    pub(super) fn object<'m>(&mut self, selection: &'m SubSelection, scope: &Scope<'m>) -> Shape {
        if let Some(value) = lone_path(&selection.items) {
            return self.expression(value, scope);
        }
        let mut making = Making::new();
        for item in &selection.items {
            if self.parts >= PARTS_MAX {
                return Shape::Unknown;
            }
            match item {
                Item::Named { name, value } => {
                    let shape = self.expression(value, scope);
                    let span = name.span.clone();
                    let field =
                        FieldShape { name: name.name.clone(), span, value: value.span.clone(), shape };
                    self.parts += making.named(&field, value);
                }
                Item::Spread { value, explicit, .. } => {
                    let spread = self.expression(value, scope);
                    self.parts += making.spread(&spread, value, *explicit);
                }
            }
        }
        making.shape()
    }
}

/// A list of what a key gives of each element: what is missing there is null.
fn elements(shape: Shape) -> Shape {
    if shape == Shape::Missing { Shape::Null.list() } else { shape.list() }
}

/// What a key gives of what never has it: nothing, and of a list a list of nothing.
fn without_key(shape: &Shape) -> Shape {
    match shape {
        Shape::List(element) => elements(without_key(element)),
        Shape::OneOf(shapes) => Shape::one_of(shapes.iter().map(without_key)),
        _ => Shape::Missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{ast::Grammar, parse::parse};

    /// How many parts were made to find the shape.
    fn parts(text: &str) -> usize {
        let mapping = parse(text, Grammar::V0_4).unwrap();
        let mut infer = Infer::new(&NothingKnown);
        root_of(&mapping.root, &mut infer);
        infer.parts
    }

    #[test]
    fn what_may_be_one_of_several_within_itself_comes_to_an_end() {
        let mut nested = "c: 1".to_owned();
        for _ in 0..20 {
            nested = format!("b: $v {{ {nested} }}");
        }
        let values = "$.x->match([1, [[1]]], [2, { a: 1 }], [3, 's'], [4, [1]])";
        assert!(parts(&format!("{values}->as($v) {{ {nested} }}")) < 2 * PARTS_MAX);
    }

    #[test]
    fn a_big_shape_that_is_used_in_every_alternative_comes_to_an_end() {
        let keys: String = (0..300).map(|key| format!("k{key}: 1, ")).collect();
        let mut nested = "c: $big".to_owned();
        for _ in 0..20 {
            nested = format!("a: $big->as($other), b: $v {{ {nested} }}");
        }
        let values = "$args.x->match([1, [[1]]], [2, { a: 1 }], [3, 's'], [4, [1]])";
        let text = format!("$({{ {keys} }})->as($big) {{ ...{values}->as($v) {{ {nested} }} }}");
        let parts = parts(&text);
        assert!((PARTS_MAX..2 * PARTS_MAX).contains(&parts), "{parts}");
    }

    #[test]
    fn a_shape_that_doubles_again_and_again_ends_as_unknown() {
        let text = format!("$.x{}", "->as($v)->echo([$v, { a: $v, b: $v }])".repeat(60));
        assert!(shape(&parse(&text, Grammar::V0_4).unwrap()).weight(usize::MAX) < 10 * WEIGHT_MAX);
        let text = "...$.k->match([1, { a: 1 }], [2, { b: 2 }]) ".repeat(40);
        assert!(shape(&parse(&text, Grammar::V0_4).unwrap()).weight(usize::MAX) < 10 * WEIGHT_MAX);
    }
}
