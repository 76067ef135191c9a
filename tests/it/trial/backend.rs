//! A backend on a loopback port that answers each `METHOD PATH` of its block as written, and keeps what it was sent.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// Ends with the process: it has nothing that must be given back.
pub(super) struct Backend {
    pub(super) url: String,
    /// Each request as it came: its line, its headers, its body.
    pub(super) requests: Arc<Mutex<Vec<String>>>,
}

impl Backend {
    /// Blocks of `METHOD PATH -> STATUS`, header lines, an empty line, the body; `---` between them.
    pub(super) fn start(text: &str) -> Backend {
        let answers: Vec<(String, String)> = text.split("---\n").map(answer).collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                serve(stream, &answers, &seen);
            }
        });
        Backend { url, requests }
    }
}

fn answer(text: &str) -> (String, String) {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let (line, headers) = head.split_once('\n').unwrap_or((head, ""));
    let (call, status) = line.split_once(" -> ").expect("METHOD PATH -> STATUS");
    let body = body.trim_end();
    let mut response =
        format!("HTTP/1.1 {status} -\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    headers.lines().for_each(|header| response.push_str(&format!("{header}\r\n")));
    (call.to_owned(), format!("{response}\r\n{body}"))
}

fn serve(stream: TcpStream, answers: &[(String, String)], seen: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while reader.read_line(&mut head).unwrap_or(0) > 2 && !head.ends_with("\r\n\r\n") {}
    let length = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    let call = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    seen.lock().unwrap().push(format!("{head}{}", String::from_utf8_lossy(&body)));
    let none = "HTTP/1.1 599 -\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_owned();
    let response = answers.iter().find(|(known, _)| *known == call).map_or(&none, |(_, response)| response);
    reader.get_mut().write_all(response.as_bytes()).unwrap();
}
