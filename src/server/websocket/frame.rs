//! Frames of RFC 6455 as a server reads and writes them, without a socket. Ours, because a socket that waits must hold no buffer at
//! all: nothing is kept here but what has come of an unfinished message. Extensions, and with them compression, do not exist.

/// Frames of one message: more is somebody who wants us to count.
const FRAGMENTS_MAX: usize = 1_000;

/// RFC 6455, section 5.5: of a control frame's payload.
const CONTROL_BYTES_MAX: usize = 125;

/// What a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Incoming {
    /// A whole message of text.
    Text(String),
    /// To be answered with the same.
    Ping(Vec<u8>),
    /// Somebody is there.
    Pong,
    /// The client's last frame.
    Close,
}

/// Why a client cannot be listened to any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    /// Against RFC 6455.
    #[error("{0}")]
    Protocol(&'static str),
    /// Against what `graphql-transport-ws` is: messages are text.
    #[error("Messages are text")]
    Binary,
    /// Text that is not UTF-8.
    #[error("A message is not UTF-8")]
    Utf8,
    /// Larger than allowed, or in too many frames.
    #[error("A message is too large")]
    TooLarge,
}

impl FrameError {
    /// The code of the close frame that says so.
    pub(super) fn close_code(self) -> u16 {
        match self {
            FrameError::Protocol(_) => 1002,
            FrameError::Binary => 4400,
            FrameError::Utf8 => 1007,
            FrameError::TooLarge => 1009,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn read(nibble: u8) -> Result<Opcode, FrameError> {
        Ok(match nibble {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            _ => return Err(FrameError::Protocol("A frame has a reserved opcode")),
        })
    }

    fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }
}

struct Header {
    fin: bool,
    opcode: Opcode,
    mask: [u8; 4],
    /// Of itself.
    length: usize,
    payload: usize,
}

impl Header {
    /// None when more bytes are needed. What is wrong is found as soon as it is there.
    fn read(bytes: &[u8], message_bytes_max: usize) -> Result<Option<Header>, FrameError> {
        let Some((&[first, second], rest)) = bytes.split_first_chunk() else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err(FrameError::Protocol("A frame has reserved bits"));
        }
        let (fin, opcode) = (first & 0x80 != 0, Opcode::read(first & 0x0f)?);
        if second & 0x80 == 0 {
            return Err(FrameError::Protocol("A frame is not masked"));
        }
        let (payload, length) = match second & 0x7f {
            126 => {
                let Some(digits) = rest.first_chunk() else { return Ok(None) };
                (u64::from(u16::from_be_bytes(*digits)), 2)
            }
            127 => {
                let Some(digits) = rest.first_chunk() else { return Ok(None) };
                (u64::from_be_bytes(*digits), 8)
            }
            short => (u64::from(short), 0),
        };
        if opcode.is_control() {
            if !fin {
                return Err(FrameError::Protocol("A control frame is in fragments"));
            }
            if payload > CONTROL_BYTES_MAX as u64 {
                return Err(FrameError::Protocol("A control frame is too long"));
            }
        }
        let payload = usize::try_from(payload).unwrap_or(usize::MAX);
        if payload > message_bytes_max.max(CONTROL_BYTES_MAX) {
            return Err(FrameError::TooLarge);
        }
        let Some(mask) = rest.get(length..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
        Ok(Some(Header { fin, opcode, mask: *mask, length: 2 + length + 4, payload }))
    }
}

/// Makes messages of what a client sends.
#[derive(Debug)]
pub(super) struct Decoder {
    message_bytes_max: usize,
    /// Of a frame that is not there yet as a whole, or of frames that were not asked for yet.
    bytes: Vec<u8>,
    /// Fragments of a message of text, and how many there were.
    fragments: Option<(Vec<u8>, usize)>,
}

impl Decoder {
    pub(super) fn new(message_bytes_max: usize) -> Self {
        Decoder { message_bytes_max, bytes: Vec::new(), fragments: None }
    }

    /// Takes what was read from the socket.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next of what was sent; none until more is read.
    ///
    /// # Errors
    /// When nothing further can be made of this client's bytes.
    pub(super) fn next(&mut self) -> Result<Option<Incoming>, FrameError> {
        loop {
            let Some(header) = Header::read(&self.bytes, self.message_bytes_max)? else { return Ok(None) };
            let Some(payload) = self.bytes.get(header.length..header.length + header.payload) else {
                return Ok(None);
            };
            let mut payload = payload.to_vec();
            for (byte, mask) in payload.iter_mut().zip(header.mask.iter().cycle()) {
                *byte ^= mask;
            }
            self.bytes.drain(..header.length + header.payload);
            if self.bytes.is_empty() {
                self.bytes = Vec::new();
            }
            if let Some(incoming) = self.take(&header, payload)? {
                return Ok(Some(incoming));
            }
        }
    }

