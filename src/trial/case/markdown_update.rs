//! New expectations of a case in Markdown: the text between the fences of the blocks that hold them.

use std::ops::Range;

use serde_json::Value as Json;

use super::{expect::Part, markdown, update::Edit};
use crate::diagnostic::TextFile;

/// Columns up to which a value stays on one line.
const WIDTH: usize = 100;

/// The edits that make a case expect `parts`.
pub(super) fn edits(
    file: &TextFile,
    blocks: &[(Part, Range<usize>)],
    expected: &[(Part, Json)],
    parts: &[(Part, Json)],
) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (part, json) in parts {
        let known = expected.iter().find(|(known, _)| known == part).map(|(_, json)| json);
        if known == Some(json) {
            continue;
        }
        let of_part: Vec<&Range<usize>> =
            blocks.iter().filter(|(known, _)| known == part).map(|(_, range)| range).collect();
        let texts = texts(*part, json);
        match of_part.as_slice() {
            // A part that no block speaks of gets one behind the last block of the case.
            [] => {
                let Some((_, last)) = blocks.iter().max_by_key(|(_, range)| range.end) else { continue };
                let rest = file.text.get(last.end..).unwrap_or_default();
                let at = last.end + rest.find('\n').map_or(rest.len(), |end| end + 1);
                let info =
                    if *part == Part::Request { "http request" } else { &format!("json {}", part.as_str()) };
                let blocks = texts.iter().map(|text| format!("```{info}\n{text}\n```\n"));
                edits.push((at..at, blocks.collect()));
            }
            // Blocks and texts belong together one by one; a block that has no text any more is emptied, and then refused.
            ranges => {
                for (range, text) in
                    ranges.iter().zip(texts.iter().map(String::as_str).chain(std::iter::repeat("")))
                {
                    if *part != Part::Request
                        || markdown::request(file.text.get((*range).clone()).unwrap_or_default())
                            != markdown::request(text)
                    {
                        edits.push(((*range).clone(), format!("{text}\n")));
                    }
                }
            }
        }
    }
    edits
}

/// The text of each block of a part.
fn texts(part: Part, json: &Json) -> Vec<String> {
    match (part, json) {
        (Part::Request, Json::Array(all)) => all.iter().map(request).collect(),
        (Part::Request, one) => vec![request(one)],
        (_, json) => vec![layout(json, 0)],
    }
}

/// `METHOD URL`, header lines, and the body behind an empty line.
fn request(json: &Json) -> String {
    let text = |key: &str| json.get(key).and_then(Json::as_str).unwrap_or_default();
    let mut lines = vec![format!("{} {}", text("method"), text("url"))];
    for (name, value) in json.get("headers").and_then(Json::as_object).into_iter().flatten() {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        lines.extend(values.iter().map(|value| format!("{name}: {}", value.as_str().unwrap_or_default())));
    }
    match json.get("body") {
        None => {}
        Some(Json::String(text)) => lines.extend([String::new(), text.clone()]),
        Some(body) => lines.extend([String::new(), layout(body, 0)]),
    }
    lines.join("\n")
}

/// JSON as a reader wants it: what is short on one line, anything else with a line for each of its parts.
fn layout(json: &Json, indent: usize) -> String {
    let line = on_one_line(json);
    if indent + line.chars().count() <= WIDTH {
        return line;
    }
    let (pad, end) = (" ".repeat(indent + 2), " ".repeat(indent));
    match json {
        Json::Array(items) => {
            let lines: Vec<String> =
                items.iter().map(|item| format!("{pad}{}", layout(item, indent + 2))).collect();
            format!("[\n{}\n{end}]", lines.join(",\n"))
        }
        Json::Object(members) => {
            let member = |(name, value): (&String, &Json)| {
                format!("{pad}{}: {}", Json::from(name.as_str()), layout(value, indent + 2))
            };
            let lines: Vec<String> = members.iter().map(member).collect();
            format!("{{\n{}\n{end}}}", lines.join(",\n"))
        }
        scalar => scalar.to_string(),
    }
}

fn on_one_line(json: &Json) -> String {
    match json {
        Json::Array(items) => format!("[{}]", items.iter().map(on_one_line).collect::<Vec<_>>().join(", ")),
        Json::Object(members) if members.is_empty() => "{}".to_owned(),
        Json::Object(members) => {
            let member = |(name, value): (&String, &Json)| {
                format!("{}: {}", Json::from(name.as_str()), on_one_line(value))
            };
            format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        scalar => scalar.to_string(),
    }
}
