//! What an operation sends and gets, unified over the versions: parameters, the body, the response that means success.
//! Types are not made here.

use serde_json::Value;

use super::{
    document::{
        Answer, Body, BodyContent, BodyType, Document, Located, Operation, Parameter, Position, Refusal,
        Style, entries, escape, is_true,
    },
    read::Version,
    report::Code,
};

/// A parameter of Swagger 2 that is part of the body.
enum Read<'d> {
    Parameter(Parameter<'d>),
    /// `in: formData`
    Field(Parameter<'d>),
    /// `in: body`
    Body(Located<'d>),
}

/// Everything that an operation sends.
pub(super) struct Sent<'d> {
    pub(super) parameters: Vec<Parameter<'d>>,
    pub(super) body: Option<Body<'d>>,
}

/// Reads what an operation sends.
pub(super) fn sent<'d>(document: Document<'d>, operation: &Operation<'d>) -> Result<Sent<'d>, Refusal> {
    let mut parameters: Vec<Parameter<'d>> = Vec::new();
    let mut fields: Vec<Parameter<'d>> = Vec::new();
    let mut body = None;
    for at in &operation.parameters {
        let at = document.follow(at.clone())?;
        match parameter(document, &at)? {
            Read::Body(at) => body = Some(at),
            Read::Parameter(read) => put(&mut parameters, read),
            Read::Field(read) => put(&mut fields, read),
        }
    }
    let body = if document.version == Version::Swagger2 {
        swagger_body(document, operation, body, fields)?
    } else {
        match Document::at(&operation.at, "requestBody") {
            Some(at) => request_body(&document.follow(at)?)?,
            None => None,
        }
    };
    Ok(Sent { parameters, body })
}

/// The operation's own parameter wins over the path item's.
fn put<'d>(known: &mut Vec<Parameter<'d>>, read: Parameter<'d>) {
    match known.iter_mut().find(|other| other.name == read.name && other.position == read.position) {
        Some(other) => *other = read,
        None => known.push(read),
    }
}

fn parameter<'d>(document: Document<'d>, at: &Located<'d>) -> Result<Read<'d>, Refusal> {
    let text = |key: &str| at.value.get(key).and_then(Value::as_str);
    let malformed =
        |what: &str| Refusal::new(Code::Malformed, format!("the parameter at {} {what}", at.pointer));
    let name = text("name").ok_or_else(|| malformed("has no name"))?.to_owned();
    let position = match text("in") {
        Some("path") => Position::Path,
        Some("query") => Position::Query,
        Some("header") => Position::Header,
        Some("cookie") => Position::Cookie,
        Some("body") if document.version == Version::Swagger2 => return Ok(Read::Body(at.clone())),
        Some("formData") if document.version == Version::Swagger2 => Position::Query,
        _ => return Err(malformed("does not say where it goes (`in`)")),
    };
    let mut style = style(document.version, at.value, position);
    let schema = Document::at(at, "schema").or_else(|| {
        let content = Document::at(at, "content")?;
        let (media, _) = entries(Some(content.value)).next()?;
        if is_json(media) {
            style = Style::Json;
        }
        Document::at(&Document::at(&content, media)?, "schema")
    });
    let read = Parameter {
        name,
        position,
        required: is_true(at.value, "required") || position == Position::Path,
        style,
        description: text("description"),
        // A parameter of Swagger 2 is its own schema.
        schema: schema.unwrap_or_else(|| at.clone()),
    };
    Ok(if text("in") == Some("formData") { Read::Field(read) } else { Read::Parameter(read) })
}

fn style(version: Version, value: &Value, position: Position) -> Style {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    if version == Version::Swagger2 {
        return match text("collectionFormat") {
            Some("multi") => Style::Repeated,
            Some("ssv") => Style::Joined(" "),
            Some("tsv") => Style::Joined("\\t"),
            Some("pipes") => Style::Joined("|"),
            _ => Style::Joined(","),
        };
    }
    let default = matches!(position, Position::Query | Position::Cookie);
    let explode = value.get("explode").and_then(Value::as_bool);
    match text("style") {
        Some("label") => Style::Prefixed('.'),
        Some("matrix") => Style::Prefixed(';'),
        Some("deepObject") => Style::Deep,
        Some("spaceDelimited") => Style::Joined(" "),
        Some("pipeDelimited") => Style::Joined("|"),
        _ if position == Position::Query && explode.unwrap_or(default) => Style::Repeated,
        _ => Style::Joined(","),
    }
}

/// Whether a media type is JSON, or may be.
fn is_json(media: &str) -> bool {
    let media = essence(media);
    media.ends_with("/json")
        || media.ends_with("+json")
        || matches!(media.as_str(), "*/*" | "application/*" | "text/json")
}

