//! Real exchanges over loopback with a server that sends exactly the bytes a test wants.

use std::{io::Write as _, sync::Mutex};

use http::header;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use super::*;
use crate::{connector::SourceSettings, error::Code, fetch::testing, telemetry};

/// What the server does after it has read a request.
enum Answer {
    /// Sends these bytes and closes the connection.
    Close(Vec<u8>),
    /// Sends these bytes and keeps the connection open, silent.
    Silent(Vec<u8>),
    /// Sends these bytes, then the second part again and again as long as someone reads.
    Endless(Vec<u8>, Vec<u8>),
    /// Closes the connection with a reset.
    Reset,
    /// Sends these bytes once a permit is there, and goes on with the same connection.
    Gated(Arc<Semaphore>, Vec<u8>),
}

struct Backend {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Backend {
    /// Answers every request in the same way.
    async fn start(answer: Answer) -> Backend {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&requests), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, Arc::clone(&answer), Arc::clone(&seen)));
            }
        });
        Backend { url, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(mut socket: TcpStream, answer: Arc<Answer>, seen: Arc<Mutex<Vec<String>>>) {
    while let Some(request) = read_request(&mut socket).await {
        seen.lock().unwrap().push(request);
        match &*answer {
            Answer::Close(bytes) => {
                let _ = socket.write_all(bytes).await;
                let _ = socket.shutdown().await;
                return;
            }
            Answer::Silent(bytes) => {
                let _ = socket.write_all(bytes).await;
                std::future::pending::<()>().await;
            }
            Answer::Endless(head, more) => {
                let _ = socket.write_all(head).await;
                while socket.write_all(more).await.is_ok() {}
                return;
            }
            Answer::Reset => {
                socket.set_zero_linger().unwrap();
                return;
            }
            Answer::Gated(gate, bytes) => {
                gate.acquire().await.unwrap().forget();
                let _ = socket.write_all(bytes).await;
            }
        }
    }
}

/// Reads a head and as much body as its content-length says.
async fn read_request(socket: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Some(text);
            }
        }
        let mut chunk = [0; 4096];
        match socket.read(&mut chunk).await {
            Ok(1..) => bytes.extend(chunk.iter().copied().take_while(|&byte| byte != 0)),
            _ => return None,
        }
    }
}

fn source(change: impl FnOnce(&mut SourceSettings)) -> Arc<Source> {
    let mut source = testing::source("");
    change(&mut source.settings);
    Arc::new(source)
}

fn get(url: &str) -> UpstreamRequest {
    UpstreamRequest::new(Method::GET, url)
}

fn ok(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into()
}

async fn send_to(
    answer: Answer,
    settings: impl FnOnce(&mut SourceSettings),
) -> Result<UpstreamResponse, FetchError> {
    let backend = Backend::start(answer).await;
    let source = source(settings);
    HttpUpstream::new().unwrap().send(&source, get(&format!("{}/x", backend.url)).into()).await
}

#[tokio::test]
async fn a_request_arrives_as_it_was_built_and_nothing_more() {
    let backend = Backend::start(Answer::Close(ok("[1]"))).await;
    let upstream = HttpUpstream::new().unwrap();
    let mut request = get(&format!("{}/a%2Fb?q=1&q=2", backend.url));
    let custom = HeaderName::from_static("x-tenant");
    request.headers.push((custom.clone(), HeaderValue::from_static("a")));
    request.headers.push((custom, HeaderValue::from_static("b")));
    request.own_headers.0.push((telemetry::REQUEST_ID.clone(), HeaderValue::from_static("r1")));
    let response = upstream.send(&source(|_| ()), request.into()).await.unwrap();
    assert_eq!((response.status.as_u16(), &response.body[..]), (200, &b"[1]"[..]));
    let seen = backend.requests().remove(0);
    let mut lines: Vec<&str> = seen.trim_end().lines().collect();
    lines[1..].sort_unstable();
    let host = format!("host: {}", backend.url.trim_start_matches("http://"));
    assert_eq!(
        lines,
        [
            "GET /a%2Fb?q=1&q=2 HTTP/1.1",
            "accept-encoding: zstd,gzip,br",
            "accept: application/json, */*;q=0.5",
            &host,
            concat!("user-agent: ficus/", env!("CARGO_PKG_VERSION")),
            "x-envoy-expected-rq-timeout-ms: 5000",
            "x-request-id: r1",
            "x-tenant: a",
            "x-tenant: b",
        ]
    );
}

