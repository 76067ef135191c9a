//! The reference: composes a schema for it, starts it, asks it. It is a program that is run as it is; where it is, the
//! environment says.

use std::{fs, net::TcpListener, path::PathBuf, process::Stdio, time::Duration};

use serde_json::{Value as Json, json};
use tokio::process::{Child, Command};

use super::generate::Triple;

/// Where the programs are, and where files may be written.
pub(super) struct Reference {
    router: PathBuf,
    folder: tempfile::TempDir,
}

/// One that runs.
pub(super) struct Running {
    process: Child,
    url: String,
    client: reqwest::Client,
}

impl Reference {
    /// None where `FICUS_ROUTER` names no program.
    pub(super) fn find() -> Option<Self> {
        let router = PathBuf::from(std::env::var_os("FICUS_ROUTER")?);
        Some(Reference { router, folder: tempfile::tempdir().unwrap() })
    }

    /// The supergraph of a schema.
    ///
    /// # Errors
    /// What composition refuses.
    pub(super) async fn compose(&self, schema: &str) -> Result<String, String> {
        let (subgraph, supergraph) =
            (self.folder.path().join("subgraph.graphql"), self.folder.path().join("supergraph.graphql"));
        fs::write(&subgraph, schema).unwrap();
        let output = Command::new("node")
            .arg("tests/reference/compose.mjs")
            .args([&subgraph, &supergraph])
            .output()
            .await
            .unwrap();
        if output.status.success() {
            return Ok(fs::read_to_string(supergraph).unwrap());
        }
        Err(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }

    /// Starts it on a supergraph.
    ///
    /// # Errors
    /// What it printed before it ended.
    pub(super) async fn start(&self, supergraph: &str) -> Result<Running, String> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = self.folder.path().join("router.yaml");
        fs::write(
            &config,
            format!(
                "supergraph: {{ listen: 127.0.0.1:{port}, introspection: true }}\nhealth_check: {{ enabled: false }}\n\
                 sandbox: {{ enabled: false }}\nhomepage: {{ enabled: false }}\ninclude_subgraph_errors: {{ all: true }}\n"
            ),
        )
        .unwrap();
        let schema = self.folder.path().join("served.graphql");
        fs::write(&schema, supergraph).unwrap();
        let log = self.folder.path().join("router.log");
        let mut process = Command::new(&self.router)
            .args(["--log", "error", "--config"])
            .arg(&config)
            .arg("--supergraph")
            .arg(&schema)
            .env("APOLLO_TELEMETRY_DISABLED", "1")
            .stdin(Stdio::null())
            .stdout(fs::File::create(&log).unwrap())
            .stderr(fs::File::options().append(true).open(&log).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let running = |process| Running {
            process,
            url: format!("http://127.0.0.1:{port}/"),
            client: reqwest::Client::new(),
        };
        loop {
            if process.try_wait().unwrap().is_some() {
                return Err(fs::read_to_string(&log).unwrap());
            }
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Ok(running(process));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Running {
    /// Its answer to the operation of a triple; none where the operation ended it.
    pub(super) async fn ask(&mut self, triple: &Triple) -> Option<Json> {
        let body = json!({ "query": triple.operation, "variables": triple.variables }).to_string();
        let mut request = self.client.post(&self.url).header("content-type", "application/json").body(body);
        for (name, value) in &triple.headers {
            request = request.header(name, value);
        }
        match request.send().await {
            Ok(response) => Some(serde_json::from_str(&response.text().await.unwrap()).unwrap()),
            Err(_) => {
                self.process.wait().await.unwrap();
                None
            }
        }
    }

    pub(super) async fn stop(mut self) {
        self.process.kill().await.unwrap();
    }
}
