//! What an operation sends, as arguments of its field and as the texts of the request: URL, query, headers and body.

use super::{
    bodies,
    build::{Builder, Direction, Place},
    document::{Operation, Parameter, Position, Refusal},
    enums::describe,
    exchange::Sent,
    literal::{self, mapped},
    name::{self, Names},
    operations::{Argument, Request},
    parameters::{cookie, header, in_path, is_forwarded, query},
    report::Code,
    schema::{self, Form},
    types::{Leaf, Slot, Type},
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
pub(super) struct Typed<'s, 'd> {
    pub(super) parameter: &'s Parameter<'d>,
    pub(super) argument: String,
    pub(super) slot: Slot,
    /// A parameter that can only have one value is no argument.
    pub(super) constant: Option<&'d str>,
}

impl Typed<'_, '_> {
    pub(super) fn read(&self) -> String {
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
        Some(body) => Some(bodies::read(builder, field, &mut names, body)?),
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
    // In the order in which they stand in the path, the others behind them.
    let place = |argument: &Argument| made.request.url.find(&format!("$args.{}", argument.name));
    made.arguments.sort_by_key(|argument| place(argument).unwrap_or(usize::MAX));
    if let (Some(written), Some(body)) = (body, &sent.body) {
        bodies::finish(builder, operation, written, body, &mut made)?;
    }
    Ok(made)
}

fn is_sent(parameter: &Parameter<'_>) -> bool {
    parameter.position != Position::Header
        || !IGNORED_HEADERS.contains(&parameter.name.to_ascii_lowercase().as_str())
}

pub(super) fn typed<'s, 'd>(
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
    let number = |ty: &Type| matches!(ty, Type::Leaf(Leaf::Int | Leaf::Long));
    let id = Type::Leaf(Leaf::Id);
    match &mut slot.ty {
        ty if number(ty) && name::is_identifier(&parameter.name) => *ty = id,
        Type::List(of) if number(&of.ty) && name::is_identifier(&name::singular(&argument)) => of.ty = id,
        _ => {}
    }
    if parameter.position == Position::Path && slot.ty == Type::Leaf(Leaf::Json) {
        slot.ty = Type::Leaf(Leaf::String);
    }
    slot.nullable = !parameter.required;
    Ok(Typed { parameter, argument, slot, constant })
}

pub(super) fn argument(builder: &Builder<'_>, typed: &Typed<'_, '_>) -> Argument {
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
            Some(one) => in_path(&builder.definitions, one, &mut url)?,
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
