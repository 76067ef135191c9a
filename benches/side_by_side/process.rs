//! Server processes, with all that they start in turn: what they cost in CPU time and memory, as the operating system counts it.

use std::{
    collections::HashMap,
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context as _;

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct Start {
    pub program: String,
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
    pub folder: Option<String>,
}

impl Start {
    pub fn new(program: impl ToString) -> Self {
        Start { program: program.to_string(), ..Start::default() }
    }

    /// With these arguments after those that are there.
    pub fn arguments(mut self, more: &[&str]) -> Self {
        self.arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// With these variables beside those that are there.
    pub fn environment(mut self, more: &[(&str, &str)]) -> Self {
        self.environment.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self
    }
}

/// What a server has to come to its end by itself, and to write what was seen of it where it was built for that (`tuned.sh`).
const FAREWELL: Duration = Duration::from_secs(5);

/// A running server, ended when dropped, and by the system when this process ends in whatever way.
pub struct Process(Child);

impl Process {
    /// Starts a server on one core; what it says goes to a file. It must be started by a thread that lives as long as the process,
    /// since the server ends with that thread.
    pub fn start(start: &Start, core: &str, log: &Path) -> anyhow::Result<Self> {
        let log = File::create(log)?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "taskset", "-c", core, &start.program]).args(&start.arguments);
        command.envs(start.environment.iter().map(|(name, value)| (name, value)));
        if let Some(folder) = &start.folder {
            command.current_dir(folder);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(Process(command.spawn().with_context(|| format!("start {}", start.program))?))
    }

    /// Why it is not there any more.
    pub fn ended(&mut self) -> Option<String> {
        self.0.try_wait().ok().flatten().map(|status| status.to_string())
    }

    /// User and system time of all its threads and of all processes below it.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let mut ticks = 0;
        for (pid, stat) in self.tree()? {
            // `utime` and `stime`; those of ended children are the root's only.
            let fields = if pid == self.0.id() { 4 } else { 2 };
            ticks +=
                stat.iter().skip(11).take(fields).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
        }
        // Linux counts in hundredths of a second for every program (USER_HZ).
        Ok(Duration::from_millis(ticks * 10))
    }

    /// The peaks of all its processes, together.
    pub fn peak_memory_mb(&self) -> anyhow::Result<f64> {
        let mut kilobytes = 0.0;
        for (pid, _) in self.tree()? {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            kilobytes += line
                .and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<f64>().ok())
                .unwrap_or(0.0);
        }
        Ok(kilobytes / 1024.0)
    }

    /// The process and those below it, with the fields of their `stat` after the name.
    fn tree(&self) -> anyhow::Result<Vec<(u32, Vec<String>)>> {
        let mut all: HashMap<u32, Vec<String>> = HashMap::new();
        for entry in fs::read_dir("/proc")?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
            // The name in parentheses may hold blanks; after it come the state, the parent, …
            let Some((_, fields)) = stat.rsplit_once(')') else { continue };
            all.insert(pid, fields.split_whitespace().map(str::to_owned).collect());
        }
        let mut tree = Vec::new();
        let mut next = vec![self.0.id()];
        while let Some(pid) = next.pop() {
            let Some(stat) = all.remove(&pid) else { continue };
            let below =
                |fields: &Vec<String>| fields.get(1).and_then(|parent| parent.parse().ok()) == Some(pid);
            next.extend(all.iter().filter(|(_, fields)| below(fields)).map(|(pid, _)| *pid));
            tree.push((pid, stat));
        }
        Ok(tree)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Children first, as nobody tells them that their parent is gone.
        let below: Vec<u32> =
            self.tree().unwrap_or_default().into_iter().map(|(pid, _)| pid).skip(1).collect();
        for pid in below {
            signal("-KILL", pid);
        }
        signal("-TERM", self.0.id());
        let began = Instant::now();
        while began.elapsed() < FAREWELL && matches!(self.0.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn signal(name: &str, pid: u32) {
    let _ = Command::new("kill").args([name, &pid.to_string()]).stderr(Stdio::null()).status();
}
