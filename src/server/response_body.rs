//! The body of a response: whole, as nearly all are, or one that goes on for as long as there is something to say.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::Stream;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

/// A response's body. A whole one has a length that is known, and one write sends it with its headers.
pub struct ResponseBody(Form);

enum Form {
    Whole(Full<Bytes>),
    Streamed(Chunks),
}

/// What a body says over time.
pub(super) type Chunks = Pin<Box<dyn Stream<Item = Bytes> + Send>>;

impl ResponseBody {
    /// A body that is there.
    #[must_use]
    pub fn new(body: Bytes) -> Self {
        ResponseBody(Form::Whole(Full::new(body)))
    }

    /// A body that is still to come. It is dropped as soon as its client is gone.
    pub(super) fn streamed(chunks: Chunks) -> Self {
        ResponseBody(Form::Streamed(chunks))
    }
}

/// Shows which form it has, not what it says.
impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Form::Whole(_) => "ResponseBody(whole)",
            Form::Streamed(_) => "ResponseBody(streamed)",
        })
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Form::Whole(body) => Pin::new(body).poll_frame(cx),
            Form::Streamed(chunks) => {
                chunks.as_mut().poll_next(cx).map(|chunk| Some(Ok(Frame::data(chunk?))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Form::Whole(body) => body.is_end_stream(),
            Form::Streamed(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Form::Whole(body) => body.size_hint(),
            Form::Streamed(_) => SizeHint::default(),
        }
    }
}
