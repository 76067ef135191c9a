//! Parses expressions: literals, paths and chains of `??` or `?!`.

use super::{ParseError, Parsed, Parser};
use crate::mapping::{
    ast::{Coalesce, Expr, ExprKind, Head, Item, Key, Path, Span, Step, SubSelection},
    lex::{self, Kind, Token},
    methods::find_method,
};

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
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

    pub(super) fn key(&mut self) -> Parsed<Key> {
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
    pub(super) fn path_expression(&mut self) -> Parsed<Expr> {
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
        Ok(Step::Method { method: find_method(&name.name), name, arguments, span: start..self.last_end() })
    }
}

fn mixed_operators(span: Span) -> ParseError {
    let operators = [Coalesce::NullOrMissing, Coalesce::Missing].map(Coalesce::as_str);
    ParseError::new(format!("`{}` and `{}` do not mix in one chain", operators[0], operators[1]), span)
        .help("Group one of them: `$(a ?? b) ?! c`.")
}