    /// Takes one frame; none when its message goes on.
    fn take(&mut self, header: &Header, payload: Vec<u8>) -> Result<Option<Incoming>, FrameError> {
        let whole = match (header.opcode, self.fragments.take()) {
            (Opcode::Ping, fragments) => {
                self.fragments = fragments;
                return Ok(Some(Incoming::Ping(payload)));
            }
            (Opcode::Pong, fragments) => {
                self.fragments = fragments;
                return Ok(Some(Incoming::Pong));
            }
            (Opcode::Close, _) => return close(&payload).map(|()| Some(Incoming::Close)),
            (Opcode::Binary, _) => return Err(FrameError::Binary),
            (Opcode::Text, Some(_)) => {
                return Err(FrameError::Protocol("A message begins within another one"));
            }
            (Opcode::Continuation, None) => {
                return Err(FrameError::Protocol("A fragment belongs to no message"));
            }
            (Opcode::Text, None) if header.fin => payload,
            (Opcode::Text, None) => {
                self.fragments = Some((payload, 1));
                return Ok(None);
            }
            (Opcode::Continuation, Some((mut text, count))) => {
                if count == FRAGMENTS_MAX || text.len() + payload.len() > self.message_bytes_max {
                    return Err(FrameError::TooLarge);
                }
                text.extend_from_slice(&payload);
                if !header.fin {
                    self.fragments = Some((text, count + 1));
                    return Ok(None);
                }
                text
            }
        };
        String::from_utf8(whole).map(|text| Some(Incoming::Text(text))).map_err(|_| FrameError::Utf8)
    }
}

/// Checks a close frame (RFC 6455, section 7.4). Its reason is read by nobody.
fn close(payload: &[u8]) -> Result<(), FrameError> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        let whole = payload.is_empty();
        return if whole { Ok(()) } else { Err(FrameError::Protocol("A close frame has half a code")) };
    };
    if !matches!(u16::from_be_bytes(*code), 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(FrameError::Protocol("A close frame has a code that is never sent"));
    }
    str::from_utf8(reason).map(drop).map_err(|_| FrameError::Utf8)
}

/// Writes a message of text, in one frame.
pub(super) fn write_text(parts: &[&[u8]], out: &mut Vec<u8>) {
    write(0x1, parts, out);
}

/// Writes a ping.
pub(super) fn write_ping(out: &mut Vec<u8>) {
    write(0x9, &[], out);
}

/// Writes the answer to a ping.
pub(super) fn write_pong(payload: &[u8], out: &mut Vec<u8>) {
    write(0xa, &[payload], out);
}

/// Writes a close frame; a reason that is too long for one is cut.
pub(super) fn write_close(code: u16, reason: &str, out: &mut Vec<u8>) {
    let reason = crate::telemetry::cut(reason, CONTROL_BYTES_MAX - 2);
    write(0x8, &[&code.to_be_bytes(), reason.as_bytes()], out);
}

