//! A proxy that breaks what goes through it: slow, sliced, reset, cut, lying, never ending, wrong, as often as a seed says. It
//! stands between two ends that speak HTTP/1.1, hands requests on whole, and treats each answer as its faults say.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

use super::http::Message;

/// What is done to an answer. Several are done together; where two cut it, the earlier cut counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// It waits so long, and at most the jitter longer.
    Latency { wait: Duration, jitter: Duration },
    /// So many bytes of it go in a second.
    Throttle { bytes_per_second: usize },
    /// It goes in pieces of one to so many bytes, each a packet of its own.
    Slice { bytes_max: usize },
    /// After so many bytes of it the connection is reset.
    Reset { after: usize },
    /// After so many bytes nothing more is said and nothing read, and the connection stays. With none, the request is not read.
    HalfOpen { after: usize },
    /// After so many bytes of its body the connection ends as if all were said.
    Truncate { after: usize },
    /// Its `Content-Length` says so many bytes more than there are, or fewer.
    LyingLength(isize),
    /// Its head goes byte by byte, with a pause between two.
    SlowHead { pause: Duration },
    /// In its place, one of so many answers is an error of this status; the other end is not asked.
    Errors { ratio: f64, status: u16 },
    /// In its body, one of so many bytes has one bit turned over.
    BitFlips { ratio: f64 },
    /// In its place `100 Continue` comes again and again, so many bytes in a second, for as long as somebody reads.
    Continues { bytes_per_second: usize },
}

/// Runs until it is dropped.
#[derive(Debug)]
pub(crate) struct FaultProxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    seed: u64,
    faults: watch::Sender<Arc<[Fault]>>,
    connections: AtomicUsize,
    open: Arc<Mutex<usize>>,
}

impl FaultProxy {
    /// Before another end; hands on everything as it is until it is told otherwise.
    pub(crate) async fn start(target: SocketAddr, seed: u64) -> FaultProxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            target,
            seed,
            faults: watch::Sender::new(Arc::new([])),
            connections: AtomicUsize::new(0),
            open: Arc::default(),
        });
        let accepting = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(Arc::clone(&accepting).connection(stream));
                while connections.try_join_next().is_some() {}
            }
        });
        FaultProxy { address, shared, task }
    }

    /// What happens to answers from now on. Connections that are held half-open are let go.
    pub(crate) fn set(&self, faults: &[Fault]) {
        self.shared.faults.send_replace(faults.into());
    }

    /// Connections that stand now.
    pub(crate) fn open(&self) -> usize {
        *self.shared.open.lock().unwrap()
    }

    /// Connections since the start.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(SeqCst)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Counts a connection for as long as it lives.
struct Open(Arc<Mutex<usize>>);

impl Open {
    fn new(count: &Arc<Mutex<usize>>) -> Open {
        *count.lock().unwrap() += 1;
        Open(Arc::clone(count))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        *self.0.lock().unwrap() -= 1;
    }
}

/// Whether the connection goes on after an answer.
#[derive(Debug, PartialEq)]
enum Next {
    Again,
    Close,
}

impl Shared {
    /// One connection to its end. An end that goes away is no fault of the proxy's.
    async fn connection(self: Arc<Self>, mut client: TcpStream) {
        let _open = Open::new(&self.open);
        let number = self.connections.fetch_add(1, SeqCst) as u64;
        let mut chance = StdRng::seed_from_u64(self.seed.wrapping_add(number));
        let _ = client.set_nodelay(true);
        let mut target = None;
        while let Ok(Next::Again) = self.exchange(&mut client, &mut target, &mut chance).await {}
    }

    async fn exchange(
        &self,
        client: &mut TcpStream,
        target: &mut Option<TcpStream>,
        chance: &mut StdRng,
    ) -> io::Result<Next> {
        client.readable().await?;
        if self.faults.borrow().contains(&Fault::HalfOpen { after: 0 }) {
            return Ok(self.hold().await);
        }
        let Some(request) = Message::read(client).await? else { return Ok(Next::Close) };
        // Those of now: the connection may have waited long for a request.
        let faults = Arc::clone(&*self.faults.borrow());
        for fault in faults.iter() {
            if let Fault::Continues { bytes_per_second } = fault {
                return continues(client, *bytes_per_second).await;
            }
        }
        let error = faults.iter().find_map(|fault| match *fault {
            Fault::Errors { ratio, status } if chance.random_bool(ratio) => Some(status),
            _ => None,
        });
        let answer = match error {
            Some(status) => Message::response(status, "", "{\"error\":\"made by the proxy\"}"),
            None => self.ask(&request, target).await?,
        };
        self.tell(client, Broken::new(answer, &faults, chance), &faults, chance).await
    }

