//! Thousands of clients that send their headers or bodies a byte at a time, or never take their answers: each is cut by its
//! deadline, and everybody else is served as before. `slowhttptest` does the same where it is installed.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    process::Command,
    time::interval,
};

use super::{
    Extent, files, healthy,
    report::{Held, Report},
};
use crate::support::{
    http::Message,
    load::{Client, percentile},
    process::Ficus,
    stub::Stub,
};

const SOUND: &str = "query($n: String) { sound(n: $n) { id } }";
const LARGE: &str = r#"{"query":"{ large { id } }"}"#;

/// More than the system takes off the gateway's hands for a connection.
const LARGE_BYTES: usize = 6 << 20;
/// Those who never read: each leaves the gateway with a large answer in its memory.
const READERS: usize = 50;
/// What a connection may stay without a sign of life from its client, and the time to say goodbye.
const IDLE: Duration = Duration::from_secs(75 + 5);
/// For a busy machine to get round to it.
const SLACK: Duration = Duration::from_secs(2);

/// How a client is slow.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Head,
    Body,
}

/// One slow client; how long the gateway put up with it.
async fn suffer(address: SocketAddr, way: Way, patience: Duration) -> Option<Duration> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let began = Instant::now();
    let beginning = match way {
        Way::Head => b"POST /graphql HTTP/1.1\r\nhost: a\r\n".to_vec(),
        Way::Body => b"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n".to_vec(),
    };
    stream.write_all(&beginning).await.ok()?;
    let closed = async {
        match way {
            Way::Head => drip(&mut stream, b"x-a: b\r\n").await,
            Way::Body => drip(&mut stream, b" ").await,
        }
    };
    tokio::time::timeout(patience, closed).await.ok()?;
    Some(began.elapsed())
}

/// Sends a little every second until the other end is closed.
async fn drip(stream: &mut TcpStream, drop: &[u8]) {
    let mut clock = interval(Duration::from_secs(1));
    let mut answer = [0; 1024];
    loop {
        tokio::select! {
            _ = clock.tick() => if stream.write_all(drop).await.is_err() { return },
            read = stream.read(&mut answer) => if !matches!(read, Ok(1..)) { return },
        }
    }
}

struct Soak {
    ficus: Ficus,
    client: Client,
    extent: Extent,
    calm: Duration,
    held: Held,
    report: Report,
    sources: [Stub; 2],
}

impl Soak {
    async fn start(extent: Extent, config: &str) -> Soak {
        let sound = healthy().await;
        let large = format!("{{\"id\":\"{}\"}}", "x".repeat(LARGE_BYTES));
        let large = Stub::start(move |_| Message::response(200, "", &large)).await;
        let ficus = Ficus::start(&files(&[("sound", &sound, ""), ("large", &large, "")], config)).await;
        let mut held = Held::of(&ficus);
        let client = Client::new(ficus.address);
        let calm = percentile(
            &client.steady(SOUND, extent.rate, extent.trouble.min(Duration::from_secs(30)), 0).await,
            99.0,
        );
        held.warmed(&ficus);
        let report = Report::new("slow clients", extent);
        Soak { ficus, client, extent, calm, held, report, sources: [sound, large] }
    }

    /// So many slow clients at once, all of which must be cut within `deadline`.
    async fn attack(&mut self, way: Way, sockets: usize, deadline: Duration) {
        let (address, patience) = (self.ficus.address, deadline + Duration::from_secs(10));
        let clients = tokio::spawn(async move {
            let mut clock = interval(Duration::from_millis(1));
            let mut clients = Vec::new();
            for _ in 0..sockets {
                clock.tick().await;
                clients.push(tokio::spawn(suffer(address, way, patience)));
            }
            clients
        });
        let during = self.client.steady(SOUND, self.extent.rate, deadline, 1_000_000).await;
        let mut put_up_with = Vec::new();
        for client in clients.await.unwrap() {
            put_up_with.push(client.await.unwrap());
        }
        let longest = put_up_with.iter().flatten().max().copied().unwrap_or_default();
        let in_time = put_up_with.iter().flatten().filter(|took| **took <= deadline + SLACK).count();
        let found = format!("{in_time} of {sockets}, the last after {longest:.1?}");
        self.report.line(
            &format!("{way:?}: every slow client is cut within {deadline:.0?}"),
            in_time == sockets,
            found,
        );
        self.report.whole(&format!("{way:?}: everybody else is answered"), &during);
        let p99 = percentile(&during, 99.0);
        self.report.slower(&format!("{way:?}: with a p99 below twice what it was"), 2.0, self.calm, p99);
    }

