//! Arithmetic. Integers stay integers and never wrap; what has no finite result is missing.

use super::{Call, Given};
use crate::mapping::value::{Number, Value};

/// `add(x, …)`.
pub(super) fn add<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    fold(call, Some(i64::checked_add), |a, b| a + b)
}

/// `sub(x, …)`.
pub(super) fn sub<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    fold(call, Some(i64::checked_sub), |a, b| a - b)
}

/// `mul(x, …)`.
pub(super) fn mul<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    fold(call, Some(i64::checked_mul), |a, b| a * b)
}

/// `div(x, …)`: always with a fraction.
pub(super) fn div<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    fold(call, None, |a, b| a / b)
}

/// `mod(x, …)`: the remainder, with the sign of the input.
pub(super) fn modulo<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    fold(call, Some(i64::checked_rem), |a, b| a % b)
}

type OfIntegers = fn(i64, i64) -> Option<i64>;

fn fold<'a>(
    call: &mut Call<'_, 'a>,
    of_integers: Option<OfIntegers>,
    of_floats: fn(f64, f64) -> f64,
) -> Given<'a> {
    let Value::Number(mut result) = call.input else { return call.miss_input("a number") };
    for index in 0..call.arguments.len() {
        let number = match call.argument(index)? {
            Value::Number(number) => number,
            other => return call.miss_argument("numbers", other),
        };
        let next = match of_integers {
            Some(apply) if result.is_integer() && number.is_integer() => {
                let both = result.as_i64().zip(number.as_i64());
                both.and_then(|(a, b)| apply(a, b)).map(Number::Int)
            }
            _ => {
                let both = result.as_f64().zip(number.as_f64());
                let float = both.map(|(a, b)| of_floats(a, b));
                float.filter(|float| float.is_finite()).map(Number::Float)
            }
        };
        match next {
            Some(next) => result = next,
            None => return call.miss(format_args!("has no result for {result} and {number}")),
        }
    }
    Some(Value::Number(result))
}

/// `parseInt([radix])`: the whole number that a string writes; of a number, without its fraction.
pub(super) fn parse_int<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    let radix = match call.arguments.len() {
        0 => 10,
        _ => {
            let given = call.argument(0)?;
            match radix(given) {
                Some(radix) => radix,
                None => return call.miss_argument("a radix from 2 to 36", given),
            }
        }
    };
    let parsed = match call.input {
        Value::Number(number) => number.as_i64().or_else(|| truncate(number.as_f64()?)),
        Value::String(text) => i64::from_str_radix(text, radix).ok().or_else(|| decimal(text, radix)),
        _ => return call.miss_input("a string or a number"),
    };
    match (parsed, call.input) {
        (Some(parsed), _) => Some(Value::Number(Number::Int(parsed))),
        (None, Value::String(text)) => {
            call.miss(format_args!("finds no whole number of 64 bits in {text:?} (radix {radix})"))
        }
        (None, _) => call.miss(format_args!("finds no whole number of 64 bits")),
    }
}

fn radix(value: Value<'_>) -> Option<u32> {
    let Value::Number(number) = value else { return None };
    u32::try_from(number.as_i64()?).ok().filter(|radix| (2..=36).contains(radix))
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
