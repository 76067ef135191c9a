//! Parameters as the texts of a request: expressions in the path, lines of `queryParams`, headers and cookies, each in the
//! style that the document demands.

use super::{
    arguments::Typed,
    build::Builder,
    convert,
    document::{Position, Refusal, Style},
    literal::mapped,
    report::Code,
    schema,
    types::{Definition, Kind, Type, fields},
};

/// The expression of a parameter in the path; what its style puts before the value goes to the URL.
pub(super) fn in_path(
    definitions: &[Definition],
    typed: &Typed<'_, '_>,
    url: &mut String,
) -> Result<String, Refusal> {
    let read = convert::sent(definitions, &typed.read(), &typed.slot);
    let is_list = matches!(&typed.slot.ty, Type::List(of) if is_scalar(definitions, &of.ty));
    match typed.parameter.style {
        Style::Prefixed(_) if is_list => {
            return Err(unsupported(typed, "is a list in a label or matrix of the path"));
        }
        Style::Prefixed('.') => url.push('.'),
        Style::Prefixed(_) => url.push_str(&format!(";{}=", typed.parameter.name)),
        _ => {}
    }
    match &typed.slot.ty {
        _ if is_list => Ok(format!("{read}->joinNotNull(',')")),
        ty if is_scalar(definitions, ty) => Ok(read),
        _ => Err(unsupported(typed, "is an object in a path")),
    }
}

pub(super) fn unsupported(typed: &Typed<'_, '_>, what: &str) -> Refusal {
    Refusal::new(Code::UnsupportedParameter, format!("the parameter `{}` {what}", typed.parameter.name))
}

/// Whether a type is a scalar or enum.
pub(super) fn is_scalar(definitions: &[Definition], ty: &Type) -> bool {
    match ty {
        Type::Leaf(_) => true,
        Type::Named(id) => definitions.get(*id).is_some_and(|found| matches!(found.kind, Kind::Enum(_))),
        Type::List(_) | Type::Entries(_) => false,
    }
}

/// A value as one text or one list: what a query or header takes.
pub(super) fn flat(definitions: &[Definition], typed: &Typed<'_, '_>) -> Option<String> {
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

pub(super) fn query(
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
    let mut found = Vec::new();
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
        found.push((key, value));
    }
    if found.is_empty() {
        return Err(unsupported(typed, "is a list of objects, which a query cannot hold"));
    }
    lines.extend(found);
    Ok(())
}

/// Optional headers are the client's own: an argument that is not given would send an empty one.
pub(super) fn is_forwarded(builder: &Builder<'_>, typed: &Typed<'_, '_>) -> bool {
    let schema = schema::read(builder.document, &typed.parameter.schema);
    typed.parameter.position == Position::Header && !typed.parameter.required && schema.default.is_none()
}

pub(super) fn header(
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

pub(super) fn cookie(
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
