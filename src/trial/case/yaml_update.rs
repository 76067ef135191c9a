//! New expectations of a case in YAML, as replacements of the smallest nodes that differ: comments, quotes and order of all
//! the rest stay as a person wrote them.

use serde_json::Value as Json;

use super::{expect::Part, update::Edit, yaml::colon, yaml_write};
use crate::{
    config::{
        reader::literal,
        yaml::{Key, Node, NodeKind},
    },
    diagnostic::TextFile,
};

/// The edits that make a case expect `parts`. `node` is the value of `expect`, `colon_end` the end of its key's colon.
pub(super) fn edits(
    file: &TextFile,
    colon_end: usize,
    node: &Node,
    expected: &[(Part, Json)],
    parts: &[(Part, Json)],
) -> Vec<Edit> {
    let mut editor = Editor { text: &file.text, file, edits: Vec::new() };
    let object =
        || Json::Object(parts.iter().map(|(part, json)| (part.as_str().to_owned(), json.clone())).collect());
    let NodeKind::Map(entries) = &node.kind else {
        // `expect:` with nothing behind it.
        let indent = editor.indent_of_line(colon_end) + 2;
        let value = format!("\n{}{}", " ".repeat(indent), yaml_write::block(&object(), indent));
        return vec![(colon_end..editor.end(node, colon_end), value)];
    };
    let added: Vec<&(Part, Json)> =
        parts.iter().filter(|(part, _)| !expected.iter().any(|(known, _)| known == part)).collect();
    let is_flow = editor.is_flow(node);
    if is_flow && !added.is_empty() {
        return vec![(node.range.clone(), yaml_write::flow(&object()))];
    }
    for (part, json) in parts {
        if let Some((key, value)) = entries.iter().find(|(key, _)| key.text == part.as_str()) {
            editor.entry(key, value, json, is_flow);
        }
    }
    if let (Some((first, _)), Some((last_key, last))) = (entries.first(), entries.last()) {
        let indent = editor.column(first.range.start);
        let end = editor.end(last, colon(file, last_key));
        let at =
            end + editor.text.get(end..).unwrap_or_default().find('\n').unwrap_or(editor.text.len() - end);
        for (part, json) in added {
            let line = yaml_write::entry(part.as_str(), json, indent);
            editor.edits.push((at..at, format!("\n{}{line}", " ".repeat(indent))));
        }
    }
    editor.edits
}

struct Editor<'t> {
    text: &'t str,
    file: &'t TextFile,
    edits: Vec<Edit>,
}

impl Editor<'_> {
    /// Makes the value of a key another one.
    fn entry(&mut self, key: &Key, node: &Node, json: &Json, in_flow: bool) {
        if literal(node) == *json || self.inside(node, json) {
            return;
        }
        let colon_end = colon(self.file, key);
        let end = self.end(node, colon_end);
        let start = self.start(node).max(colon_end);
        let between = self.text.get(colon_end..start).unwrap_or_default();
        let indent = self.column(key.range.start);
        let starts = self.column(start);
        let is_below = end > colon_end && between.contains('\n');
        if in_flow {
            self.edits.push((colon_end..end, format!(" {}", yaml_write::flow(json))));
        } else if is_below && starts > indent {
            self.edits.push((start..end, yaml_write::block(json, starts)));
        } else {
            let behind = yaml_write::behind_colon(json, indent, key.text.chars().count());
            self.edits.push((colon_end..end, behind));
        }
    }

    /// Goes into a node that only differs further inside; false where it has to be replaced as a whole.
    fn inside(&mut self, node: &Node, json: &Json) -> bool {
        let in_flow = self.is_flow(node);
        match (&node.kind, json) {
            (NodeKind::Map(entries), Json::Object(members))
                if entries.len() == members.len()
                    && entries.iter().all(|(key, _)| members.contains_key(&key.text)) =>
            {
                for (key, value) in entries {
                    if let Some(json) = members.get(&key.text) {
                        self.entry(key, value, json, in_flow);
                    }
                }
                true
            }
            (NodeKind::List(items), Json::Array(values)) if items.len() == values.len() => {
                for (item, json) in items.iter().zip(values) {
                    self.item(item, json, in_flow);
                }
                true
            }
            _ => false,
        }
    }

    fn item(&mut self, node: &Node, json: &Json, in_flow: bool) {
        if literal(node) == *json || self.inside(node, json) {
            return;
        }
        let start = self.start(node);
        let value =
            if in_flow { yaml_write::flow(json) } else { yaml_write::fitting(json, self.column(start)) };
        self.edits.push((start..self.end(node, start), value));
    }

    /// Whether a node is written with braces or brackets.
    fn is_flow(&self, node: &Node) -> bool {
        !matches!(node.kind, NodeKind::Scalar { .. })
            && self.text.get(node.range.start..).is_some_and(|text| text.starts_with(['{', '[']))
    }

    /// Where a node begins. Of a text below `|` or `>` the parser gives the first line, not the sign; of a list as far in as its
    /// key the first item, not the dash.
    fn start(&self, node: &Node) -> usize {
        let start = node.range.start;
        let before = self.text.get(..start).unwrap_or_default();
        let begins_with = |signs: &[char]| self.text.get(start..).is_some_and(|text| text.starts_with(signs));
        match &node.kind {
            NodeKind::List(_) if !begins_with(&['-', '[']) => before.rfind('-').unwrap_or(start),
            NodeKind::Scalar { quoted: true, .. } if !begins_with(&['"', '\'', '|', '>']) => {
                let header = before.trim_end();
                let line = header.rfind('\n').map_or(0, |newline| newline + 1);
                let header = header.get(line..).unwrap_or_default();
                [" |", " >"]
                    .iter()
                    .filter_map(|sign| header.find(sign))
                    .min()
                    .map_or(start, |at| line + at + 1)
            }
            _ => start,
        }
    }

    /// Where the last character of a node ends: the parser counts what follows a block up to the next token as its own.
    /// A value that is not written ends where it would begin.
    fn end(&self, node: &Node, begins: usize) -> usize {
        let range = match &node.kind {
            // What is not written is an empty place, at whatever comes next.
            NodeKind::Scalar { .. } if node.range.is_empty() => return begins,
            NodeKind::Scalar { .. } => node.range.clone(),
            _ if self.is_flow(node) => node.range.clone(),
            NodeKind::List(items) => match items.last() {
                Some(last) => return self.end(last, last.range.start),
                None => node.range.clone(),
            },
            NodeKind::Map(entries) => match entries.last() {
                Some((key, last)) => return self.end(last, colon(self.file, key)),
                None => node.range.clone(),
            },
        };
        let written = self.text.get(range.clone()).unwrap_or_default();
        range.start + written.trim_end().len()
    }

    /// How many characters stand before an offset in its line.
    fn column(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or_default();
        before.rsplit('\n').next().unwrap_or_default().chars().count()
    }

    /// How far the first key of the line of an offset is in, list dashes counted.
    fn indent_of_line(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        line.len() - line.trim_start_matches([' ', '-']).len()
    }
}
