//! A document as one model, whatever its version: operations with parameters, body and responses, all `$ref`s of these
//! followed. Schemas stay values with a place; what they mean is `schema`'s business.

use serde_json::{Map, Value};

use super::{read::Version, report::Code};

/// `$ref`s that lead to `$ref`s: more are a circle.
const REFS_MAX: usize = 32;

/// A value of the document and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Located<'d> {
    /// A JSON pointer with `#` before it.
    pub(super) pointer: String,
    pub(super) value: &'d Value,
}

/// Why something is not imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) reason: String,
}

impl Refusal {
    pub(super) fn new(code: Code, reason: impl Into<String>) -> Self {
        Refusal { code, reason: reason.into() }
    }
}

/// The document, and what it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Document<'d> {
    pub(super) root: &'d Value,
    pub(super) version: Version,
}

/// One method of one path.
#[derive(Debug)]
pub(super) struct Operation<'d> {
    /// In lower case, as the document writes it.
    pub(super) method: String,
    pub(super) path: String,
    pub(super) at: Located<'d>,
    /// The path item's own parameters and the operation's, which win.
    pub(super) parameters: Vec<Located<'d>>,
    /// The path item.
    pub(super) item: &'d Value,
}

/// Where a parameter goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    Path,
    Query,
    Header,
    Cookie,
}

/// How a list or object is written into a path, query or header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// A key for each element.
    Repeated,
    /// All elements in one value, with this between them.
    Joined(&'static str),
    /// `filter[name]=…`
    Deep,
    /// One JSON text.
    Json,
    /// In a path: `.value`, or `;name=value`.
    Prefixed(char),
}

/// One parameter.
#[derive(Debug, Clone)]
pub(super) struct Parameter<'d> {
    pub(super) name: String,
    pub(super) position: Position,
    pub(super) required: bool,
    pub(super) style: Style,
    pub(super) description: Option<&'d str>,
    pub(super) schema: Located<'d>,
}

/// How a body is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BodyType {
    /// JSON; the media type where it is not `application/json`.
    Json(Option<String>),
    Form,
}

/// What is sent.
#[derive(Debug, Clone)]
pub(super) struct Body<'d> {
    pub(super) media: BodyType,
    pub(super) required: bool,
    pub(super) description: Option<&'d str>,
    pub(super) content: BodyContent<'d>,
}

/// A body as one schema, or as the form fields of Swagger 2.
#[derive(Debug, Clone)]
pub(super) enum BodyContent<'d> {
    Schema(Option<Located<'d>>),
    Fields(Vec<Parameter<'d>>),
}

/// What comes back.
#[derive(Debug, Clone)]
pub(super) enum Answer<'d> {
    /// Nothing: the status says it all.
    Empty,
    /// JSON; without a schema it may be anything.
    Json(Option<Located<'d>>),
    /// One string.
    Text,
}

impl<'d> Document<'d> {
    /// What stands at a place below another.
    pub(super) fn at(parent: &Located<'d>, key: &str) -> Option<Located<'d>> {
        let value = parent.value.get(key)?;
        Some(Located { pointer: format!("{}/{}", parent.pointer, escape(key)), value })
    }

    /// The elements of a list.
    pub(super) fn items(list: &Located<'d>) -> Vec<Located<'d>> {
        let items = list.value.as_array().map(Vec::as_slice).unwrap_or_default();
        let located = |(index, value)| Located { pointer: format!("{}/{index}", list.pointer), value };
        items.iter().enumerate().map(located).collect()
    }

    /// The document as a place.
    pub(super) fn whole(self) -> Located<'d> {
        Located { pointer: "#".to_owned(), value: self.root }
    }

    /// Follows `$ref`s, until there is none.
    pub(super) fn follow(self, mut at: Located<'d>) -> Result<Located<'d>, Refusal> {
        for _ in 0..REFS_MAX {
            let Some(target) = at.value.get("$ref").and_then(Value::as_str) else { return Ok(at) };
            at = self.target(target)?;
        }
        Err(Refusal::new(Code::UnresolvedRef, format!("the `$ref`s at {} lead in a circle", at.pointer)))
    }

    /// What one `$ref` names.
    pub(super) fn target(self, target: &str) -> Result<Located<'d>, Refusal> {
        let Some(pointer) = target.strip_prefix('#') else {
            let reason = format!("`{target}` is outside the document; bundle the document first");
            return Err(Refusal::new(Code::ExternalRef, reason));
        };
        let missing = || Refusal::new(Code::UnresolvedRef, format!("nothing stands at `{target}`"));
        let mut at = self.whole();
        for part in pointer.split('/').skip(1) {
            let decoded = percent_encoding::percent_decode_str(part).decode_utf8_lossy();
            let key = decoded.replace("~1", "/").replace("~0", "~");
            let next = match at.value {
                Value::Array(items) => key.parse().ok().and_then(|index: usize| items.get(index)),
                value => value.get(&key).or_else(|| value.get(part)),
            };
            let pointer = format!("{}/{}", at.pointer, escape(&key));
            at = Located { pointer, value: next.ok_or_else(missing)? };
        }
        Ok(at)
    }

    /// All operations, in the order of the document; all methods, also those that cannot be imported.
    pub(super) fn operations(self) -> Vec<Operation<'d>> {
        const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
        let mut operations = Vec::new();
        let Some(paths) = Self::at(&self.whole(), "paths") else { return operations };
        for (path, _) in paths.value.as_object().into_iter().flatten() {
            let Some(item) = Self::at(&paths, path) else { continue };
            let Ok(item) = self.follow(item) else { continue };
            for (method, _) in item.value.as_object().into_iter().flatten() {
                let at = match Self::at(&item, method) {
                    Some(at) if METHODS.contains(&method.as_str()) && at.value.is_object() => at,
                    _ => continue,
                };
                let parameters = [&item, &at].map(|owner| Self::at(owner, "parameters"));
                let parameters = parameters.iter().flatten().flat_map(Self::items).collect();
                let (method, path, item) = (method.clone(), path.clone(), item.value);
                operations.push(Operation { method, path, at, parameters, item });
            }
        }
        operations
    }

    /// The component map that holds named schemas.
    pub(super) fn schema_name(self, pointer: &str) -> Option<String> {
        let holders = ["#/components/schemas/", "#/definitions/", "#/components/responses/"];
        let name = holders.iter().find_map(|holder| pointer.strip_prefix(holder))?;
        let (name, rest) = name.split_once('/').unwrap_or((name, ""));
        let is_schema = rest.is_empty() || pointer.contains("/responses/") && rest.ends_with("/schema");
        is_schema.then(|| name.replace("~1", "/").replace("~0", "~"))
    }
}

impl<'d> Operation<'d> {
    /// A text of the operation.
    pub(super) fn text(&self, key: &str) -> Option<&'d str> {
        self.at.value.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    }

    /// A flag of the operation.
    pub(super) fn flag(&self, key: &str) -> bool {
        is_true(self.at.value, key)
    }

    /// `GET /users`, as reports name it.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method.to_ascii_uppercase(), self.path)
    }
}

/// Whether a key is `true`.
pub(super) fn is_true(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool) == Some(true)
}

/// A key as a part of a JSON pointer.
pub(super) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// An object's entries, none of what is no object.
pub(super) fn entries(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flat_map(Map::iter)
}
