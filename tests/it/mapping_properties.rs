//! What holds for every mapping and all data: nothing panics, and a mapping gives what its shape says.

use bumpalo::Bump;
use ficus::mapping::{
    Problems, Variables,
    ast::Grammar,
    check::check,
    evaluate, json, methods, parse,
    references::references,
    template::{parse_base_url, parse_template, parse_url},
};
use proptest::prelude::*;

use crate::support::conforms::{conforms, foretold};

/// Text in the mapping language, of expressions in each other: small ones, of which a few parts meet in every way, and big ones.
fn expression() -> impl Strategy<Value = String> {
    prop_oneof![expressions_in_each_other(2, 6), expressions_in_each_other(5, 40)]
}

fn expressions_in_each_other(depth: u32, size: u32) -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "$", "@", "a", "$.a", "@.b", "$args.a", "$config", "$x", "1", "-2.5", "0", "'ä€'", "''", "true",
        "null", "[]", "{}", "b?", "c.a",
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(depth, size, 4, |inner| {
        let name = prop::sample::select(methods::names().collect::<Vec<_>>());
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{ a: {a}, b: {b} }}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("$({a} ?? {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("$({a} ?! {b})")),
            inner.clone().prop_map(|a| format!("$({a}).a?.b")),
            (name.clone(), inner.clone()).prop_map(|(name, a)| format!("$({a})->{name}")),
            (name.clone(), inner.clone(), inner.clone())
                .prop_map(|(name, a, b)| format!("$({a})->{name}({b})")),
            (name, inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(name, a, b, c)| format!("$({a})->{name}({b}, {c})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("$({a})->as($x)->echo({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("$({a})->match([1, {a}], [@, {b}])")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("$({a}) {{ a c: {b} }}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("$({a}) {{ b ...$({b}) }}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("$({a}) {{ $({b}) }}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{ $({a}) {{ a }} a {{ b: {b} }} }}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{ a: {a} a: {b} }}")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("a {{ $({a}) {{ a }} b: {b} b: c }}")),
        ]
    })
}

fn data() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        prop::sample::select(vec![0, 1, -1, 7, i64::MAX, i64::MIN]).prop_map(Into::into),
        prop::sample::select(vec![0.5, -1e308, 1e300]).prop_map(Into::into),
        prop::sample::select(vec!["", "a", "7", "äö€", "[1]"]).prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::hash_map("[abc]", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_a_parser_panic(
        any in any::<String>(),
        likely in "[ab$@.,:?!{}()\\[\\]'\"\\\\#\n 01\\->/%~é]{0,40}",
        mixed in "(a|\\$|\\.|->|\\{ | \\}|\\(|\\)|:|\\?\\?|\\?!|\\?|'s'|1|,|\\.\\.\\.|https://| ){0,24}",
    ) {
        for text in [any, likely, mixed] {
            for grammar in [Grammar::V0_3, Grammar::V0_4] {
                if let Err(errors) = parse(&text, grammar) {
                    prop_assert!(!errors.is_empty());
                    for error in errors {
                        prop_assert!(text.get(error.span.clone()).is_some(), "{text:?}: {:?}", error.span);
                    }
                }
                let _ = parse_template(&text, grammar);
                let _ = parse_url(&text, grammar);
                let _ = parse_base_url(&text, grammar);
            }
        }
    }

    #[test]
    fn a_mapping_gives_what_its_shape_says(text in expression(), data in data()) {
        let mapping = parse(&text, Grammar::V0_4);
        prop_assert!(mapping.is_ok(), "{text}: {mapping:?}");
        let mapping = mapping.unwrap();
        let _ = (references(&mapping), check(&mapping));
        let arena = Bump::new();
        let data = json::from_json(&data, &arena);
        let variables = Variables { args: Some(data), ..Variables::default() };
        let mut problems = Problems::recorded();
        let value = evaluate(&mapping, data, &variables, &arena, &mut problems);
        prop_assert!(!problems.work_ran_out());
        if let Some(value) = value {
            let mut written = Vec::new();
            json::write(&value, &mut written);
            let written = String::from_utf8(written).unwrap();
            if let Some(shape) = foretold(&mapping) {
                prop_assert!(conforms(&value, &shape), "{text}\ngave {written}\nnot {shape:?}");
            }
            let read = json::read(&written, &arena).unwrap();
            prop_assert!(read.is_equal(&value), "{text}\nwas written as {written}");
        }
    }
}
