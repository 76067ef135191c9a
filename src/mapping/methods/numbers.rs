//! Arithmetic. Integers stay integers and never wrap; what has no finite result is missing.

use super::{Call, Given};
use crate::mapping::value::{Number, Value};

/// `add(x, …)`.
pub(super) fn add<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    fold(call, &Operation { of_integers: Some(i64::checked_add), of_floats: |a, b| a + b, divides: false })
}

/// `sub(x, …)`.
pub(super) fn sub<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    fold(call, &Operation { of_integers: Some(i64::checked_sub), of_floats: |a, b| a - b, divides: false })
}

/// `mul(x, …)`.
pub(super) fn mul<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    fold(call, &Operation { of_integers: Some(i64::checked_mul), of_floats: |a, b| a * b, divides: false })
}

/// `div(x, …)`: always with a fraction.
pub(super) fn div<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    fold(call, &Operation { of_integers: None, of_floats: |a, b| a / b, divides: true })
}

/// `mod(x, …)`: the remainder, with the sign of the input.
pub(super) fn modulo<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    // The remainder of the smallest integer by -1 is 0, though their quotient would not fit.
    let of_integers = |a: i64, b: i64| (b != 0).then(|| a.wrapping_rem(b));
    fold(call, &Operation { of_integers: Some(of_integers), of_floats: |a, b| a % b, divides: true })
}

struct Operation {
    /// None gives a fraction for integers too; what does not fit 64 bits is none.
    of_integers: Option<fn(i64, i64) -> Option<i64>>,
    of_floats: fn(f64, f64) -> f64,
    divides: bool,
}

impl Operation {
    fn apply<'a>(&self, a: Number<'a>, b: Number<'a>) -> Result<Number<'a>, &'static str> {
        if self.divides && b.as_f64() == Some(0.0) {
            return Err("cannot divide by zero");
        }
        match self.of_integers {
            Some(apply) if a.is_integer() && b.is_integer() => {
                let result = a.as_i64().zip(b.as_i64()).and_then(|(a, b)| apply(a, b));
                result.map(Number::Int).ok_or("has no result within 64 bits")
            }
            _ => {
                let result = a.as_f64().zip(b.as_f64()).map(|(a, b)| (self.of_floats)(a, b));
                result.filter(|float| float.is_finite()).map(Number::Float).ok_or("has no finite result")
            }
        }
    }
}

fn fold<'a>(call: &mut Call<'_, 'a>, operation: &Operation) -> Given<'a> {
    let Value::Number(mut result) = call.input else { return call.miss_input("a number") };
    for index in 0..call.arguments.len() {
        let number = match call.argument(index)? {
            Value::Number(number) => number,
            other => return call.miss_argument("numbers", other),
        };
        match operation.apply(result, number) {
            Ok(next) => result = next,
            Err(failure) => return call.miss(format_args!("{failure}")),
        }
    }
    Some(Value::Number(result))
}

/// `parseInt([radix])`: the whole number that a string writes; of a number, without its fraction. With a
/// radix the digits of an integer are read, too: 255 is 2777 with radix 36.
pub(super) fn parse_int<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    let radix = match call.arguments.len() {
        0 => 10,
        _ => {
            let given = call.whole_number(0, "a radix from 2 to 36")?;
            match u32::try_from(given).ok().filter(|radix| (2..=36).contains(radix)) {
                Some(radix) => radix,
                None => return call.miss(format_args!("takes a radix from 2 to 36, not {given}")),
            }
        }
    };
    let parsed = match call.input {
        // The digits of an integer are read as a string's are.
        Value::Number(number) if number.is_integer() && radix != 10 => {
            i64::from_str_radix(&number.to_string(), radix).ok()
        }
        Value::Number(number) => number.as_i64().or_else(|| truncate(number.as_f64()?)),
        Value::String(text) => i64::from_str_radix(text, radix).ok().or_else(|| decimal(text, radix)),
        _ => return call.miss_input("a string or a number"),
    };
    match parsed {
        Some(parsed) => Some(Value::Number(Number::Int(parsed))),
        None => call.miss(format_args!("finds no whole number of 64 bits (radix {radix})")),
    }
}

/// A decimal with a fraction, without it: `"19.90"` is 19.
fn decimal(text: &str, radix: u32) -> Option<i64> {
    let (whole, fraction) = text.split_once('.')?;
    let is_decimal = radix == 10 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    is_decimal.then(|| whole.parse().ok())?
}

fn truncate(float: f64) -> Option<i64> {
    Number::Float(float.trunc()).as_i64()
}
