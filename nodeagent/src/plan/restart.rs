//! Whether and when a container that ended is started again.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Container as WantedContainer, Pod};

use crate::{
    desired::{
        self,
        roster::{Member, Sort},
    },
    observed::Exit,
};

pub fn ran(exit: &Exit) -> SignedDuration {
    exit.started.map_or(SignedDuration::ZERO, |started| exit.finished.duration_since(started))
}

/// Whether the container's own rules and policy, or else its pod's policy, start it again.
pub fn restarts(pod: &Pod, member: &Member<'_>, exit: &Exit) -> bool {
    if member.sort == Sort::Ephemeral {
        return false;
    }
    let policy = match member.restart_policy.as_deref() {
        Some(_) if rule_restarts(member, exit) => return true,
        Some(own) => own,
        None => desired::spec(pod).restart_policy.as_deref().unwrap_or("Always"),
    };
    match (policy, member.sort) {
        // It did what it was there for.
        (_, Sort::Init) if succeeded(exit) => false,
        ("Never", _) => false,
        ("OnFailure", _) => !succeeded(exit),
        _ => true,
    }
}

pub fn succeeded(exit: &Exit) -> bool {
    exit.code == 0 && exit.started.is_some()
}

fn rule_restarts(container: &WantedContainer, exit: &Exit) -> bool {
    let mut rules = container.restart_policy_rules.iter().flatten();
    let first = rules.find(|rule| {
        rule.exit_codes.as_ref().is_some_and(|codes| {
            let named = codes.values.iter().flatten().any(|code| *code == exit.code);
            match codes.operator.as_str() {
                "In" => named,
                "NotIn" => !named,
                _ => false,
            }
        })
    });
    first.is_some_and(|rule| rule.action == "Restart")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use crate::desired::roster;

    #[test]
    fn policies_and_rules_decide_container_by_container() {
        let rules = json!([{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]);
        let not = json!([{"action": "Restart", "exitCodes": {"operator": "NotIn", "values": [0, 1]}}]);
        let init = |own: Value| json!({"initContainers": [own], "containers": []});
        let main = |own: Value| json!({"containers": [own]});
        for (pod_policy, spec, code, expected) in [
            ("Always", main(json!({"name": "c"})), 0, true),
            ("OnFailure", main(json!({"name": "c"})), 0, false),
            ("Never", main(json!({"name": "c"})), 1, false),
            ("Never", main(json!({"name": "c", "restartPolicy": "Always"})), 0, true),
            ("Never", main(json!({"name": "c", "restartPolicy": "OnFailure"})), 0, false),
            ("Never", main(json!({"name": "c", "restartPolicy": "OnFailure"})), 3, true),
            ("Always", main(json!({"name": "c", "restartPolicy": "Never"})), 3, false),
            ("Always", main(json!({"name": "c", "restartPolicy": "Never", "restartPolicyRules": rules})), 42, true),
            ("Always", main(json!({"name": "c", "restartPolicy": "Never", "restartPolicyRules": rules})), 43, false),
            ("Never", main(json!({"name": "c", "restartPolicy": "Never", "restartPolicyRules": not})), 2, true),
            ("Never", main(json!({"name": "c", "restartPolicy": "Never", "restartPolicyRules": not})), 1, false),
            ("Always", init(json!({"name": "c"})), 0, false),
            ("Always", init(json!({"name": "c"})), 1, true),
            ("Never", init(json!({"name": "c"})), 1, false),
            ("Never", init(json!({"name": "c", "restartPolicy": "OnFailure"})), 1, true),
            ("Never", init(json!({"name": "c", "restartPolicy": "Always"})), 0, true),
            ("Always", json!({"containers": [], "ephemeralContainers": [{"name": "c"}]}), 1, false),
        ] {
            let mut whole = json!({"spec": spec});
            whole["spec"]["restartPolicy"] = pod_policy.into();
            let pod: Pod = serde_json::from_value(whole.clone()).expect("a pod");
            let member = roster::member(&pod, "c").expect("the container");
            let started = Some(Timestamp::UNIX_EPOCH);
            let (finished, error) = (Timestamp::UNIX_EPOCH, String::new());
            let exit = Exit { started, finished, code, oom_killed: false, error };
            assert_eq!(restarts(&pod, &member, &exit), expected, "{whole} {code}");
        }
    }
}
