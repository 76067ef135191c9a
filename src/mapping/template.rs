//! Templates: literal text with `{ expression }` in it, as URLs and header values are written.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{
    ast::{Grammar, Mapping, Root, Span},
    parse::{ParseError, parse},
};

/// A header value's template, or one part of a URL's.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Literal text and expressions in order; tabs and newlines of the source text dropped.
    pub parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Text as it is sent: in a URL with illegal characters already percent-encoded.
    Literal(String),
    /// `{ expression }`: evaluated with data `null`; must give a scalar or nothing.
    Expression {
        /// The expression; its spans count from the beginning of the expression.
        mapping: Mapping,
        /// Where the expression (without its braces) stands in the template's text.
        span: Span,
    },
}

/// As it is written; its expressions in the one way that mappings are printed.
impl std::fmt::Display for Template {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Literal(text) => out.write_str(text),
            Part::Expression { mapping, .. } => write!(out, "{{{}}}", mapping.root),
        })
    }
}

/// A URL's template, cut where RFC 3986 cuts a URL.
#[derive(Debug, Clone, PartialEq)]
pub struct UrlTemplate {
    /// The text as it was written, for messages.
    pub text: String,
    /// `scheme://authority`; none for a relative URL. Only a source's base URL may have expressions here.
    pub origin: Option<Template>,
    /// The path, with its slashes as written; may be empty.
    pub path: Template,
    /// What follows `?`, without it; none where there is no `?`.
    pub query: Option<Template>,
}

/// Reads a header value's template (section 4 of the connect language).
///
/// # Errors
/// Unbalanced braces, and everything that is wrong with an expression; spans count in `text`.
pub fn parse_template(text: &str, grammar: Grammar) -> Result<Template, Vec<ParseError>> {
    let parts = cut_braces(text)?.into_iter().map(|piece| match piece {
        Piece::Text { text, .. } => Ok(Part::Literal(text)),
        Piece::Braces(span) => expression(text, span, grammar),
    });
    Ok(Template { parts: collect_errors(parts)? })
}

/// Reads the URL of a connector (section 3 of the connect language): absolute, or relative to its source.
///
/// # Errors
/// Unbalanced braces, everything that is wrong with an expression, a fragment, an authority without a scheme;
/// spans count in `text`.
pub fn parse_url(text: &str, grammar: Grammar) -> Result<UrlTemplate, Vec<ParseError>> {
    url(text, grammar, false)
}

/// Reads the base URL of a source. It differs from [`parse_url`] where the text begins with an expression:
/// in `{$config.base}/v1` the expression is the origin (and may bring a path of its own).
///
/// # Errors
/// As [`parse_url`].
pub fn parse_base_url(text: &str, grammar: Grammar) -> Result<UrlTemplate, Vec<ParseError>> {
    url(text, grammar, true)
}

/// A piece of a template's text.
enum Piece {
    /// Without tabs and newlines; never empty.
    Text { text: String, span: Span },
    /// What stands between two braces.
    Braces(Span),
}

/// Cuts a template at the braces that belong to it. Braces in an expression nest; those in its strings and comments do not count.
fn cut_braces(text: &str) -> Result<Vec<Piece>, Vec<ParseError>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let rest_from = |start: usize| text.get(start..).unwrap_or_default();
    while let Some(at) = rest_from(start).find(['{', '}']) {
        let brace = start + at;
        if rest_from(brace).starts_with('}') {
            let error = ParseError::new("This `}` closes nothing", brace..brace + 1);
            return Err(vec![error.help("A brace in a URL's text is written %7D.")]);
        }
        push_text(&mut pieces, text, start..brace);
        let Some(length) = braces_length(rest_from(brace + 1)) else {
            let error = ParseError::new("This `{` is never closed", brace..brace + 1);
            return Err(vec![error.help("Write `{expression}`.")]);
        };
        pieces.push(Piece::Braces(brace + 1..brace + 1 + length));
        start = brace + 1 + length + 1;
    }
    push_text(&mut pieces, text, start..text.len());
    Ok(pieces)
}

