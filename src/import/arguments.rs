//! What an operation sends, as arguments of its field and as the texts of the request: URL, query, headers and body.

use super::{
    build::{Builder, Direction, Place, describe},
    convert,
    document::{Body, BodyContent, BodyType, Operation, Parameter, Position, Refusal, Style},
    exchange::Sent,
    literal::{self, key, mapped},
    name::{self, Names},
    operations::{Argument, Request},
    report::Code,
    schema::{self, Form},
    types::{Definition, Kind, Leaf, Slot, Type, fields},
};

/// Header parameters that OpenAPI says to ignore, and those that a connection or Ficus itself sets.
const IGNORED_HEADERS: [&str; 17] = [
    "accept",
    "content-type",
    "authorization",
    "connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "content-encoding",
    "accept-encoding",
    "keep-alive",
    "host",
    "traceparent",
    "x-request-id",
];

/// What came of parameters and body.
pub(super) struct Made {
    pub(super) arguments: Vec<Argument>,
    pub(super) request: Request,
}

/// A parameter with its type and the name of its argument.
struct Typed<'s, 'd> {
    parameter: &'s Parameter<'d>,
    argument: String,
    slot: Slot,
    /// A parameter that can only have one value is no argument.
    constant: Option<&'d str>,
}

impl Typed<'_, '_> {
    fn read(&self) -> String {
        format!("$args.{}", self.argument)
    }
}

/// Makes arguments and request.
pub(super) fn make<'d>(
    builder: &mut Builder<'d>,
    operation: &Operation<'d>,
    field: &str,
    sent: &Sent<'d>,
) -> Result<Made, Refusal> {
    let mut names = Names::default();
    let parameters: Vec<&Parameter<'d>> =
        sent.parameters.iter().filter(|parameter| is_sent(parameter)).collect();
    let typed: Vec<Typed<'_, 'd>> =
        parameters.into_iter().map(|p| typed(builder, field, &mut names, p)).collect::<Result<_, _>>()?;
    let body = match &sent.body {
        Some(body) => Some(typed_body(builder, field, &mut names, body)?),
        None => None,
    };
    // The types of parameters have their fields from here on.
    builder.finish();
    let mut made = Made { arguments: Vec::new(), request: Request::default() };
    made.request.method = operation.method.to_ascii_uppercase();
    path(builder, operation, &typed, &mut names, &mut made)?;
    let mut cookies = Vec::new();
    for one in &typed {
        let written = match one.parameter.position {
            Position::Path => Ok(()),
            Position::Query => query(&builder.definitions, one, &mut made.request.query),
            Position::Header => header(builder, one, &mut made.request.headers),
            Position::Cookie => cookie(&builder.definitions, one, &mut cookies),
        };
        match written {
            Err(refusal) if one.parameter.required => return Err(refusal),
            Err(refusal) => {
                builder.note(refusal.code, &operation.line(), &one.parameter.schema, refusal.reason);
                continue;
            }
            Ok(()) => {}
        }
        let forwarded = one.parameter.position == Position::Header && is_forwarded(builder, one);
        if one.constant.is_none() && !forwarded {
            made.arguments.push(argument(builder, one));
        }
    }
    if !cookies.is_empty() {
        let value = match cookies.as_slice() {
            [one] => format!("{{{one}}}"),
            several => format!("{{$([{}])->joinNotNull('; ')}}", several.join(", ")),
        };
        made.request.headers.push(("cookie".to_owned(), value));
    }
    if let (Some(written), Some(body)) = (body, &sent.body) {
        finish_body(builder, written, body, &mut made)?;
    }
    Ok(made)
}

fn is_sent(parameter: &Parameter<'_>) -> bool {
    parameter.position != Position::Header
        || !IGNORED_HEADERS.contains(&parameter.name.to_ascii_lowercase().as_str())
}

fn typed<'s, 'd>(
    builder: &mut Builder<'d>,
    field: &str,
    names: &mut Names,
    parameter: &'s Parameter<'d>,
) -> Result<Typed<'s, 'd>, Refusal> {
    let wanted = name::property_name(&parameter.name);
    if wanted.is_empty() {
        let reason = format!("the parameter `{}` has a name without letters", parameter.name);
        return Err(Refusal::new(Code::UnsupportedParameter, reason));
    }
    let argument = names.take(&[&wanted]);
    let inner = format!("{}{}", name::type_name(field), name::type_name(&parameter.name));
    let place =
        Place { name: &inner, key: &parameter.name, direction: Direction::Input, depth: 0, in_type: false };
    let schema = schema::read(builder.document, &parameter.schema);
    let constant = match &schema.form {
        Form::Enum(values) if parameter.required && values.len() == 1 => values.first().copied(),
        _ => None,
    };
    let mut slot = builder.slot(&parameter.schema, place);
    // In a URL or header a number is text anyway.
    if let (Type::Leaf(Leaf::Int | Leaf::Long), true) = (&slot.ty, name::is_identifier(&parameter.name)) {
        slot.ty = Type::Leaf(Leaf::Id);
    }
    if parameter.position == Position::Path && slot.ty == Type::Leaf(Leaf::Json) {
        slot.ty = Type::Leaf(Leaf::String);
    }
    slot.nullable = !parameter.required;
    Ok(Typed { parameter, argument, slot, constant })
}

