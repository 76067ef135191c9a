//! The body of a request: one argument for it, or one for each field of a form.

use super::{
    arguments::{Made, Typed, argument, typed},
    build::{Builder, Direction, Place},
    convert,
    document::{Body, BodyContent, BodyType, Operation, Refusal, Style},
    literal::{key, mapped},
    name::{self, Names},
    operations::Argument,
    parameters::{flat, unsupported},
    report::Code,
    select::Node,
    types::{Leaf, Slot, Type},
};

/// Argument names for the parts of a body.
pub(super) enum TypedBody<'s, 'd> {
    Input(String, Slot),
    Fields(Vec<Typed<'s, 'd>>),
}

pub(super) fn read<'s, 'd>(
    builder: &mut Builder<'d>,
    field: &str,
    names: &mut Names,
    body: &'s Body<'d>,
) -> Result<TypedBody<'s, 'd>, Refusal> {
    match &body.content {
        BodyContent::Fields(list) => {
            let typed = list.iter().map(|parameter| typed(builder, field, names, parameter));
            Ok(TypedBody::Fields(typed.collect::<Result<_, _>>()?))
        }
        BodyContent::Schema(at) => {
            let argument = names.take(&["input", "body"]);
            let place_name = name::type_name(field);
            let place =
                Place { name: &place_name, key: "", direction: Direction::Input, depth: 0, in_type: false };
            let ty = match at {
                // A `$ref` that leads nowhere leaves nothing to make a type of.
                Some(at) => {
                    let at = builder.document.follow(at.clone())?;
                    builder.slot(&at, place).ty
                }
                None => Type::Leaf(Leaf::Json),
            };
            Ok(TypedBody::Input(argument, Slot { ty, nullable: !body.required }))
        }
    }
}

pub(super) fn finish<'d>(
    builder: &mut Builder<'d>,
    operation: &Operation<'d>,
    written: TypedBody<'_, 'd>,
    body: &Body<'d>,
    made: &mut Made,
) -> Result<(), Refusal> {
    let media = match &body.media {
        BodyType::Json(None) => None,
        BodyType::Json(Some(media)) => Some(media.clone()),
        BodyType::Form => Some("application/x-www-form-urlencoded".to_owned()),
    };
    made.request.headers.extend(media.map(|media| ("content-type".to_owned(), media)));
    match written {
        TypedBody::Input(argument, slot) => {
            let is_object = matches!(slot.ty, Type::Named(_) | Type::Leaf(Leaf::Json));
            if body.media == BodyType::Form && !is_object {
                return Err(Refusal::new(Code::UnsupportedBody, "a form that is no object"));
            }
            let (node, cut) = convert::body(&builder.definitions, &format!("$args.{argument}"), &slot);
            made.request.body = vec![node];
            if cut {
                let reason =
                    "inputs nested in themselves are sent under the schema's names below the second level";
                builder.note(Code::TooDeep, &operation.line(), &operation.at, reason);
            }
            let description = body.description.map(str::to_owned);
            made.arguments.push(Argument {
                name: argument,
                slot,
                default: None,
                description,
                parameter: String::new(),
                in_path: false,
                items_max: None,
            });
        }
        TypedBody::Fields(list) => {
            for one in &list {
                let value = match (one.constant, one.parameter.style) {
                    (Some(value), _) => mapped(value),
                    (None, Style::Joined(_)) => flat(&builder.definitions, one)
                        .ok_or_else(|| unsupported(one, "is an object in a form field"))?,
                    _ => convert::sent(&builder.definitions, &one.read(), &one.slot),
                };
                made.request.body.push(Node::Line(format!("{}: {value}", key(&one.parameter.name))));
                if one.constant.is_none() {
                    made.arguments.push(argument(builder, one));
                }
            }
        }
    }
    Ok(())
}
