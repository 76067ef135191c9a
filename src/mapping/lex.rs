//! Cuts the text of a mapping into tokens. Blanks and `#` comments fall away here; which grammar holds is not known here.

use super::{
    ast::{Coalesce, Span},
    parse::ParseError,
};

/// What a token is. Its text is looked up by its span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `name`, keywords too.
    Name,
    /// `$name`
    Variable,
    /// `$` alone.
    Dollar,
    /// `$(`
    DollarParen,
    /// `@`
    At,
    /// A quoted string, quotes included.
    String,
    /// A number.
    Number,
    /// `.`
    Dot,
    /// `->`
    Arrow,
    /// `?`
    Question,
    /// `??` or `?!`
    Coalesce(Coalesce),
    /// `...`
    Spread,
    /// `{`
    OpenBrace,
    /// `}`
    CloseBrace,
    /// `[`
    OpenBracket,
    /// `]`
    CloseBracket,
    /// `(`
    OpenParen,
    /// `)`
    CloseParen,
    /// `,`
    Comma,
    /// `:`
    Colon,
    /// The end of the text.
    End,
}

/// A token and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Token {
    pub(super) fn span(self) -> Span {
        self.start..self.end
    }
}

/// All tokens of a text; the last is `Kind::End`.
pub(super) fn lex(text: &str) -> Result<Vec<Token>, ParseError> {
    let mut tokens = Vec::with_capacity(text.len() / 3 + 1);
    let mut start = 0;
    loop {
        start = skip_blanks(text, start);
        if start >= text.len() {
            tokens.push(Token { kind: Kind::End, start: text.len(), end: text.len() });
            return Ok(tokens);
        }
        let (kind, length) = token(text.as_bytes().get(start..).unwrap_or_default(), text, start)?;
        tokens.push(Token { kind, start, end: start + length });
        start += length;
    }
}

/// Where the first character that is neither blank nor in a comment stands, at or after `position`.
fn skip_blanks(text: &str, mut position: usize) -> usize {
    let bytes = text.as_bytes();
    while let Some(&byte) = bytes.get(position) {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => position += 1,
            b'#' => {
                let rest = bytes.get(position..).unwrap_or_default();
                position += rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
            }
            _ => break,
        }
    }
    position
}

/// The token at the beginning of `rest`, and its length in bytes.
fn token(rest: &[u8], text: &str, start: usize) -> Result<(Kind, usize), ParseError> {
    use Kind::*;
    Ok(match rest {
        [b'{', ..] => (OpenBrace, 1),
        [b'}', ..] => (CloseBrace, 1),
        [b'[', ..] => (OpenBracket, 1),
        [b']', ..] => (CloseBracket, 1),
        [b'(', ..] => (OpenParen, 1),
        [b')', ..] => (CloseParen, 1),
        [b',', ..] => (Comma, 1),
        [b':', ..] => (Colon, 1),
        [b'@', ..] => (At, 1),
        [b'$', b'(', ..] => (DollarParen, 2),
        [b'$', after @ ..] => match name_length(after) {
            0 => (Dollar, 1),
            length => (Variable, 1 + length),
        },
        [b'-', b'>', ..] => (Arrow, 2),
        // `a???b` can only mean `a? ?? b`.
        [b'?', b'?', b'?' | b'!', ..] => (Question, 1),
        [b'?', b'?', ..] => (Kind::Coalesce(self::Coalesce::NullOrMissing), 2),
        [b'?', b'!', ..] => (Kind::Coalesce(self::Coalesce::Missing), 2),
        [b'?', ..] => (Question, 1),
        [b'.', b'.', b'.', ..] => (Spread, 3),
        [quote @ (b'"' | b'\''), after @ ..] => (String, string_length(*quote, after, start)?),
        [b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..] | [b'-', b'0'..=b'9' | b'.', ..] => {
            (Number, number_length(rest, start)?)
        }
        [b'.', ..] => (Dot, 1),
        [b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] => (Name, name_length(rest)),
        _ => {
            let character = text.get(start..).and_then(|t| t.chars().next()).unwrap_or(' ');
            let span = start..start + character.len_utf8();
            let error = ParseError::new(format!("`{character}` has no meaning here"), span);
            return Err(match operator(character) {
                Some(methods) => error.help(format!("There are no operators; there are methods: {methods}.")),
                None => error,
            });
        }
    })
}

/// The methods that do what an operator does elsewhere.
fn operator(character: char) -> Option<&'static str> {
    match character {
        '+' | '-' | '*' | '/' | '%' => Some("`->add(…)`, `->sub(…)`, `->mul(…)`, `->div(…)`, `->mod(…)`"),
        '=' | '<' | '>' => Some("`->eq(…)`, `->ne(…)`, `->lt(…)`, `->lte(…)`, `->gt(…)`, `->gte(…)`"),
        '!' | '&' | '|' => Some("`->not`, `->and(…)`, `->or(…)`"),
        _ => None,
    }
}

fn name_length(bytes: &[u8]) -> usize {
    match bytes.first() {
        Some(first) if first.is_ascii_alphabetic() || *first == b'_' => {
            bytes.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count()
        }
        _ => 0,
    }
}

/// The length of a string with its quotes; `after` follows the opening quote.
fn string_length(quote: u8, after: &[u8], start: usize) -> Result<usize, ParseError> {
    let mut escaped = false;
    for (index, &byte) in after.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            _ if byte == quote => return Ok(index + 2),
            _ => {}
        }
    }
    Err(ParseError::new("This string has no end".to_owned(), start..start + 1 + after.len())
        .help("Close it with the quote that opens it."))
}

/// `-? digits [. digits*]` or `-? . digits`.
fn number_length(rest: &[u8], start: usize) -> Result<usize, ParseError> {
    let digits = |from: usize| {
        rest.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let sign = usize::from(rest.first() == Some(&b'-'));
    let whole = digits(sign);
    let mut end = sign + whole;
    // `1...x` is a number before a spread, not `1.` before `..`.
    if rest.get(end) == Some(&b'.') && !rest.get(end..).unwrap_or_default().starts_with(b"...") {
        let fraction = digits(end + 1);
        if whole == 0 && fraction == 0 {
            return Err(ParseError::new("This number has no digits".to_owned(), start..start + end + 1));
        }
        end += 1 + fraction;
    }
    let tail = name_length(rest.get(end..).unwrap_or_default());
    if tail > 0 {
        return Err(ParseError::new(
            "A number ends where a name begins".to_owned(),
            start..start + end + tail,
        )
        .help("Put a blank or a comma between them; numbers have no exponent."));
    }
    Ok(end)
}

/// What a string token says: `\n` is a newline, any other escaped character is itself.
pub(super) fn unquote(token: &str) -> String {
    let inner = token.get(1..token.len().saturating_sub(1)).unwrap_or_default();
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => text.push('\n'),
                Some(other) => text.push(other),
                None => {}
            },
            other => text.push(other),
        }
    }
    text
}

/// A number token as JSON writes it: `.5` is `0.5`, `1.` is `1.0`, `007` is `7`.
pub(super) fn json_number(token: &str) -> String {
    let (sign, rest) = token.strip_prefix('-').map_or(("", token), |rest| ("-", rest));
    let (whole, fraction) = match rest.split_once('.') {
        Some((whole, "")) => (whole, Some("0")),
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (rest, None),
    };
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    match fraction {
        Some(fraction) => format!("{sign}{whole}.{fraction}"),
        None => format!("{sign}{whole}"),
    }
}