fn push_text(pieces: &mut Vec<Piece>, text: &str, span: Span) {
    let kept = text.get(span.clone()).unwrap_or_default().replace(['\t', '\n', '\r'], "");
    if !kept.is_empty() {
        pieces.push(Piece::Text { text: kept, span });
    }
}

/// How many bytes stand before the `}` that closes an opened brace.
fn braces_length(after: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut quote = None;
    let mut escaped = false;
    let mut in_comment = false;
    for (index, byte) in after.bytes().enumerate() {
        match (quote, byte) {
            _ if in_comment => in_comment = byte != b'\n',
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(open), _) => quote = (byte != open).then_some(open),
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'#') => in_comment = true,
            (None, b'{') => depth += 1,
            (None, b'}') if depth == 0 => return Some(index),
            (None, b'}') => depth -= 1,
            _ => {}
        }
    }
    None
}

fn expression(text: &str, span: Span, grammar: Grammar) -> Result<Part, Vec<ParseError>> {
    let inner = text.get(span.clone()).unwrap_or_default();
    let mapping = parse(inner, grammar).map_err(|mut errors| {
        for error in &mut errors {
            error.span = error.span.start + span.start..error.span.end + span.start;
        }
        errors
    })?;
    if matches!(mapping.root, Root::Selection(_)) {
        let error = ParseError::new(format!("`{{{inner}}}` gives no scalar"), span);
        return Err(vec![error.help("An expression begins with a variable: `{$args.id}`.")]);
    }
    Ok(Part::Expression { mapping, span })
}

/// All parts, or all errors.
fn collect_errors(
    parts: impl IntoIterator<Item = Result<Part, Vec<ParseError>>>,
) -> Result<Vec<Part>, Vec<ParseError>> {
    let mut good = Vec::new();
    let mut errors = Vec::new();
    for part in parts {
        match part {
            Ok(part) => good.push(part),
            Err(more) => errors.extend(more),
        }
    }
    if errors.is_empty() { Ok(good) } else { Err(errors) }
}

fn url(text: &str, grammar: Grammar, is_base: bool) -> Result<UrlTemplate, Vec<ParseError>> {
    let pieces = cut_braces(text)?;
    let start = Section::of_start(&pieces, is_base);
    check_url_text(text, &pieces, start)?;
    let mut cutter = UrlCutter { section: start, ..UrlCutter::default() };
    for piece in pieces {
        match piece {
            Piece::Braces(span) => cutter.push(expression(text, span, grammar)),
            Piece::Text { text, .. } => cutter.push_text(&text),
        }
    }
    match (collect_errors(cutter.origin), collect_errors(cutter.path), collect_errors(cutter.query)) {
        (Ok(origin), Ok(path), Ok(query)) => Ok(UrlTemplate {
            text: text.to_owned(),
            origin: (start != Section::Path).then_some(Template { parts: origin }),
            path: Template { parts: path },
            query: (cutter.section == Section::Query).then_some(Template { parts: query }),
        }),
        (origin, path, query) => {
            Err([origin.err(), path.err(), query.err()].into_iter().flatten().flatten().collect())
        }
    }
}

/// The sections of a URL, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Section {
    /// Before `://`.
    Scheme,
    /// After it, up to the first `/` or `?`.
    Authority,
    /// Up to `?`.
    #[default]
    Path,
    Query,
}

impl Section {
    /// Where a URL begins: it is absolute where its first `/`, `?` or `#` is the first slash of `://`.
    fn of_start(pieces: &[Piece], is_base: bool) -> Section {
        let first = pieces.iter().find_map(|piece| match piece {
            Piece::Text { text, .. } => text.find(['/', '?', '#']).map(|at| (text, at)),
            Piece::Braces(_) => None,
        });
        let is_absolute = first.is_some_and(|(text, at)| {
            text.split_at_checked(at)
                .is_some_and(|(before, after)| before.ends_with(':') && after.starts_with("//"))
        });
        match pieces.first() {
            _ if is_absolute => Section::Scheme,
            Some(Piece::Braces(_)) if is_base => Section::Authority,
            _ => Section::Path,
        }
    }
}

