//! What a mapping must give in its place: a URL takes scalars, `isSuccess` is true or false, a form is an object. Only
//! what can never be right is reported. What selections must give is the schema's matter, and is checked in `check`.

use crate::mapping::{
    ast::{Expr, ExprKind, Head, Mapping, Root},
    shape::{FieldShape, Shape},
};

/// What a mapping must give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// Anything, or what is checked elsewhere.
    Anything,
    /// `path`: a list of scalars.
    Segments,
    /// `queryParams`: an object of scalars and lists of scalars.
    Parameters,
    /// A body that is sent as a form: an object.
    Form,
    /// `isSuccess`: true or false.
    Condition,
    /// `where`: true or false.
    Filter,
    /// `when` of a webhook: true or false.
    When,
    /// `id` of a webhook: a scalar.
    Id,
    /// `errors.message`: a string.
    Message,
    /// `errors.extensions`: an object.
    Extensions,
}

/// A fault: message, help, and the key that it is about.
pub(super) struct Misfit {
    pub(super) message: String,
    pub(super) help: String,
    /// Where in the mapping; none for the whole.
    pub(super) at: Option<std::ops::Range<usize>>,
}

impl Misfit {
    fn whole(message: String, help: String) -> Self {
        Misfit { message, help, at: None }
    }
}

/// What is wrong with what a mapping gives.
pub(super) fn misfits(expect: Expect, shape: &Shape, mapping: &Mapping) -> Vec<Misfit> {
    let found = shape.in_words();
    let whole = |message: String, help: &str| vec![Misfit::whole(message, help.to_owned())];
    match expect {
        Expect::Anything => Vec::new(),
        Expect::Segments => match can(shape, |shape| matches!(shape, Shape::List(_))) {
            false => whole(
                format!("`path` takes a list of path segments, and this gives {found}"),
                "put the segments into a list: `$([$args.a, $args.b])`",
            ),
            true => elements(shape)
                .filter(|element| !is_scalar(element))
                .map(|element| {
                    let message =
                        format!("a path segment is a scalar, and this list holds {}", element.in_words());
                    Misfit::whole(message, "read one of its keys".to_owned())
                })
                .take(1)
                .collect(),
        },
        Expect::Parameters if !can(shape, is_object) => whole(
            format!("`queryParams` takes an object, and this gives {found}"),
            "name each parameter: `q: $args.query limit: $args.limit`",
        ),
        Expect::Parameters => fields(shape).filter_map(parameter).collect(),
        Expect::Form if !can(shape, is_object) => whole(
            format!("a form is made of an object, and this gives {found}"),
            "name each field: `name: $args.name`",
        ),
        Expect::Form => Vec::new(),
        Expect::Condition if !can(shape, |shape| *shape == Shape::Bool) => {
            let message = format!("`isSuccess` must be true or false, and this gives {found}");
            vec![Misfit::whole(message, condition_help(mapping))]
        }
        Expect::Filter if !can(shape, |shape| *shape == Shape::Bool) => {
            let help = lone_key_help(mapping)
                .unwrap_or_else(|| "compare something: `$.status->eq($args.status)`".to_owned());
            vec![Misfit::whole(format!("`where` must be true or false, and this gives {found}"), help)]
        }
        Expect::Condition | Expect::Filter => Vec::new(),
        Expect::When if !can(shape, |shape| *shape == Shape::Bool) => {
            let help = lone_key_help(mapping)
                .unwrap_or_else(|| "compare something: `$.type->eq(\"order.updated\")`".to_owned());
            vec![Misfit::whole(format!("`when` must be true or false, and this gives {found}"), help)]
        }
        Expect::When => Vec::new(),
        Expect::Id if !can(shape, is_scalar) => {
            let help = lone_key_help(mapping).unwrap_or_else(|| "read one of its keys".to_owned());
            vec![Misfit::whole(format!("an id is a text or a number, and this gives {found}"), help)]
        }
        Expect::Id => Vec::new(),
        Expect::Message if !can(shape, is_scalar) => {
            let help =
                lone_key_help(mapping).unwrap_or_else(|| "give a string, as `error.message` does".to_owned());
            vec![Misfit::whole(format!("`errors.message` must be a string, and this gives {found}"), help)]
        }
        Expect::Message => Vec::new(),
        Expect::Extensions if !can(shape, is_object) => whole(
            format!("`errors.extensions` must be an object, and this gives {found}"),
            "name each extension: `code: $.error.code`",
        ),
        Expect::Extensions => Vec::new(),
    }
}

