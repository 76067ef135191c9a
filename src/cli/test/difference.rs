//! What a case expects beside what came out, line by line.

use serde_json::Value as Json;

use crate::trial::case::{Difference, Ran};

/// Lines that are shown before and behind a difference.
const CONTEXT: usize = 2;
/// Longer texts are shown whole, one below the other: nobody reads a difference of that length, and finding it takes long.
const LINES_MAX: usize = 1_000;

/// What is wrong with a case, for people.
pub(super) fn lines(ran: &Ran) -> Vec<String> {
    let mut lines: Vec<String> =
        ran.faults.iter().flat_map(|fault| fault.lines().map(str::to_owned)).collect();
    for Difference { part, expected, got } in &ran.differences {
        let part = part.as_str();
        match expected {
            Some(expected) => {
                lines.push(format!("{part} (- expected, + got):"));
                lines.extend(compare(&text(expected), &text(got)));
            }
            None => {
                lines.push(format!("{part}: the case says nothing of it, got:"));
                lines.extend(text(got).lines().map(|line| format!("+ {line}")));
            }
        }
    }
    lines
}

fn text(json: &Json) -> String {
    format!("{json:#}")
}

/// Lines of both texts: `- ` only in the first, `+ ` only in the second.
fn compare(expected: &str, got: &str) -> Vec<String> {
    let (a, b): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), got.lines().collect());
    if a.len().max(b.len()) > LINES_MAX {
        return a
            .iter()
            .map(|line| format!("- {line}"))
            .chain(b.iter().map(|line| format!("+ {line}")))
            .collect();
    }
    let marked = marked(&a, &b);
    let near = |index: usize| {
        let range = index.saturating_sub(CONTEXT)..(index + CONTEXT + 1).min(marked.len());
        marked.get(range).is_some_and(|lines| lines.iter().any(|(mark, _)| *mark != ' '))
    };
    let mut shown = Vec::new();
    let mut is_skipping = false;
    for (index, (mark, line)) in marked.iter().enumerate() {
        if near(index) {
            shown.push(format!("{mark} {line}"));
        } else if !is_skipping {
            shown.push("  …".to_owned());
        }
        is_skipping = !near(index);
    }
    shown
}

/// All lines in order, those of a longest common subsequence once.
fn marked<'t>(a: &[&'t str], b: &[&'t str]) -> Vec<(char, &'t str)> {
    // `common[i][j]`: how many lines the rests from `i` and `j` on have in common.
    let mut common = vec![vec![0_u32; b.len() + 1]; a.len() + 1];
    let at = |common: &[Vec<u32>], i: usize, j: usize| {
        common.get(i).and_then(|row| row.get(j)).copied().unwrap_or(0)
    };
    for (i, left) in a.iter().enumerate().rev() {
        for (j, right) in b.iter().enumerate().rev() {
            let length = if left == right {
                at(&common, i + 1, j + 1) + 1
            } else {
                at(&common, i + 1, j).max(at(&common, i, j + 1))
            };
            if let Some(place) = common.get_mut(i).and_then(|row| row.get_mut(j)) {
                *place = length;
            }
        }
    }
    let mut lines = Vec::new();
    let (mut i, mut j) = (0, 0);
    loop {
        match (a.get(i), b.get(j)) {
            (Some(left), Some(right)) if left == right => {
                lines.push((' ', *left));
                (i, j) = (i + 1, j + 1);
            }
            (Some(left), right) if right.is_none() || at(&common, i + 1, j) >= at(&common, i, j + 1) => {
                lines.push(('-', *left));
                i += 1;
            }
            (_, Some(right)) => {
                lines.push(('+', *right));
                j += 1;
            }
            _ => return lines,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_stands_beside_what_is_around_it() {
        let expected = "a\nb\nc\nd\ne\nf\ng\nh";
        let got = "a\nb\nc\nd\ne\nF\ng\nh";
        assert_eq!(compare(expected, got), ["  …", "  d", "  e", "- f", "+ F", "  g", "  h"]);
        assert_eq!(compare("a", "a\nb"), ["  a", "+ b"]);
        assert_eq!(compare("a\nb", ""), ["- a", "- b"]);
    }

    #[test]
    fn very_long_texts_are_shown_whole() {
        let long = vec!["x"; 2_000].join("\n");
        assert_eq!(compare(&long, "y").len(), 2_001);
    }
}
