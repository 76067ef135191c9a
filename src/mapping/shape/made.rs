//! What selections and literals make, apart from the way to it: spreads into objects, numbers, objects made of scalars.

use super::{FieldShape, ObjectShape, Shape, WEIGHT_MAX, merge};
use crate::mapping::{
    ast::{Expr, ExprKind, Head, Item, SubSelection},
    parse::lone_path,
};

/// How many alternatives spreads of alternatives may multiply to.
const ALTERNATIVES_MAX: usize = 256;

/// Whether a selection makes an object of a scalar for sure: one of its values is there whatever it is applied to.
pub(super) fn makes_something(selection: &SubSelection) -> bool {
    selection.items.iter().any(|item| match item {
        Item::Named { value, .. } => is_there(value),
        Item::Spread { .. } => false,
    })
}

/// Whether an expression has a value whatever it is applied to.
pub(super) fn is_there(value: &Expr) -> bool {
    match &value.kind {
        ExprKind::Path(path) => path.steps.is_empty() && matches!(path.head, Head::Dollar | Head::At),
        ExprKind::Chain { .. } => false,
        ExprKind::Object(selection) => lone_path(&selection.items).is_none_or(is_there),
        _ => true,
    }
}

/// What the items of a selection may have made so far, one after the other as evaluation takes them (`mapping::merge`).
#[derive(Debug)]
pub(super) struct Making(Vec<Made>);

#[derive(Debug, Clone, PartialEq)]
enum Made {
    /// An object that may get more keys.
    Object(ObjectShape),
    /// What an anonymous path gave that is no object: a key makes an object in its place.
    Other(Shape),
    /// Null for good.
    Null,
}

impl Making {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Making(vec![Made::Object(ObjectShape::default())])
    }

    /// A key with a value that may be missing. How many parts of shapes that took.
    pub(super) fn named(&mut self, field: &FieldShape, value: &Expr) -> usize {
        let is_there = is_there(value);
        let put = |mut object: ObjectShape| {
            object.put(field.clone(), is_there);
            Made::Object(object)
        };
        self.each(|made| match made {
            Made::Object(object) => vec![put(object)],
            Made::Other(_) if is_there => vec![put(ObjectShape::default())],
            Made::Other(other) => vec![put(ObjectShape::default()), Made::Other(other)],
            Made::Null => vec![Made::Null],
        });
        self.0.len() * field.shape.weight(WEIGHT_MAX)
    }

    /// `...` of a value, or an anonymous path that gives it. How many parts of shapes that took.
    pub(super) fn spread(&mut self, shape: &Shape, value: &Expr, is_explicit: bool) -> usize {
        // Null where there is something. Where there are objects besides, what has nothing of them is one whose keys are missing.
        let may_stay = *shape == Shape::Null && !is_there(value);
        self.each(|made| {
            let with = |alternative: &Shape| made.with(alternative, is_explicit);
            let stays = may_stay.then(|| made.clone());
            shape.alternatives().iter().flat_map(with).chain(stays).collect()
        });
        let weight = |made: &Made| match made {
            Made::Object(object) => object.weight(WEIGHT_MAX),
            Made::Other(shape) => shape.weight(WEIGHT_MAX),
            Made::Null => 1,
        };
        self.0.iter().map(weight).sum()
    }

    /// All that it may be.
    pub(super) fn shape(self) -> Shape {
        Shape::one_of(self.0.into_iter().map(|made| match made {
            Made::Object(object) => Shape::Object(object),
            Made::Other(other) => other,
            Made::Null => Shape::Null,
        }))
    }

    fn each(&mut self, mut follow: impl FnMut(Made) -> Vec<Made>) {
        let mut all = Vec::new();
        for made in std::mem::take(&mut self.0).into_iter().flat_map(&mut follow) {
            if !all.contains(&made) {
                all.push(made);
            }
            if all.len() > ALTERNATIVES_MAX {
                all = vec![Made::Other(Shape::Unknown)];
                break;
            }
        }
        self.0 = all;
    }
}

impl Made {
    /// What becomes of it with one alternative of what is spread into it, which may be missing too.
    fn with(&self, alternative: &Shape, is_explicit: bool) -> Vec<Made> {
        let mut object = match self {
            Made::Null => return vec![Made::Null],
            Made::Object(object) => object.clone(),
            Made::Other(_) => ObjectShape::default(),
        };
        let mut all = match alternative {
            Shape::Null if is_explicit => return vec![Made::Null],
            Shape::Missing | Shape::Null => Vec::new(),
            Shape::Unknown if !is_explicit => {
                object.open();
                vec![Made::Object(object), Made::Other(Shape::Unknown)]
            }
            Shape::Unknown | Shape::Declared(_) => {
                object.open();
                vec![Made::Object(object)]
            }
            Shape::Object(other) => {
                object.put_all(other);
                // What `...` adds are the keys of an object; an anonymous path may also give a list in its place.
                let is_list = other.maybe_list && !is_explicit;
                object.maybe_list |= is_list;
                match self {
                    Made::Other(earlier) if is_list => {
                        vec![Made::Object(object), Made::Other(merge(earlier, alternative))]
                    }
                    _ => vec![Made::Object(object)],
                }
            }
            _ if is_explicit => Vec::new(),
            other => match self {
                Made::Other(earlier) => vec![Made::Other(merge(earlier, other))],
                // Where it is a list of such objects, it merges with another list.
                Made::Object(object) if object.maybe_list => {
                    let merged = merge(&Shape::Object(object.clone()), other);
                    vec![self.clone(), Made::Other(other.clone()), Made::Other(merged)]
                }
                _ => vec![self.clone(), Made::Other(other.clone())],
            },
        };
        // What is missing changes nothing; of an object, its keys may be missing as well.
        if all.is_empty()
            || matches!((self, alternative), (Made::Other(_), Shape::Object(_) | Shape::Unknown))
        {
            all.push(self.clone());
        }
        all
    }
}

/// A number as it is written: `2.0` is a whole one for a field that takes whole numbers.
pub(super) fn number(text: &str) -> Shape {
    match text.split_once('.') {
        None => Shape::Int,
        Some((_, fraction)) if fraction.bytes().all(|digit| digit == b'0') => Shape::Number,
        Some(_) => Shape::Float,
    }
}
