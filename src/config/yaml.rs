//! YAML as a tree that knows where each node stands in its file, so that every fault can be shown in its place.
//! It knows no keys; `reader` gives the tree meaning.

use std::{collections::HashMap, ops::Range};

use granit_parser::{Event, Parser, ScalarStyle, ScanError};

use crate::diagnostic::{Code, Diagnostic, Diagnostics, TextFile};

/// Nodes in one file, aliases expanded. A connector file has some dozens; an alias bomb has billions.
const NODES_MAX: usize = 50_000;
/// Bytes of text that anchors and aliases may copy in one file: few aliases of one long text are an alias bomb, too.
const COPIED_BYTES_MAX: usize = 4 << 20;
/// Nesting. Real files need 6; the parser itself allows 255.
const DEPTH_MAX: usize = 64;

/// A node of a YAML document.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    /// Bytes of the file.
    pub(crate) range: Range<usize>,
}

/// The kinds of nodes.
#[derive(Debug, Clone)]
pub(crate) enum NodeKind {
    /// `quoted` tells `"5"` from `5` where it matters.
    Scalar {
        text: String,
        quoted: bool,
    },
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) range: Range<usize>,
}

impl Node {
    /// What it is, for messages.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.kind {
            NodeKind::Scalar { .. } => "a single value",
            NodeKind::List(_) => "a list",
            NodeKind::Map(_) => "a mapping",
        }
    }
}

/// Reads a file of one document. None when it is empty or not YAML; the latter is reported.
pub(crate) fn parse(file: &TextFile, diagnostics: &mut Diagnostics) -> Option<Node> {
    let mut builder = Builder {
        file,
        parser: Parser::new_from_str(&file.text),
        anchors: HashMap::new(),
        nodes: 0,
        copied: 0,
    };
    match builder.document() {
        Ok(node) => node,
        Err(fault) => {
            let diagnostic = Diagnostic::new(Code::InvalidYaml, file.place(fault.range), fault.message);
            diagnostics.push(match fault.help {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            });
            None
        }
    }
}

struct Fault {
    range: Range<usize>,
    message: String,
    help: Option<&'static str>,
}

impl Fault {
    fn new(range: Range<usize>, message: impl Into<String>) -> Self {
        Fault { range, message: message.into(), help: None }
    }
}

/// What to look for, in words of the file and not of YAML's grammar.
fn advice(info: &str) -> Option<&'static str> {
    if info.contains("tab") {
        return Some("indent with blanks: YAML allows no tabs there");
    }
    if info.contains("mapping values are not allowed") {
        return Some(
            "keys of one mapping begin in the same column: look at the indentation of this line and the one before; \
             a value with `: ` in it stands between quotes",
        );
    }
    if info.contains("flow") || info.contains("',' or") {
        return Some("look for a `}` or `]` that is missing");
    }
    None
}

struct Builder<'a> {
    file: &'a TextFile,
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    /// Bytes of text that anchors and aliases copied.
    copied: usize,
}

impl<'a> Builder<'a> {
    fn document(&mut self) -> Result<Option<Node>, Fault> {
        let mut root = None;
        loop {
            let (event, range) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart(..) if root.is_none() => {}
                Event::DocumentStart(..) => {
                    return Err(Fault::new(range, "a second YAML document in one file"));
                }
                Event::StreamEnd => return Ok(root.filter(|node| !is_empty(node))),
                event => root = Some(self.node(event, range, 0)?),
            }
        }
    }

    /// The next event that is not a comment.
    fn next(&mut self) -> Result<(Event<'a>, Range<usize>), Fault> {
        let end = self.file.text.len();
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                let start = span.start.byte_offset().unwrap_or(end);
                Ok((event, start..span.end.byte_offset().unwrap_or(end).max(start)))
            }
            Some(Err(error)) => Err(self.fault(&error)),
            None => Ok((Event::StreamEnd, end..end)),
        }
    }

    fn fault(&self, error: &ScanError) -> Fault {
        let start = error.marker().byte_offset().unwrap_or(self.file.text.len());
        let message = format!("this is not YAML: {}", error.info());
        Fault { help: advice(&error.info()), ..Fault::new(start..start, message) }
    }

    fn node(&mut self, event: Event<'a>, range: Range<usize>, depth: usize) -> Result<Node, Fault> {
        self.nodes += 1;
        self.check_size(&range)?;
        if depth > DEPTH_MAX {
            return Err(Fault::new(range, format!("nested deeper than {DEPTH_MAX}")));
        }
        if let Some(tag) = event.tag()
            && !tag.is_yaml_core_schema()
        {
            return Err(Fault::new(range, format!("the tag `{}` has no meaning here", tag.original())));
        }
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let quoted = style != ScalarStyle::Plain;
                (Node { kind: NodeKind::Scalar { text: text.into_owned(), quoted }, range }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.list(range, depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.map(range, depth)?, anchor),
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err(Fault::new(range, "an alias of something that contains it"));
                };
                let (nodes, bytes) = weight(node);
                self.nodes += nodes;
                self.copied += bytes;
                self.check_size(&range)?;
                (Node { range, kind: node.kind.clone() }, 0)
            }
            _ => return Err(Fault::new(range, "unexpected content")),
        };
        if anchor != 0 {
            self.copied += weight(&node).1;
            self.check_size(&node.range)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn check_size(&self, range: &Range<usize>) -> Result<(), Fault> {
        let message = if self.nodes > NODES_MAX {
            format!("more than {NODES_MAX} values, aliases expanded")
        } else if self.copied > COPIED_BYTES_MAX {
            format!("anchors and aliases copy more than {COPIED_BYTES_MAX} bytes of text")
        } else {
            return Ok(());
        };
        Err(Fault::new(range.clone(), message))
    }

    fn list(&mut self, start: Range<usize>, depth: usize) -> Result<Node, Fault> {
        let mut items = Vec::new();
        loop {
            let (event, range) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Node { kind: NodeKind::List(items), range: start.start..range.end });
            }
            items.push(self.node(event, range, depth + 1)?);
        }
    }

    fn map(&mut self, start: Range<usize>, depth: usize) -> Result<Node, Fault> {
        let mut entries = Vec::new();
        loop {
            let (event, range) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Node { kind: NodeKind::Map(entries), range: start.start..range.end });
            }
            let key = self.node(event, range, depth + 1)?;
            let NodeKind::Scalar { text, .. } = key.kind else {
                return Err(Fault::new(key.range, "a key must be a single value"));
            };
            let (event, range) = self.next()?;
            let value = self.node(event, range, depth + 1)?;
            entries.push((Key { text, range: key.range }, value));
        }
    }
}

