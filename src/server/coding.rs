//! Content codings between Ficus and its clients: which one a request is in, and compressing a response when it is worth it.
//! Inflating is `crate::coding`.

use std::io::{self, Write};

use bytes::Bytes;
use http::HeaderValue;

use super::header_list::items;
pub(super) use crate::coding::{Coding, InflateError};

/// What `Accept-Encoding` of a 415 names.
pub(super) const READABLE: &str = "gzip, br, deflate, zstd";

/// Below this a response travels in one packet either way, so that compressing it gains nothing.
pub(super) const COMPRESS_BYTES_MIN: usize = 1024;

impl Coding {
    /// The coding of a request. `Ok(None)` is a plain body; an error is a coding that Ficus does not read, or a list of several.
    pub(super) fn of_request(content_encoding: &HeaderValue) -> Result<Option<Coding>, ()> {
        let text = content_encoding.to_str().map_err(|_| ())?;
        let mut found = items(text).filter(|item| !item.is("identity"));
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some(item), None) => Coding::named(item.name()).map(Some).ok_or(()),
            _ => Err(()),
        }
    }

    /// The coding for a response: the client's favourite; of equals the one that is cheapest for what it saves.
    pub(super) fn negotiate<'a>(accept_encoding: impl Iterator<Item = &'a HeaderValue>) -> Option<Coding> {
        let (mut gzip, mut brotli, mut zstd, mut any) = (None, None, None, 0);
        for item in accept_encoding.filter_map(|value| value.to_str().ok()).flat_map(items) {
            let quality = item.quality().unwrap_or(0);
            if item.is("gzip") || item.is("x-gzip") {
                gzip = Some(quality);
            } else if item.is("br") {
                brotli = Some(quality);
            } else if item.is("zstd") {
                zstd = Some(quality);
            } else if item.is("*") {
                any = quality;
            }
        }
        [(Coding::Zstd, zstd), (Coding::Brotli, brotli), (Coding::Gzip, gzip)]
            .into_iter()
            .map(|(coding, quality)| (coding, quality.unwrap_or(any)))
            .filter(|(_, quality)| *quality > 0)
            // `max_by_key` keeps the last of equals; the list is in order of preference.
            .rev()
            .max_by_key(|(_, quality)| *quality)
            .map(|(coding, _)| coding)
    }

    /// The value of `Content-Encoding`.
    pub(super) fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Coding::Gzip => "gzip",
            Coding::Brotli => "br",
            Coding::Deflate => "deflate",
            Coding::Zstd => "zstd",
        })
    }

    /// Compresses a body; levels are those where JSON shrinks to a fifth or less for a few microseconds a kilobyte.
    ///
    /// # Errors
    /// When the encoder fails; the body is then sent as it is.
    pub(super) fn compress(self, body: &[u8]) -> io::Result<Bytes> {
        let out = Vec::with_capacity(body.len() / 4);
        let out = match self {
            Coding::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::new(4));
                encoder.write_all(body)?;
                encoder.finish()?
            }
            Coding::Deflate => {
                let mut encoder = flate2::write::ZlibEncoder::new(out, flate2::Compression::new(4));
                encoder.write_all(body)?;
                encoder.finish()?
            }
            Coding::Brotli => {
                let mut out = out;
                let mut encoder = brotli::CompressorWriter::new(&mut out, 4096, 4, 20);
                encoder.write_all(body)?;
                encoder.flush()?;
                drop(encoder);
                out
            }
            Coding::Zstd => zstd::bulk::compress(body, 3)?,
        };
        Ok(Bytes::from(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Coding; 4] = [Coding::Gzip, Coding::Brotli, Coding::Deflate, Coding::Zstd];

    #[test]
    fn what_is_compressed_comes_back() {
        let body = br#"{"data":{"posts":[{"id":1},{"id":2}]}}"#.repeat(100);
        for coding in ALL {
            let compressed = coding.compress(&body).unwrap();
            assert!(compressed.len() < body.len() / 4, "{coding:?}");
            assert_eq!(coding.inflate(&compressed, body.len()).unwrap(), body, "{coding:?}");
        }
    }

    #[test]
    fn a_bomb_is_cut_at_the_limit() {
        let bomb = vec![b' '; 4 << 20];
        for coding in ALL {
            let compressed = coding.compress(&bomb).unwrap();
            assert!(compressed.len() < 64 << 10, "{coding:?}");
            assert_eq!(coding.inflate(&compressed, 64 << 10), Err(InflateError::TooLarge), "{coding:?}");
        }
    }

    #[test]
    fn a_broken_body_is_an_error_and_not_half_a_body() {
        let body = br#"{"query":"{a}"}"#.repeat(50);
        for coding in ALL {
            let whole = coding.compress(&body).unwrap();
            let cut = &whole[..whole.len() / 2];
            assert_eq!(coding.inflate(cut, 1 << 20), Err(InflateError::Malformed), "{coding:?} cut");
            assert_eq!(coding.inflate(&body, 1 << 20), Err(InflateError::Malformed), "{coding:?} plain");
        }
    }

    #[test]
    fn a_zstd_frame_cannot_ask_for_a_huge_window() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.write_all(&vec![b' '; 1 << 16]).unwrap();
        let compressed = encoder.finish().unwrap();
        assert_eq!(Coding::Zstd.inflate(&compressed, 1 << 20), Err(InflateError::Malformed));
    }

    #[test]
    fn the_response_coding_is_the_clients_favourite() {
        let rows = [
            ("gzip", Some(Coding::Gzip)),
            ("gzip, deflate, br, zstd", Some(Coding::Zstd)),
            ("gzip, deflate, br", Some(Coding::Brotli)),
            ("br;q=0.5, gzip;q=0.8", Some(Coding::Gzip)),
            ("gzip;q=0", None),
            ("*", Some(Coding::Zstd)),
            ("*, zstd;q=0", Some(Coding::Brotli)),
            ("identity", None),
            ("deflate", None),
            ("", None),
            ("gzip;q=oops", None),
        ];
        for (text, expected) in rows {
            assert_eq!(Coding::negotiate([HeaderValue::from_static(text)].iter()), expected, "{text}");
        }
    }

    #[test]
    fn a_request_has_one_coding_at_most() {
        let rows = [
            ("gzip", Ok(Some(Coding::Gzip))),
            ("X-GZIP", Ok(Some(Coding::Gzip))),
            ("identity", Ok(None)),
            ("", Ok(None)),
            ("gzip, gzip", Err(())),
            ("compress", Err(())),
        ];
        for (text, expected) in rows {
            assert_eq!(Coding::of_request(&HeaderValue::from_static(text)), expected, "{text}");
        }
    }
}
