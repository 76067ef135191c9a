//! Every fault that the proxy of `support::faults` can make, between the gateway and one of its two sources: the field of the
//! faulty one fails with a code of the closed table within its time, the other field is untouched, and nothing stays behind.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ficus::{config::Config, execute::Request};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    http::client::soon,
    support::{
        faults::{Fault, FaultProxy},
        gateway,
        http::Message,
        load::Client,
        process::Ficus,
        stub::Stub,
    },
};

/// Of one attempt; long enough for a busy machine to answer in, short enough to be waited for.
const TIMEOUT: Duration = Duration::from_millis(1500);

/// Bytes in the text of an answer.
const TEXT: usize = 2000;

/// What the gateway makes of a fault.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Outcome {
    Data,
    /// Null without an error.
    Nothing,
    Code(&'static str),
    /// As above, after the whole timeout.
    Late(&'static str),
}

type Case = (&'static str, Vec<Fault>, Outcome);

fn cases() -> Vec<Case> {
    use Outcome::{Code, Data, Late, Nothing};
    let ms = Duration::from_millis;
    let broke_off = Code("HTTP_CLIENT_ERROR");
    let late = Late("GATEWAY_TIMEOUT");
    let unreadable = Code("CONNECTOR_RESPONSE_INVALID");
    vec![
        ("latency and jitter", vec![Fault::Latency { wait: ms(10), jitter: ms(10) }], Data),
        ("too much latency", vec![Fault::Latency { wait: ms(60_000), jitter: ms(0) }], late),
        ("throttled", vec![Fault::Throttle { bytes_per_second: 50_000 }], Data),
        ("throttled too much", vec![Fault::Throttle { bytes_per_second: 200 }], late),
        ("sliced", vec![Fault::Slice { bytes_max: 3 }], Data),
        ("reset at once", vec![Fault::Reset { after: 0 }], broke_off),
        ("reset in the head", vec![Fault::Reset { after: 20 }], broke_off),
        ("reset in the body", vec![Fault::Reset { after: 1_000 }], broke_off),
        ("half open", vec![Fault::HalfOpen { after: 0 }], late),
        ("half open in the head", vec![Fault::HalfOpen { after: 20 }], late),
        ("half open in the body", vec![Fault::HalfOpen { after: 1_000 }], late),
        ("without a body", vec![Fault::Truncate { after: 0 }], broke_off),
        ("a body cut", vec![Fault::Truncate { after: 500 }], broke_off),
        ("a longer body announced", vec![Fault::LyingLength(10)], late),
        (
            "a longer body announced, then cut",
            vec![Fault::LyingLength(10), Fault::Truncate { after: TEXT }],
            broke_off,
        ),
        ("a shorter body announced", vec![Fault::LyingLength(-10)], unreadable),
        ("a slow head", vec![Fault::SlowHead { pause: ms(200) }], late),
        ("never more than a beginning", vec![Fault::Continues { bytes_per_second: 100_000 }], late),
        ("errors", vec![Fault::Errors { ratio: 1.0, status: 503 }], Code("CONNECTOR_FETCH")),
        ("not found", vec![Fault::Errors { ratio: 1.0, status: 404 }], Nothing),
        ("bits turned over", vec![Fault::BitFlips { ratio: 0.5 }], unreadable),
    ]
}

/// Answers with the number it was asked for.
async fn backend() -> Stub {
    Stub::start(|request| {
        let n = request.word(1).trim_start_matches('/');
        Message::response(200, "", &json!({ "id": n, "text": "x".repeat(TEXT) }).to_string())
    })
    .await
}

/// The sound source, and for each case a source of its own behind a proxy of its own.
struct Sources {
    sound: Stub,
    _behind: Stub,
    proxies: Vec<FaultProxy>,
}

impl Sources {
    async fn start() -> Sources {
        let (sound, behind) = (backend().await, backend().await);
        let mut proxies = Vec::new();
        for seed in 0..cases().len() {
            proxies.push(FaultProxy::start(behind.address, seed as u64).await);
        }
        Sources { sound, _behind: behind, proxies }
    }

    /// One field for each source: `sound`, `faulty0`, `faulty1`, …
    fn files(&self) -> Vec<(String, String)> {
        let mut schema = "type Answer { id: ID! text: String }\ntype Query {\n".to_owned();
        let mut field = |name: &str| {
            let connect = format!(
                r#"@connect(source: "{name}", http: {{ GET: "/{{$args.n}}" }}, selection: "id text")"#
            );
            schema.push_str(&format!("  {name}(n: String): Answer {connect}\n"));
        };
        let timeout = TIMEOUT.as_millis();
        let rules =
            "retry: { attempts: 1 }\ncircuit_breaker: { consecutive_failures: 10000, min_requests: 1000000 }";
        let mut files = vec![
            ("ficus.yaml".to_owned(), "admin: { enabled: false }\n".to_owned()),
            ("connectors/sound.yaml".to_owned(), format!("base_url: http://{}\n", self.sound.address)),
        ];
        field("sound");
        for (number, proxy) in self.proxies.iter().enumerate() {
            let text = format!("base_url: http://{}\ntimeout: {timeout}ms\n{rules}\n", proxy.address);
            files.push((format!("connectors/faulty{number}.yaml"), text));
            field(&format!("faulty{number}"));
        }
        schema.push('}');
        files.push(("schema/schema.graphql".to_owned(), schema));
        files
    }
}

fn query(case: usize) -> String {
    format!("query($n: String) {{ sound(n: $n) {{ id text }} faulty: faulty{case}(n: $n) {{ id text }} }}")
}

/// Judges one response: the field without a fault has its data, the other what its fault makes of it.
fn judge(name: &str, case: usize, n: usize, expected: Outcome, answer: &Value) {
    let whole = json!({ "id": n.to_string(), "text": "x".repeat(TEXT) });
    assert_eq!(answer["data"]["sound"], whole, "{name}");
    let errors = answer["errors"].as_array().cloned().unwrap_or_default();
    match expected {
        Outcome::Data => {
            assert!(errors.is_empty(), "{name}: {errors:?}");
            assert_eq!(answer["data"]["faulty"], whole, "{name}");
        }
        Outcome::Nothing => {
            assert!(errors.is_empty(), "{name}: {errors:?}");
            assert_eq!(answer["data"]["faulty"], Value::Null, "{name}");
        }
        Outcome::Code(code) | Outcome::Late(code) => {
            assert_eq!(answer["data"]["faulty"], Value::Null, "{name}");
            let [error] = &errors[..] else { panic!("{name}: {errors:?}") };
            assert_eq!(error["extensions"]["code"], code, "{name}: {error}");
            assert_eq!(error["path"], json!(["faulty"]), "{name}");
            assert_eq!(error["extensions"]["service"], format!("faulty{case}"), "{name}");
            assert!(!error.to_string().contains("127.0.0.1"), "{name}: {error}");
        }
    }
}

fn is_in_time(name: &str, expected: Outcome, took: Duration) {
    // Two seconds for a machine that is busy with the other tests.
    assert!(took < TIMEOUT + Duration::from_secs(2), "{name}: {took:?}");
    if let Outcome::Late(_) = expected {
        assert!(took >= TIMEOUT, "{name}: {took:?}");
    }
}

#[tokio::test]
async fn each_fault_is_a_typed_error_in_time_and_leaves_no_descriptor_behind() {
    let sources = Sources::start().await;
    let ficus = Ficus::start(&sources.files()).await;
    let client = Client::new(ficus.address);
    let one = async |case: usize, name: &'static str, faults: Vec<Fault>, expected: Outcome| {
        let (proxy, query) = (&sources.proxies[case], query(case));
        judge(name, case, 0, Outcome::Data, &client.ask(&query, 0).await.expect(name));
        proxy.set(&faults);
        let began = Instant::now();
        let answer = soon(name, client.ask(&query, 1)).await.expect(name);
        is_in_time(name, expected, began.elapsed());
        judge(name, case, 1, expected, &answer);
        // Nothing of it gets into the next answer, on whatever connection that comes.
        proxy.set(&[]);
        let next = soon(name, client.ask(&query, 2)).await.expect(name);
        judge(&format!("after: {name}"), case, 2, Outcome::Data, &next);
    };
    let all = cases();
    let first = all[0].clone();
    one(0, first.0, first.1, first.2).await;
    let before = ficus.descriptors();
    let at_once = all.into_iter().enumerate().skip(1);
    join_all(at_once.map(|(case, (name, faults, expected))| one(case, name, faults, expected))).await;
    // One connection to each source, those to the sound one and those of this client are kept.
    let kept = sources.proxies.len() + 2 * client.idle();
    let settled = async {
        while ficus.descriptors() > before + kept {
            tokio::task::yield_now().await;
        }
    };
    soon("the descriptors to be closed", settled).await;
}

/// Tasks are counted on a runtime that nothing but the gateway runs on.
#[test]
fn faults_leave_no_task_behind() {
    let outside = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let sources = outside.block_on(Sources::start());
    let inside = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    inside.block_on(async {
        let upstream = ficus::fetch::upstream(&Config::default()).unwrap();
        let gateway = Arc::new(gateway::from_files(&sources.files(), &[], upstream).unwrap());
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let before = tasks();
        // Faults that end their connection: after them nothing may be left, not even a connection for another request.
        let ending: Vec<usize> =
            (0..cases().len()).filter(|case| ends_the_connection(&cases()[*case])).collect();
        assert!(ending.len() > 10);
        for case in &ending {
            sources.proxies[*case].set(&cases()[*case].1);
        }
        let ask = |(n, case): (usize, &usize)| {
            let (gateway, query) =
                (Arc::clone(&gateway), format!("{{ faulty{case}(n: {n:?}) {{ id }} }}", n = n.to_string()));
            tokio::spawn(async move { gateway.execute(Request { query, ..Request::default() }).await })
        };
        let asked: Vec<_> = ending.repeat(5).iter().enumerate().map(ask).collect();
        tokio::task::yield_now().await;
        // Some are given up long before their source's timeout.
        asked.iter().step_by(7).for_each(JoinHandle::abort);
        join_all(asked).await;
        let settled = async {
            while tasks() > before {
                tokio::task::yield_now().await;
            }
        };
        soon("the tasks to end", settled).await;
    });
}

fn ends_the_connection((_, faults, expected): &Case) -> bool {
    let cuts = |fault: &Fault| {
        matches!(
            fault,
            Fault::Reset { .. } | Fault::HalfOpen { .. } | Fault::Truncate { .. } | Fault::LyingLength(_)
        )
    };
    matches!(expected, Outcome::Late(_)) || faults.iter().any(cuts)
}
