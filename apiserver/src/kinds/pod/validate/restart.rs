//! A container's own restart policy, and the rules that come before it.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};

use super::of::Errors;
use crate::kinds::checks::{choice, optional_choice};
use crate::kinds::json;

/// How many rules a container may have, and exit codes a rule.
const MAX_RULES: usize = 20;
const MAX_CODES: usize = 255;

pub fn restart(container: &Value, path: &Path, errors: &mut Errors) {
    let policy = json::text(container, "restartPolicy");
    optional_choice(container, "restartPolicy", &["Always", "Never", "OnFailure"], path, errors);
    let list = path.child("restartPolicyRules");
    let rules = json::list(container, "restartPolicyRules");
    if rules.is_empty() {
        return;
    }
    if policy.is_empty() {
        let detail = "must specify restartPolicy when restart rules are used";
        errors.push(FieldError::required(&path.child("restartPolicy"), detail));
    }
    if rules.len() > MAX_RULES {
        errors.push(FieldError::too_many(&list, rules.len(), MAX_RULES));
    }
    for (i, rule) in rules.iter().enumerate() {
        let path = list.index(i);
        choice(rule, "action", &["Restart"], &path, errors);
        let (codes, path) = (json::get(rule, "exitCodes"), path.child("exitCodes"));
        if !codes.is_object() {
            errors.push(FieldError::required(&path, "must be specified"));
            continue;
        }
        choice(codes, "operator", &["In", "NotIn"], &path, errors);
        let values = json::list(codes, "values").len();
        if values == 0 {
            errors.push(FieldError::required(&path.child("values"), "must not be empty"));
        } else if values > MAX_CODES {
            errors.push(FieldError::too_many(&path.child("values"), values, MAX_CODES));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_need_a_policy_and_exit_codes() {
        let rule = |codes: Value| json!([{"action": "Restart", "exitCodes": codes}]);
        let good = json!({"operator": "In", "values": [42]});
        for (container, field) in [
            (json!({"restartPolicy": "Never", "restartPolicyRules": rule(good.clone())}), ""),
            (json!({"restartPolicy": "Sometimes"}), "c.restartPolicy"),
            (json!({"restartPolicyRules": rule(good.clone())}), "c.restartPolicy"),
            (
                json!({"restartPolicy": "Never", "restartPolicyRules": [{"action": "Dance", "exitCodes": good}]}),
                "c.restartPolicyRules[0].action",
            ),
            (
                json!({"restartPolicy": "Never", "restartPolicyRules": [{"action": "Restart"}]}),
                "c.restartPolicyRules[0].exitCodes",
            ),
            (
                json!({"restartPolicy": "Never", "restartPolicyRules": rule(json!({"operator": "Eq", "values": [1]}))}),
                "c.restartPolicyRules[0].exitCodes.operator",
            ),
            (
                json!({"restartPolicy": "Never", "restartPolicyRules": rule(json!({"operator": "In", "values": []}))}),
                "c.restartPolicyRules[0].exitCodes.values",
            ),
        ] {
            let mut errors = vec![];
            restart(&container, &Path::new("c"), &mut errors);
            let fields: Vec<_> = errors.iter().map(|error| error.field.clone()).collect();
            assert_eq!(fields.join(","), field, "{container}");
        }
    }
}
