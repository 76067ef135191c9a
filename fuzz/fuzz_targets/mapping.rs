//! The mapping language: any text, applied to any JSON with any variables.
//!
//! Input: a mapping, data as JSON, variables as one JSON object (`{"args": …, "this": …}`). A mapping that begins with
//! `!` is noise out of which a well-formed one is made.
//!
//! What must hold: nothing panics; a parse error lies within the text; evaluating comes to an end and gives the same
//! with problems written down and without; what it gives is what the mapping's shape foretells, and JSON that reads as itself.

#![no_main]

use bumpalo::Bump;
use ficus::mapping::{
    Problems, Value, Variables,
    ast::{Grammar, Mapping},
    check::check,
    evaluate, json, parse,
    references::references,
    template::{parse_template, parse_url},
};
use ficus_fuzz::{conforms, foretold};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some([text, data, variables]) = ficus_fuzz::sections(input) else { return };
    let made = text.strip_prefix('!').map(|noise| ficus_fuzz::mapping(noise.as_bytes()));
    let text = made.as_deref().unwrap_or(text);
    let (data, variables) = (ficus_fuzz::json(data), ficus_fuzz::json(variables));
    for grammar in [Grammar::V0_3, Grammar::V0_4] {
        match parse(text, grammar) {
            Ok(mapping) => run(&mapping, &data, &variables),
            Err(errors) => {
                assert!(!errors.is_empty(), "refused without a reason");
                for error in errors {
                    assert!(text.get(error.span.clone()).is_some(), "{:?} is not in the text", error.span);
                }
            }
        }
        let _ = (parse_template(text, grammar), parse_url(text, grammar));
    }
});

fn run(mapping: &Mapping, data: &serde_json::Value, variables: &serde_json::Value) {
    let _ = (references(mapping), check(mapping));
    let arena = Bump::new();
    let data = json::from_json(data, &arena);
    let variables = variables_of(variables, &arena);
    let mut problems = Problems::recorded();
    let value = evaluate(mapping, data, &variables, &arena, &mut problems);
    let mut ignored = Problems::ignored();
    let again = evaluate(mapping, data, &variables, &arena, &mut ignored);
    assert_eq!(problems.work_ran_out(), ignored.work_ran_out(), "work depends on who looks");
    match (value, again) {
        (None, None) => {}
        (Some(value), Some(again)) => {
            let mut written = Vec::new();
            json::write(&value, &mut written);
            let written = String::from_utf8(written).expect("JSON is text");
            let read = json::read(&written, &arena).expect("what is written is JSON");
            assert!(read.is_equal(&value), "was written as {written}");
            assert!(again.is_equal(&value), "the value depends on who looks");
            if let Some(shape) = foretold(mapping) {
                assert!(conforms(&value, &shape), "gave {written}, not {shape:?}");
            }
        }
        _ => panic!("whether there is a value depends on who looks"),
    }
}

fn variables_of<'a>(given: &'a serde_json::Value, arena: &'a Bump) -> Variables<'a> {
    let variable = |name: &str| -> Option<Value<'a>> { Some(json::from_json(given.get(name)?, arena)) };
    Variables {
        args: variable("args"),
        this: variable("this"),
        batch: variable("batch"),
        config: variable("config"),
        context: variable("context"),
        env: variable("env"),
        request: variable("request"),
        // Whoever reads it maps a response, which has one: a whole number.
        status: variable("status")
            .filter(|status| matches!(status, Value::Number(number) if number.is_integer()))
            .or_else(|| json::read("200", arena).ok()),
        response: variable("response"),
    }
}