fn essence(media: &str) -> String {
    media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn body_type(media: &str) -> Option<BodyType> {
    match essence(media).as_str() {
        "application/x-www-form-urlencoded" => Some(BodyType::Form),
        "application/json" | "*/*" | "application/*" => Some(BodyType::Json(None)),
        other if is_json(other) => Some(BodyType::Json(Some(other.to_owned()))),
        _ => None,
    }
}

/// Which body types are better, when several can be had.
fn rank(media: &BodyType) -> u8 {
    match media {
        BodyType::Json(None) => 0,
        BodyType::Json(Some(_)) => 1,
        BodyType::Form => 2,
    }
}

fn unsupported_body<'m>(media: impl Iterator<Item = &'m str>) -> Refusal {
    let media: Vec<&str> = media.collect();
    let code = if media.iter().any(|media| essence(media).starts_with("multipart/")) {
        Code::MultipartBody
    } else {
        Code::UnsupportedBody
    };
    Refusal::new(code, format!("the body is sent as {}, not as JSON or a form", media.join(", ")))
}

fn request_body<'d>(at: &Located<'d>) -> Result<Option<Body<'d>>, Refusal> {
    let Some(content) = Document::at(at, "content") else { return Ok(None) };
    let offered = || entries(Some(content.value)).map(|(media, _)| media.as_str());
    let best =
        offered().filter_map(|media| Some((body_type(media)?, media))).min_by_key(|(kind, _)| rank(kind));
    let Some((media, key)) = best else {
        return if offered().next().is_none() { Ok(None) } else { Err(unsupported_body(offered())) };
    };
    let schema = Document::at(&content, key).and_then(|at| Document::at(&at, "schema"));
    Ok(Some(Body {
        media,
        required: is_true(at.value, "required"),
        description: at.value.get("description").and_then(Value::as_str),
        content: BodyContent::Schema(schema),
    }))
}

/// `consumes` or `produces`: the operation's own, else the document's.
fn media_types<'d>(document: Document<'d>, operation: &Operation<'d>, key: &str) -> Vec<&'d str> {
    let listed = |value: &'d Value| value.get(key).and_then(Value::as_array);
    let list = listed(operation.at.value).or_else(|| listed(document.root));
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn swagger_body<'d>(
    document: Document<'d>,
    operation: &Operation<'d>,
    body: Option<Located<'d>>,
    fields: Vec<Parameter<'d>>,
) -> Result<Option<Body<'d>>, Refusal> {
    let consumes = media_types(document, operation, "consumes");
    if let Some(at) = body {
        let best = consumes.iter().filter_map(|media| body_type(media)).min_by_key(rank);
        let media = match best {
            None if consumes.is_empty() => BodyType::Json(None),
            None => return Err(unsupported_body(consumes.into_iter())),
            Some(media) => media,
        };
        return Ok(Some(Body {
            media,
            required: is_true(at.value, "required"),
            description: at.value.get("description").and_then(Value::as_str),
            content: BodyContent::Schema(Document::at(&at, "schema")),
        }));
    }
    if fields.is_empty() {
        return Ok(None);
    }
    let file =
        fields.iter().find(|field| field.schema.value.get("type").and_then(Value::as_str) == Some("file"));
    if let Some(file) = file {
        let reason = format!("the form field `{}` is a file", file.name);
        return Err(Refusal::new(Code::MultipartBody, reason));
    }
    if !consumes.is_empty() && !consumes.iter().any(|media| body_type(media).is_some()) {
        return Err(unsupported_body(consumes.into_iter()));
    }
    let required = fields.iter().any(|field| field.required);
    let content = BodyContent::Fields(fields);
    Ok(Some(Body { media: BodyType::Form, required, description: None, content }))
}

/// Finds the response that means success, and what is in it; the place is that of the response.
pub(super) fn answer<'d>(
    document: Document<'d>,
    operation: &Operation<'d>,
) -> Result<(Answer<'d>, Option<Located<'d>>), Refusal> {
    let Some(responses) = Document::at(&operation.at, "responses") else {
        return Ok((Answer::Json(None), None));
    };
    let mut statuses: Vec<&str> = entries(Some(responses.value)).map(|(status, _)| status.as_str()).collect();
    statuses.retain(|status| status.starts_with('2'));
    // 200 and 201 by number, then the others, then the range.
    statuses.sort_by_key(|status| status.to_ascii_uppercase());
    let Some(status) = statuses.first().copied().or_else(|| default_status(document, &responses)) else {
        let is_redirect = entries(Some(responses.value)).any(|(status, _)| status.starts_with('3'));
        if is_redirect {
            return Err(Refusal::new(
                Code::NoSuccessResponse,
                "the only answer besides failures is a redirect",
            ));
        }
        // Nobody describes only failures of what never succeeds.
        let answer = if operation.method == "get" { Answer::Json(None) } else { Answer::Empty };
        return Ok((answer, None));
    };
    let mut chosen = None;
    // A 200 without content beside a 201 with some: the one that says something.
    for status in if statuses.is_empty() { vec![status] } else { statuses } {
        let Some(at) = Document::at(&responses, status) else { continue };
        let at = document.follow(at)?;
        let answer = one_answer(document, operation, &at);
        match answer {
            Ok(Answer::Empty) => drop(chosen.get_or_insert((Ok(Answer::Empty), at))),
            Ok(answer) => return Ok((answer, Some(at))),
            Err(refusal) if !matches!(chosen, Some((Err(_), _))) => chosen = Some((Err(refusal), at)),
            Err(_) => {}
        }
    }
    match chosen {
        Some((answer, at)) => answer.map(|answer| (answer, Some(at))),
        None => Ok((Answer::Empty, None)),
    }
}

