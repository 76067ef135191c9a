//! How much one evaluation may do: values made and looked at, and how deep it may go. Whatever a backend answers and
//! whatever a mapping does with it, evaluating ends soon and within the stack. What is done with the budget is in `evaluate`.

use super::value::{self, Value};

/// What one evaluation may do, in values made and looked at. Beyond it the evaluation gives missing, and
/// [`Problems::work_ran_out`](super::Problems::work_ran_out) tells so. A body of the largest default size holds some hundred
/// thousand values.
pub(super) const WORK_MAX: usize = 4_000_000;

/// How deep expressions and lists may stand in each other while a mapping runs. The parser bounds the text's nesting,
/// a body's reader that of lists; this bounds the two together, and with them the stack.
pub(super) const DEPTH_MAX: usize = 300;

/// What is left of one evaluation's work.
pub(super) struct Budget {
    work: usize,
    has_run_out: bool,
    depth: usize,
}

impl Budget {
    pub(super) fn full() -> Self {
        Budget { work: WORK_MAX, has_run_out: false, depth: 0 }
    }

    pub(super) fn has_run_out(&self) -> bool {
        self.has_run_out
    }

    /// Takes from the work that is left; none when nothing is left.
    pub(super) fn spend(&mut self, work: usize) -> Option<()> {
        match self.work.checked_sub(work) {
            Some(left) => {
                self.work = left;
                Some(())
            }
            None => {
                self.work = 0;
                self.has_run_out = true;
                None
            }
        }
    }

    /// Takes the work of walking through a whole value. Parts that a mapping put into it more than once count each time,
    /// and a value that is deeper than those who walk it go is too much.
    pub(super) fn weigh(&mut self, value: &Value<'_>) -> Option<()> {
        self.weigh_at(value, 0)
    }

    fn weigh_at(&mut self, value: &Value<'_>, depth: usize) -> Option<()> {
        match value {
            Value::List(_) | Value::Object(_) if depth == value::DEPTH_MAX => self.spend(usize::MAX),
            Value::List(elements) => {
                self.spend(elements.len())?;
                elements.iter().try_for_each(|element| self.weigh_at(element, depth + 1))
            }
            Value::Object(entries) => {
                self.spend(entries.len())?;
                entries.iter().try_for_each(|(_, value)| self.weigh_at(value, depth + 1))
            }
            Value::String(text) => self.spend(text.len() / 16),
            Value::Null | Value::Bool(_) | Value::Number(_) => Some(()),
        }
    }

    /// Goes one level deeper; none at the bound. Whoever got in has to [`leave`](Budget::leave).
    pub(super) fn enter(&mut self) -> Option<()> {
        if self.depth == DEPTH_MAX {
            return None;
        }
        self.depth += 1;
        Some(())
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }
}