fn argument(builder: &Builder<'_>, typed: &Typed<'_, '_>) -> Argument {
    let schema = schema::read(builder.document, &typed.parameter.schema);
    let default =
        schema.default.and_then(|value| literal::literal(&builder.definitions, &typed.slot.ty, value));
    let slot = Slot { nullable: typed.slot.nullable || default.is_some(), ..typed.slot.clone() };
    let description = describe(&schema, typed.parameter.description.or(schema.description));
    Argument {
        name: typed.argument.clone(),
        slot,
        default,
        description,
        parameter: typed.parameter.name.clone(),
        in_path: typed.parameter.position == Position::Path,
        items_max: schema.at.value.get("maxItems").and_then(serde_json::Value::as_u64),
    }
}

/// The URL template. Parts of the path that no parameter describes become arguments too.
fn path<'d>(
    builder: &Builder<'d>,
    operation: &Operation<'d>,
    typed: &[Typed<'_, 'd>],
    names: &mut Names,
    made: &mut Made,
) -> Result<(), Refusal> {
    let malformed = || Refusal::new(Code::Malformed, format!("the path `{}` is no template", operation.path));
    // What stands behind `#` is never sent; some documents tell operations apart by it.
    let whole = operation.path.split('#').next().unwrap_or_default();
    let mut url = String::new();
    let mut rest = whole;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, after) = after.split_once('}').ok_or_else(malformed)?;
        let wanted = inside.trim_start_matches('+').trim_end_matches('*').trim();
        literal_path(before, &mut url).ok_or_else(malformed)?;
        let declared =
            typed.iter().find(|one| one.parameter.position == Position::Path && one.parameter.name == wanted);
        let expression = match declared {
            Some(Typed { constant: Some(value), .. }) => format!("$({})", mapped(value)),
            Some(one) => {
                let read = one.read();
                match &one.slot.ty {
                    Type::List(_) => {
                        format!("{}->joinNotNull(',')", convert::sent(&builder.definitions, &read, &one.slot))
                    }
                    Type::Leaf(_) | Type::Named(_)
                        if one
                            .slot
                            .ty
                            .definition()
                            .is_none_or(|id| fields(&builder.definitions, id).is_empty()) =>
                    {
                        convert::sent(&builder.definitions, &read, &one.slot)
                    }
                    _ => return Err(unsupported(one, "is an object in a path")),
                }
            }
            None => undeclared(wanted, names, made).ok_or_else(malformed)?,
        };
        url.push_str(&format!("{{{expression}}}"));
        rest = after;
    }
    literal_path(rest, &mut url).ok_or_else(malformed)?;
    made.request.url = if url.starts_with('/') { url } else { format!("/{url}") };
    Ok(())
}

fn undeclared(wanted: &str, names: &mut Names, made: &mut Made) -> Option<String> {
    let name = name::property_name(wanted);
    if name.is_empty() {
        return None;
    }
    let known = made.arguments.iter().find(|argument| argument.parameter == wanted && argument.in_path);
    if let Some(known) = known {
        return Some(format!("$args.{}", known.name));
    }
    let leaf = if name::is_identifier(wanted) { Leaf::Id } else { Leaf::String };
    let name = names.take(&[&name]);
    made.arguments.push(Argument {
        name: name.clone(),
        slot: Slot::required(Type::Leaf(leaf)),
        default: None,
        description: None,
        parameter: wanted.to_owned(),
        in_path: true,
        items_max: None,
    });
    Some(format!("$args.{name}"))
}

/// Text of a path as a URL template takes it.
fn literal_path(text: &str, url: &mut String) -> Option<()> {
    for letter in text.chars() {
        match letter {
            '}' => return None,
            ' ' => url.push_str("%20"),
            '"' => url.push_str("%22"),
            '\\' => url.push_str("%5C"),
            control if control.is_control() => return None,
            letter => url.push(letter),
        }
    }
    Some(())
}

fn unsupported(typed: &Typed<'_, '_>, what: &str) -> Refusal {
    Refusal::new(Code::UnsupportedParameter, format!("the parameter `{}` {what}", typed.parameter.name))
}

/// Whether a type is a scalar or enum.
fn is_scalar(definitions: &[Definition], ty: &Type) -> bool {
    match ty {
        Type::Leaf(_) => true,
        Type::Named(id) => definitions.get(*id).is_some_and(|found| matches!(found.kind, Kind::Enum(_))),
        Type::List(_) | Type::Entries(_) => false,
    }
}

