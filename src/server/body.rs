//! Reads a request body whole: within its time, within its size as sent and as inflated. What is in it is not looked at.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body::Body;
use http_body_util::BodyExt as _;

use super::{
    coding::{Coding, InflateError, READABLE},
    refusal::Refusal,
};
use crate::{config::Limits, error::Code};

/// Reads the body, and inflates it when it is compressed.
///
/// # Errors
/// 408 when it takes longer than `limits.body_read`, 413 when it is larger than `limits.body`, 415 for an unknown content
/// coding, 400 when it breaks off or is not in its coding.
pub(super) async fn read<B>(headers: &HeaderMap, body: B, limits: &Limits) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes>,
{
    let coding = match headers.get(header::CONTENT_ENCODING) {
        None => None,
        // Several lines would be several codings.
        Some(_) if headers.get_all(header::CONTENT_ENCODING).iter().nth(1).is_some() => {
            return Err(unknown_coding());
        }
        Some(value) => Coding::of_request(value).map_err(|()| unknown_coding())?,
    };
    let bytes_max = limits.body_bytes_max;
    let bytes = whole(body, bytes_max, limits.body_read).await.map_err(|unread| {
        let refusal = match unread {
            Unread::TooLarge => too_large(bytes_max),
            Unread::BrokenOff => Refusal::bad_request("The request body broke off."),
            Unread::TooSlow => {
                let message =
                    format!("The request body took longer than {} s.", limits.body_read.as_secs_f32());
                Refusal::new(Code::RequestTimeout, message)
            }
        };
        refusal.closing()
    })?;
    let Some(coding) = coding else { return Ok(bytes) };
    coding.inflate(&bytes, limits.body_bytes_max).map_err(|error| match error {
        InflateError::TooLarge => too_large(limits.body_bytes_max),
        InflateError::Malformed => Refusal::bad_request("The request body is not in its Content-Encoding."),
    })
}

/// Why a body was not read to its end. The connection cannot carry another request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// It has more bytes than it may.
    TooLarge,
    /// Its sender is gone, or broke the protocol.
    BrokenOff,
    /// It took too long.
    TooSlow,
}

/// Reads a body as it is sent.
///
/// # Errors
/// When it is larger than `bytes_max`, takes longer than `time`, or breaks off.
pub(super) async fn whole<B>(body: B, bytes_max: usize, time: Duration) -> Result<Bytes, Unread>
where
    B: Body<Data = Bytes>,
{
    let mut reading = pin!(collect(body, bytes_max));
    // Hyper hands a body over only once it was asked for; most are there at the second look, and need no timer.
    let mut looked = false;
    let at_once = poll_fn(|cx| match reading.as_mut().poll(cx) {
        Poll::Ready(read) => Poll::Ready(Some(read)),
        Poll::Pending if looked => Poll::Ready(None),
        Poll::Pending => {
            looked = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    });
    match at_once.await {
        Some(read) => read,
        None => tokio::time::timeout(time, reading).await.unwrap_or(Err(Unread::TooSlow)),
    }
}

/// Reads the frames of a body. The usual body, one frame, is not copied.
async fn collect<B>(body: B, bytes_max: usize) -> Result<Bytes, Unread>
where
    B: Body<Data = Bytes>,
{
    // A length that is announced needs not be waited for.
    if usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX) > bytes_max {
        return Err(Unread::TooLarge);
    }
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Unread::BrokenOff)?;
        // Trailers say nothing that Ficus reads.
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + all.len() + data.len() > bytes_max {
            return Err(Unread::TooLarge);
        }
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

fn too_large(bytes_max: usize) -> Refusal {
    Refusal::new(Code::PayloadTooLarge, format!("The request body is larger than {bytes_max} bytes."))
}

fn unknown_coding() -> Refusal {
    let message = format!("The request body's Content-Encoding must be one of {READABLE}.");
    Refusal::new(Code::UnsupportedMediaType, message).closing()
}
