//! The proxy does what it says, so that a test which passes behind it has seen the fault.

use std::time::Instant;

use tokio::io::AsyncReadExt as _;

use super::*;
use crate::support::stub::Stub;

const BODY: &str = r#"{"name":"Ada","born":1815}"#;

async fn ends() -> (Stub, FaultProxy) {
    let stub = Stub::start(|_| Message::response(200, "", BODY)).await;
    let proxy = FaultProxy::start(stub.address, 7).await;
    (stub, proxy)
}

/// Sends one request and reads all that comes, for at most the patience; how it ended: `end`, `open` or the error's kind.
async fn told(proxy: &FaultProxy) -> (Vec<u8>, String) {
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    client.write_all(b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    read(&mut client).await
}

async fn read(client: &mut TcpStream) -> (Vec<u8>, String) {
    let mut all = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match tokio::time::timeout(Duration::from_millis(200), client.read(&mut chunk)).await {
            Ok(Ok(0)) => return (all, "end".to_owned()),
            Ok(Ok(count)) => all.extend_from_slice(&chunk[..count]),
            Ok(Err(error)) => return (all, error.kind().to_string()),
            Err(_) => return (all, "open".to_owned()),
        }
    }
}

fn whole() -> Vec<u8> {
    Message::response(200, "", BODY).bytes()
}

#[tokio::test]
async fn without_a_fault_everything_passes_as_it_is_and_connections_are_kept() {
    let (stub, proxy) = ends().await;
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    for _ in 0..3 {
        client.write_all(b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        assert_eq!(Message::read(&mut client).await.unwrap().unwrap().bytes(), whole());
    }
    assert_eq!((stub.requests(), proxy.connections(), proxy.open()), (3, 1, 1));
    drop(client);
    while proxy.open() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_answer_never_comes_while_there_is_more_to_begin_with() {
    let (stub, proxy) = ends().await;
    proxy.set(&[Fault::Continues { bytes_per_second: 100_000 }]);
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    client.write_all(b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut told = vec![0; 25 * 1_000];
    client.read_exact(&mut told).await.unwrap();
    assert!(told.chunks(25).all(|said| said == b"HTTP/1.1 100 Continue\r\n\r\n"));
    assert_eq!(stub.requests(), 0);
    drop(client);
    while proxy.open() > 0 {
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn cuts_end_the_answer_where_and_how_they_say() {
    let (_stub, proxy) = ends().await;
    let head = whole().len() - BODY.len();
    let cases = [
        (Fault::Reset { after: 0 }, 0, "connection reset"),
        (Fault::Reset { after: head + 3 }, head + 3, "connection reset"),
        (Fault::Truncate { after: 0 }, head, "end"),
        (Fault::Truncate { after: 5 }, head + 5, "end"),
        (Fault::HalfOpen { after: 0 }, 0, "open"),
        (Fault::HalfOpen { after: head + 1 }, head + 1, "open"),
        // A cut behind the end is none.
        (Fault::Truncate { after: 1_000 }, head + BODY.len(), "open"),
    ];
    for (fault, bytes, end) in cases {
        proxy.set(&[fault]);
        let (told, ended) = told(&proxy).await;
        assert_eq!(ended, end, "{fault:?}");
        // What a reset overtakes may be lost.
        assert!(told.len() == bytes || ended == "connection reset" && told.len() < bytes, "{fault:?}");
        assert_eq!(told, whole()[..told.len()], "{fault:?}");
    }
}

#[tokio::test]
async fn lengths_lie_by_as_much_as_they_are_told_to() {
    let (_stub, proxy) = ends().await;
    for (more, said) in [(5, BODY.len() + 5), (-5, BODY.len() - 5)] {
        proxy.set(&[Fault::LyingLength(more)]);
        let (told, _) = told(&proxy).await;
        let told = String::from_utf8(told).unwrap();
        assert!(told.contains(&format!("content-length: {said}\r\n")) && told.ends_with(BODY), "{told}");
    }
}

#[tokio::test]
async fn slow_answers_come_whole_and_late() {
    let (_stub, proxy) = ends().await;
    let ms = Duration::from_millis;
    let cases = [
        (Fault::Latency { wait: ms(60), jitter: ms(20) }, ms(60)),
        (Fault::Throttle { bytes_per_second: 1_000 }, ms(60)),
        (Fault::SlowHead { pause: ms(1) }, ms(60)),
        (Fault::Slice { bytes_max: 3 }, ms(0)),
    ];
    for (fault, least) in cases {
        proxy.set(&[fault]);
        let began = Instant::now();
        let mut client = TcpStream::connect(proxy.address).await.unwrap();
        client.write_all(b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        assert_eq!(Message::read(&mut client).await.unwrap().unwrap().bytes(), whole(), "{fault:?}");
        assert!(began.elapsed() >= least, "{fault:?}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn what_chance_does_is_the_same_for_the_same_seed() {
    let runs = [7, 7, 8].map(|seed| async move {
        let stub = Stub::start(|_| Message::response(200, "", BODY)).await;
        let proxy = FaultProxy::start(stub.address, seed).await;
        proxy.set(&[Fault::BitFlips { ratio: 0.3 }, Fault::Errors { ratio: 0.5, status: 503 }]);
        let mut client = TcpStream::connect(proxy.address).await.unwrap();
        let mut answers = Vec::new();
        for _ in 0..20 {
            client.write_all(b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
            answers.push(Message::read(&mut client).await.unwrap().unwrap());
        }
        answers
    });
    let [first, second, other] = futures_util::future::join_all(runs).await.try_into().unwrap();
    assert_eq!(first, second);
    assert_ne!(first, other);
    let errors = first.iter().filter(|answer| answer.word(1) == "503").count();
    assert!((3..=17).contains(&errors), "{errors} of 20");
    assert!(first.iter().any(|answer| answer.word(1) == "200" && answer.body != BODY.as_bytes()));
}