/// A value as one text or one list: what a query or header takes.
fn flat(definitions: &[Definition], typed: &Typed<'_, '_>) -> Option<String> {
    let read = typed.read();
    let style = typed.parameter.style;
    if style == Style::Json && !is_scalar(definitions, &typed.slot.ty) {
        let optional = if typed.slot.nullable { "?" } else { "" };
        return Some(format!("{read}{optional}->jsonStringify"));
    }
    match &typed.slot.ty {
        Type::List(of) if is_scalar(definitions, &of.ty) => {
            let list = convert::sent(definitions, &read, &typed.slot);
            match style {
                Style::Joined(with) => {
                    let optional = if list == read && typed.slot.nullable { "?" } else { "" };
                    Some(format!("{list}{optional}->joinNotNull('{with}')"))
                }
                _ => Some(list),
            }
        }
        ty if is_scalar(definitions, ty) => Some(convert::sent(definitions, &read, &typed.slot)),
        _ => None,
    }
}

fn query(
    definitions: &[Definition],
    typed: &Typed<'_, '_>,
    lines: &mut Vec<(String, String)>,
) -> Result<(), Refusal> {
    let name = &typed.parameter.name;
    if let Some(value) = typed.constant {
        lines.push((name.clone(), mapped(value)));
        return Ok(());
    }
    if let Some(value) = flat(definitions, typed) {
        lines.push((name.clone(), value));
        return Ok(());
    }
    let parts = typed.slot.ty.definition().map(|id| fields(definitions, id)).unwrap_or_default();
    let is_object = matches!(typed.slot.ty, Type::Named(_));
    for part in parts.iter().filter(|_| is_object) {
        let read = format!("{}?.{}", typed.read(), part.name);
        let value = match &part.slot.ty {
            ty if is_scalar(definitions, ty) => convert::sent(definitions, &read, &part.slot),
            Type::List(of) if is_scalar(definitions, &of.ty) => convert::sent(definitions, &read, &part.slot),
            _ => return Err(unsupported(typed, "holds objects in an object")),
        };
        let key = if typed.parameter.style == Style::Deep {
            format!("{name}[{}]", part.key)
        } else {
            part.key.clone()
        };
        lines.push((key, value));
    }
    if parts.is_empty() || !is_object {
        return Err(unsupported(typed, "is a list of objects, which a query cannot hold"));
    }
    Ok(())
}

/// Optional headers are the client's own: an argument that is not given would send an empty one.
fn is_forwarded(builder: &Builder<'_>, typed: &Typed<'_, '_>) -> bool {
    let schema = schema::read(builder.document, &typed.parameter.schema);
    typed.parameter.position == Position::Header && !typed.parameter.required && schema.default.is_none()
}

fn header(
    builder: &Builder<'_>,
    typed: &Typed<'_, '_>,
    headers: &mut Vec<(String, String)>,
) -> Result<(), Refusal> {
    let name = &typed.parameter.name;
    let is_token = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    if !is_token {
        return Err(unsupported(typed, "is no name of a header"));
    }
    if headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    let value = match typed.constant {
        Some(value) if value.contains(['{', '}']) => format!("{{$({})}}", mapped(value)),
        Some(value) => value.to_owned(),
        None if is_forwarded(builder, typed) => format!("from:{}", name.to_ascii_lowercase()),
        None => {
            let flat = flat(&builder.definitions, typed);
            format!("{{{}}}", flat.ok_or_else(|| unsupported(typed, "is an object in a header"))?)
        }
    };
    headers.push((name.clone(), value));
    Ok(())
}

fn cookie(
    definitions: &[Definition],
    typed: &Typed<'_, '_>,
    cookies: &mut Vec<String>,
) -> Result<(), Refusal> {
    let start = mapped(&format!("{}=", typed.parameter.name));
    let value = match typed.constant {
        Some(value) => format!("$({})", mapped(value)),
        None => flat(definitions, typed).ok_or_else(|| unsupported(typed, "is an object in a cookie"))?,
    };
    let optional = if typed.slot.nullable && !value.contains("?->") { "?" } else { "" };
    cookies.push(format!("{value}{optional}->echo([{start}, @]->joinNotNull(''))"));
    Ok(())
}

/// Argument names for the parts of a body.
enum TypedBody<'s, 'd> {
    Input(String, Slot),
    Fields(Vec<Typed<'s, 'd>>),
}

fn typed_body<'s, 'd>(
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

fn finish_body<'d>(
    builder: &Builder<'d>,
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
            made.request.body =
                Some(convert::sent(&builder.definitions, &format!("$args.{argument}"), &slot));
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
            let mut lines = Vec::new();
            for one in &list {
                let value = match (one.constant, one.parameter.style) {
                    (Some(value), _) => mapped(value),
                    (None, Style::Joined(_)) => flat(&builder.definitions, one)
                        .ok_or_else(|| unsupported(one, "is an object in a form field"))?,
                    _ => convert::sent(&builder.definitions, &one.read(), &one.slot),
                };
                lines.push(format!("{}: {value}", key(&one.parameter.name)));
                if one.constant.is_none() {
                    made.arguments.push(argument(builder, one));
                }
            }
            made.request.body = Some(lines.join("\n"));
        }
    }
    Ok(())
}
