//! Templates to text: what a URL's part or a header says for one request (sections 3 and 4 of the connect language).
//! Joining the parts of a URL is not done here.

use bumpalo::Bump;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    ast::Span,
    evaluate::{Variables, evaluate},
    problems::Problems,
    template::{Part, Template},
    value::Value,
};

/// Why a template gives no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// An expression gave a list or an object.
    #[error("`{{{expression}}}` gives an {kind}; only scalars can stand in text")]
    NotScalar {
        /// The expression as it was written.
        expression: String,
        /// `array` or `object`.
        kind: &'static str,
        /// Where it stands in the template's text.
        span: Span,
    },
    /// An expression does too much work (see `budget::WORK_MAX`).
    #[error("`{{{expression}}}` does too much work")]
    TooMuchWork {
        /// The expression as it was written.
        expression: String,
        /// Where it stands in the template's text.
        span: Span,
    },
}

/// The text of a template, values as they are: for headers, and for the origin of a source's base URL.
///
/// # Errors
/// Where an expression gives a list or an object.
pub fn render<'a>(
    template: &'a Template,
    variables: &Variables<'a>,
    arena: &'a Bump,
    problems: &mut Problems,
) -> Result<String, RenderError> {
    render_with(template, variables, arena, problems, |value, out| out.push_str(value))
}

/// The text of a part of a URL: values are percent-encoded, literal text has been already.
///
/// # Errors
/// Where an expression gives a list or an object.
pub fn render_encoded<'a>(
    template: &'a Template,
    variables: &Variables<'a>,
    arena: &'a Bump,
    problems: &mut Problems,
) -> Result<String, RenderError> {
    render_with(template, variables, arena, problems, |value, out| out.extend(encode_segment(value)))
}

fn render_with<'a>(
    template: &'a Template,
    variables: &Variables<'a>,
    arena: &'a Bump,
    problems: &mut Problems,
    push: impl Fn(&str, &mut String),
) -> Result<String, RenderError> {
    let mut out = String::new();
    for part in &template.parts {
        match part {
            Part::Literal(text) => out.push_str(text),
            Part::Expression { mapping, span } => {
                let value = evaluate(mapping, Value::Null, variables, arena, problems);
                if problems.work_ran_out() {
                    let expression = mapping.text.clone();
                    return Err(RenderError::TooMuchWork { expression, span: span.clone() });
                }
                let Some(value) = value else { continue };
                let text = value.scalar_text().ok_or_else(|| RenderError::NotScalar {
                    expression: mapping.text.clone(),
                    kind: value.kind(),
                    span: span.clone(),
                })?;
                push(&text, &mut out);
            }
        }
    }
    Ok(out)
}

/// What stands for itself in a value within a URL: `A-Z a-z 0-9 - . _ ~`.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A value as one segment of a path, or as a key or value of a query: everything but `A-Z a-z 0-9 - . _ ~` is
/// percent-encoded.
pub fn encode_segment(text: &str) -> impl Iterator<Item = &str> {
    utf8_percent_encode(text, RESERVED)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mapping::{ast::Grammar, json::from_json, template::parse_template};

    fn rendered(text: &str, is_url: bool) -> Result<String, String> {
        let args = json!({ "id": "a/b c~é", "n": 1.50, "yes": true, "none": null, "list": [1], "text": "x" });
        let template = parse_template(text, Grammar::V0_4).unwrap();
        let arena = Bump::new();
        let variables = Variables { args: Some(from_json(&args, &arena)), ..Variables::default() };
        let render = if is_url { render_encoded } else { render };
        render(&template, &variables, &arena, &mut Problems::ignored()).map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_encoded_in_a_url_and_left_alone_in_a_header() {
        assert_eq!(rendered("/u/{$args.id}/x y", true).unwrap(), "/u/a%2Fb%20c~%C3%A9/x y");
        assert_eq!(rendered("Bearer {$args.id}", false).unwrap(), "Bearer a/b c~é");
        assert_eq!(rendered("{$args.n}{$args.yes}{$args.text}", true).unwrap(), "1.5truex");
    }

    #[test]
    fn null_and_missing_are_empty_and_what_is_no_scalar_is_an_error() {
        assert_eq!(rendered("?a={$args.none}&b={$args.absent}&c={$this.id}", true).unwrap(), "?a=&b=&c=");
        for text in ["{$args.list}", "{$args}", "{[1]}"] {
            assert!(rendered(text, true).unwrap_err().ends_with("only scalars can stand in text"), "{text}");
        }
    }
}
