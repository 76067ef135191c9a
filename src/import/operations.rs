//! Operations as fields of `Query` and `Mutation`: names, arguments, the request that is sent and the type that comes back.

use serde_json::Value;

use super::{
    arguments,
    build::{Builder, Direction, Place},
    document::{Answer, Document, Located, Operation, Refusal},
    exchange,
    name::{self, Names},
    report::Code,
    schema::{self, Form},
    select::Node,
    types::{Leaf, Slot, Type},
};

/// What a connector sends: the texts of `http: { … }`.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    /// `GET`
    pub(super) method: String,
    /// A URL template.
    pub(super) url: String,
    /// Lines of `queryParams`: key and value.
    pub(super) query: Vec<(String, String)>,
    /// Name and template.
    pub(super) headers: Vec<(String, String)>,
    /// The mapping of the body; empty for none.
    pub(super) body: Vec<Node>,
    /// A base URL that is not the source's.
    pub(super) server: Option<String>,
    /// What is selected before the type's own fields: `$.data`.
    pub(super) envelope: Option<String>,
}

/// An argument of a root field.
#[derive(Debug, Clone)]
pub(super) struct Argument {
    pub(super) name: String,
    pub(super) slot: Slot,
    pub(super) default: Option<String>,
    pub(super) description: Option<String>,
    /// The parameter it is sent as.
    pub(super) parameter: String,
    pub(super) in_path: bool,
    /// Of a list: how many elements the backend takes.
    pub(super) items_max: Option<u64>,
}

/// A field of `Query` or `Mutation`.
#[derive(Debug)]
pub(super) struct Root<'d> {
    pub(super) name: String,
    pub(super) mutation: bool,
    pub(super) description: Option<String>,
    pub(super) deprecated: bool,
    pub(super) arguments: Vec<Argument>,
    pub(super) request: Request,
    pub(super) gives: Gives,
    /// Whether it completes objects of its type.
    pub(super) entity: bool,
    /// `GET /users`
    pub(super) line: String,
    pub(super) at: Located<'d>,
    /// The response that was chosen.
    pub(super) response: Option<Located<'d>>,
}

/// What a root field gives.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Gives {
    /// True: the response says nothing but its status.
    Done,
    Value(Type),
}

impl Root<'_> {
    /// `Query.users`, as diagnostics name it.
    pub(super) fn coordinate(&self) -> String {
        format!("{}.{}", if self.mutation { "Mutation" } else { "Query" }, self.name)
    }

    /// Arguments that no text of the request reads, because every request of the source carries their parameters.
    pub(super) fn drop_unread_arguments(&mut self) {
        let request = &self.request;
        let pairs = request.query.iter().chain(&request.headers).map(|(_, value)| value.as_str());
        let body: Vec<String> = request.body.iter().map(Node::to_line).collect();
        let texts: Vec<&str> =
            pairs.chain([request.url.as_str()]).chain(body.iter().map(String::as_str)).collect();
        self.arguments.retain(|argument| {
            let read = format!("$args.{}", argument.name);
            texts.iter().any(|text| {
                text.split(&read)
                    .skip(1)
                    .any(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
            })
        });
    }
}

/// Which name each operation gets; in the order of the operations.
pub(super) fn names(operations: &[Operation<'_>]) -> Vec<String> {
    let wanted: Vec<Vec<String>> =
        operations.iter().map(|operation| wanted_names(operation, operations)).collect();
    let is_query = |operation: &Operation<'_>| operation.method == "get";
    let mut claims: std::collections::HashMap<(bool, &str), usize> = std::collections::HashMap::new();
    for (operation, names) in operations.iter().zip(&wanted) {
        names.iter().for_each(|name| *claims.entry((is_query(operation), name)).or_default() += 1);
    }
    let mut taken = [Names::default(), Names::default()];
    let mut chosen = Vec::new();
    for (operation, names) in operations.iter().zip(&wanted) {
        let query = is_query(operation);
        // A shortened name is taken only where no other operation could want it.
        let mut candidates: Vec<&str> = names
            .iter()
            .filter(|name| claims.get(&(query, name.as_str())) == Some(&1))
            .map(String::as_str)
            .collect();
        candidates.extend(names.last().map(String::as_str));
        let [queries, mutations] = &mut taken;
        chosen.push(if query { queries.take(&candidates) } else { mutations.take(&candidates) });
    }
    chosen
}

/// Names for an operation, the best first; the last is the full one.
fn wanted_names(operation: &Operation<'_>, all: &[Operation<'_>]) -> Vec<String> {
    let by_path = path_name(operation, all);
    let Some(id) = operation.text("operationId") else { return vec![by_path] };
    let full = name::field_name(id);
    if full.is_empty() {
        return vec![by_path];
    }
    let mut wanted = Vec::new();
    if operation.method == "get" {
        let verbs = ["get", "list", "fetch", "retrieve", "show", "read", "find", "query"];
        let short = verbs.iter().find_map(|verb| {
            let rest = full.strip_prefix(verb)?;
            rest.starts_with(|c: char| c.is_ascii_uppercase()).then(|| name::field_name(rest))
        });
        let short = short.filter(|short| !["all", "by", "one", "byId"].contains(&short.as_str()));
        if let Some(short) = &short {
            let shorter = short.strip_suffix("ById").or_else(|| short.strip_suffix("ByID"));
            wanted.extend(shorter.map(str::to_owned));
        }
        wanted.extend(short);
    }
    wanted.push(full);
    wanted
}

