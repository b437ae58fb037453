//! Amounts of resources: their canonical form, and checks of them.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::quantity::Quantity;

use super::json;

/// Writes amounts as Kubernetes answers with them: as text, in their canonical form, no finer than a thousandth.
pub fn canonical_amounts(amounts: &mut Value) {
    for amount in amounts.as_object_mut().into_iter().flatten().map(|(_, amount)| amount) {
        canonical_amount(amount);
    }
}

/// One of them.
pub fn canonical_amount(amount: &mut Value) {
    let text = match &*amount {
        Value::String(text) => text.parse::<Quantity>(),
        Value::Number(number) => number.to_string().parse(),
        _ => return,
    };
    // What is no amount is left for validation to refuse.
    if let Ok(mut quantity) = text {
        if !quantity.is_milli() {
            quantity = Quantity::from_milli(quantity.milli());
        }
        *amount = quantity.to_string().into();
    }
}

/// An amount that must be there to be used up.
pub fn positive(amounts: &Value, name: &str, path: &Path, errors: &mut Vec<FieldError>) {
    let text = match json::get(amounts, name) {
        Value::Null => return,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let path = path.key(name);
    match text.parse::<Quantity>() {
        Ok(amount) if amount.is_negative() || amount.is_zero() => {
            errors.push(FieldError::invalid(&path, text, "must be greater than zero"));
        }
        Ok(_) => {}
        Err(error) => errors.push(FieldError::invalid(&path, text, error.to_string())),
    }
}
