//! URLs that can be read and are probably not meant: a blank, which is sent as `%20`; `:id`, which other
//! languages read as a parameter and this one sends as it stands; and `$args.id` without braces.

use std::ops::Range;

use crate::{
    connector::Kind,
    diagnostic::{Code, Diagnostic, Diagnostics},
    graph::{
        bind::{Bound, BoundConnector},
        compose::Composed,
    },
};

/// Warns of them.
pub(super) fn check(composed: &Composed, bound: &Bound, diagnostics: &mut Diagnostics) {
    for found in &bound.connectors {
        let Some((_, text)) = found.written.http.as_ref().and_then(|http| http.methods.first()) else {
            continue;
        };
        let mut warn = |range: Range<usize>, message: String, help: String| {
            let diagnostic = Diagnostic::new(Code::SuspiciousUrl, text.place(range), message);
            diagnostics.push(diagnostic.on(found.connector.coordinate.as_str()).help(help));
        };
        let literals = literals(&text.value);
        if let Some(blank) = literals.iter().find_map(|range| blank(&text.value, range)) {
            let help = "remove it; line breaks and tabs may stand anywhere, blanks are part of the URL";
            warn(blank, "a blank in a URL is sent as `%20`".to_owned(), help.to_owned());
        }
        for (range, name) in literals.iter().flat_map(|range| parameters(&text.value, range)) {
            if is_argument(composed, found, name) {
                let message = format!("`:{name}` is sent as it stands");
                warn(range, message, format!("an argument is written `{{$args.{name}}}`"));
            }
        }
        for (range, path) in literals.iter().flat_map(|range| variables(&text.value, range)) {
            let message = format!("`{path}` is sent as it stands");
            warn(range, message, format!("an expression stands in braces: `{{{path}}}`"));
        }
    }
}

/// What stands outside of `{ … }`.
fn literals(url: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut depth, mut quote, mut start) = (0_usize, None, 0);
    for (index, c) in url.char_indices() {
        match (c, quote) {
            (c, Some(open)) => quote = (c != open).then_some(open),
            ('\'' | '"', None) if depth > 0 => quote = Some(c),
            ('{', None) => {
                if depth == 0 {
                    found.push(start..index);
                }
                depth += 1;
            }
            ('}', None) => {
                depth = depth.saturating_sub(1);
                start = index + 1;
            }
            _ => {}
        }
    }
    if depth == 0 {
        found.push(start..url.len());
    }
    found
}

/// The first run of blanks.
fn blank(url: &str, literal: &Range<usize>) -> Option<Range<usize>> {
    let text = url.get(literal.clone())?;
    let start = text.find(' ')?;
    let length = text.get(start..)?.chars().take_while(|c| *c == ' ').count();
    Some(literal.start + start..literal.start + start + length)
}

/// `:name` as a whole segment of the path: where it stands, and the name.
fn parameters<'u>(url: &'u str, literal: &Range<usize>) -> Vec<(Range<usize>, &'u str)> {
    let text = url.get(literal.clone()).unwrap_or_default();
    let path = text.split('?').next().unwrap_or_default();
    let mut found = Vec::new();
    let mut start = literal.start;
    for segment in path.split('/') {
        if let Some(name) = segment.strip_prefix(':') {
            found.push((start..start + segment.len(), name));
        }
        start += segment.len() + 1;
    }
    found
}

/// `$args.name` as literal text: where it stands, and what.
fn variables<'u>(url: &'u str, literal: &Range<usize>) -> Vec<(Range<usize>, &'u str)> {
    let text = url.get(literal.clone()).unwrap_or_default();
    let is_variable = |path: &str| {
        let mut names = ["$args.", "$this.", "$batch.", "$config.", "$env.", "$context."].iter();
        names.any(|name| path.strip_prefix(name).is_some_and(|key| !key.is_empty()))
    };
    text.match_indices('$')
        .filter_map(|(at, _)| {
            let rest = text.get(at..)?;
            let ends = |c: char| !c.is_ascii_alphanumeric() && !"$_.".contains(c);
            let path = rest.split(ends).next()?.trim_end_matches('.');
            let start = literal.start + at;
            is_variable(path).then_some((start..start + path.len(), path))
        })
        .collect()
}

/// Whether a name is an argument of the field that a connector resolves.
fn is_argument(composed: &Composed, found: &BoundConnector, name: &str) -> bool {
    let (Kind::Root { parent, field } | Kind::Entity { parent, field, .. } | Kind::Field { parent, field }) =
        &found.connector.kind
    else {
        return false;
    };
    let definition = composed.schema.type_field(parent, field);
    definition.is_ok_and(|definition| definition.argument_by_name(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_without_braces_are_found() {
        let url = "/a/$args.id.x/{$args.y}.json?filter[$eq]=$this.&b=$env.B.";
        let found: Vec<&str> = literals(url)
            .iter()
            .flat_map(|range| variables(url, range))
            .map(|(range, _)| &url[range])
            .collect();
        assert_eq!(found, ["$args.id.x", "$env.B"]);
    }

    #[test]
    fn braces_and_quotes_in_expressions_are_no_literal_text() {
        let url = "/a/{$args.x->eq('} ')}/b";
        let texts: Vec<&str> = literals(url).into_iter().map(|range| &url[range]).collect();
        assert_eq!(texts, ["/a/", "/b"]);
    }
}
