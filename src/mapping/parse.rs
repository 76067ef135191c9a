//! Parses the mapping language: text in, the tree of `ast` out. The grammars of v0.3 and v0.4 are both here, told apart by
//! [`Grammar`]; what a mapping means is not known here.
//!
//! v0.4 is one grammar for selections and literals. v0.3 has two worlds: selections, where a literal is never read, and
//! expressions (inside `$( … )` and method arguments), where object literals are `{ key: expression, … }`.

use super::{
    ast::{
        Coalesce, Expr, ExprKind, Grammar, Head, Item, Key, Mapping, Path, Root, Span, Step, SubSelection,
    },
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

    // ---- selections

    fn sub_selection(&mut self) -> Parsed<SubSelection> {
        let start = self.expect(Kind::OpenBrace, "`{`")?.start;
        let items = self.nested(|parser| parser.items(Kind::CloseBrace))?;
        let end = self.expect(Kind::CloseBrace, "`}`")?.end;
        Ok(SubSelection { items, span: start..end })
    }

    /// Items up to the closing token, which stays. Either all are followed by commas or none is.
    fn items(&mut self, close: Kind) -> Parsed<Vec<Item>> {
        let mut items = Vec::new();
        let mut commas: Option<bool> = None;
        while !self.at(close) {
            items.push(self.item()?);
            if self.at(Kind::Comma) {
                let comma = self.peek().span();
                if self.is_v0_3() {
                    return Err(ParseError::new(
                        "connect/v0.3 separates selections with blanks alone",
                        comma,
                    )
                    .help("Leave the comma out."));
                }
                if commas == Some(false) {
                    return Err(mixed_separators(comma));
                }
                commas = Some(true);
                self.bump();
            } else if !self.at(close) {
                match self.peek().kind {
                    Kind::Name | Kind::String | Kind::Spread | Kind::Dollar | Kind::DollarParen => {}
                    Kind::Variable | Kind::At => {}
                    Kind::Coalesce(_) if self.is_v0_3() => return Err(self.bare_chain()),
                    _ => return Err(self.unexpected("the next selection")),
                }
                if commas == Some(true) {
                    return Err(mixed_separators(self.peek().span()));
                }
                commas = Some(false);
            }
        }
        self.check_anonymous(&items);
        Ok(items)
    }

    /// An anonymous path without `{ … }` has no key to stand under, so it must stand alone.
    fn check_anonymous(&mut self, items: &[Item]) {
        if items.len() < 2 {
            return;
        }
        for item in items {
            if let Item::Spread { value, explicit: false, span } = item
                && !ends_in_selection(value)
            {
                let text = self.text.get(span.clone()).unwrap_or_default();
                self.errors.push(
                    ParseError::new(format!("`{text}` gives a value but no key"), span.clone())
                        .help(format!("Write `name: {text}`, or select keys from it: `{text} {{ … }}`.")),
                );
            }
        }
    }

    fn item(&mut self) -> Parsed<Item> {
        let first = self.peek();
        if first.kind == Kind::Spread {
            return self.spread();
        }
        if matches!(first.kind, Kind::Name | Kind::String) && self.peek_at(1).kind == Kind::Colon {
            let name = self.key()?;
            self.bump();
            let value = self.aliased()?;
            return Ok(Item::Named { name, value });
        }
        let value = self.path_expression()?;
        Ok(match lone_key(&value) {
            Some(name) => Item::Named { name, value },
            None => Item::Spread { span: value.span.clone(), value, explicit: false },
        })
    }

    fn spread(&mut self) -> Parsed<Item> {
        let dots = self.bump();
        if self.is_v0_3() {
            return Err(ParseError::new("`...` needs connect/v0.4", dots.span())
                .help("Link connect/v0.4, or select from the path: `$.path { … }`."));
        }
        let value = self.expression()?;
        let span = dots.start..value.span.end;
        if matches!(value.kind, ExprKind::Object(_)) {
            self.errors.push(
                ParseError::new("`...` takes a path, not an object literal", span.clone())
                    .help("Write the keys without `...{` and `}`."),
            );
        }
        Ok(Item::Spread { value, explicit: true, span })
    }

    /// What follows `alias:`.
    fn aliased(&mut self) -> Parsed<Expr> {
        if !self.is_v0_3() {
            return self.expression();
        }
        let token = self.peek();
        match token.kind {
            Kind::OpenBrace => {
                let group = self.sub_selection()?;
                Ok(Expr { span: group.span.clone(), kind: ExprKind::Object(group) })
            }
            Kind::Number | Kind::OpenBracket => {
                Err(ParseError::new("In connect/v0.3 a literal stands in `$( … )`", token.span())
                    .help("Write `alias: $(literal)`."))
            }
            _ => self.path_expression(),
        }
    }

    fn bare_chain(&self) -> ParseError {
        ParseError::new(
            "In connect/v0.3 `??` and `?!` stand in `$( … )` or in method arguments",
            self.peek().span(),
        )
        .help("Write `alias: $(a ?? b)`.")
    }

    // ---- expressions

    fn expression(&mut self) -> Parsed<Expr> {
        let first = self.operand()?;
        let Kind::Coalesce(operator) = self.peek().kind else { return Ok(first) };
        let start = first.span.start;
        let mut operands = vec![first];
        while let Kind::Coalesce(next) = self.peek().kind {
            if next != operator {
                return Err(mixed_operators(self.peek().span()));
            }
            self.bump();
            operands.push(self.operand()?);
        }
        let span = start..self.last_end();
        Ok(Expr { kind: ExprKind::Chain { operator, operands }, span })
    }

    fn operand(&mut self) -> Parsed<Expr> {
        let token = self.peek();
        // A quoted string or keyword before `{` is a key.
        let is_key = self.peek_at(1).kind == Kind::OpenBrace;
        let kind = match token.kind {
            Kind::OpenBrace if self.is_v0_3() => ExprKind::Object(self.object_literal()?),
            Kind::OpenBrace => ExprKind::Object(self.sub_selection()?),
            Kind::OpenBracket => ExprKind::Array(self.array()?),
            Kind::Number | Kind::String | Kind::Name => match self.scalar(token) {
                Some(scalar) if !is_key => {
                    self.bump();
                    scalar
                }
                _ => return self.path_expression(),
            },
            _ => return self.path_expression(),
        };
        let literal = Expr { kind, span: token.start..self.last_end() };
        let steps = self.steps()?;
        if steps.is_empty() {
            return Ok(literal);
        }
        let span = token.start..self.last_end();
        Ok(Expr { kind: ExprKind::Path(Path { head: Head::Expr(Box::new(literal)), steps }), span })
    }

    /// The literal that one token is, if it is one.
    fn scalar(&self, token: Token) -> Option<ExprKind> {
        let text = self.text_of(token);
        match token.kind {
            Kind::Number => Some(ExprKind::Number(lex::json_number(text))),
            Kind::String => Some(ExprKind::String(lex::unquote(text))),
            Kind::Name => match text {
                "null" => Some(ExprKind::Null),
                "true" => Some(ExprKind::Bool(true)),
                "false" => Some(ExprKind::Bool(false)),
                _ => None,
            },
            _ => None,
        }
    }

    fn array(&mut self) -> Parsed<Vec<Expr>> {
        self.bump();
        let elements = self.nested(|parser| parser.expressions(Kind::CloseBracket))?;
        self.expect(Kind::CloseBracket, "`,` or `]`")?;
        Ok(elements)
    }

    /// Expressions with commas between them, up to the closing token, which stays.
    fn expressions(&mut self, close: Kind) -> Parsed<Vec<Expr>> {
        let mut expressions = Vec::new();
        while !self.at(close) {
            expressions.push(self.expression()?);
            if self.eat(Kind::Comma).is_none() {
                break;
            }
        }
        Ok(expressions)
    }

    /// `{ key: expression, … }`, the object literal of v0.3.
    fn object_literal(&mut self) -> Parsed<SubSelection> {
        let start = self.bump().start;
        let items = self.nested(Self::properties)?;
        let end = self.expect(Kind::CloseBrace, "`,` or `}`")?.end;
        Ok(SubSelection { items, span: start..end })
    }

    fn properties(&mut self) -> Parsed<Vec<Item>> {
        let mut items = Vec::new();
        while !self.at(Kind::CloseBrace) {
            let name = self.key()?;
            self.expect(Kind::Colon, "`:`")?;
            let value = self.expression()?;
            items.push(Item::Named { name, value });
            if self.eat(Kind::Comma).is_none() {
                break;
            }
        }
        Ok(items)
    }

    // ---- paths

    fn key(&mut self) -> Parsed<Key> {
        let token = self.peek();
        let name = match token.kind {
            Kind::Name => self.text_of(token).to_owned(),
            Kind::String => lex::unquote(self.text_of(token)),
            _ => return Err(self.unexpected("a key")),
        };
        self.bump();
        Ok(Key { name, span: token.span() })
    }

    /// A path, and the `{ … }` that may follow it.
    fn path_expression(&mut self) -> Parsed<Expr> {
        let start = self.peek().start;
        let head = self.head()?;
        let mut steps = self.steps()?;
        if self.at(Kind::OpenBrace) {
            steps.push(Step::Select(self.sub_selection()?));
        }
        let span = start..self.last_end();
        Ok(Expr { kind: ExprKind::Path(Path { head, steps }), span })
    }

    fn head(&mut self) -> Parsed<Head> {
        let token = self.peek();
        Ok(match token.kind {
            Kind::Dollar => {
                self.bump();
                Head::Dollar
            }
            Kind::At => {
                self.bump();
                Head::At
            }
            Kind::Variable => {
                self.bump();
                let name = self.text_of(token).trim_start_matches('$').to_owned();
                Head::Variable(Key { name, span: token.span() })
            }
            Kind::DollarParen => {
                self.bump();
                let inner = self.nested(Self::expression)?;
                self.expect(Kind::CloseParen, "`)`")?;
                Head::Expr(Box::new(inner))
            }
            Kind::Name | Kind::String => Head::Key(self.key()?),
            Kind::Dot => {
                return Err(ParseError::new("A path may not begin with `.`", token.span())
                    .help("Write `$.key` for a key of the object at hand."));
            }
            Kind::Arrow => {
                return Err(ParseError::new("A path may not begin with `->`", token.span())
                    .help("Write `$->method` or `@->method`."));
            }
            _ => return Err(self.unexpected("a path")),
        })
    }

    fn steps(&mut self) -> Parsed<Vec<Step>> {
        let mut steps = Vec::new();
        loop {
            let token = self.peek();
            match token.kind {
                Kind::Dot => {
                    self.bump();
                    steps.push(Step::Key(self.key()?));
                }
                Kind::Arrow => steps.push(self.method()?),
                Kind::Question => {
                    self.bump();
                    if matches!(steps.last(), Some(Step::Optional(_))) {
                        return Err(ParseError::new("`?` may not repeat", token.span()));
                    }
                    steps.push(Step::Optional(token.span()));
                }
                _ => return Ok(steps),
            }
        }
    }

    fn method(&mut self) -> Parsed<Step> {
        let start = self.bump().start;
        let name = self.expect(Kind::Name, "a method's name")?;
        let name = Key { name: self.text_of(name).to_owned(), span: name.span() };
        let mut arguments = Vec::new();
        if self.eat(Kind::OpenParen).is_some() {
            arguments = self.nested(|parser| parser.expressions(Kind::CloseParen))?;
            self.expect(Kind::CloseParen, "`,` or `)`")?;
        }
        Ok(Step::Method { name, arguments, span: start..self.last_end() })
    }
}

/// The key of `key`, `key?` and `key { … }`, which stand under their own name.
fn lone_key(value: &Expr) -> Option<Key> {
    let ExprKind::Path(Path { head: Head::Key(key), steps }) = &value.kind else { return None };
    matches!(
        steps.as_slice(),
        [] | [Step::Optional(_)] | [Step::Select(_)] | [Step::Optional(_), Step::Select(_)]
    )
    .then(|| key.clone())
}

/// Whether an expression is a path that ends in `{ … }`.
pub(super) fn ends_in_selection(value: &Expr) -> bool {
    matches!(&value.kind, ExprKind::Path(path) if matches!(path.steps.last(), Some(Step::Select(_))))
}

fn mixed_separators(span: Span) -> ParseError {
    ParseError::new("Selections are separated either all by commas or all by blanks", span)
        .help("Put a comma after each, or after none.")
}

fn mixed_operators(span: Span) -> ParseError {
    let operators = [Coalesce::NullOrMissing, Coalesce::Missing].map(Coalesce::as_str);
    ParseError::new(format!("`{}` and `{}` do not mix in one chain", operators[0], operators[1]), span)
        .help("Group one of them: `$(a ?? b) ?! c`.")
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
