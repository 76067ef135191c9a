//! Reads Rust source as far as the layer test needs: which paths it names, how long it is. Not a parser of Rust.

/// Blanks comments and literals, so that what is left is code; line breaks stay.
pub(super) fn code_of(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the comment or literal that begins at `at` ends; `at` when none begins there.
fn literal_end(chars: &[char], at: usize) -> usize {
    let starts = |text: &str| chars[at..].iter().copied().take(text.len()).eq(text.chars());
    if starts("//") {
        return (at..chars.len()).find(|&i| chars[i] == '\n').unwrap_or(chars.len());
    }
    if starts("/*") {
        return block_comment_end(chars, at);
    }
    if chars[at] == '"' {
        return quoted_end(chars, at + 1, '"');
    }
    let in_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    if chars[at] == 'r' && !in_word {
        let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
        if chars.get(at + 1 + hashes) == Some(&'"') {
            return raw_string_end(chars, at + 2 + hashes, hashes);
        }
    }
    // A lifetime is no literal: a char literal closes after one char, or after an escape.
    if chars[at] == '\'' && (chars.get(at + 1) == Some(&'\\') || chars.get(at + 2) == Some(&'\'')) {
        return quoted_end(chars, at + 1, '\'');
    }
    at
}

fn quoted_end(chars: &[char], mut at: usize, quote: char) -> usize {
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn raw_string_end(chars: &[char], mut at: usize, hashes: usize) -> usize {
    while at < chars.len() {
        if chars[at] == '"' && chars[at + 1..].iter().take_while(|&&c| c == '#').count() >= hashes {
            return at + 1 + hashes;
        }
        at += 1;
    }
    chars.len()
}

fn block_comment_end(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

/// Code without the items under `#[cfg(test)]`.
pub(super) fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = rest.find(MARK) {
        out.push_str(&rest[..start]);
        rest = &rest[start + MARK.len()..];
        rest = &rest[item_len(rest)..];
    }
    out + rest
}

/// Length of the item at the start of `code`: up to its `;`, or the `}` that closes its first `{`.
fn item_len(code: &str) -> usize {
    let mut depth = 0usize;
    for (i, c) in code.char_indices() {
        match c {
            ';' if depth == 0 => return i + 1,
            '{' => depth += 1,
            '}' if depth == 1 => return i + 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    code.len()
}

/// Every path in `code` that begins with `root`, as its segments after it. `use root::{a::b, c}` is two paths.
pub(super) fn paths(code: &str, root: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices(root) {
        let before = code[..start].chars().next_back();
        // `a::root` is a path of `a`, `::root` is still the crate; `$root` and longer words are others.
        let inside = before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$')
            || (code[..start].ends_with("::") && code[..start - 2].ends_with(is_word));
        let mut rest = &code[start + root.len()..];
        if inside || rest.starts_with(is_word) {
            continue;
        }
        rest = rest.trim_start();
        if let Some(tail) = rest.strip_prefix("::") {
            tree(tail, &mut Vec::new(), &mut found);
        } else if code[..start].trim_end().ends_with("use") {
            found.push(Vec::new());
        }
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Reads a path or a tree of a `use`; returns what follows it.
fn tree<'a>(code: &'a str, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let code = code.trim_start();
    if let Some(mut rest) = code.strip_prefix('{') {
        loop {
            rest = rest.trim_start().trim_start_matches(',').trim_start();
            if rest.is_empty() {
                return rest;
            }
            if let Some(after) = rest.strip_prefix('}') {
                return after;
            }
            let before = rest.len();
            rest = tree(rest, prefix, found);
            if rest.len() == before {
                rest = rest.get(1..).unwrap_or_default();
            }
        }
    }
    let end = code.find(|c| !is_word(c) && c != '*').unwrap_or(code.len());
    if end == 0 {
        // A turbofish or a macro's hole: the path ends here.
        found.push(prefix.clone());
        return code;
    }
    prefix.push(code[..end].to_owned());
    let mut rest = code[end..].trim_start();
    if let Some(tail) = rest.strip_prefix("::") {
        rest = tree(tail, prefix, found);
    } else {
        found.push(prefix.clone());
        if let Some(renamed) = rest.strip_prefix("as ") {
            rest = renamed.trim_start().trim_start_matches(is_word);
        }
    }
    prefix.pop();
    rest
}

/// The longest run of `super::` in `code`.
pub(super) fn supers(code: &str) -> usize {
    let mut longest = 0;
    for (start, _) in code.match_indices("super") {
        let run = code[start..].split("::").take_while(|part| part.trim() == "super").count();
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(code: &str, root: &str) -> Vec<String> {
        paths(code, root).into_iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        let source = "a // crate::x\n/* b /* c */ d */ e \"crate::\\\"y\" r#\"z\"\"# 'q' '\\'' <'l> f";
        let code = code_of(source);
        assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "e", "<'l>", "f"]);
        assert_eq!(code.matches('\n').count(), 1);
    }

    #[test]
    fn items_under_cfg_test_are_left_out() {
        let code = "a;\n#[cfg(test)]\nmod tests;\nb { }\n#[cfg(test)]\nmod more { fn f() { } }\nc;";
        let left = without_tests(code);
        assert_eq!(left.split_whitespace().collect::<Vec<_>>(), ["a;", "b", "{", "}", "c;"]);
    }

    #[test]
    fn every_path_of_a_tree_is_found() {
        let code = "use crate::{config::Config, fetch::{self, Upstream as U}, graph::*};\n\
                    fn f(_: &crate::plan::Plan) -> Vec<crate :: error::Code> { crate::fetch::send::<u8>() }";
        assert_eq!(
            joined(code, "crate"),
            [
                "config::Config",
                "fetch::self",
                "fetch::Upstream",
                "graph::*",
                "plan::Plan",
                "error::Code",
                "fetch::send"
            ]
        );
    }

    #[test]
    fn other_words_are_not_the_root() {
        assert!(
            joined("use my_axum::x; $crate::y!(); axum_core::z; tower::axum::w; axum", "axum").is_empty()
        );
        assert_eq!(joined("use axum; ::axum::a; use axum::b;", "axum"), ["", "a", "b"]);
    }

    #[test]
    fn runs_of_super_are_counted() {
        assert_eq!(supers("use super::x; super::super::y(); superb::z"), 2);
        assert_eq!(supers("use crate::a;"), 0);
    }
}