/// What an expression in a template gives, when it cannot be written there.
pub(super) fn not_text(shape: &Shape) -> Option<(String, String)> {
    if can(shape, is_scalar) {
        return None;
    }
    let help = match shape.alternatives().iter().all(|shape| matches!(shape, Shape::List(_))) {
        true => "take one element with `->first`, or make one string of them with `->joinNotNull(\",\")`",
        false => "read one of its keys, or send it in the `body`",
    };
    Some((format!("a scalar is written here, and this gives {}", shape.in_words()), help.to_owned()))
}

fn condition_help(mapping: &Mapping) -> String {
    lone_key_help(mapping).unwrap_or_else(|| {
        "compare something: `$status->eq(200)`, `$.error->typeof->eq(\"null\")`".to_owned()
    })
}

/// What to do where a value was meant, and the mapping is a key that stands alone.
pub(in crate::graph) fn lone_key_help(mapping: &Mapping) -> Option<String> {
    let key = lone_key(mapping)?;
    Some(format!("a key that stands alone gives an object with that key; write `$.{key}` for its value"))
}

/// The key, where a mapping is nothing but `key`.
fn lone_key(mapping: &Mapping) -> Option<String> {
    let Root::Selection(selection) = &mapping.root else { return None };
    let [crate::mapping::ast::Item::Named { name, value }] = selection.items.as_slice() else { return None };
    let Expr { kind: ExprKind::Path(path), span } = value else { return None };
    let bare = matches!(&path.head, Head::Key(key) if key.span == name.span) && *span == name.span;
    bare.then(|| name.name.clone())
}

/// Whether something that may stand there will do; nothing and null are never a fault of their own.
fn can(shape: &Shape, will_do: impl Fn(&Shape) -> bool) -> bool {
    let mut said = shape.alternatives().iter().filter(|shape| !matches!(shape, Shape::Missing | Shape::Null));
    let first = said.next();
    first.is_none() || first.into_iter().chain(said).any(|shape| *shape == Shape::Unknown || will_do(shape))
}

fn is_object(shape: &Shape) -> bool {
    matches!(shape, Shape::Object(_) | Shape::Declared(_))
}

fn is_scalar(shape: &Shape) -> bool {
    !is_object(shape) && !matches!(shape, Shape::List(_))
}

/// What a list is certain to hold.
fn elements(shape: &Shape) -> impl Iterator<Item = &Shape> {
    let lists = shape.alternatives().iter().filter_map(|shape| match shape {
        Shape::List(element) => Some(element.alternatives()),
        _ => None,
    });
    lists.flatten().filter(|element| !matches!(element, Shape::OneOf(_)))
}

/// The keys of an object that is the only thing a mapping can give.
fn fields(shape: &Shape) -> impl Iterator<Item = &FieldShape> {
    let object = match shape {
        Shape::Object(object) => object.fields.as_slice(),
        _ => &[],
    };
    object.iter()
}

/// A parameter that is an object, or a list of lists or objects.
fn parameter(field: &FieldShape) -> Option<Misfit> {
    let scalar_or_list = |shape: &Shape| match shape {
        Shape::List(element) => can(element, is_scalar),
        shape => is_scalar(shape),
    };
    if can(&field.shape, scalar_or_list) {
        return None;
    }
    let inside = if is_object(&field.shape) { "an object" } else { "a list of lists or objects" };
    Some(Misfit {
        message: format!(
            "a query parameter is a scalar or a list of scalars, and `{}` is {inside}",
            field.name
        ),
        help: "read one of its keys, or write it as text with `->jsonStringify`".to_owned(),
        at: Some(field.value.clone()),
    })
}