    /// Hands a request on and reads the answer, on the connection that is there already or a new one.
    async fn ask(&self, request: &Message, target: &mut Option<TcpStream>) -> io::Result<Message> {
        let stream = match target {
            Some(stream) => stream,
            None => target.insert(TcpStream::connect(self.target).await?),
        };
        stream.write_all(&request.bytes()).await?;
        Message::read(stream).await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Until the faults change.
    async fn hold(&self) -> Next {
        let _ = self.faults.subscribe().changed().await;
        Next::Close
    }

    async fn tell(
        &self,
        client: &mut TcpStream,
        broken: Broken,
        faults: &[Fault],
        chance: &mut StdRng,
    ) -> io::Result<Next> {
        let mut pace = Pace::of(faults);
        for fault in faults {
            if let Fault::Latency { wait, jitter } = fault {
                sleep(*wait + jitter.mul_f64(chance.random())).await;
            }
        }
        let mut rest = &broken.bytes[..];
        let mut head = broken.head;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(pace.piece(head, rest.len(), chance));
            client.write_all(piece).await?;
            pace.pause(head, piece.len()).await;
            (rest, head) = (after, head.saturating_sub(piece.len()));
        }
        Ok(match broken.end {
            End::Kept => Next::Again,
            End::Closed => Next::Close,
            End::Held => self.hold().await,
            End::Reset => {
                client.set_zero_linger()?;
                Next::Close
            }
        })
    }
}

/// Never comes to the answer; ends with the connection.
async fn continues(client: &mut TcpStream, bytes_per_second: usize) -> io::Result<Next> {
    const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
    const A_WHILE: Duration = Duration::from_millis(10);
    let some = CONTINUE.repeat((bytes_per_second / 100 / CONTINUE.len()).max(1));
    loop {
        client.write_all(&some).await?;
        sleep(A_WHILE).await;
    }
}

/// What becomes of the connection behind an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Kept,
    Closed,
    Held,
    Reset,
}

/// An answer as it is told.
#[derive(Debug)]
struct Broken {
    bytes: Vec<u8>,
    /// So many of them are its head.
    head: usize,
    end: End,
}

impl Broken {
    fn new(mut answer: Message, faults: &[Fault], chance: &mut StdRng) -> Broken {
        for fault in faults {
            match *fault {
                Fault::LyingLength(more) => answer.head = lie(&answer, more),
                Fault::BitFlips { ratio } => {
                    for byte in &mut answer.body {
                        if chance.random_bool(ratio) {
                            *byte ^= 1 << chance.random_range(0..8);
                        }
                    }
                }
                _ => {}
            }
        }
        let (mut bytes, head) = (answer.bytes(), answer.head.len());
        let cuts = faults.iter().filter_map(|fault| match *fault {
            Fault::Reset { after } => Some((after, End::Reset)),
            Fault::HalfOpen { after } => Some((after, End::Held)),
            Fault::Truncate { after } => Some((head + after, End::Closed)),
            _ => None,
        });
        let cut = cuts.filter(|(at, _)| *at < bytes.len()).min_by_key(|(at, _)| *at);
        let (at, end) = cut.unwrap_or((bytes.len(), End::Kept));
        bytes.truncate(at);
        Broken { head: head.min(at), bytes, end }
    }
}

/// The head with another `Content-Length`.
fn lie(answer: &Message, more: isize) -> Vec<u8> {
    let said = format!("content-length: {}\r\n", answer.body.len());
    let lied = format!("content-length: {}\r\n", answer.body.len().saturating_add_signed(more));
    String::from_utf8_lossy(&answer.head).replace(&said, &lied).into_bytes()
}

/// How fast an answer goes.
struct Pace {
    slice: usize,
    bytes_per_second: Option<usize>,
    head_pause: Option<Duration>,
}

impl Pace {
    fn of(faults: &[Fault]) -> Pace {
        let mut pace = Pace { slice: usize::MAX, bytes_per_second: None, head_pause: None };
        for fault in faults {
            match *fault {
                Fault::Slice { bytes_max } => pace.slice = bytes_max.max(1),
                Fault::Throttle { bytes_per_second } => pace.bytes_per_second = Some(bytes_per_second.max(1)),
                Fault::SlowHead { pause } => pace.head_pause = Some(pause),
                _ => {}
            }
        }
        pace
    }

    /// The length of the next piece.
    fn piece(&mut self, head: usize, rest: usize, chance: &mut StdRng) -> usize {
        if head > 0 && self.head_pause.is_some() {
            return 1;
        }
        let slice = if self.slice < rest { chance.random_range(1..=self.slice) } else { rest };
        // Some pieces a second, so that a throttled answer flows and does not come in gulps.
        let flow = self.bytes_per_second.map_or(usize::MAX, |bytes| (bytes / 50).max(1));
        slice.min(flow).min(rest)
    }

    async fn pause(&self, head: usize, sent: usize) {
        if let Some(pause) = self.head_pause.filter(|_| head > 0) {
            sleep(pause).await;
        }
        match self.bytes_per_second {
            Some(bytes) => sleep(Duration::from_secs_f64(sent as f64 / bytes as f64)).await,
            // The other end gets to see this piece by itself.
            None => tokio::task::yield_now().await,
        }
    }
}

#[cfg(test)]
mod tests;
