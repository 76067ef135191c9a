//! Methods that compare, and those over true and false.

use std::cmp::Ordering;

use super::{Call, Given};
use crate::mapping::value::Value;

/// `eq(x)`: equal by value; `1` and `1.0` are.
pub(super) fn eq<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    let other = call.argument(0)?;
    let is_equal = call.is_equal(call.input, other)?;
    Some(Value::Bool(is_equal))
}

/// `ne(x)`: not equal.
pub(super) fn ne<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    let other = call.argument(0)?;
    let is_equal = call.is_equal(call.input, other)?;
    Some(Value::Bool(!is_equal))
}

/// `gt(x)`: greater.
pub(super) fn gt<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    compare(call, Ordering::is_gt)
}

/// `gte(x)`: greater or equal.
pub(super) fn gte<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    compare(call, Ordering::is_ge)
}

/// `lt(x)`: less.
pub(super) fn lt<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    compare(call, Ordering::is_lt)
}

/// `lte(x)`: less or equal.
pub(super) fn lte<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    compare(call, Ordering::is_le)
}

fn compare<'a>(call: &mut Call<'_, 'a>, holds: fn(Ordering) -> bool) -> Given<'a> {
    let other = call.argument(0)?;
    let order = match (call.input, other) {
        (Value::Number(a), Value::Number(b)) => a.compare(&b),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (input, other) => {
            let (input, other) = (input.kind(), other.kind());
            return call.miss(format_args!("compares two numbers or two strings, not {input} and {other}"));
        }
    };
    match order {
        Some(order) => Some(Value::Bool(holds(order))),
        None => call.miss(format_args!("cannot order numbers as large as these")),
    }
}

/// `and(x, …)`: whether all are true; stops at the first that is not.
pub(super) fn and<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    until(call, false)
}

/// `or(x, …)`: whether one is true; stops at the first that is.
pub(super) fn or<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    until(call, true)
}

/// Goes on until a part has the value that decides.
fn until<'a>(call: &mut Call<'_, 'a>, decisive: bool) -> Given<'a> {
    let Value::Bool(input) = call.input else { return call.miss_input("true or false") };
    if input == decisive {
        return Some(Value::Bool(decisive));
    }
    for index in 0..call.arguments.len() {
        match call.argument(index)? {
            Value::Bool(part) if part == decisive => return Some(Value::Bool(decisive)),
            Value::Bool(_) => {}
            other => return call.miss_argument("true or false", other),
        }
    }
    Some(Value::Bool(!decisive))
}

/// `not`: the other one.
pub(super) fn not<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    match call.input {
        Value::Bool(input) => Some(Value::Bool(!input)),
        _ => call.miss_input("true or false"),
    }
}
