//! The schema file: fields of `Query` and `Mutation` with their connectors, then the types, in the order in which the
//! document uses them.

use super::{
    literal::{key, quoted},
    operations::{Argument, Request},
    report::Skip,
    select::Node,
    types::{Definition, Field, Kind, Leaf, Slot, written},
};

/// Lines are kept within this many characters where they can be.
const WIDTH: usize = 110;
/// Longer descriptions are cut; some documents hold whole manuals.
const DESCRIPTION_MAX: usize = 4_000;

/// A connector, ready to be written.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    pub(super) request: Option<Request>,
    pub(super) entity: bool,
    pub(super) batch_size_max: Option<u64>,
    pub(super) selection: Vec<Node>,
}

/// A field with a connector.
#[derive(Debug, Clone)]
pub(super) struct Connected<'a> {
    pub(super) name: &'a str,
    pub(super) description: Option<&'a str>,
    pub(super) arguments: &'a [Argument],
    pub(super) slot: Slot,
    pub(super) deprecated: bool,
    pub(super) connector: Connector,
}

/// A definition to write: the fields that are left of it, and its connectors.
#[derive(Debug, Clone)]
pub(super) struct Written<'a> {
    pub(super) definition: &'a Definition,
    /// Indexes of fields, each with the connector that it has of its own.
    pub(super) fields: Vec<(&'a Field, Slot, Option<Connector>)>,
    pub(super) connectors: Vec<Connector>,
    /// Names of a union's members.
    pub(super) members: Vec<&'a str>,
}

/// Everything that goes into the file.
pub(super) struct File<'a> {
    pub(super) source: &'a str,
    /// What stands at the top.
    pub(super) heading: Vec<String>,
    pub(super) skipped: &'a [Skip],
    pub(super) queries: Vec<Connected<'a>>,
    pub(super) mutations: Vec<Connected<'a>>,
    pub(super) types: Vec<Written<'a>>,
    pub(super) scalars: Vec<Leaf>,
}

/// Writes the file.
pub(super) fn write(file: &File<'_>, definitions: &[Definition]) -> String {
    let mut writer = Writer { out: String::new(), definitions, source: file.source };
    for line in &file.heading {
        writer.comment(0, line);
    }
    for skip in file.skipped {
        writer
            .comment(0, &format!("Not imported: {}: {} [{}]", skip.subject, skip.reason, skip.code.as_str()));
    }
    for (name, fields) in [("Query", &file.queries), ("Mutation", &file.mutations)] {
        if !fields.is_empty() {
            writer.root(name, fields);
        }
    }
    file.types.iter().for_each(|ty| writer.definition(ty));
    for scalar in &file.scalars {
        writer.out.push('\n');
        writer.description(0, scalar.description());
        writer.line(0, &format!("scalar {}", scalar.name()));
    }
    writer.out
}

struct Writer<'a> {
    out: String,
    definitions: &'a [Definition],
    source: &'a str,
}

