//! `spec.successPolicy` of an indexed job: when enough of it has succeeded.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};

use crate::kinds::json;

const MAX_RULES: usize = 20;
/// Longest list of indexes, in bytes.
const MAX_INDEXES: usize = 64 * 1024;

/// Checks it in the job's spec at `path`.
pub fn validate(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let (policy, path) = (json::get(spec, "successPolicy"), path.child("successPolicy"));
    if !policy.is_object() {
        return;
    }
    if json::text(spec, "completionMode") != "Indexed" {
        errors.push(FieldError::invalid(&path, policy.clone(), "requires indexed completion mode"));
        return;
    }
    let (rules, path) = (json::list(policy, "rules"), path.child("rules"));
    if rules.is_empty() {
        let detail = "at least one rules must be specified when the successPolicy is specified";
        errors.push(FieldError::required(&path, detail));
    }
    if rules.len() > MAX_RULES {
        errors.push(FieldError::too_many(&path, rules.len(), MAX_RULES));
    }
    let completions = json::int(spec, "completions").unwrap_or(0);
    for (i, rule) in rules.iter().enumerate() {
        self::rule(rule, completions, &path.index(i), errors);
    }
}

fn rule(rule: &Value, completions: i64, path: &Path, errors: &mut Vec<FieldError>) {
    let count = json::int(rule, "succeededCount");
    if count.is_none() && !json::has(rule, "succeededIndexes") {
        let detail = "at least one of succeededCount or succeededIndexes must be specified";
        errors.push(FieldError::required(path, detail));
    }
    let mut indexes = None;
    if json::has(rule, "succeededIndexes") {
        let (text, path) = (json::text(rule, "succeededIndexes"), path.child("succeededIndexes"));
        if text.len() > MAX_INDEXES {
            errors.push(FieldError::too_long(&path, MAX_INDEXES));
        }
        match total(text, completions) {
            Ok(n) => indexes = Some(n),
            Err(fault) => errors.push(FieldError::invalid(&path, text, fault)),
        }
    }
    let Some(count) = count else { return };
    let path = path.child("succeededCount");
    if count < 0 {
        errors.push(FieldError::invalid(&path, count, "must be greater than or equal to 0"));
    }
    if count > completions {
        let detail = format!("must be less than or equal to {completions} (the number of specified completions)");
        errors.push(FieldError::invalid(&path, count, detail));
    }
    if let Some(indexes) = indexes.filter(|indexes| count > *indexes) {
        let detail = format!(
            "must be less than or equal to {indexes} (the number of indexes in the specified succeededIndexes field)"
        );
        errors.push(FieldError::invalid(&path, count, detail));
    }
}

/// How many indexes `1,3-5` names: ascending, each below `completions`.
fn total(text: &str, completions: i64) -> Result<i64, String> {
    let (mut total, mut last) = (0, -1);
    if text.is_empty() {
        return Ok(0);
    }
    for interval in text.split(',') {
        let limits: Vec<&str> = interval.split('-').collect();
        if limits.len() > 2 {
            return Err(format!(
                "the fragment {interval:?} violates the requirement that an index interval can have at most two parts separated by '-'"
            ));
        }
        let mut numbers = vec![];
        for limit in &limits {
            let number: i64 =
                limit.parse().map_err(|_| format!("cannot convert string to integer for index: {limit:?}"))?;
            if number >= completions {
                return Err(format!("too large index: {limit:?}"));
            }
            numbers.push(number);
        }
        let (first, end) = (numbers[0], numbers[numbers.len() - 1]);
        if first <= last || (numbers.len() == 2 && end <= first) {
            return Err(format!("non-increasing order, previous: {last}, current: {first}"));
        }
        total += end - first + 1;
        last = end;
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_counted_and_ascend() {
        for (text, expected) in [
            ("", Some(0)),
            ("0", Some(1)),
            ("1,3-5", Some(4)),
            ("3,1", None),
            ("1-2-3", None),
            ("a", None),
            ("9", None),
            ("5-4", None),
        ] {
            assert_eq!(total(text, 8).ok(), expected, "{text}");
        }
    }
}
