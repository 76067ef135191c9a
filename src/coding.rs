//! Content codings of whole bodies in memory: reading what is compressed without inflating more than is allowed. Clients send
//! such bodies, and so do backends. Not for choosing a coding, nor for writing one.

use std::io::{self, Read};

use bytes::Bytes;

/// RFC 9659: a decoder need not accept a larger window, and without a bound a small frame could ask for gigabytes.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// zlib (RFC 1950); only read.
    Deflate,
    /// RFC 8878.
    Zstd,
}

/// Why a compressed body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InflateError {
    /// It is larger than allowed.
    #[error("inflated beyond the limit")]
    TooLarge,
    /// It is broken or cut off.
    #[error("not in its content coding")]
    Malformed,
}

impl Coding {
    /// The coding of a name, without regard to case; none for `identity` and what is not read.
    pub(crate) fn named(name: &str) -> Option<Coding> {
        let names = [
            ("gzip", Coding::Gzip),
            ("x-gzip", Coding::Gzip),
            ("br", Coding::Brotli),
            ("deflate", Coding::Deflate),
            ("zstd", Coding::Zstd),
        ];
        names.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, coding)| coding)
    }

    /// Reads a body that is compressed, up to `bytes_max` bytes of what comes out.
    ///
    /// # Errors
    /// When more would come out, or the body is not in this coding.
    pub(crate) fn inflate(self, body: &[u8], bytes_max: usize) -> Result<Bytes, InflateError> {
        let inflated = match self {
            Coding::Gzip => read_bounded(flate2::bufread::MultiGzDecoder::new(body), bytes_max),
            Coding::Deflate => read_bounded(flate2::bufread::ZlibDecoder::new(body), bytes_max),
            Coding::Brotli => read_bounded(brotli::Decompressor::new(body, 4096), bytes_max),
            Coding::Zstd => zstd::stream::read::Decoder::with_buffer(body).and_then(|mut decoder| {
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                read_bounded(decoder, bytes_max)
            }),
        }
        .map_err(|_| InflateError::Malformed)?;
        if inflated.len() > bytes_max { Err(InflateError::TooLarge) } else { Ok(Bytes::from(inflated)) }
    }
}

/// Reads one byte more than is allowed, so that the caller sees that there was more.
fn read_bounded(reader: impl Read, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let bytes_max = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    reader.take(bytes_max.saturating_add(1)).read_to_end(&mut out)?;
    Ok(out)
}