#[tokio::test]
async fn writes_always_say_how_long_their_body_is() {
    let backend = Backend::start(Answer::Close(ok("{}"))).await;
    let upstream = HttpUpstream::new().unwrap();
    for (method, body) in [(Method::POST, None), (Method::PUT, Some("")), (Method::PATCH, Some("{\"a\":1}"))]
    {
        let body = body.map(|body| Bytes::from_static(body.as_bytes()));
        let request = UpstreamRequest { method, body, ..get(&backend.url) };
        upstream.send(&source(|_| ()), request.into()).await.unwrap();
    }
    let lengths: Vec<_> = backend
        .requests()
        .iter()
        .map(|request| request.lines().find(|line| line.starts_with("content-length")).unwrap().to_owned())
        .collect();
    assert_eq!(lengths, ["content-length: 0", "content-length: 0", "content-length: 7"]);
}

#[tokio::test]
async fn user_and_password_of_a_base_url_become_a_header() {
    let backend = Backend::start(Answer::Close(ok("{}"))).await;
    let url = backend.url.replace("http://", "http://ann:secret@");
    HttpUpstream::new().unwrap().send(&source(|_| ()), get(&url).into()).await.unwrap();
    let seen = backend.requests().remove(0);
    assert!(seen.contains("authorization: Basic YW5uOnNlY3JldA==") && !seen.contains("ann:"), "{seen}");
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let moved = b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest\r\ncontent-length: 0\r\n\r\n";
    let response = send_to(Answer::Close(moved.to_vec()), |_| ()).await.unwrap();
    assert_eq!(response.status, 302);
}

#[tokio::test]
async fn faults_of_a_backend_are_typed_errors_without_its_address() {
    let many_headers = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x-a: 1\r\n".repeat(5_000));
    let long_header = format!("HTTP/1.1 200 OK\r\nx-a: {}\r\n\r\n", "1".repeat(10 << 20));
    let head = "HTTP/1.1 200 OK\r\n";
    let garbage = [head.as_bytes(), b"content-encoding: gzip\r\ncontent-length: 4\r\n\r\nnope"].concat();
    let cases: Vec<(&str, Answer, Code, &str)> = vec![
        ("reset", Answer::Reset, Code::HttpClientError, "broke off"),
        ("closed at once", Answer::Close(vec![]), Code::HttpClientError, "broke off"),
        ("cut head", Answer::Close(b"HTTP/1.1 200".to_vec()), Code::HttpClientError, "broke off"),
        (
            "cut body",
            Answer::Close(format!("{head}content-length: 10\r\n\r\n12345").into()),
            Code::HttpClientError,
            "broke off",
        ),
        (
            "cut chunk",
            Answer::Close(format!("{head}transfer-encoding: chunked\r\n\r\n5\r\nabc").into()),
            Code::HttpClientError,
            "broke off",
        ),
        (
            "no HTTP",
            Answer::Close(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()),
            Code::HttpClientError,
            "not valid HTTP",
        ),
        ("many headers", Answer::Close(many_headers.into()), Code::HttpClientError, "not valid HTTP"),
        ("10 MiB header", Answer::Close(long_header.into()), Code::HttpClientError, "not valid HTTP"),
        ("broken gzip", Answer::Close(garbage), Code::ConnectorResponseInvalid, "compressed body is broken"),
        (
            "broken encodings within encodings",
            Answer::Close(
                format!("{head}content-encoding: gzip, gzip\r\ncontent-length: 2\r\n\r\nxx").into(),
            ),
            Code::ConnectorResponseInvalid,
            "compressed body is broken",
        ),
        (
            "an unknown encoding",
            Answer::Close(format!("{head}content-encoding: lzma\r\ncontent-length: 2\r\n\r\nxx").into()),
            Code::ConnectorResponseInvalid,
            "content encoding",
        ),
        (
            "four encodings",
            Answer::Close(
                format!("{head}content-encoding: gzip, br, gzip, br\r\ncontent-length: 2\r\n\r\nxx").into(),
            ),
            Code::ConnectorResponseInvalid,
            "content encoding",
        ),
    ];
    for (name, answer, code, words) in cases {
        let error = send_to(answer, |_| ()).await.unwrap_err();
        assert_eq!(error.client.code, code, "{name}: {error}");
        let message = &error.client.message;
        assert!(message.starts_with("Connector error: ") && message.contains(words), "{name}: {error}");
        assert!(!message.contains("127.0.0.1"), "{name}: {error}");
        assert!(error.detail.unwrap().starts_with("GET http://127.0.0.1:"), "{name}");
    }
}

#[tokio::test]
async fn a_backend_that_is_not_there_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://user:hidden@{}/x?key=hidden", listener.local_addr().unwrap());
    drop(listener);
    let error = HttpUpstream::new().unwrap().send(&source(|_| ()), get(&url).into()).await.unwrap_err();
    assert_eq!(
        *error.client,
        crate::error::ClientError::new(Code::HttpClientError, "Connector error: cannot connect")
    );
    let detail = error.detail.unwrap();
    assert!(detail.contains("/x?key: ") && !detail.contains("hidden"), "{detail}");
}

