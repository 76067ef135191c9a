//! Requests as they are sent, for inputs kind and hostile.

use http::Method;
use serde_json::{Value as Json, json};

use super::*;
use crate::{
    connector::{BodyFormat, Connector},
    fetch::testing::{built, client, connector, copied, mapping, request, source, template},
};

fn get(base: &str, url: &str) -> Connector {
    connector(source(base), request(Method::GET, url))
}

fn url_of(connector: &Connector, args: &Json) -> Result<String, String> {
    match built(connector, args, None) {
        Ok(request) => Ok(request.url),
        Err(error) => {
            assert_eq!(error.client.code, Code::ConnectorRequestInvalid, "{error}");
            Err(error.client.message.trim_start_matches("The request cannot be built: ").to_owned())
        }
    }
}

#[test]
fn base_and_connector_url_meet_in_one_slash() {
    let cases = [
        ("http://h", "/users", "http://h/users"),
        ("http://h/", "/users", "http://h/users"),
        ("http://h/api", "/users", "http://h/api/users"),
        ("HTTPS://h", "/users", "HTTPS://h/users"),
        ("http://h/api/", "/users", "http://h/api/users"),
        ("http://h/api", "users/", "http://h/api/users/"),
        ("http://h/api", "/", "http://h/api"),
        ("http://h/api/", "/", "http://h/api/"),
        ("http://h/api", "", "http://h/api"),
        ("http://h/api", "?a=1", "http://h/api?a=1"),
        ("http://h/api?k=1", "/users?a=2&k=3", "http://h/api/users?k=1&a=2&k=3"),
        ("http://h:8080/v%201", "/a%2Fb/ü", "http://h:8080/v%201/a%2Fb/%C3%BC"),
        ("", "https://other/x?y=z", "https://other/x?y=z"),
        ("http://h", "/a//b/", "http://h/a//b/"),
        ("http://h/?", "/a?{$args.none}", "http://h/a"),
        ("http://h/?a=1", "/a?{$args.none}", "http://h/a?a=1"),
        ("http://h/?", "/a?b=2", "http://h/a?b=2"),
    ];
    for (base, url, expected) in cases {
        assert_eq!(url_of(&get(base, url), &json!({})).as_deref(), Ok(expected), "{base} + {url}");
    }
}

#[test]
fn a_value_from_outside_is_one_segment_or_refused() {
    let users = get("http://h/api", "/users/{$args.id}/orders");
    let hostile = [
        ("../admin", "..%2Fadmin"),
        ("%2e%2e", "%252e%252e"),
        ("%2f", "%252f"),
        ("a/b", "a%2Fb"),
        ("\\..\\x", "%5C..%5Cx"),
        ("1?role=admin", "1%3Frole%3Dadmin"),
        ("1#x", "1%23x"),
        ("1;v=2", "1%3Bv%3D2"),
        ("@evil.example", "%40evil.example"),
        ("//evil.example", "%2F%2Fevil.example"),
        ("http://evil.example/", "http%3A%2F%2Fevil.example%2F"),
        ("x\r\nhost: evil", "x%0D%0Ahost%3A%20evil"),
        ("\0", "%00"),
        ("%00", "%2500"),
        ("\u{ff0e}\u{ff0e}", "%EF%BC%8E%EF%BC%8E"),
        ("...", "..."),
        ("a~b-c_d.e", "a~b-c_d.e"),
        ("ä ", "%C3%A4%20"),
        ("", ""),
    ];
    for (value, segment) in hostile {
        let expected = format!("http://h/api/users/{segment}/orders");
        assert_eq!(url_of(&users, &json!({ "id": value })), Ok(expected), "{value:?}");
    }
    let long = "é".repeat(32 << 10);
    assert_eq!(url_of(&users, &json!({ "id": long })).unwrap().matches('/').count(), 6);
    for value in [json!(7), json!(1.5), json!(true), json!(null)] {
        let text = if value.is_null() { String::new() } else { value.to_string() };
        assert_eq!(url_of(&users, &json!({ "id": value })), Ok(format!("http://h/api/users/{text}/orders")));
    }
    assert_eq!(url_of(&users, &json!({})).as_deref(), Ok("http://h/api/users//orders"));
    for value in [json!([1]), json!({"a": 1})] {
        let refused = url_of(&users, &json!({ "id": value }));
        assert_eq!(
            refused,
            Err("an expression in the URL gives a list or an object where text is needed".into())
        );
    }
}