fn write(opcode: u8, parts: &[&[u8]], out: &mut Vec<u8>) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.reserve(length + 10);
    out.push(0x80 | opcode);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ ..126), _) => out.push(length),
        (_, Ok(length)) => {
            out.push(126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    for part in parts {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use bytes::Bytes;
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::{
        Message,
        protocol::{Role, WebSocket},
    };

    use super::*;

    /// A client's frame.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut unmasked = Vec::new();
        write(0, &[payload], &mut unmasked);
        let header = unmasked.len() - payload.len();
        let mut out = vec![first, unmasked[1] | 0x80];
        out.extend_from_slice(&unmasked[2..header]);
        out.extend_from_slice(&[1, 2, 3, 4]);
        out.extend(payload.iter().zip([1, 2, 3, 4].iter().cycle()).map(|(byte, mask)| byte ^ mask));
        out
    }

    fn decode(frames: &[Vec<u8>]) -> Result<Vec<Incoming>, FrameError> {
        let mut decoder = Decoder::new(100_000);
        let mut all = Vec::new();
        for byte in frames.concat() {
            decoder.feed(&[byte]);
            while let Some(incoming) = decoder.next()? {
                all.push(incoming);
            }
        }
        Ok(all)
    }

    fn text(text: &str) -> Incoming {
        Incoming::Text(text.to_owned())
    }

    #[test]
    fn messages_come_in_any_slices_and_control_frames_between_fragments() {
        let frames = [
            frame(0x81, b"one"),
            frame(0x01, "z\u{fc}".as_bytes().split_at(2).0),
            frame(0x89, b"?"),
            frame(0x00, "\u{fc}".as_bytes().split_at(1).1),
            frame(0x8a, b""),
            frame(0x80, b"!"),
            frame(0x88, &1001u16.to_be_bytes()),
        ];
        let expected =
            [text("one"), Incoming::Ping(b"?".to_vec()), Incoming::Pong, text("z\u{fc}!"), Incoming::Close];
        assert_eq!(decode(&frames).unwrap(), expected);
    }

    #[test]
    fn what_rfc_6455_forbids() {
        let unmasked = vec![0x81, 0x01, b'a'];
        let cases: &[(&[Vec<u8>], u16)] = &[
            (&[frame(0xc1, b"a")], 1002),
            (&[frame(0xa1, b"a")], 1002),
            (&[frame(0x91, b"a")], 1002),
            (&[frame(0x83, b"a")], 1002),
            (&[frame(0x8b, b"a")], 1002),
            (&[unmasked], 1002),
            (&[frame(0x09, b"a")], 1002),
            (&[frame(0x89, &[0; 126])], 1002),
            (&[frame(0x80, b"a")], 1002),
            (&[frame(0x01, b"a"), frame(0x81, b"b")], 1002),
            (&[frame(0x88, b"a")], 1002),
            (&[frame(0x88, &1005u16.to_be_bytes())], 1002),
            (&[frame(0x88, &[0x03, 0xe8, 0xff])], 1007),
            (&[frame(0x81, &[0xff])], 1007),
            (&[frame(0x01, &[0xe2]), frame(0x80, &[0x28])], 1007),
            (&[frame(0x82, b"{}")], 4400),
            (&[frame(0x81, &[b'a'; 100_001])], 1009),
            (&[frame(0x01, &[b'a'; 60_000]), frame(0x80, &[b'a'; 60_000])], 1009),
        ];
        for (frames, code) in cases {
            assert_eq!(decode(frames).unwrap_err().close_code(), *code, "{:?}", &frames[0][..2]);
        }
    }

    #[test]
    fn a_length_that_is_too_large_is_refused_before_its_bytes_are_there() {
        let mut decoder = Decoder::new(1 << 20);
        decoder.feed(&[0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(decoder.next(), Err(FrameError::TooLarge));
    }

    #[test]
    fn endless_fragments_end() {
        let mut decoder = Decoder::new(1 << 20);
        decoder.feed(&frame(0x01, b""));
        let failed = (0..1_000_000).find(|_| {
            decoder.feed(&frame(0x00, b""));
            decoder.next().is_err()
        });
        assert_eq!(failed, Some(FRAGMENTS_MAX - 1));
    }

    #[test]
    fn a_socket_that_waits_holds_nothing() {
        let mut decoder = Decoder::new(1 << 20);
        decoder.feed(&frame(0x81, &[b'a'; 500_000]));
        assert!(matches!(decoder.next(), Ok(Some(Incoming::Text(_)))));
        assert_eq!((decoder.bytes.capacity(), decoder.fragments.is_none()), (0, true));
    }

    /// A second opinion: what Ficus writes, as another implementation reads it.
    #[test]
    fn others_read_what_is_written() {
        let long = "\u{e9}".repeat(40_000);
        let mut out = Vec::new();
        write_text(&[b"{", b"}"], &mut out);
        write_text(&[&[b'a'; 200]], &mut out);
        write_text(&[long.as_bytes()], &mut out);
        write_ping(&mut out);
        write_pong(b"x", &mut out);
        write_close(4400, &long, &mut out);
        let mut socket = WebSocket::from_raw_socket(Cursor::new(out), Role::Client, None);
        assert_eq!(socket.read().unwrap(), Message::text("{}"));
        assert_eq!(socket.read().unwrap(), Message::text("a".repeat(200)));
        assert_eq!(socket.read().unwrap(), Message::text(long));
        assert_eq!(socket.read().unwrap(), Message::Ping(Bytes::new()));
        assert_eq!(socket.read().unwrap(), Message::Pong(Bytes::from_static(b"x")));
        let Message::Close(Some(close)) = socket.read().unwrap() else { panic!("a close frame") };
        assert_eq!((u16::from(close.code), close.reason.len()), (4400, 122));
    }

    proptest! {
        /// Whatever comes, reading it ends, and in slices it comes to the same as whole.
        #[test]
        fn any_bytes_are_read_the_same_in_any_slices(bytes in proptest::collection::vec(any::<u8>(), 0..64), valid in ".{0,20}") {
            let frames = [frame(0x81, valid.as_bytes()), bytes.clone()];
            let mut whole = Decoder::new(1_000);
            whole.feed(&frames.concat());
            let mut found = Vec::new();
            let failed = loop {
                match whole.next() {
                    Ok(Some(incoming)) => found.push(incoming),
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            prop_assert_eq!(found.first(), Some(&text(&valid)));
            let mut sliced = Decoder::new(1_000);
            let mut again = Vec::new();
            let mut failed_again = None;
            'bytes: for byte in frames.concat() {
                sliced.feed(&[byte]);
                loop {
                    match sliced.next() {
                        Ok(Some(incoming)) => again.push(incoming),
                        Ok(None) => break,
                        Err(error) => {
                            failed_again = Some(error);
                            break 'bytes;
                        }
                    }
                }
            }
            prop_assert_eq!((found, failed), (again, failed_again));
        }
    }
}