/// `GET /users/{id}/posts` as `userPosts`, `POST /users` as `createUser`.
fn path_name(operation: &Operation<'_>, all: &[Operation<'_>]) -> String {
    let parts: Vec<&str> = operation.path.split(['/', '?', '#']).filter(|part| !part.is_empty()).collect();
    let is_parameter = |part: &str| part.starts_with('{');
    let mut words = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        if is_parameter(part) || ["api", "v1", "v2", "v3", "rest"].contains(part) && index < 2 {
            continue;
        }
        // What a parameter follows is one of several.
        let one = parts.get(index + 1).is_some_and(|next| is_parameter(next));
        let word = part.split('{').next().unwrap_or(part);
        words.push(if one { name::singular(word) } else { word.to_owned() });
    }
    let ends_in_parameter = parts.last().is_some_and(|part| is_parameter(part));
    let patched = || all.iter().any(|other| other.path == operation.path && other.method == "patch");
    let verb = match operation.method.as_str() {
        "get" => "",
        "post" if ends_in_parameter => "post",
        "post" => "create",
        "put" if patched() => "replace",
        "put" | "patch" => "update",
        "delete" => "delete",
        other => other,
    };
    if verb == "create" && words.len() == 1 {
        words.iter_mut().for_each(|word| *word = name::singular(word));
    }
    let name = name::field_name(&format!("{verb}-{}", words.join("-")));
    match name.as_str() {
        "" => "root".to_owned(),
        _ if words.is_empty() => format!("{name}Root"),
        _ => name,
    }
}

/// Makes a field of an operation.
pub(super) fn root<'d>(
    builder: &mut Builder<'d>,
    operation: &Operation<'d>,
    name: &str,
) -> Result<Root<'d>, Refusal> {
    let mutation = operation.method != "get";
    if !["get", "post", "put", "patch", "delete"].contains(&operation.method.as_str()) {
        let reason = format!("{} has no place in a graph", operation.method.to_ascii_uppercase());
        return Err(Refusal::new(Code::UnsupportedMethod, reason));
    }
    let (answer, response) = exchange::answer(builder.document, operation)?;
    let sent = exchange::sent(builder.document, operation)?;
    if !mutation && sent.body.as_ref().is_some_and(|body| body.required) {
        return Err(Refusal::new(Code::UnsupportedBody, "a GET with a body"));
    }
    let sent = exchange::Sent { body: sent.body.filter(|_| mutation), ..sent };
    let made = arguments::make(builder, operation, name, &sent)?;
    if operation.at.value.get("callbacks").is_some() {
        let line = operation.line();
        builder.note(
            Code::Callback,
            &line,
            &operation.at,
            "callbacks are requests to the client; they are left out",
        );
    }
    Ok(Root {
        name: name.to_owned(),
        mutation,
        description: description(operation),
        deprecated: operation.flag("deprecated"),
        arguments: made.arguments,
        request: made.request,
        gives: gives(builder, answer, name)?,
        entity: false,
        line: operation.line(),
        at: operation.at.clone(),
        response,
    })
}

fn description(operation: &Operation<'_>) -> Option<String> {
    match (operation.text("summary"), operation.text("description")) {
        (Some(summary), Some(text)) if !text.starts_with(summary.trim_end_matches('.')) => {
            Some(format!("{summary}\n\n{text}"))
        }
        (summary, text) => text.or(summary).map(str::to_owned),
    }
}

fn gives<'d>(builder: &mut Builder<'d>, answer: Answer<'d>, name: &str) -> Result<Gives, Refusal> {
    let at = match answer {
        Answer::Empty => return Ok(Gives::Done),
        Answer::Text => return Ok(Gives::Value(Type::Leaf(Leaf::String))),
        Answer::Json(None) => return Ok(Gives::Value(Type::Leaf(Leaf::Json))),
        Answer::Json(Some(at)) => at,
    };
    // A `$ref` that leads nowhere leaves nothing to make a type of.
    let at = builder.document.follow(at)?;
    let schema = schema::read(builder.document, &at);
    if at.value.get("format").and_then(Value::as_str) == Some("binary") {
        return Err(Refusal::new(Code::BinaryResponse, "the answer is a file"));
    }
    let ty = name::type_name(name);
    // A list's elements have the name of one of them, anything else that of the result.
    let base = match schema.form {
        Form::List(_) if name::singular(&ty) != ty => ty,
        Form::List(_) => format!("{ty}Item"),
        _ => format!("{ty}Result"),
    };
    let place = Place { name: &base, key: "", direction: Direction::Output, depth: 0, in_type: false };
    Ok(Gives::Value(builder.ty(&schema, place)))
}

/// The document's operations that have an id, to find the target of a link.
pub(super) fn by_id<'r, 'd>(roots: &'r [Root<'d>], id: &str) -> Option<&'r Root<'d>> {
    roots.iter().find(|root| root.at.value.get("operationId").and_then(Value::as_str) == Some(id))
}

/// The operation at a place of the document.
pub(super) fn by_ref<'r, 'd>(
    document: Document<'d>,
    roots: &'r [Root<'d>],
    target: &str,
) -> Option<&'r Root<'d>> {
    let at = document.target(target).ok()?;
    roots.iter().find(|root| root.at.pointer == at.pointer)
}