#[tokio::test]
async fn a_url_that_is_none_is_not_sent() {
    for url in ["/relative", "http://", "http://a b/", "ftp://127.0.0.1/x"] {
        let error = HttpUpstream::new().unwrap().send(&source(|_| ()), get(url).into()).await.unwrap_err();
        assert_eq!(error.client.code, Code::ConnectorRequestInvalid, "{url}: {error}");
    }
}

#[tokio::test]
async fn the_timeout_covers_headers_and_body() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n".to_vec();
    for bytes in [vec![], head.clone(), [&head[..], b"12345"].concat()] {
        let error =
            send_to(Answer::Silent(bytes), |settings| settings.timeout = Duration::from_millis(30)).await;
        let error = error.unwrap_err();
        assert_eq!(error.client.code, Code::GatewayTimeout);
        assert_eq!(error.client.message, "Connector error: no complete answer within 30ms");
    }
}

#[tokio::test]
async fn a_body_is_cut_at_its_limit_however_it_comes() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let head = "HTTP/1.1 200 OK\r\n";
    let bomb = gzip(&vec![b' '; 2 << 20]);
    assert!(bomb.len() < 64 << 10, "the bomb itself is within the limit");
    let compressed = format!("{head}content-encoding: gzip\r\ncontent-length: {}\r\n\r\n", bomb.len());
    let cases = vec![
        ("announced", Answer::Silent(format!("{head}content-length: 65537\r\n\r\n").into())),
        ("endless", Answer::Endless(format!("{head}\r\n").into(), vec![b'x'; 4096])),
        (
            "endless chunks",
            Answer::Endless(
                format!("{head}transfer-encoding: chunked\r\n\r\n").into(),
                [&b"400\r\n"[..], &[b'x'; 1024], b"\r\n"].concat(),
            ),
        ),
        ("bomb", Answer::Close([compressed.as_bytes(), &bomb].concat())),
    ];
    for (name, answer) in cases {
        let error = send_to(answer, |settings| settings.body_bytes_max = 64 << 10).await.unwrap_err();
        assert_eq!(error.client.code, Code::ConnectorResponseInvalid, "{name}: {error}");
        assert!(error.client.message.contains("larger than the 65536 bytes"), "{name}: {error}");
    }
    let exact = gzip(&vec![b' '; 64 << 10]);
    let compressed = format!("{head}content-encoding: gzip\r\ncontent-length: {}\r\n\r\n", exact.len());
    let answer = Answer::Close([compressed.as_bytes(), &exact].concat());
    let response = send_to(answer, |settings| settings.body_bytes_max = 64 << 10).await.unwrap();
    assert_eq!(response.body.len(), 64 << 10);
}

#[tokio::test]
async fn a_full_queue_and_a_long_wait_are_refusals_of_that_source_alone() {
    let gate = Arc::new(Semaphore::new(0));
    let backend = Backend::start(Answer::Gated(Arc::clone(&gate), ok("{}"))).await;
    let upstream = Arc::new(HttpUpstream::new().unwrap());
    let narrow = |queue_max, wait| {
        source(|settings| {
            (settings.concurrency_max, settings.queue_max) = (1, queue_max);
            settings.queue_timeout = Duration::from_millis(wait);
            settings.timeout = Duration::from_secs(60);
        })
    };
    let send = |source: Arc<Source>| {
        let (upstream, request) = (Arc::clone(&upstream), get(&backend.url));
        async move { upstream.send(&source, request.into()).await }
    };
    let first = tokio::spawn(send(narrow(1, 1_000)));
    while backend.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    let late = send(narrow(1, 10)).await.unwrap_err();
    assert_eq!(late.client.code, Code::RequestLimitExceeded);
    assert!(late.client.message.contains("came free in time"), "{late}");
    let full = send(narrow(0, 1_000)).await.unwrap_err();
    assert_eq!(full.client.code, Code::RequestLimitExceeded);
    assert!(full.client.message.contains("are waiting"), "{full}");

    let mut other = testing::source("");
    other.settings.concurrency_max = 1;
    other.name = "other".into();
    let other = tokio::spawn(send(Arc::new(other)));
    let waiting = tokio::spawn(send(narrow(1, 60_000)));
    gate.add_permits(3);
    for answered in [first, other, waiting] {
        assert_eq!(answered.await.unwrap().unwrap().status, 200);
    }
    assert_eq!(backend.requests().len(), 3, "what was refused was never sent");
}