fn is_empty(node: &Node) -> bool {
    matches!(&node.kind, NodeKind::Scalar { text, quoted: false } if text.is_empty())
}

/// How many nodes a node is, and how many bytes of text are in it.
fn weight(node: &Node) -> (usize, usize) {
    let add = |(nodes, bytes): (usize, usize), (more, text): (usize, usize)| (nodes + more, bytes + text);
    match &node.kind {
        NodeKind::Scalar { text, .. } => (1, text.len()),
        NodeKind::List(items) => items.iter().map(weight).fold((1, 0), add),
        NodeKind::Map(entries) => {
            let entry = |(key, value): &(Key, Node)| add(weight(value), (1, key.text.len()));
            entries.iter().map(entry).fold((1, 0), add)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let mut diagnostics = Diagnostics::default();
        let _ = parse(&TextFile::new("f.yaml", text), &mut diagnostics);
        diagnostics
            .into_sorted()
            .iter()
            .map(|d| format!("{}:{} {}", d.place.line, d.place.column, d.message))
            .collect()
    }

    #[test]
    fn nodes_know_where_they_stand() {
        let file = TextFile::new("f.yaml", "a: 1 # one\nb:\n  - {c: 'ü'}\n");
        let node = parse(&file, &mut Diagnostics::default()).unwrap();
        let NodeKind::Map(entries) = node.kind else { panic!("a mapping") };
        let NodeKind::List(items) = &entries[1].1.kind else { panic!("a list") };
        let NodeKind::Map(inner) = &items[0].kind else { panic!("a mapping") };
        assert_eq!(file.text.get(inner[0].1.range.clone()), Some("'ü'"));
        assert_eq!(file.text.get(entries[1].0.range.clone()), Some("b"));
    }

    #[test]
    fn aliases_are_expanded() {
        let file = TextFile::new("f.yaml", "a: &x [1, 2]\nb: *x\n");
        let node = parse(&file, &mut Diagnostics::default()).unwrap();
        let NodeKind::Map(entries) = node.kind else { panic!("a mapping") };
        assert!(matches!(&entries[1].1.kind, NodeKind::List(items) if items.len() == 2));
    }

    #[test]
    fn what_is_not_one_plain_document_is_refused() {
        assert!(faults("a: [1").first().unwrap().contains("not YAML"));
        assert_eq!(faults("a: 1\n---\nb: 2\n"), ["2:1 a second YAML document in one file"]);
        assert_eq!(faults("a: !secret x\n"), ["1:12 the tag `!secret` has no meaning here"]);
        assert_eq!(faults("? [a, b]\n: 1\n"), ["1:3 a key must be a single value"]);
        assert!(faults("").is_empty() && faults("# only a comment\n").is_empty());
    }

    #[test]
    fn an_alias_bomb_ends_early() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let list = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{list}]\n"));
        }
        assert!(faults(&text)[0].contains("more than 50000 values, aliases expanded"));
        let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), "*a, ".repeat(10_000));
        assert!(faults(&long)[0].contains("copy more than"));
        let nested = (0..60).map(|level| format!("&a{level} [")).collect::<String>();
        let nested = format!("a: {nested}{}{}\n", "x".repeat(100_000), "]".repeat(60));
        assert!(faults(&nested)[0].contains("copy more than"));
        let deep = format!("a: {}{}", "[".repeat(100), "]".repeat(100));
        assert!(faults(&deep)[0].contains("nested deeper"));
    }
}