    /// Clients that ask for a large answer and never take it.
    async fn never_read(&mut self) {
        let before = self.ficus.descriptors();
        let began = Instant::now();
        let mut readers = Vec::new();
        for _ in 0..READERS {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_recv_buffer_size(4096).unwrap();
            let mut stream = socket.connect(self.ficus.address).await.unwrap();
            stream.write_all(&Message::operation(LARGE).bytes()).await.unwrap();
            readers.push(stream);
        }
        // Their own ends do not see it: what is not read yet stands before the end.
        let mut clock = interval(Duration::from_millis(100));
        let cut = async {
            while self.ficus.descriptors() < before + READERS {
                clock.tick().await;
            }
            while self.ficus.descriptors() > before + READERS / 10 {
                clock.tick().await;
            }
        };
        let in_time = tokio::time::timeout(IDLE + SLACK, cut).await.is_ok();
        let found = format!("{in_time}, after {:.1?}", began.elapsed());
        self.report.line(&format!("who never reads is cut within {IDLE:.0?}"), in_time, found);
    }

    async fn end(mut self) {
        drop((self.client, self.sources));
        self.held.settled(&self.ficus, Duration::from_secs(60), &mut self.report).await;
        self.report.end();
    }

    /// What the tool of that name makes of it.
    async fn slowhttptest(&mut self, mode: &str, seconds: u64) {
        let url = format!("http://{}/graphql", self.ficus.address);
        let (sockets, seconds_text) = (self.extent.sockets.to_string(), seconds.to_string());
        let arguments = [
            "-c",
            &sockets,
            mode,
            "-r",
            "1000",
            "-i",
            "3",
            "-l",
            &seconds_text,
            "-t",
            "POST",
            "-p",
            "3",
            "-u",
            &url,
        ];
        let attack = Command::new("slowhttptest").args(arguments).kill_on_drop(true).output();
        let load = self.client.steady(SOUND, self.extent.rate, Duration::from_secs(seconds), 2_000_000);
        let (attack, during) = futures_util::future::join(attack, load).await;
        let Ok(attack) = attack else {
            self.report
                .note(&format!("slowhttptest {mode}"), "is not installed (apt-get install slowhttptest)");
            return;
        };
        let said = String::from_utf8_lossy(&attack.stdout).into_owned();
        let figure = |name: &str| {
            let line = said.lines().rev().find(|line| line.contains(name))?;
            line.split(|letter: char| !letter.is_ascii_digit())
                .rfind(|digits| !digits.is_empty())?
                .parse::<usize>()
                .ok()
        };
        // Its own book-keeping falls behind its sockets; whether they are closed is seen at the gateway, in the end.
        let (connected, closed) = (figure("connected:").unwrap_or(0), figure("closed:").unwrap_or(0));
        let found = format!("{closed} closed, {connected} connected as it ended");
        self.report.note(&format!("slowhttptest {mode} counts"), found);
        let is_served = said
            .lines()
            .rfind(|line| line.contains("service available"))
            .is_some_and(|line| line.contains("YES"));
        self.report.line(&format!("slowhttptest {mode}: finds the service available"), is_served, is_served);
        let p99 = percentile(&during, 99.0);
        self.report.slower(
            &format!("slowhttptest {mode}: with a p99 below twice what it was"),
            2.0,
            self.calm,
            p99,
        );
    }
}

#[tokio::test]
async fn slow_clients_are_cut_by_their_deadlines() {
    let config = "limits: { header_read: 2s, body_read: 3s }\n";
    let mut soak = Soak::start(Extent::SLICE, config).await;
    let sockets = soak.extent.sockets;
    soak.attack(Way::Head, sockets, Duration::from_secs(2)).await;
    soak.attack(Way::Body, sockets, Duration::from_secs(3)).await;
    soak.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: tests/soak/run.sh slow_clients"]
async fn slow_clients_in_full() {
    let mut soak = Soak::start(Extent::full(60), "").await;
    let sockets = soak.extent.sockets;
    soak.attack(Way::Head, sockets, Duration::from_secs(10)).await;
    soak.attack(Way::Body, sockets, Duration::from_secs(30)).await;
    soak.never_read().await;
    // What so many connections and large answers take of the memory at first is no leak; the tool does it all again.
    soak.held.warmed(&soak.ficus);
    soak.slowhttptest("-H", 30).await;
    soak.slowhttptest("-B", 60).await;
    soak.slowhttptest("-X", 120).await;
    soak.end().await;
}
