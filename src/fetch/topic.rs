//! What a topic, or a tag that an event purges, comes to for one event or one subscriber. How it is written is
//! `connector::topic`'s; tags of answers are `keeping`'s.

use bumpalo::Bump;

use super::keeping::segment;
use crate::{
    connector::{TopicPart, TopicTemplate},
    mapping::{
        Problems,
        evaluate::{Variables, evaluate},
        value::Value,
    },
};

/// Bytes of a topic at most: names stand in memory, in logs and in every store of events.
pub const TOPIC_BYTES_MAX: usize = 1_024;

/// Why a topic cannot be made of the values at hand. For the log: an expression is nothing that clients or senders may read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// A value is null, missing, a list or an object.
    #[error("`{{{expression}}}` gives {found} where a text, a number or a boolean is needed")]
    NoText {
        /// The expression as it is written.
        expression: String,
        /// What it gives.
        found: &'static str,
    },
    /// The values are too long for a name.
    #[error("it would be longer than {TOPIC_BYTES_MAX} bytes")]
    TooLong,
}

/// Fills in the values of a topic, each one encoded segment (`a/b` becomes `a%2Fb`). `data` is what `$` stands for: the body
/// of a webhook, or null.
///
/// # Errors
/// Where a value is null, missing, a list or an object, or the topic longer than [`TOPIC_BYTES_MAX`].
pub fn topic<'a>(
    template: &'a TopicTemplate,
    data: Value<'a>,
    variables: &Variables<'a>,
    arena: &'a Bump,
) -> Result<String, TopicError> {
    let mut name = String::new();
    for part in &template.parts {
        match part {
            TopicPart::Text(text) => name.push_str(text),
            TopicPart::Value(mapping) => {
                let value = evaluate(mapping, data, variables, arena, &mut Problems::ignored());
                let text = value.filter(|value| !matches!(value, Value::Null));
                let Some(text) = text.and_then(|value| value.scalar_text(arena)) else {
                    let found = value.map_or("nothing", |value| value.kind());
                    return Err(TopicError::NoText { expression: mapping.text.clone(), found });
                };
                // A long text is not encoded only to be refused.
                if text.len() > TOPIC_BYTES_MAX {
                    return Err(TopicError::TooLong);
                }
                name.push_str(&segment(text));
            }
        }
    }
    if name.len() > TOPIC_BYTES_MAX { Err(TopicError::TooLong) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mapping::{ast::Grammar, json, parse};

    fn made(expressions: &[&str], args: &serde_json::Value) -> Result<String, String> {
        let arena = Bump::new();
        let parts = expressions.iter().flat_map(|text| {
            let mapping = parse(text, Grammar::V0_4).unwrap();
            [TopicPart::Text("/".to_owned()), TopicPart::Value(mapping)]
        });
        let template = TopicTemplate { parts: parts.collect() };
        let variables = Variables { args: Some(json::from_json(args, &arena)), ..Variables::default() };
        let data = json!({"id": "of the event"});
        topic(&template, json::from_json(&data, &arena), &variables, &arena)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn each_value_is_one_segment() {
        let cases = [
            (json!("7"), "/7"),
            (json!(7), "/7"),
            (json!(1.50), "/1.5"),
            (json!(true), "/true"),
            (json!(""), "/"),
            (json!("a/b"), "/a%2Fb"),
            (json!("../%2F*{}"), "/..%2F%252F%2A%7B%7D"),
            (json!("ü \u{0}\n"), "/%C3%BC%20%00%0A"),
        ];
        for (id, expected) in cases {
            assert_eq!(made(&["$args.id"], &json!({ "id": id })).as_deref(), Ok(expected));
        }
        assert_eq!(made(&["$.id", "$args.x"], &json!({"x": "y"})).as_deref(), Ok("/of%20the%20event/y"));
    }

    #[test]
    fn what_is_no_text_makes_no_topic() {
        let found = |id: serde_json::Value| made(&["$args.id"], &json!({ "id": id })).unwrap_err();
        for (id, kind) in [(json!(null), "null"), (json!([1]), "array"), (json!({"a": 1}), "object")] {
            let expected =
                format!("`{{$args.id}}` gives {kind} where a text, a number or a boolean is needed");
            assert_eq!(found(id), expected);
        }
        let missing = made(&["$args.id"], &json!({})).unwrap_err();
        assert_eq!(missing, "`{$args.id}` gives nothing where a text, a number or a boolean is needed");
        for long in ["a".repeat(TOPIC_BYTES_MAX), "ü".repeat(TOPIC_BYTES_MAX / 4), "a".repeat(10 << 20)] {
            assert_eq!(found(json!(long)), "it would be longer than 1024 bytes");
        }
    }
}
