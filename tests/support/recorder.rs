//! A backend that is nothing but a socket: it writes down the bytes of every request as they came, and answers with exactly the
//! bytes that a test wants, over TLS where it is told to.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

/// What is done about one request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Sends these bytes and waits for the next request on the same connection.
    Keep(Vec<u8>),
    /// Sends these bytes and closes the connection.
    Close(Vec<u8>),
    /// Sends these bytes, and then nothing more.
    Silent(Vec<u8>),
    /// Sends these bytes, then others again and again for as long as somebody reads.
    Endless(Vec<u8>, Vec<u8>),
}

type Answer = dyn Fn(&str) -> Reply + Send + Sync;

/// The backend.
pub(crate) struct Recorder {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
}

impl Recorder {
    /// Answers each request by its text: head, blank line, body.
    pub(crate) async fn start(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Recorder {
        Recorder::listen(None, Arc::new(answer)).await
    }

    /// The same behind TLS. A handshake that fails is a connection without a request.
    pub(crate) async fn start_tls(
        config: ServerConfig,
        answer: impl Fn(&str) -> Reply + Send + Sync + 'static,
    ) -> Recorder {
        Recorder::listen(Some(TlsAcceptor::from(Arc::new(config))), Arc::new(answer)).await
    }

    async fn listen(tls: Option<TlsAcceptor>, answer: Arc<Answer>) -> Recorder {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let recorder = Recorder { address, seen: Arc::clone(&seen) };
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                seen.connections.fetch_add(1, Ordering::SeqCst);
                let (tls, answer, seen) = (tls.clone(), Arc::clone(&answer), Arc::clone(&seen));
                tokio::spawn(async move {
                    match tls {
                        None => serve(socket, &*answer, &seen).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(socket).await {
                                serve(stream, &*answer, &seen).await;
                            }
                        }
                    }
                });
            }
        });
        recorder
    }

    /// Every request so far, as it came.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// The requests since this was asked last.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.requests.lock().unwrap())
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }
}

async fn serve(mut socket: impl AsyncRead + AsyncWrite + Unpin + Send, answer: &Answer, seen: &Seen) {
    let mut bytes = Vec::new();
    while let Some(request) = read_request(&mut socket, &mut bytes).await {
        let reply = answer(&request);
        seen.requests.lock().unwrap().push(request);
        match reply {
            Reply::Keep(bytes) => {
                if socket.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Reply::Close(bytes) => {
                let _ = socket.write_all(&bytes).await;
                let _ = socket.shutdown().await;
                return;
            }
            Reply::Silent(bytes) => {
                let _ = socket.write_all(&bytes).await;
                let _ = socket.flush().await;
                std::future::pending::<()>().await;
            }
            Reply::Endless(head, more) => {
                let _ = socket.write_all(&head).await;
                while socket.write_all(&more).await.is_ok() {
                    // On one thread the reader must get its turn, and the clock.
                    tokio::task::yield_now().await;
                }
                return;
            }
        }
        let _ = socket.flush().await;
    }
}

/// One request: its head, and as much body as its content-length says. What comes after it is left for the next.
async fn read_request(socket: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            let end = head + 4 + length.map_or(0, |length| length.trim().parse().unwrap());
            if bytes.len() >= end {
                let rest = bytes.split_off(end);
                let request = std::mem::replace(bytes, rest);
                return Some(String::from_utf8_lossy(&request).into_owned());
            }
        }
        let mut chunk = [0; 4096];
        match socket.read(&mut chunk).await {
            Ok(read @ 1..) => bytes.extend_from_slice(&chunk[..read]),
            _ => return None,
        }
    }
}

/// A response with a length of its own.
pub(crate) fn response(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A JSON response that may be used again on the same connection.
pub(crate) fn json(body: &str) -> Reply {
    Reply::Keep(response(200, "content-type: application/json\r\n", body))
}
