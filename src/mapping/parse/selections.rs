//! Parses selections: what stands between braces, and a whole mapping's items.

use super::{ParseError, Parsed, Parser, ends_in_selection};
use crate::mapping::{
    ast::{Expr, ExprKind, Head, Item, Key, Path, Span, Step, SubSelection},
    lex::Kind,
};

impl Parser<'_> {
    pub(super) fn sub_selection(&mut self) -> Parsed<SubSelection> {
        let open = self.expect(Kind::OpenBrace, "`{`")?;
        let start = open.start;
        let items = self.nested(|parser| parser.items(Kind::CloseBrace))?;
        if self.at(Kind::End) {
            // The mistake is where it begins: the end of the mapping says nothing of it.
            return Err(ParseError::new("This `{` is never closed", open.span())
                .help("Write `}` behind the last of what stands in it."));
        }
        let end = self.expect(Kind::CloseBrace, "`}`")?.end;
        Ok(SubSelection { items, span: start..end })
    }

    /// Items up to the closing token, which stays. Either all are followed by commas or none is.
    pub(super) fn items(&mut self, close: Kind) -> Parsed<Vec<Item>> {
        let mut items = Vec::new();
        let mut commas: Option<bool> = None;
        while !self.at(close) {
            if self.at(Kind::End) {
                return Ok(items);
            }
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
                    // The end is told where the brace stands.
                    Kind::End if close == Kind::CloseBrace => return Ok(items),
                    Kind::OpenParen => {
                        let error = self.unexpected("the next selection");
                        return Err(error.help("A method is called with an arrow: `->first`, `->get(0)`."));
                    }
                    Kind::OpenBracket => {
                        let error = self.unexpected("the next selection");
                        return Err(error.help("An item of a list is taken with `->get(0)`."));
                    }
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
                let is_name_behind = self
                    .text
                    .get(span.end..)
                    .is_some_and(|rest| rest.trim_start().starts_with(char::is_alphabetic));
                let help = match text {
                    "$" if is_name_behind => {
                        "A variable's name follows its `$` without a blank: `$args`.".to_owned()
                    }
                    _ => format!("Write `name: {text}`, or select keys from it: `{text} {{ … }}`."),
                };
                let error = ParseError::new(format!("`{text}` gives a value but no key"), span.clone());
                self.errors.push(error.help(help));
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
}

/// The key of `key`, `key?` and `key { … }`, which stand under their own name.
pub(super) fn lone_key(value: &Expr) -> Option<Key> {
    let ExprKind::Path(Path { head: Head::Key(key), steps }) = &value.kind else { return None };
    matches!(
        steps.as_slice(),
        [] | [Step::Optional(_)] | [Step::Select(_)] | [Step::Optional(_), Step::Select(_)]
    )
    .then(|| key.clone())
}

fn mixed_separators(span: Span) -> ParseError {
    ParseError::new("Selections are separated either all by commas or all by blanks", span)
        .help("Put a comma after each, or after none.")
}
