//! The binary as a process of its own, over files in a folder of its own: what it holds is what the system says it holds.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{ExitStatus, Stdio},
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

/// The address that the binary says it listens on: `… http://127.0.0.1:4000/…`.
pub(crate) fn address_in(line: &str) -> SocketAddr {
    let address = line.split("http://").nth(1).and_then(|url| url.split('/').next()).unwrap();
    address.parse().unwrap()
}

/// `ficus serve` on a free port; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Ficus {
    pub(crate) address: SocketAddr,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Ficus {
    /// Starts it over `(name, text)` files: `schema/….graphql`, `connectors/….yaml`, `ficus.yaml`. `FICUS_BIN` names another
    /// binary than the one that was built with the tests.
    pub(crate) async fn start(files: &[(impl AsRef<str>, String)]) -> Ficus {
        Ficus::start_at(files, 1).await.0
    }

    /// The same with the admin listener, which `ficus.yaml` must give a free port. Gives its address too.
    pub(crate) async fn start_with_admin(files: &[(impl AsRef<str>, String)]) -> (Ficus, SocketAddr) {
        let (ficus, addresses) = Ficus::start_at(files, 2).await;
        (ficus, addresses[1])
    }

    /// Starts it, and waits until it has said so many addresses.
    async fn start_at(files: &[(impl AsRef<str>, String)], addresses: usize) -> (Ficus, Vec<SocketAddr>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name.as_ref());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let mut child = Command::new(binary())
            .args(["serve", "--listen", "127.0.0.1:0"])
            .current_dir(folder.path())
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told: Vec<SocketAddr> = Vec::new();
        while told.len() < addresses {
            let line = said.next_line().await.unwrap().expect("an address");
            told.push(address_in(&line));
        }
        (Ficus { address: told[0], child, _folder: folder }, told)
    }

    /// Descriptors that it has open.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.id())).unwrap().count()
    }

    /// Resident memory, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        let kill = format!("kill -TERM {}", self.id());
        assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// SIGKILL; it is gone when this returns.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// None while it runs.
    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub(crate) async fn exit(&mut self) -> ExitStatus {
        self.child.wait().await.unwrap()
    }

    fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }
}

fn binary() -> PathBuf {
    std::env::var_os("FICUS_BIN").map_or_else(|| env!("CARGO_BIN_EXE_ficus").into(), PathBuf::from)
}
