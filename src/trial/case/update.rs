//! Writes what came out into a file of cases, in the place of what was expected; nothing else in the file changes.

use std::ops::Range;

use serde_json::Value as Json;

use super::{Case, CaseFile, Written, expect::Part, markdown_update, read, yaml_update};
use crate::diagnostic::Diagnostics;

/// What a case is to expect from now on; none where it stays.
type New<'p> = Option<&'p [(Part, Json)]>;

/// A replacement of bytes of a file.
pub(super) type Edit = (Range<usize>, String);

/// The text of a file with new expectations: for each of its cases the parts that came out; none for a case that stays.
/// Also the cases, by their place in the file, whose expectations cannot be rewritten without touching anything else.
#[must_use]
pub fn update(file: &CaseFile, instead: &[New<'_>]) -> (String, Vec<usize>) {
    let mut instead = instead.to_vec();
    let mut left = Vec::new();
    loop {
        let updated = edited(file, &instead);
        let Some(wrong) = first_wrong(file, &instead, &updated) else { return (updated, left) };
        // The first that does not read as it should is left as it is, and the others are tried again.
        let skipped = instead.get_mut(wrong).and_then(Option::take).map(|_| wrong);
        let skipped = skipped.or_else(|| {
            let index = instead.iter().position(Option::is_some)?;
            instead.get_mut(index).and_then(Option::take).map(|_| index)
        });
        match skipped {
            Some(skipped) => left.push(skipped),
            None => return (file.file.text.to_string(), left),
        }
    }
}

fn edited(file: &CaseFile, instead: &[New<'_>]) -> String {
    let text = &file.file.text;
    let mut edits: Vec<Edit> = Vec::new();
    for (case, parts) in file.cases.iter().zip(instead) {
        let Some(parts) = parts else { continue };
        match &case.written {
            Written::Yaml { colon, node } => {
                edits.extend(yaml_update::edits(&file.file, *colon, node, &case.expected, parts));
            }
            Written::Markdown(blocks) => {
                edits.extend(markdown_update::edits(&file.file, blocks, &case.expected, parts));
            }
        }
    }
    edits.sort_by_key(|(range, _)| range.start);
    let mut updated = text.to_string();
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    for (range, replacement) in edits.iter().rev() {
        if updated.get(range.clone()).is_some() {
            updated.replace_range(range.clone(), &replacement.replace('\n', newline));
        }
    }
    updated
}

/// Reads the new text again: all cases must be there, with the new expectations, and else be what they were.
fn first_wrong(file: &CaseFile, instead: &[New<'_>], updated: &str) -> Option<usize> {
    let mut diagnostics = Diagnostics::default();
    let again = read(&file.file.name, updated, &mut diagnostics);
    let is_right = |(index, (case, parts)): &(usize, (&Case, &New<'_>))| {
        again.cases.get(*index).is_some_and(|again| {
            let wanted = parts.unwrap_or(&case.expected);
            is_same_run(case, again)
                && again.expected.len() == wanted.len()
                && wanted.iter().all(|(part, json)| again.expects(*part) == Some(json))
        })
    };
    let wrong = file.cases.iter().zip(instead).enumerate().find(|found| !is_right(found));
    match wrong {
        Some((index, _)) => Some(index),
        None if again.cases.len() != file.cases.len() => Some(file.cases.len()),
        None => None,
    }
}

fn is_same_run(case: &Case, again: &Case) -> bool {
    (&case.name, &case.connector, &case.inputs, &case.responses)
        == (&again.name, &again.connector, &again.inputs, &again.responses)
}
