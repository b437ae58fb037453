//! What each function does, by topic. Who is called with what it does not take says so: types are checked before, but not those
//! of `dyn`.

mod called;
mod conversions;
mod formats;
mod lists;
mod net;
mod operators;
mod quantities;
mod regexes;
mod strings;
mod times;

pub use conversions::text;
pub use times::parse as parse_duration;

use crate::budget::{Budget, RunError};
use crate::value::Value;

pub fn call(name: &str, method: bool, args: &[Value], budget: &mut Budget) -> Result<Value, RunError> {
    for arg in args {
        if let Value::Failed(error) = arg {
            return Err(RunError::clone(error));
        }
    }
    // Arithmetic and the like look at numbers alone; what looks through texts and lists costs by their length.
    budget.spend(args.iter().map(Value::weight).sum())?;
    if !method && let Some(answer) = operators::call(name, args) {
        return answer;
    }
    let topics = [
        conversions::call,
        strings::call,
        regexes::call,
        lists::call,
        times::call,
        quantities::call,
        net::call,
        formats::call,
    ];
    let mut answers = topics.into_iter().filter_map(|topic| topic(name, method, args));
    let answer = answers.next().unwrap_or_else(|| Err(RunError::no_overload()))?;
    // What grows is paid for: a text that doubles itself again and again ends soon.
    budget.spend(answer.weight())?;
    Ok(answer)
}