impl Writer<'_> {
    fn line(&mut self, indent: usize, text: &str) {
        if !text.is_empty() {
            self.out.extend(std::iter::repeat_n("  ", indent));
            self.out.push_str(text);
        }
        self.out.push('\n');
    }

    fn comment(&mut self, indent: usize, text: &str) {
        for line in text.lines() {
            self.line(indent, format!("# {}", line.trim()).trim_end());
        }
    }

    fn description(&mut self, indent: usize, text: Option<&str>) {
        let Some(text) = text.map(clean).filter(|text| !text.is_empty()) else { return };
        let text = text.replace("\"\"\"", "\\\"\"\"");
        // A quote before the closing ones would be taken for one of them.
        let one_line = !text.contains('\n') && text.len() < WIDTH && !text.ends_with(['"', '\\']);
        if one_line {
            return self.line(indent, &format!("\"\"\"{text}\"\"\""));
        }
        self.line(indent, "\"\"\"");
        text.lines().for_each(|line| self.line(indent, line.trim_end()));
        self.line(indent, "\"\"\"");
    }

    fn root(&mut self, name: &str, fields: &[Connected<'_>]) {
        self.out.push('\n');
        self.line(0, &format!("extend type {name} {{"));
        for (index, field) in fields.iter().enumerate() {
            if index > 0 {
                self.out.push('\n');
            }
            self.connected(field);
        }
        self.line(0, "}");
    }

    fn connected(&mut self, field: &Connected<'_>) {
        self.description(1, field.description);
        let deprecated = if field.deprecated { " @deprecated" } else { "" };
        let ty = written(self.definitions, &field.slot);
        let arguments: Vec<String> = field.arguments.iter().map(|argument| self.argument(argument)).collect();
        let inline = format!("{}({}): {ty}{deprecated}", field.name, arguments.join(", "));
        let described = field.arguments.iter().any(|argument| argument.description.is_some());
        if arguments.is_empty() {
            self.line(1, &format!("{}: {ty}{deprecated}", field.name));
        } else if !described && inline.len() < WIDTH {
            self.line(1, &inline);
        } else {
            self.line(1, &format!("{}(", field.name));
            for (argument, text) in field.arguments.iter().zip(arguments) {
                self.description(2, argument.description.as_deref());
                self.line(2, &text);
            }
            self.line(1, &format!("): {ty}{deprecated}"));
        }
        self.connector(2, &field.connector);
    }

    fn argument(&self, argument: &Argument) -> String {
        let ty = written(self.definitions, &argument.slot);
        match &argument.default {
            Some(default) => format!("{}: {ty} = {default}", argument.name),
            None => format!("{}: {ty}", argument.name),
        }
    }

    fn connector(&mut self, indent: usize, connector: &Connector) {
        let mut selection = Vec::new();
        connector.selection.iter().for_each(|node| render(node, 0, &mut selection));
        if let Some(line) = self.short_connector(connector, &selection).filter(|line| line.len() < WIDTH) {
            return self.line(indent, &line);
        }
        self.line(indent, "@connect(");
        if let Some(request) = &connector.request {
            if request.server.is_none() {
                self.line(indent + 1, &format!("source: {}", quoted(self.source)));
            }
            self.http(indent + 1, request);
        }
        if connector.entity {
            self.line(indent + 1, "entity: true");
        }
        if let Some(size) = connector.batch_size_max {
            self.line(indent + 1, &format!("batch: {{ maxSize: {size} }}"));
        }
        self.text(indent + 1, "selection: ", &selection);
        self.line(indent, ")");
    }

    /// On one line, where there is little to say.
    fn short_connector(&self, connector: &Connector, selection: &[String]) -> Option<String> {
        let [selection] = selection else { return None };
        let mut parts = Vec::new();
        if let Some(request) = &connector.request {
            if request.server.is_none() {
                parts.push(format!("source: {}", quoted(self.source)));
            }
            parts.push(short_http(request)?);
        }
        parts.extend(connector.entity.then(|| "entity: true".to_owned()));
        parts.extend(connector.batch_size_max.map(|size| format!("batch: {{ maxSize: {size} }}")));
        parts.push(format!("selection: {}", short(selection)?));
        Some(format!("@connect({})", parts.join(", ")))
    }

    /// A string of the language: on the line if it is short, else as a block.
    fn text(&mut self, indent: usize, before: &str, lines: &[String]) {
        match lines {
            [one] if one.len() + before.len() < WIDTH && !one.contains(['"', '\\']) => {
                self.line(indent, &format!("{before}\"{one}\""));
            }
            lines => {
                self.line(indent, &format!("{before}\"\"\""));
                for line in lines {
                    self.line(indent, &line.replace("\"\"\"", "\\\"\"\""));
                }
                self.line(indent, "\"\"\"");
            }
        }
    }

    fn http(&mut self, indent: usize, request: &Request) {
        if let Some(line) = short_http(request).filter(|line| line.len() < WIDTH) {
            return self.line(indent, &line);
        }
        self.line(indent, "http: {");
        self.line(indent + 1, &url(request));
        if !request.query.is_empty() {
            self.text(indent + 1, "queryParams: ", &query(request));
        }
        match headers(&request.headers).as_slice() {
            [] => {}
            [one] => self.line(indent + 1, &format!("headers: {one}")),
            several => {
                self.line(indent + 1, "headers: [");
                several.iter().for_each(|header| self.line(indent + 2, header));
                self.line(indent + 1, "]");
            }
        }
        if !request.body.is_empty() {
            let mut body = Vec::new();
            request.body.iter().for_each(|node| render(node, 0, &mut body));
            self.text(indent + 1, "body: ", &body);
        }
        self.line(indent, "}");
    }

    fn definition(&mut self, ty: &Written<'_>) {
        let definition = ty.definition;
        self.out.push('\n');
        self.description(0, definition.description.as_deref());
        let name = &definition.name;
        match &definition.kind {
            Kind::Object(_) => {
                self.line(0, &format!("type {name}{}", if ty.connectors.is_empty() { " {" } else { "" }));
                ty.connectors.iter().for_each(|connector| self.connector(1, connector));
                if self.out.ends_with(")\n") && !ty.connectors.is_empty() {
                    self.out.truncate(self.out.len() - 1);
                    self.line(0, " {");
                }
                self.fields(&ty.fields);
                self.line(0, "}");
            }
            Kind::Input(_) => {
                self.line(0, &format!("input {name} {{"));
                self.fields(&ty.fields);
                self.line(0, "}");
            }
            Kind::Enum(values) => {
                self.line(0, &format!("enum {name} {{"));
                values.iter().for_each(|(name, _)| self.line(1, name));
                self.line(0, "}");
            }
            Kind::Union(_) => self.union(name, &ty.members),
        }
    }

    fn union(&mut self, name: &str, members: &[&str]) {
        let inline = format!("union {name} = {}", members.join(" | "));
        if inline.len() < WIDTH {
            return self.line(0, &inline);
        }
        self.line(0, &format!("union {name} ="));
        members.iter().for_each(|member| self.line(1, &format!("| {member}")));
    }

    fn fields(&mut self, fields: &[(&Field, Slot, Option<Connector>)]) {
        for (field, slot, connector) in fields {
            self.description(1, field.description.as_deref());
            let ty = written(self.definitions, slot);
            let default = field.default.as_ref().map(|default| format!(" = {default}")).unwrap_or_default();
            let deprecated = if field.deprecated { " @deprecated" } else { "" };
            self.line(1, &format!("{}: {ty}{default}{deprecated}", field.name));
            if let Some(connector) = connector {
                self.connector(2, connector);
            }
        }
    }
}