#[test]
fn a_value_never_makes_a_dot_segment() {
    let refused =
        Err("a value would make a path segment of the URL `.` or `..`, which means another path".to_owned());
    let cases = [
        ("/a/{$args.a}", ".."),
        ("/a/{$args.a}", "."),
        ("/a/{$args.a}/b", ".."),
        ("/a/.{$args.a}", "."),
        ("/a/%2e{$args.a}", "."),
        ("/a/{$args.a}%2E", "."),
        ("/a/{$args.a}{$args.a}", "."),
        ("/a/{$args.none}.{$args.a}?x=1", "."),
        ("{$args.a}/b", ".."),
    ];
    for (url, value) in cases {
        assert_eq!(url_of(&get("http://h/api", url), &json!({ "a": value })), refused, "{url}");
    }
    assert!(url_of(&get("http://h", "/a/{$args.a}.json"), &json!({"a": "."})).is_ok());
    let mut listed = get("http://h", "/a");
    listed.request.as_mut().unwrap().path = Some(mapping("$args.path"));
    assert_eq!(url_of(&listed, &json!({"path": ["x", ".."]})), refused);
}

#[test]
fn path_lists_become_segments() {
    let mut listed = get("http://h/api", "/a/");
    listed.request.as_mut().unwrap().path = Some(mapping("$args.path"));
    let cases = [
        (json!(["b", 2, true, "c/d"]), Ok("http://h/api/a/b/2/true/c%2Fd")),
        (json!(["b", "", null, "c"]), Ok("http://h/api/a/b///c")),
        (json!([]), Ok("http://h/api/a/")),
        (json!("b"), Err("`path` does not give a list")),
        (json!(null), Err("`path` does not give a list")),
        (
            json!([["b"]]),
            Err("an expression in the URL's `path` gives a list or an object where text is needed"),
        ),
    ];
    for (path, expected) in cases {
        let url = url_of(&listed, &json!({ "path": path }));
        assert_eq!(url.as_deref().map_err(String::as_str), expected, "{path}");
    }
    let mut source = source("http://h/base?k=0");
    source.path = Some(mapping("['v1', $config.tenant]"));
    source.query_params = Some(mapping("key: $env.REGION"));
    source.config = json!({"tenant": "a b"});
    let mut both = connector(source, request(Method::GET, "/users?x=1"));
    both.request.as_mut().unwrap().path = Some(mapping("[$args.id]"));
    both.request.as_mut().unwrap().query_params = Some(mapping("y: $args.id"));
    let url = url_of(&both, &json!({"id": 7}));
    assert_eq!(url.as_deref(), Ok("http://h/base/v1/a%20b/users/7?k=0&key=eu&x=1&y=7"));
}

#[test]
fn query_values_stay_values() {
    let mut search = get("http://h", "/s?q={$args.q}");
    search.request.as_mut().unwrap().query_params = Some(mapping("$args.more"));
    let cases = [
        (json!({"q": "1&admin=true"}), Ok("q=1%26admin%3Dtrue")),
        (json!({"q": "a+b c#d"}), Ok("q=a%2Bb%20c%23d")),
        (json!({"q": null}), Ok("q=")),
        (json!({"q": 1, "more": {"id": [1, "2&x=3", null]}}), Ok("q=1&id=1&id=2%26x%3D3&id=")),
        (json!({"q": 1, "more": {"a": [], "b": null, "c": false}}), Ok("q=1&c=false")),
        (json!({"q": 1, "more": {"a b&": "ü"}}), Ok("q=1&a%20b%26=%C3%BC")),
        (json!({"q": 1, "more": null}), Ok("q=1")),
        (json!({"q": 1, "more": [1]}), Err("`queryParams` does not give an object")),
        (
            json!({"q": 1, "more": {"a": {"b": 1}}}),
            Err("the query parameter `a` is an object, or a list of lists or objects"),
        ),
        (
            json!({"q": 1, "more": {"a": [[1]]}}),
            Err("the query parameter `a` is an object, or a list of lists or objects"),
        ),
    ];
    for (args, expected) in cases {
        let url = url_of(&search, &args);
        let expected = expected.map(|query| format!("http://h/s?{query}"));
        assert_eq!(url, expected.map_err(str::to_owned), "{args}");
    }
}

