//! What a transport made of a response's body, compressed say, for all who get the same response: those who shared its execution,
//! and those who get it again while it is kept. What it means is the transport's affair.

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;

/// As many forms of one body as a transport has codings.
const FORMS: usize = 4;

/// Other forms of one body, together no larger than the body itself: so whoever keeps it knows what they may take.
#[derive(Debug)]
pub struct Packed {
    forms: [OnceLock<Option<Bytes>>; FORMS],
    bytes_left: AtomicUsize,
}

impl Packed {
    /// None yet of a body of so many bytes.
    #[must_use]
    pub fn new(body_bytes: usize) -> Self {
        Packed { forms: Default::default(), bytes_left: AtomicUsize::new(body_bytes) }
    }

    /// A form that was made before; inside it none where the body is better as it is. None where it was not made.
    #[must_use]
    pub fn get(&self, form: usize) -> Option<Option<Bytes>> {
        self.forms.get(form)?.get().cloned()
    }

    /// Remembers a form, if there is room.
    pub fn put(&self, form: usize, made: Option<&Bytes>) {
        let Some(place) = self.forms.get(form).filter(|place| place.get().is_none()) else { return };
        let bytes = made.map_or(0, Bytes::len);
        let take = |left: usize| left.checked_sub(bytes);
        if self.bytes_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
            // Another request may have made the same meanwhile; its room is lost, which costs little.
            let _ = place.set(made.cloned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_made_once_and_take_no_more_than_the_body() {
        let packed = Packed::new(10);
        assert_eq!(packed.get(0), None);
        packed.put(0, Some(&Bytes::from_static(b"123456")));
        packed.put(0, Some(&Bytes::from_static(b"x")));
        assert_eq!(packed.get(0), Some(Some(Bytes::from_static(b"123456"))));
        packed.put(1, Some(&Bytes::from_static(b"12345")));
        assert_eq!(packed.get(1), None);
        packed.put(2, None);
        assert_eq!(packed.get(2), Some(None));
        packed.put(FORMS, None);
        assert_eq!(packed.get(FORMS), None);
    }
}