/// Refuses what could never be sent as it is written.
fn check_url_text(text: &str, pieces: &[Piece], start: Section) -> Result<(), Vec<ParseError>> {
    let mut errors = Vec::new();
    for piece in pieces {
        let Piece::Text { span, .. } = piece else { continue };
        if let Some(at) = text.get(span.clone()).and_then(|text| text.find('#')) {
            let at = span.start + at;
            let error = ParseError::new("The URL of a request has no fragment", at..at + 1);
            errors.push(error.help("A `#` in a path or query is written %23."));
        }
    }
    if let (Section::Path, Some(Piece::Text { text, span })) = (start, pieces.first())
        && text.starts_with("//")
    {
        let error = ParseError::new("This URL has an authority but no scheme", span.clone());
        errors.push(error.help("Begin it with `https://`, or with one `/`."));
    }
    errors.extend(illegal_in_origin(text, pieces, start));
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// The first character of scheme and authority that stands in neither: there is no way to write it there.
fn illegal_in_origin(text: &str, pieces: &[Piece], start: Section) -> Option<ParseError> {
    let legal =
        |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "-._~:@[]%!$&'()*+,;=/\t\n\r".contains(c);
    let mut in_authority = start == Section::Authority;
    for piece in pieces.iter().filter(|_| start != Section::Path) {
        let Piece::Text { span, .. } = piece else { continue };
        let literal = text.get(span.clone()).unwrap_or_default();
        let authority = if in_authority { Some(0) } else { literal.find("://").map(|at| at + 3) };
        in_authority |= authority.is_some();
        let after = authority.and_then(|at| literal.get(at..)).unwrap_or_default();
        let end = after.find(['/', '?']).map_or(literal.len(), |at| literal.len() - after.len() + at);
        let origin = literal.get(..end).unwrap_or_default();
        if let Some((at, c)) = origin.char_indices().find(|(_, c)| !legal(*c)) {
            let at = span.start + at;
            let message = format!("A URL's scheme and host cannot hold {c:?}");
            return Some(ParseError::new(message, at..at + c.len_utf8()));
        }
        if end < literal.len() {
            break;
        }
    }
    None
}

/// Sorts the pieces of a URL into its sections.
#[derive(Default)]
struct UrlCutter {
    section: Section,
    origin: Vec<Result<Part, Vec<ParseError>>>,
    path: Vec<Result<Part, Vec<ParseError>>>,
    query: Vec<Result<Part, Vec<ParseError>>>,
}

impl UrlCutter {
    fn push(&mut self, part: Result<Part, Vec<ParseError>>) {
        match self.section {
            Section::Scheme | Section::Authority => self.origin.push(part),
            Section::Path => self.path.push(part),
            Section::Query => self.query.push(part),
        }
    }

    fn push_literal(&mut self, text: &str) {
        let text = match self.section {
            Section::Scheme | Section::Authority => text.to_owned(),
            Section::Path | Section::Query => encode_illegal(text),
        };
        if !text.is_empty() {
            self.push(Ok(Part::Literal(text)));
        }
    }

    fn push_text(&mut self, text: &str) {
        let mut rest = text;
        if self.section == Section::Scheme
            && let Some((scheme, after)) = rest.split_once("://")
        {
            self.push_literal(&format!("{scheme}://"));
            self.section = Section::Authority;
            rest = after;
        }
        if self.section == Section::Authority
            && let Some((authority, after)) = rest.find(['/', '?']).and_then(|at| rest.split_at_checked(at))
        {
            self.push_literal(authority);
            self.section = Section::Path;
            rest = after;
        }
        if self.section == Section::Path
            && let Some((path, after)) = rest.split_once('?')
        {
            self.push_literal(path);
            self.section = Section::Query;
            rest = after;
        }
        self.push_literal(rest);
    }
}

/// What a URL may not hold as it is: RFC 3986 knows unreserved and reserved characters and `%` (before two hex digits).
const ILLEGAL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Percent-encodes what a URL may not hold, and leaves what is encoded already.
fn encode_illegal(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut encoded: String = utf8_percent_encode(pieces.next().unwrap_or_default(), ILLEGAL).collect();
    for piece in pieces {
        let is_escape = piece.len() >= 2 && piece.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
        encoded.push_str(if is_escape { "%" } else { "%25" });
        encoded.extend(utf8_percent_encode(piece, ILLEGAL));
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A template as one line: literal text, and expressions between `«»`.
    fn show(template: &Template) -> String {
        let parts = template.parts.iter().map(|part| match part {
            Part::Literal(text) => text.clone(),
            Part::Expression { mapping, .. } => format!("«{}»", mapping.text),
        });
        parts.collect()
    }

    /// origin, path and query, each as `show` writes it; `-` where there is none.
    fn cut(url: &UrlTemplate) -> String {
        let or_none = |part: &Option<Template>| part.as_ref().map_or("-".to_owned(), show);
        format!("{} {} {}", or_none(&url.origin), show(&url.path), or_none(&url.query))
    }

    #[test]
    fn a_url_is_cut_where_rfc_3986_cuts_it() {
        let cases = [
            ("https://api.example.com/v1/users?a=1&b=?", "https://api.example.com /v1/users a=1&b=?"),
            ("https://api.example.com", "https://api.example.com  -"),
            ("https://api.example.com?a=1", "https://api.example.com  a=1"),
            ("/users/{$args.id}", "- /users/«$args.id» -"),
            ("/users/{$args.id}/?q={$args.q}&l=1", "- /users/«$args.id»/ q=«$args.q»&l=1"),
            ("users?", "- users "),
            ("?a=/b://c", "-  a=/b://c"),
            ("/redirect/http://x", "- /redirect/http://x -"),
            ("{$args.path}/x", "- «$args.path»/x -"),
            ("{$env.SCHEME}://h:{$env.PORT}/v1", "«$env.SCHEME»://h:«$env.PORT» /v1 -"),
            ("", "-  -"),
        ];
        for (text, expected) in cases {
            assert_eq!(cut(&parse_url(text, Grammar::V0_3).unwrap()), expected, "{text}");
        }
        let base = parse_base_url("{$config.base}/v1?k={$env.K}", Grammar::V0_4).unwrap();
        assert_eq!(cut(&base), "«$config.base» /v1 k=«$env.K»");
    }

    #[test]
    fn literal_text_of_a_url_is_encoded_only_where_it_is_illegal() {
        let cases = [
            ("/a b/ü|%2F%zz%", "- /a%20b/%C3%BC%7C%2F%25zz%25 -"),
            ("/a\n\t/b\r\n  ?x=\n1", "- /a/b%20%20 x=1"),
            ("/!$&'()*+,;=:@[]~-._/x", "- /!$&'()*+,;=:@[]~-._/x -"),
        ];
        for (text, expected) in cases {
            assert_eq!(cut(&parse_url(text, Grammar::V0_3).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn braces_nest_and_those_in_strings_do_not_count() {
        let template = parse_template("a {$({ b: '}' }).b} c {$x->split(\"{\")}", Grammar::V0_4).unwrap();
        assert_eq!(show(&template), "a «$({ b: '}' }).b» c «$x->split(\"{\")»");
        let Some(Part::Expression { span, .. }) = template.parts.get(1) else { panic!() };
        assert_eq!(span, &(3..18));
    }

    #[test]
    fn faults_are_told_with_their_place() {
        let cases = [
            ("/a/{$args.id", "3..4: This `{` is never closed"),
            ("/a}", "2..3: This `}` closes nothing"),
            ("/{}", "2..2: `{}` gives no scalar"),
            ("/{id}", "2..4: `{id}` gives no scalar"),
            ("/a#b", "2..3: The URL of a request has no fragment"),
            ("https://a b/c d", "9..10: A URL's scheme and host cannot hold ' '"),
            ("https://h.e\u{2}x", "11..12: A URL's scheme and host cannot hold '\\u{2}'"),
            ("https://{$env.H}|/", "16..17: A URL's scheme and host cannot hold '|'"),
            ("//host/a", "0..8: This URL has an authority but no scheme"),
            ("/a/{$args.}", "10..10: The mapping ends where a key should follow"),
        ];
        for (text, expected) in cases {
            let errors = parse_url(text, Grammar::V0_4).unwrap_err();
            let error = &errors[0];
            assert_eq!(format!("{:?}: {error}", error.span), expected, "{text}");
        }
    }
}
