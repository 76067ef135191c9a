//! `ficus serve` as a process of its own: what it logs and sends is seen as operators see it.

use std::{net::SocketAddr, path::Path, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::{Child, Command},
};

use super::backend::Backend;
use crate::{http::client::soon, support::process::address_in};

pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Serves the backend's graph with this `ficus.yaml` on a free port.
    pub(crate) async fn start(folder: &Path, backend: &Backend, config: &str, log: &str) -> Process {
        backend.write_files(folder, &format!("{config}\nadmin: {{ enabled: false }}\n"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_ficus"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .current_dir(folder)
            .env("SHOP_KEY", "hush-hush")
            .env("RUST_LOG", log)
            .env_remove("OTEL_SERVICE_NAME")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = soon("the gateway's address", said.next_line()).await.unwrap().expect("an address");
        Process { address: address_in(&line), child }
    }

    /// Ends it as orchestrators do; gives what it logged.
    pub(crate) async fn end(mut self) -> String {
        let kill = format!("kill -TERM {}", self.child.id().unwrap());
        assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let mut log = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        soon("the end of the log", stderr.read_to_string(&mut log)).await.unwrap();
        assert!(soon("the gateway's end", self.child.wait()).await.unwrap().success());
        log
    }
}
