//! A backend over real sockets that answers as a closure says, keeps connections alive and counts what it was asked.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::http::Message;

/// An answer, and how long it takes.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) after: Duration,
    pub(crate) message: Message,
}

impl From<Message> for Said {
    fn from(message: Message) -> Said {
        Said { after: Duration::ZERO, message }
    }
}

type Answer = dyn Fn(&Message) -> Said + Send + Sync;

/// Runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Stub {
    pub(crate) async fn start<S: Into<Said>>(answer: impl Fn(&Message) -> S + Send + Sync + 'static) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let answer: Arc<Answer> = Arc::new(move |request| answer(request).into());
        let counted = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, counted) = (Arc::clone(&answer), Arc::clone(&counted));
                connections.spawn(async move { serve(stream, &*answer, &counted).await });
                while connections.try_join_next().is_some() {}
            }
        });
        Stub { address, requests, task }
    }

    /// Requests so far.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(SeqCst)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One connection to its end; a client that goes away is its own affair.
async fn serve(mut stream: TcpStream, answer: &Answer, counted: &AtomicUsize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    while let Some(request) = Message::read(&mut stream).await? {
        counted.fetch_add(1, SeqCst);
        let said = answer(&request);
        if !said.after.is_zero() {
            tokio::time::sleep(said.after).await;
        }
        stream.write_all(&said.message.bytes()).await?;
    }
    Ok(())
}