#[test]
fn nothing_but_a_host_stands_in_for_a_host() {
    let with = |base: &str, config: Json| {
        let mut source = source(base);
        source.config = config;
        url_of(&connector(source, request(Method::GET, "/x")), &json!({}))
    };
    assert_eq!(
        with("http://{$config.host}/v1", json!({"host": "a.b:8080"})).as_deref(),
        Ok("http://a.b:8080/v1/x")
    );
    assert_eq!(
        with("{$config.base}/v1", json!({"base": "https://a.b/c"})).as_deref(),
        Ok("https://a.b/c/v1/x")
    );
    assert_eq!(with("http://[::1]:{$config.port}", json!({"port": 80})).as_deref(), Ok("http://[::1]:80/x"));
    for host in ["", "a/b", "a@b", "a?b", "a#b", "a b", "a\\b", "ä"] {
        assert!(with("http://{$config.host}/v1", json!({ "host": host })).is_err(), "{host:?}");
    }
    assert!(with("http://{$config.host}:80/v1", json!({})).is_err());
    assert!(with("{$config.base}/v1", json!({"base": "ftp://a"})).is_err());
}

fn headers_of(connector: &Connector, args: &Json, client: Option<&HeaderMap>) -> Result<Vec<String>, String> {
    let request = built(connector, args, client).map_err(|error| {
        assert_eq!(error.client.code, Code::ConnectorRequestInvalid, "{error}");
        error.client.message
    })?;
    let text = |(name, value): &(http::HeaderName, http::HeaderValue)| {
        format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
    };
    Ok(request.headers.iter().map(text).collect())
}

#[test]
fn headers_of_the_file_win_over_the_connector_over_the_source() {
    let mut source = source("http://h");
    source.file_headers = vec![template("x-file", "file")];
    source.headers = vec![template("x-source", "source"), template("x-both", "source")];
    let mut request = request(Method::GET, "/");
    request.headers = vec![template("X-FILE", "connect"), template("X-Both", "connect {$args.a}")];
    let headers = headers_of(&connector(source, request), &json!({"a": 1}), None).unwrap();
    assert_eq!(headers, ["x-file: file", "x-both: connect 1", "x-source: source"]);
}

#[test]
fn copied_headers_bring_all_values_and_never_those_of_one_hop() {
    let mut request = request(Method::GET, "/");
    request.headers = vec![
        copied("x-tag", "X-Tag"),
        copied("x-absent", "x-absent"),
        copied("x-hop", "connection"),
        copied("x-te", "te"),
        copied("x-listed", "x-listed"),
    ];
    let connector = connector(source("http://h"), request);
    let client = client(&[
        ("x-tag", "a"),
        ("x-tag", "b"),
        ("connection", "close, X-Listed"),
        ("te", "trailers"),
        ("x-listed", "1"),
        ("x-unasked", "1"),
    ]);
    assert_eq!(headers_of(&connector, &json!({}), Some(&client)).unwrap(), ["x-tag: a", "x-tag: b"]);
    let refused = headers_of(&connector, &json!({}), None).unwrap_err();
    assert!(refused.contains("the header `x-tag` is copied from the client's request, but"), "{refused}");
}

#[test]
fn a_header_value_cannot_end_its_line() {
    let mut request = request(Method::GET, "/");
    request.headers = vec![template("x-a", "v {$args.a}")];
    let connector = connector(source("http://h"), request);
    for value in ["x\r\nhost: evil", "x\n", "\0", "\u{7f}"] {
        let refused = headers_of(&connector, &json!({ "a": value }), None).unwrap_err();
        assert!(refused.contains("the header `x-a` holds a line break"), "{value:?}: {refused}");
    }
    assert!(headers_of(&connector, &json!({"a": {"b": 1}}), None).is_err());
    assert_eq!(headers_of(&connector, &json!({"a": "ü, ä"}), None).unwrap(), ["x-a: v ü, ä"]);
    assert_eq!(headers_of(&connector, &json!({}), None).unwrap(), ["x-a: v "]);
}

#[test]
fn trace_and_request_id_go_along_unless_declared() {
    let names = [("traceparent", "00-1-2-01"), ("x-request-id", "r1"), ("cookie", "c")];
    let client = client(&names);
    let mut request = request(Method::GET, "/");
    request.headers = vec![template("x-request-id", "fixed")];
    let built = built(&connector(source("http://h"), request), &json!({}), Some(&client)).unwrap();
    assert_eq!(built.own_headers.0.len(), 1);
    assert_eq!(built.own_headers.get(&telemetry::TRACEPARENT).unwrap(), "00-1-2-01");
}

