//! Compressed requests and responses.

use std::io::{Read as _, Write as _};

use super::{
    client::{post, send},
    server::Server,
};

const HELLO: &str = r#"{"query":"{hello}"}"#;

fn encode(coding: &str, body: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        "br" => {
            let mut out = Vec::new();
            brotli::CompressorWriter::new(&mut out, 4096, 1, 20).write_all(body).unwrap();
            out
        }
        "zstd" => zstd::bulk::compress(body, 1).unwrap(),
        other => panic!("{other}"),
    }
}

fn decode(coding: &str, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match coding {
        "" => out.extend_from_slice(body),
        "gzip" => drop(flate2::read::GzDecoder::new(body).read_to_end(&mut out).unwrap()),
        "br" => drop(brotli::Decompressor::new(body, 4096).read_to_end(&mut out).unwrap()),
        "zstd" => out = zstd::stream::decode_all(body).unwrap(),
        other => panic!("{other}"),
    }
    out
}

#[tokio::test]
async fn a_compressed_request_is_read() {
    let server = Server::start(|_| {}).await;
    let plain = send(server.address, post(), HELLO).await;
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let body = encode(coding, HELLO.as_bytes());
        let reply = send(server.address, post().header("content-encoding", coding), body.clone()).await;
        assert_eq!((reply.status.as_u16(), &reply.body), (200, &plain.body), "{coding}");
        let cut = body[..body.len() / 2].to_vec();
        let reply = send(server.address, post().header("content-encoding", coding), cut).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "BAD_REQUEST"), "{coding}");
    }
    let reply = send(server.address, post().header("content-encoding", "identity"), HELLO).await;
    assert_eq!(reply.status, 200);
    let reply = send(server.address, post().header("content-encoding", "compress"), HELLO).await;
    assert_eq!(reply.status, 415);
    assert_eq!(reply.header("accept-encoding"), "gzip, br, deflate, zstd");
}

#[tokio::test]
async fn a_bomb_is_refused_at_the_limit_of_what_comes_out() {
    let server = Server::start(|config| config.limits.body_bytes_max = 64 << 10).await;
    let bomb = format!(r#"{{"query":"{{hello}}{}"}}"#, " ".repeat(4 << 20));
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let body = encode(coding, bomb.as_bytes());
        assert!(body.len() < 64 << 10, "{coding} {}", body.len());
        let reply = send(server.address, post().header("content-encoding", coding), body).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (413, "PAYLOAD_TOO_LARGE"), "{coding}");
    }
}

#[tokio::test]
async fn a_response_is_compressed_as_the_client_likes_when_it_is_worth_it() {
    let server = Server::start(|_| {}).await;
    let large = format!(r#"{{"query":"{{hello(name: \"{}\")}}"}}"#, "abc ".repeat(2_000));
    let plain = send(server.address, post(), large.clone()).await;
    assert_eq!(plain.header("content-encoding"), "");
    assert_eq!(plain.header("vary"), "accept-encoding");
    assert!(plain.body.len() > 8_000);
    for (accepted, coding) in [
        ("gzip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1, br;q=0.1", "gzip"),
        ("gzip;q=0", ""),
        ("deflate", ""),
        ("identity", ""),
    ] {
        let reply = send(server.address, post().header("accept-encoding", accepted), large.clone()).await;
        assert_eq!(reply.header("content-encoding"), coding, "{accepted}");
        assert_eq!(decode(coding, &reply.body), plain.body, "{accepted}");
        assert!(coding.is_empty() || reply.body.len() < 1_000, "{accepted}");
    }
    let small = send(server.address, post().header("accept-encoding", "gzip"), HELLO).await;
    assert_eq!(small.header("content-encoding"), "");
}

#[tokio::test]
async fn compression_can_be_turned_off() {
    let server = Server::start(|config| config.compression = false).await;
    let large = format!(r#"{{"query":"{{hello(name: \"{}\")}}"}}"#, "abc ".repeat(2_000));
    let reply = send(server.address, post().header("accept-encoding", "gzip"), large).await;
    assert_eq!((reply.header("content-encoding"), reply.header("vary")), ("", ""));
}