/// `default`, unless it is one failure among others.
fn default_status(document: Document<'_>, responses: &Located<'_>) -> Option<&'static str> {
    let at = Document::at(responses, "default")?;
    let is_alone =
        entries(Some(responses.value)).all(|(status, _)| status == "default" || status.starts_with("x-"));
    let named = at.value.get("$ref").and_then(Value::as_str).unwrap_or_default();
    let followed = document.follow(at.clone()).ok()?;
    let described = followed.value.get("description").and_then(Value::as_str).unwrap_or_default();
    let words = format!("{named} {described}").to_ascii_lowercase();
    let is_failure =
        ["error", "fail", "problem", "unexpected", "exception"].iter().any(|word| words.contains(word));
    (is_alone || !is_failure).then_some("default")
}

fn one_answer<'d>(
    document: Document<'d>,
    operation: &Operation<'d>,
    at: &Located<'d>,
) -> Result<Answer<'d>, Refusal> {
    if document.version == Version::Swagger2 {
        let Some(schema) = Document::at(at, "schema") else { return Ok(Answer::Empty) };
        let produces = media_types(document, operation, "produces");
        if produces.is_empty() || produces.iter().any(|media| is_json(media)) {
            return json(schema);
        }
        return other_answer(produces.into_iter());
    }
    let Some(content) = Document::at(at, "content") else { return Ok(Answer::Empty) };
    let offered = || entries(Some(content.value)).map(|(media, _)| media.as_str());
    if offered().next().is_none() {
        return Ok(Answer::Empty);
    }
    let best = offered().filter(|media| is_json(media)).min_by_key(|media| match essence(media).as_str() {
        "application/json" => 0,
        "*/*" | "application/*" => 2,
        _ => 1,
    });
    match best {
        Some(media) => match Document::at(&content, media).and_then(|at| Document::at(&at, "schema")) {
            Some(schema) => json(schema),
            None => Ok(Answer::Json(None)),
        },
        None => other_answer(offered()),
    }
}

fn json(schema: Located<'_>) -> Result<Answer<'_>, Refusal> {
    let text = |key: &str| schema.value.get(key).and_then(Value::as_str);
    if text("type") == Some("file") || text("format") == Some("binary") {
        return Err(Refusal::new(Code::BinaryResponse, "the answer is a file"));
    }
    Ok(Answer::Json(Some(schema)))
}

/// What is not JSON: plain text can be read, nothing else.
fn other_answer<'d, 'm>(offered: impl Iterator<Item = &'m str>) -> Result<Answer<'d>, Refusal> {
    let offered: Vec<String> = offered.map(essence).collect();
    if offered.iter().any(|media| media == "text/plain" || media == "text/*") {
        return Ok(Answer::Text);
    }
    let binary = |media: &String| {
        let kinds = [
            "image/",
            "audio/",
            "video/",
            "font/",
            "multipart/",
            "application/octet-stream",
            "application/pdf",
            "application/zip",
        ];
        kinds.iter().any(|kind| media.starts_with(kind))
    };
    let (code, what) = if offered.iter().any(binary) {
        (Code::BinaryResponse, "is a file")
    } else {
        (Code::UnreadableResponse, "is neither JSON nor plain text")
    };
    Err(Refusal::new(code, format!("the answer {what}: {}", offered.join(", "))))
}

/// The pointer of a response's links.
pub(super) fn links<'d>(document: Document<'d>, response: &Located<'d>) -> Vec<(String, Located<'d>)> {
    let links = response.value.get("links");
    let located = |(name, value): (&String, &'d Value)| {
        let pointer = format!("{}/links/{}", response.pointer, escape(name));
        Some((name.clone(), document.follow(Located { pointer, value }).ok()?))
    };
    entries(links).filter_map(|(name, value)| located((name, value))).collect()
}