#[tokio::test]
async fn giving_up_frees_the_place_and_the_connection() {
    let backend = Backend::start(Answer::Silent(vec![])).await;
    let upstream = HttpUpstream::new().unwrap();
    let one_place = |timeout| {
        source(|settings| {
            (settings.concurrency_max, settings.queue_max) = (1, 0);
            settings.timeout = timeout;
        })
    };
    let patient = one_place(Duration::from_secs(60));
    for sent in 1..=3 {
        let exchange = upstream.send(&patient, get(&backend.url).into());
        let seen = async {
            while backend.requests().len() < sent {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            answer = exchange => panic!("answered {answer:?}"),
            () = seen => {}
        }
    }
    let error =
        upstream.send(&one_place(Duration::from_millis(30)), get(&backend.url).into()).await.unwrap_err();
    assert_eq!(error.client.code, Code::GatewayTimeout, "the places are all free again: {error}");
}

#[test]
fn own_headers_never_tell_requests_apart() {
    use std::hash::{BuildHasher as _, RandomState};
    let one = get("http://a/");
    let mut other = one.clone();
    other.own_headers.0.push((telemetry::TRACEPARENT.clone(), HeaderValue::from_static("00-1-1-01")));
    let hasher = RandomState::new();
    assert_eq!(one, other);
    assert_eq!(hasher.hash_one(&one), hasher.hash_one(&other));
    other.headers.push((header::AUTHORIZATION, HeaderValue::from_static("Bearer b")));
    assert_ne!(one, other);
}

#[tokio::test]
async fn a_backend_without_tls_is_no_https_backend() {
    let backend = Backend::start(Answer::Close(ok("{}"))).await;
    let url = backend.url.replace("http://", "https://");
    let error = HttpUpstream::new().unwrap().send(&source(|_| ()), get(&url).into()).await.unwrap_err();
    assert_eq!(
        *error.client,
        crate::error::ClientError::new(Code::HttpClientError, "Connector error: cannot connect")
    );
}

proptest::proptest! {
    /// What the HTTP client makes of a URL is what was built: nothing in a value moves host, segments or parameters.
    #[test]
    fn no_value_changes_where_a_request_goes(value in "(\\PC|[./%\\\\@#?&=:;\r\n\t\u{0}])*") {
        let request = testing::request(Method::GET, "/users/{$args.v}/x?a={$args.v}&b=1");
        let connector = testing::connector(testing::source("http://shop:81/api"), request);
        let Ok(built) = testing::built(&connector, &serde_json::json!({ "v": value }), None) else {
            proptest::prop_assert!([".", ".."].contains(&value.as_str()));
            return Ok(());
        };
        let url = reqwest::Url::parse(&built.url).unwrap();
        proptest::prop_assert_eq!(url.as_str(), &built.url);
        proptest::prop_assert_eq!((url.host_str(), url.port(), url.fragment()), (Some("shop"), Some(81), None));
        let segments: Vec<_> = url.path_segments().unwrap().collect();
        let [api, users, segment, last] = segments[..] else { panic!("{segments:?}") };
        proptest::prop_assert_eq!((api, users, last), ("api", "users", "x"));
        let decoded = percent_encoding::percent_decode_str(segment).decode_utf8().unwrap();
        proptest::prop_assert_eq!(&*decoded, &value);
        let query: Vec<_> = url.query_pairs().collect();
        proptest::prop_assert_eq!(query, [("a".into(), value.as_str().into()), ("b".into(), "1".into())]);
    }
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_has_the_request_id_and_no_secret() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let failing = "HTTP/1.1 503 Busy\r\nset-cookie: s3cret\r\ncontent-length: 6\r\n\r\ns3cret";
    for answer in [Answer::Close(failing.into()), Answer::Reset] {
        let backend = Backend::start(answer).await;
        let url = format!("{}/x?key=s3cret", backend.url.replace("http://", "http://ann:s3cret@"));
        let mut request = UpstreamRequest { method: Method::POST, body: Some("s3cret".into()), ..get(&url) };
        request.headers.push((header::AUTHORIZATION, HeaderValue::from_static("Bearer s3cret")));
        request.own_headers.0.push((telemetry::REQUEST_ID.clone(), HeaderValue::from_static("r-17")));
        let _ = HttpUpstream::new().unwrap().send(&source(|_| ()), request.into()).await;
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let warned: Vec<_> = log.lines().filter(|line| line.contains(" WARN ")).collect();
    assert_eq!(warned.len(), 2, "{log}");
    assert!(warned.iter().all(|line| line.contains("r-17") && line.contains("shop")), "{log}");
    assert!(warned[0].contains("status=503") && warned[1].contains("HTTP_CLIENT_ERROR"), "{log}");
    assert!(!log.contains("s3cret"), "{log}");
}
