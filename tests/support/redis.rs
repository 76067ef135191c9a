//! A Redis server of a test's own: on a free port of loopback, without a file on disk that stays, gone with the test.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
};

/// A running server.
pub(crate) struct RedisServer {
    child: Child,
    pub(crate) port: u16,
    arguments: Vec<String>,
    folder: tempfile::TempDir,
}

impl RedisServer {
    /// A server without a password.
    pub(crate) fn start() -> Self {
        RedisServer::start_with(&[])
    }

    /// A server with further settings; `PORT` in them is its port, and then it takes no other.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        // Somebody else may take the port between our look and the server's.
        let started = (0..20).find_map(|_| {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            launch(port, &arguments, &folder).map(|child| (child, port))
        });
        let (child, port) = started.expect("redis-server starts");
        RedisServer { child, port, arguments, folder }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it at once, as a crash would; nothing of what it knew is left.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again at the same port.
    pub(crate) fn restart(&mut self) {
        self.child = launch(self.port, &self.arguments, &self.folder).expect("redis-server starts again");
    }

    /// It hears no more and says nothing, with its connections open.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    /// It goes on.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server once it takes connections; none where it ended before.
fn launch(port: u16, arguments: &[String], folder: &tempfile::TempDir) -> Option<Child> {
    let port = port.to_string();
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]);
    command.arg("--dir").arg(folder.path());
    if !arguments.iter().any(|argument| argument == "PORT") {
        command.args(["--port", &port]);
    }
    command.args(arguments.iter().map(|argument| if argument == "PORT" { &port } else { argument }));
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => panic!(
            "redis-server cannot be run ({error}): install Redis, on Debian `apt-get install redis-server`"
        ),
    };
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let is_ready =
        lines.by_ref().map_while(Result::ok).any(|line| line.contains("Ready to accept connections"));
    if !is_ready {
        child.wait().unwrap();
        return None;
    }
    // It must not find its pipe full or closed.
    std::thread::spawn(move || lines.for_each(drop));
    Some(child)
}
