//! Appends pieces of a text to the output. Most are shorter than a few words of the processor, and then a copy of fixed length
//! that is cut to size costs less than asking how long it is.

/// Appends the bytes of `text` from `start` to `end`; nothing where they are not all there.
#[inline(always)]
pub(super) fn append(out: &mut Vec<u8>, text: &[u8], start: usize, end: usize) {
    let len = end.saturating_sub(start);
    let from = text.get(start..).unwrap_or_default();
    if len <= 16
        && let Some(chunk) = from.first_chunk::<16>()
    {
        out.extend_from_slice(chunk);
        out.truncate(out.len() - 16 + len);
    } else if len <= 48
        && let Some(chunk) = from.first_chunk::<48>()
    {
        out.extend_from_slice(chunk);
        out.truncate(out.len() - 48 + len);
    } else {
        out.extend_from_slice(from.get(..len).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::append;

    #[test]
    fn a_piece_is_appended_whatever_its_length_and_wherever_it_stands() {
        let text: Vec<u8> = (0..120).collect();
        for start in 0..120 {
            for end in start..=120 {
                let mut out = b"before".to_vec();
                append(&mut out, &text, start, end);
                assert_eq!(out, [b"before", text.get(start..end).unwrap()].concat());
            }
        }
        let mut out = Vec::new();
        append(&mut out, &text, 118, 130);
        append(&mut out, &text, 7, 3);
        append(&mut out, &text, 300, 301);
        assert_eq!(out, b"");
    }
}
