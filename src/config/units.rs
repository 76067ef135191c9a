//! Durations and sizes as people write them: a number and its unit. Not for bounds, which are each key's own.

use std::time::Duration;

/// A number and its unit. Fractions are allowed: `1.5s`.
fn with_unit(text: &str) -> Option<(f64, &str)> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at_checked(split)?;
    let number = number.trim();
    let digits = number.starts_with(|c: char| c.is_ascii_digit());
    let value = number.parse::<f64>().ok().filter(|_| digits)?;
    Some((value, unit))
}

/// A duration as it is written in files and on the command line: a number and `ms`, `s`, `m`, `h` or `d`, or `0`.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (value, unit) = with_unit(text)?;
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    // Through whole milliseconds: 0.05 s must be 50 ms exactly.
    let millis = (value * seconds * 1_000.0).round();
    Duration::try_from_secs_f64(millis / 1_000.0).ok()
}

/// A size in bytes as it is written in files: a number, and `kB`, `MB`, `GB`, `KiB`, `MiB` or `GiB` where it is not bytes.
pub(super) fn size(text: &str) -> Option<usize> {
    if let Ok(bytes) = text.parse() {
        return Some(bytes);
    }
    let (value, unit) = with_unit(text)?;
    let factor: u64 = match unit {
        "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    #[allow(clippy::cast_precision_loss, reason = "a factor is at most 2^30")]
    let bytes = value * factor as f64;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and bounded by the caller"
    )]
    let whole = bytes as usize;
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes() {
        assert_eq!(duration("50ms"), Some(Duration::from_millis(50)));
        assert_eq!(duration("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(duration("5m"), Some(Duration::from_secs(300)));
        assert_eq!(duration("0"), Some(Duration::ZERO));
        for wrong in ["5", "s", "-1s", "1 fortnight", "1e3s", "inf s", ""] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
        assert_eq!(size("8MiB"), Some(8 << 20));
        assert_eq!(size("1 kB"), Some(1000));
        assert_eq!(size("42"), Some(42));
        assert_eq!(size("8 megs"), None);
    }
}