/// A text that stands on one line without escapes.
fn short(text: &str) -> Option<String> {
    (!text.contains(['"', '\\'])).then(|| format!("\"{text}\""))
}

fn url(request: &Request) -> String {
    let server = request.server.as_deref().unwrap_or_default();
    format!("{}: {}", request.method, quoted(&format!("{server}{}", request.url)))
}

/// The items of `queryParams`.
fn query(request: &Request) -> Vec<String> {
    request.query.iter().map(|(name, value)| format!("{}: {value}", key(name))).collect()
}

/// `http: { … }` on one line, if each part of it is short.
fn short_http(request: &Request) -> Option<String> {
    let mut parts = vec![url(request)];
    match query(request).as_slice() {
        [] => {}
        [one] => parts.push(format!("queryParams: {}", short(one)?)),
        _ => return None,
    }
    match headers(&request.headers).as_slice() {
        [] => {}
        [one] if request.query.is_empty() => parts.push(format!("headers: {one}")),
        _ => return None,
    }
    match request.body.as_slice() {
        [] => {}
        [Node::Line(one)] => parts.push(format!("body: {}", short(one)?)),
        _ => return None,
    }
    Some(format!("http: {{ {} }}", parts.join(", ")))
}

/// `{ name, value }`, or `from` where the client's own header is passed on.
fn headers(headers: &[(String, String)]) -> Vec<String> {
    let header = |(name, value): &(String, String)| match value.strip_prefix("from:") {
        Some(from) => format!("{{ name: {}, from: {} }}", quoted(name), quoted(from)),
        None => format!("{{ name: {}, value: {} }}", quoted(name), quoted(value)),
    };
    headers.iter().map(header).collect()
}

/// The lines of a selection; what is short stands on one.
pub(super) fn render(node: &Node, indent: usize, lines: &mut Vec<String>) {
    let blanks = "  ".repeat(indent);
    match node {
        Node::Line(text) => lines.push(format!("{blanks}{text}")),
        Node::Block { open, body, close } => {
            if let Some(short) = inline(node).filter(|short| short.len() + blanks.len() < 80) {
                return lines.push(format!("{blanks}{short}"));
            }
            lines.push(format!("{blanks}{open}"));
            body.iter().for_each(|node| render(node, indent + 1, lines));
            lines.push(format!("{blanks}{close}"));
        }
    }
}

/// A node on one line, if nothing in it has further levels.
fn inline(node: &Node) -> Option<String> {
    match node {
        Node::Line(text) => Some(text.clone()),
        Node::Block { open, body, close } => {
            let mut short = open.clone();
            for node in body {
                match node {
                    Node::Line(text) if short.len() < WIDTH => {
                        short.push(' ');
                        short.push_str(text);
                    }
                    _ => return None,
                }
            }
            Some(format!("{short} {close}"))
        }
    }
}

/// A description without what a schema file cannot hold or nobody would read.
fn clean(text: &str) -> String {
    let mut clean: String =
        text.chars().filter(|c| !c.is_control() || *c == '\n' || *c == '\t').take(DESCRIPTION_MAX).collect();
    if clean.len() < text.len() && text.chars().count() > DESCRIPTION_MAX {
        clean.push('…');
    }
    // Indentation that all lines share would be taken away anyway, tabs among blanks would not.
    clean.replace('\t', "  ").trim().to_owned()
}
