//! Parses the mapping language: text in, the tree of `ast` out. The grammars of v0.3 and v0.4 are both here, told apart by
//! [`Grammar`]; what a mapping means is not known here.
//!
//! v0.4 is one grammar for selections and literals. v0.3 has two worlds: selections, where a literal is never read, and
//! expressions (inside `$( … )` and method arguments), where object literals are `{ key: expression, … }`.

mod expressions;
mod selections;

use self::selections::lone_key;
use super::{
    ast::{Expr, ExprKind, Grammar, Item, Mapping, Root, Span, Step, SubSelection},
    lex::{self, Kind, Token},
};

/// How deep braces, brackets and parentheses may stand in each other. Bounds the stack that parsing and evaluating need.
pub const NESTING_MAX: usize = 64;

/// Why a text is not a mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// What is wrong, as one sentence.
    pub message: String,
    /// Where, in bytes of the text.
    pub span: Span,
    /// How to write it instead.
    pub help: Option<String>,
}

impl ParseError {
    pub(super) fn new(message: impl Into<String>, span: Span) -> Self {
        ParseError { message: message.into(), span, help: None }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        ParseError { help: Some(help.into()), ..self }
    }
}

type Parsed<T> = Result<T, ParseError>;

/// Reads a mapping (section 6 of the connect language).
///
/// # Errors
/// Everything that was found wrong, at least one error; parsing goes on after errors that leave the structure clear.
pub fn parse(text: &str, grammar: Grammar) -> Result<Mapping, Vec<ParseError>> {
    let tokens = lex::lex(text).map_err(|error| vec![error])?;
    let mut parser = Parser { text, tokens, position: 0, depth: 0, grammar, errors: Vec::new() };
    match parser.root() {
        Ok(root) if parser.errors.is_empty() => Ok(Mapping { text: text.to_owned(), root }),
        Ok(_) => Err(parser.errors),
        Err(error) => {
            parser.errors.push(error);
            Err(parser.errors)
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    position: usize,
    depth: usize,
    grammar: Grammar,
    /// Errors that did not stop the parser.
    errors: Vec<ParseError>,
}

impl Parser<'_> {
    // ---- tokens

    fn peek_at(&self, ahead: usize) -> Token {
        let end = Token { kind: Kind::End, start: self.text.len(), end: self.text.len() };
        self.tokens.get(self.position + ahead).copied().unwrap_or(end)
    }

    fn peek(&self) -> Token {
        self.peek_at(0)
    }

    fn at(&self, kind: Kind) -> bool {
        self.peek().kind == kind
    }

    fn bump(&mut self) -> Token {
        let token = self.peek();
        self.position += 1;
        token
    }

    fn eat(&mut self, kind: Kind) -> Option<Token> {
        self.at(kind).then(|| self.bump())
    }

    fn expect(&mut self, kind: Kind, what: &str) -> Parsed<Token> {
        self.eat(kind).ok_or_else(|| self.unexpected(what))
    }

    fn text_of(&self, token: Token) -> &str {
        self.text.get(token.span()).unwrap_or_default()
    }

    fn unexpected(&self, expected: &str) -> ParseError {
        let token = self.peek();
        match token.kind {
            Kind::End => {
                ParseError::new(format!("The mapping ends where {expected} should follow"), token.span())
            }
            _ => ParseError::new(
                format!("`{}` stands where {expected} should", self.text_of(token)),
                token.span(),
            ),
        }
    }

    /// Where the token before the one at hand ends.
    fn last_end(&self) -> usize {
        self.position.checked_sub(1).and_then(|index| self.tokens.get(index)).map_or(0, |token| token.end)
    }

    fn is_v0_3(&self) -> bool {
        self.grammar == Grammar::V0_3
    }

    /// Runs a rule that may hold itself.
    fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == NESTING_MAX {
            let message = format!("This mapping is nested more than {NESTING_MAX} levels deep");
            return Err(ParseError::new(message, self.peek().span()));
        }
        self.depth += 1;
        let result = rule(self);
        self.depth -= 1;
        result
    }

    // ---- the top

    fn root(&mut self) -> Parsed<Root> {
        if self.is_v0_3() {
            return self.selection_root();
        }
        // A v0.4 mapping is one expression, or else a list of selections.
        match self.expression_root() {
            Ok(root) => Ok(root),
            Err(as_expression) => {
                self.position = 0;
                self.depth = 0;
                self.errors.clear();
                self.selection_root().map_err(|as_selection| {
                    // Of two readings, the one that got further is the one that was meant.
                    if as_expression.span.start > as_selection.span.start {
                        as_expression
                    } else {
                        as_selection
                    }
                })
            }
        }
    }

    fn expression_root(&mut self) -> Parsed<Root> {
        let value = self.expression()?;
        self.expect(Kind::End, "the end of the mapping")?;
        Ok(match lone_key(&value) {
            Some(name) => {
                let span = 0..self.text.len();
                Root::Selection(SubSelection { items: vec![Item::Named { name, value }], span })
            }
            None => Root::Expression(value),
        })
    }

    fn selection_root(&mut self) -> Parsed<Root> {
        if self.is_v0_3() && self.at(Kind::OpenBrace) {
            return Err(ParseError::new(
                "connect/v0.3 has no braces around a whole mapping",
                self.peek().span(),
            )
            .help("Leave the braces out, or write an object literal as `$({ key: value })`."));
        }
        let mut items = self.items(Kind::End)?;
        if let [Item::Spread { explicit: false, .. }] = items.as_slice()
            && let Some(Item::Spread { value, .. }) = items.pop()
        {
            return Ok(Root::Expression(value));
        }
        Ok(Root::Selection(SubSelection { items, span: 0..self.text.len() }))
    }
}

/// The path of a selection that is a path alone without `{ … }` behind it: the braces around it give its value.
pub(super) fn lone_path(items: &[Item]) -> Option<&Expr> {
    match items {
        [Item::Spread { value, explicit: false, .. }] if !ends_in_selection(value) => Some(value),
        _ => None,
    }
}

/// Whether an expression is a path that ends in `{ … }`.
pub(super) fn ends_in_selection(value: &Expr) -> bool {
    matches!(&value.kind, ExprKind::Path(path) if matches!(path.steps.last(), Some(Step::Select(_))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_has_a_limit_and_never_the_stack_s() {
        for (open, close) in [("[", "]"), ("$(", ")"), ("{ a: ", " }"), ("a->f(", ")"), ("a { ", " }")] {
            let text = |depth: usize| format!("x: {}b{}", open.repeat(depth), close.repeat(depth));
            assert!(parse(&text(NESTING_MAX), Grammar::V0_4).is_ok(), "{open}");
            let errors = parse(&text(50_000), Grammar::V0_4).unwrap_err();
            assert_eq!(errors[0].message, "This mapping is nested more than 64 levels deep", "{open}");
        }
    }
}