fn body_of(text: &str, format: BodyFormat, args: &Json) -> Result<(Option<String>, Vec<String>), String> {
    let mut request = request(Method::POST, "/");
    (request.body, request.body_format) = (Some(mapping(text)), format);
    let connector = connector(source("http://h"), request);
    let body = built(&connector, args, None).map_err(|error| error.client.message)?.body;
    let body = body.map(|body| String::from_utf8(body.to_vec()).unwrap());
    Ok((body, headers_of(&connector, args, None).unwrap()))
}

#[test]
fn a_json_body_is_written_by_value() {
    let args = json!({"input": {"name": "a\"},{\"role\":\"admin", "tags": [1, null], "big": 1.50}});
    let (body, headers) = body_of("$args.input { name tags }", BodyFormat::Json, &args).unwrap();
    assert_eq!(body.as_deref(), Some(r#"{"name":"a\"},{\"role\":\"admin","tags":[1,null]}"#));
    assert_eq!(headers, ["content-type: application/json"]);
    assert_eq!(
        body_of("$args.input", BodyFormat::Json, &json!({"input": null})).unwrap().0.as_deref(),
        Some("null")
    );
    assert_eq!(body_of("$args.input", BodyFormat::Json, &json!({})), Ok((None, vec![])));
    assert_eq!(body_of("a: 1", BodyFormat::Json, &json!({})).unwrap().0.as_deref(), Some(r#"{"a":1}"#));
}

#[test]
fn a_form_body_flattens_objects_and_lists() {
    let args = json!({"a b": "1&x=2 ü~*", "e": [], "l": [1, [2]], "n": null, "o": {"k": {"d": true}}});
    let (body, headers) = body_of("$args", BodyFormat::Form, &args).unwrap();
    assert_eq!(
        body.as_deref(),
        Some("a+b=1%26x%3D2+%C3%BC%7E*&l%5B0%5D=1&l%5B1%5D%5B0%5D=2&n=&o%5Bk%5D%5Bd%5D=true")
    );
    assert_eq!(headers, ["content-type: application/x-www-form-urlencoded"]);
    let refused = body_of("$args.a", BodyFormat::Form, &json!({"a": [1]})).unwrap_err();
    assert!(refused.contains("does not give an object"), "{refused}");
}

#[test]
fn a_declared_content_type_stands() {
    let mut request = request(Method::POST, "/");
    request.body = Some(mapping("a: 1"));
    request.headers = vec![template("content-type", "application/merge-patch+json")];
    let headers = headers_of(&connector(source("http://h"), request), &json!({}), None).unwrap();
    assert_eq!(headers, ["content-type: application/merge-patch+json"]);
}

proptest::proptest! {
    /// Whatever a client sends: the URL keeps its host and its shape, and no header grows a second line.
    #[test]
    fn a_value_changes_nothing_but_its_own_place(value in "(\\PC|[./%?#&=@:\\\\\r\n\t \u{0}]|%2[eEfF]){0,12}") {
        let mut request = request(Method::GET, "/a/{$args.v}/b?x={$args.v}&y");
        request.path = Some(mapping("$([$args.v, 'c'])"));
        request.query_params = Some(mapping("p: $args.v l: [$args.v, $args.v]"));
        request.headers = vec![template("x-v", "{$args.v}")];
        let connector = connector(source("http://user:word@h:8080/api"), request);
        let Ok(built) = built(&connector, &json!({ "v": value }), None) else { return Ok(()) };
        let rest = built.url.strip_prefix("http://user:word@h:8080/api/a/");
        let (path, query) = rest.and_then(|rest| rest.split_once('?')).unwrap();
        let segments: Vec<&str> = path.split('/').collect();
        proptest::prop_assert!(matches!(segments[..], [one, "b", two, "c"] if one == two), "{}", built.url);
        let names: Vec<&str> = query.split('&').map(|pair| pair.split('=').next().unwrap()).collect();
        proptest::prop_assert_eq!(names, ["x", "y", "p", "l", "l"]);
        proptest::prop_assert!(!built.url.contains('#'));
        proptest::prop_assert!(built.url.parse::<http::Uri>().is_ok());
        let sent = query.split('&').find_map(|pair| pair.strip_prefix("p=")).unwrap();
        let sent = percent_encoding::percent_decode_str(sent).decode_utf8().unwrap();
        proptest::prop_assert_eq!(sent, value);
    }
}
