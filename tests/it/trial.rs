//! `ficus run` and `ficus test` as a user meets them: sessions in `tests/trial/*.md`, each with files, commands and what they
//! print. `UPDATE_EXPECT=1` rewrites what they print; `FICUS_CASE=part-of-a-name` picks some.

mod backend;
mod junit;
mod library;
mod update;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use backend::Backend;

/// A fenced block with the words after its fence, or the prose before one.
struct Piece {
    info: Option<String>,
    text: String,
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = vec![Piece { info: None, text: String::new() }];
    let mut fence = String::new();
    for line in text.split_inclusive('\n') {
        let ticks = line.len() - line.trim_start_matches('`').len();
        let is_open = pieces.last().is_some_and(|piece| piece.info.is_some());
        if !is_open && ticks >= 3 {
            fence = line.get(..ticks).unwrap().to_owned();
            pieces.push(Piece { info: Some(line[ticks..].trim().to_owned()), text: String::new() });
        } else if is_open && line.trim_end() == fence {
            pieces.push(Piece { info: None, text: String::new() });
        } else {
            pieces.last_mut().unwrap().text.push_str(line);
        }
    }
    pieces
}

/// Runs the commands of a session; gives its text with what they print now.
fn run(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let pieces = pieces(text);
    let answers = pieces.iter().find(|piece| piece.info.as_deref() == Some("http backend"));
    let backend = answers.map(|piece| Backend::start(&piece.text));
    let mut printed: Option<String> = None;
    let mut out = String::new();
    for piece in pieces {
        let Some(info) = piece.info else {
            out.push_str(&piece.text);
            continue;
        };
        let mut block = piece.text.clone();
        match info.split(' ').collect::<Vec<_>>()[..] {
            ["http", "backend"] => {}
            ["sh"] => printed = Some(command(folder.path(), &piece.text, backend.as_ref())),
            ["text", ..] => {
                block = printed.take().expect("what is printed stands behind its command");
            }
            [_, name] => {
                let address = backend.as_ref().map_or("http://127.0.0.1:1", |backend| &backend.url);
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, piece.text.replace("http://backend", address)).unwrap();
            }
            _ => panic!("no such kind of block: {info}"),
        }
        // A block that holds Markdown has a longer fence.
        let fence = if block.contains("```") { "````" } else { "```" };
        write!(out, "{fence}{info}\n{block}{fence}\n").unwrap();
    }
    out
}

/// What a command prints to both streams, and how it exits when that is not with 0.
fn command(folder: &Path, line: &str, backend: Option<&Backend>) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_ficus")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", &format!("({line}) 2>&1")])
        .current_dir(folder)
        .env("PATH", path)
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let mut printed = String::from_utf8(output.stdout).unwrap();
    if let Some(backend) = backend {
        printed = printed.replace(&backend.url, "http://backend");
    }
    if output.status.code() != Some(0) {
        writeln!(printed, "exit {}", output.status.code().unwrap()).unwrap();
    }
    printed
}

#[test]
fn every_session_prints_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trial");
    let wanted = std::env::var("FICUS_CASE").unwrap_or_default();
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    let mut report = String::new();
    for path in paths.iter().filter(|path| path.to_string_lossy().contains(&wanted)) {
        let text = fs::read_to_string(path).unwrap();
        let now = run(&text);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(path, now).unwrap();
        } else if now != text {
            writeln!(report, "---- {}\n{now}", path.display()).unwrap();
        }
    }
    assert!(report.is_empty(), "these sessions print something else now:\n{report}");
}

#[test]
fn the_demos_own_cases_pass() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let printed = command(root, "ficus test", None);
    assert!(!printed.contains("FAILED") && !printed.contains("exit "), "{printed}");
    assert!(printed.lines().count() > 5, "{printed}");
}
