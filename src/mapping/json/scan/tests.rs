//! The scanner held against two other readers of JSON.

use jiter::Jiter;
use proptest::prelude::*;

use super::*;

/// Where the value of a text ends; none where it is not JSON.
fn end(text: &str) -> Option<usize> {
    let mut scanner = Scanner::new(text);
    let first = scanner.peek().ok()?;
    scanner.skip(first).ok()?;
    let end = scanner.at();
    scanner.finish().ok().map(|()| end)
}

fn end_by_jiter(text: &str) -> Option<usize> {
    let mut jiter = Jiter::new(text.as_bytes());
    jiter.next_skip().ok()?;
    let end = jiter.current_index();
    jiter.finish().ok().map(|()| end)
}

/// None for numbers beyond the doubles: serde_json stops there, and here they are numbers.
fn is_json_to_serde(text: &str) -> Option<bool> {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(_) => Some(true),
        Err(error) => (!error.to_string().contains("out of range")).then_some(false),
    }
}

/// Whether serde_json, where it has an opinion, has this one.
fn agrees(text: &str, is_json: bool) -> bool {
    is_json_to_serde(text).is_none_or(|theirs| theirs == is_json)
}

#[test]
fn strings_end_where_they_end_wherever_they_stand() {
    for length in 0..70 {
        for special in ["\"", "\\n\"", "\\u00e9\"", "\u{1f}\"", "é\"", "\u{7f}\"", "\u{ff}\"", ""] {
            for blanks in 0..9 {
                let text = format!("{}\"{}{special} ", " ".repeat(blanks), "x".repeat(length));
                assert_eq!(end(&text), end_by_jiter(&text), "{text:?}");
                let text = format!("[{text},\"{}\"]", "y".repeat(length));
                assert_eq!(end(&text), end_by_jiter(&text), "{text:?}");
            }
        }
    }
}

#[test]
fn an_escape_is_one_of_jsons() {
    for text in [
        r#""\"\\\/\b\f\n\r\t""#,
        r#""\u00E9\u00e9""#,
        r#""\ud83d\ude00""#,
        r#""\ud83d""#,
        r#""\ude00""#,
        r#""\ud83dx""#,
        r#""\ud83d\n""#,
        r#""\ud83d\ud83d""#,
        r#""\ud83d\u0020""#,
        r#""\u12""#,
        r#""\u12g4""#,
        r#""\x""#,
        r#""\"#,
        r#""\u"#,
        r#""\ud83d\"#,
    ] {
        assert!(agrees(text, end(text).is_some()), "{text}");
        assert_eq!(end(text), end_by_jiter(text), "{text}");
    }
    let mut scanner = Scanner::new(r#""a\ud83d\ude00\n""#);
    let string = scanner.string().unwrap();
    assert_eq!((string.plain(), &*string.characters()), (None, "a😀\n"));
}

#[test]
fn nesting_and_digits_have_bounds() {
    let nested = |depth: usize| format!("{}0{}", "[".repeat(depth), "]".repeat(depth));
    let objects = |depth: usize| format!("{}0{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    let digits = |count: usize| format!("-{}.5", "1".repeat(count));
    for text in [nested(200), objects(200), digits(4300)] {
        assert_eq!(end(&text), Some(text.len()));
    }
    for text in [nested(201), objects(201), digits(4301), "[".repeat(100_000)] {
        assert_eq!(end(&text), None);
    }
}

#[test]
fn a_key_is_known_again_by_all_of_its_bytes() {
    let text = r#"{"a":1,"ab":1,"a":1,"a" :1,"a_key_longer_than_16":1,"a_key_longer_than_17":1,"a_key_longer_than_16":1,"z":1}"#;
    let mut scanner = Scanner::new(text);
    assert!(scanner.object().unwrap());
    let mut seen: Vec<(KeySeen, &str)> = Vec::new();
    let mut again = Vec::new();
    loop {
        let start = scanner.at();
        match seen.iter().find(|(key, _)| scanner.pass_again(key)) {
            Some((_, key)) => again.push(*key),
            None => {
                let key = scanner.key().unwrap().plain().unwrap();
                seen.push((scanner.seen(start), key));
            }
        }
        let first = scanner.peek().unwrap();
        scanner.skip(first).unwrap();
        if !scanner.next_entry().unwrap() {
            break;
        }
    }
    assert_eq!(again, ["a", "a_key_longer_than_16"]);
    assert_eq!(seen.len(), 6);
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?",
        "\"[a-zé\u{1F600} ]{0,40}\"",
        "\"([a-z]|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4}){0,12}\"",
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let pair = ("\"[a-z\\\\\\\\n]{0,20}\"", inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(pair, 0..6).prop_map(|pairs| {
                let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}: {value}")).collect();
                format!("{{\n{}}}\t", pairs.join(" ,\r\n"))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_and_broken_json_end_where_others_say(text in json(), at in any::<prop::sample::Index>(), change in "[\\[\\]{}\",:0-9a-z.eE+ \\\\\u{1}\u{0}é-]{0,2}", cut in 0..3_usize) {
        let mut broken: Vec<char> = text.chars().collect();
        let at = at.index(broken.len() + 1);
        broken.splice(at..(at + cut).min(broken.len()), change.chars());
        let broken: String = broken.into_iter().collect();
        for text in [text, broken] {
            prop_assert_eq!(end(&text), end_by_jiter(&text), "{}", text);
            prop_assert!(agrees(&text, end(&text).is_some()), "{}", text);
        }
    }

    #[test]
    fn any_text_ends_where_others_say(text in "[\\[\\]{}\",:0-9a-z.eE+ \\\\\u{1}é-]{0,24}") {
        prop_assert_eq!(end(&text), end_by_jiter(&text), "{}", text);
        prop_assert!(agrees(&text, end(&text).is_some()), "{}", text);
    }
}
