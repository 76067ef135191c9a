//! Topics on which nothing is ever published: who subscribes waits for ever. Only what is certain is said: a value may come to any
//! text, so a topic of values is published wherever the text around them allows it.

use crate::{
    connector::{Kind, TopicPart, TopicTemplate},
    diagnostic::{Code, Diagnostic, Diagnostics},
    graph::{
        bind::{Bound, BoundConnector},
        compose::Composed,
    },
};

/// So many topics of webhooks are named in a help.
const NAMED_MAX: usize = 5;

/// Warns of them.
pub(super) fn check(composed: &Composed, bound: &Bound, diagnostics: &mut Diagnostics) {
    let webhooks = bound.sources.iter().flat_map(|source| &source.webhooks);
    let entries = webhooks.flat_map(|webhook| &webhook.publish);
    let published: Vec<&TopicTemplate> = entries.filter_map(|entry| entry.topic.as_ref()).collect();
    for BoundConnector { connector, written } in &bound.connectors {
        let Kind::Root { parent, field } = &connector.kind else { continue };
        let root = composed.schema.schema_definition.subscription.as_ref();
        if root.is_none_or(|root| root.name != *parent) {
            continue;
        }
        let Some(topic) = bound.subscribes.get(field).and_then(|subscribe| subscribe.topic()) else {
            continue;
        };
        if published.iter().any(|published| may_meet(published, &topic.name)) {
            continue;
        }
        let message = format!("no webhook publishes to the topic `{}`", topic.name);
        let diagnostic = Diagnostic::new(Code::TopicWithoutWebhook, written.place.clone(), message);
        diagnostics.push(diagnostic.on(format!("{parent}.{field}")).help(help(&published)));
    }
}

fn help(published: &[&TopicTemplate]) -> String {
    let mut names: Vec<String> = published.iter().map(|topic| format!("`{topic}`")).collect();
    names.sort();
    names.dedup();
    let more = if names.len() > NAMED_MAX { ", …" } else { "" };
    names.truncate(NAMED_MAX);
    if names.is_empty() {
        return "add a webhook to a connector file, whose `publish` names this topic".to_owned();
    }
    format!(
        "webhooks publish to {}{more}; the text must be the same, and each value is one segment",
        names.join(", ")
    )
}

/// A piece of a topic: a letter, or a value of any length without a slash.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Letter(char),
    Value,
}

impl Piece {
    /// Whether a value may hold it.
    fn is_of_value(self) -> bool {
        self != Piece::Letter('/')
    }
}

fn pieces(topic: &TopicTemplate) -> Vec<Piece> {
    let pieces = topic.parts.iter().flat_map(|part| match part {
        TopicPart::Text(text) => text.chars().map(Piece::Letter).collect(),
        TopicPart::Value(_) => vec![Piece::Value],
    });
    pieces.collect()
}

/// Whether there are values with which the two are one name.
fn may_meet(one: &TopicTemplate, other: &TopicTemplate) -> bool {
    let (one, other) = (pieces(one), pieces(other));
    let at = |row: &[bool], column: usize| row.get(column).copied().unwrap_or(false);
    // From the ends: whether what follows in the one from its next piece on meets what follows in the other from each of its pieces on.
    let mut next: Vec<bool> = Vec::new();
    for piece in one.iter().map(|piece| Some(*piece)).chain([None]).rev() {
        let mut row = vec![false; other.len() + 1];
        for column in (0..row.len()).rev() {
            let met = other.get(column).copied();
            let is_value_over = |value, over: Option<Piece>| {
                value == Some(Piece::Value) && over.is_some_and(Piece::is_of_value)
            };
            let meets = match (piece, met) {
                (None, None) => true,
                (Some(Piece::Letter(a)), Some(Piece::Letter(b))) => a == b && at(&next, column + 1),
                _ => {
                    (piece == Some(Piece::Value) && at(&next, column))
                        || (met == Some(Piece::Value) && at(&row, column + 1))
                        || (is_value_over(piece, met) && at(&row, column + 1))
                        || (is_value_over(met, piece) && at(&next, column))
                }
            };
            if let Some(place) = row.get_mut(column) {
                *place = meets;
            }
        }
        next = row;
    }
    at(&next, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{ast::Grammar, parse};

    fn topic(text: &str) -> TopicTemplate {
        let value = || TopicPart::Value(parse("$.id", Grammar::V0_4).expect("a mapping"));
        let mut parts = Vec::new();
        for (index, text) in text.split('*').enumerate() {
            parts.extend((index > 0).then(value));
            parts.extend((!text.is_empty()).then(|| TopicPart::Text(text.to_owned())));
        }
        TopicTemplate { parts }
    }

    #[test]
    fn topics_meet_where_values_can_make_them_one() {
        for (one, other, meets) in [
            ("orders", "orders", true),
            ("orders", "order", false),
            ("order/*", "order/*", true),
            ("order/*", "order/7", true),
            ("order/*", "order/7/lines", false),
            ("order/*", "orders/*", false),
            ("order-*", "order-*-*", true),
            ("order-*/a", "order-*/b", false),
            ("*/a", "b/*", true),
            ("*", "a/b", false),
            ("*", "anything", true),
            ("*x", "y*", true),
            ("", "*", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(may_meet(&topic(one), &topic(other)), meets, "{one} and {other}");
            assert_eq!(may_meet(&topic(other), &topic(one)), meets, "{other} and {one}");
        }
    }
}
