//! What a refused pod says, and the smallest change after which it would be accepted. Pure.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use timonier_api::quantity::Quantity;
use timonier_api::quota::{self, Amounts};

/// Why pods are refused.
#[derive(Debug, Clone, PartialEq)]
pub enum Refused {
    /// A quota's name, and what one pod takes of it.
    OverQuota {
        quota: String,
        requested: Amounts,
    },
    /// A quota counts what the pod does not say.
    Unsaid {
        quota: String,
        missing: Vec<String>,
    },
    /// A limit range: each part of this kind (`Container`, `Pod`) must have at most or at least so much.
    OutOfRange {
        rule: String,
        kind: String,
        resource: String,
        what: String,
        bound: String,
        most: bool,
    },
    NoServiceAccount(String),
    Other,
}

/// One way to put it right.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Remedy {
    pub summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// Reads the message of a refusal, as the API server words it.
pub fn read(message: &str) -> Refused {
    if let Some(rest) = after(message, "exceeded quota: ") {
        let (quota, rest) = rest.split_once(", requested: ").unwrap_or((rest, ""));
        let requested = rest.split_once(", used: ").map_or(rest, |(requested, _)| requested);
        return Refused::OverQuota { quota: quota.to_string(), requested: amounts(requested) };
    }
    if let Some(rest) = after(message, "failed quota: ")
        && let Some((quota, missing)) = rest.split_once(": must specify ")
    {
        // `requests.cpu for: web; requests.memory for: web,db`
        let names = missing.split(';').filter_map(|part| part.trim().split([' ', ',']).next());
        let missing = names.filter(|name| !name.is_empty()).map(str::to_string).collect();
        return Refused::Unsaid { quota: quota.to_string(), missing };
    }
    if let Some(name) = after(message, "serviceaccount \"").and_then(|rest| rest.split('"').next()) {
        return Refused::NoServiceAccount(name.to_string());
    }
    out_of_range(message).unwrap_or(Refused::Other)
}

fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.split_once(mark).map(|(_, rest)| rest)
}

/// `requests.cpu=1,pods=1`
fn amounts(text: &str) -> Amounts {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.filter_map(|(name, amount)| Some((name.trim().to_string(), amount.trim().parse().ok()?))).collect()
}

/// `maximum cpu usage per Container is 1, but limit is 2`
fn out_of_range(message: &str) -> Option<Refused> {
    let (start, most) = match (message.find("maximum "), message.find("minimum ")) {
        (Some(at), None) => (at, true),
        (None, Some(at)) => (at, false),
        (Some(max), Some(min)) => (max.min(min), max < min),
        (None, None) => return None,
    };
    let rule = message[start..].trim_end_matches(']');
    let (resource, rest) = rule[8..].split_once(" usage per ")?;
    let (kind, rest) = rest.split_once(" is ")?;
    let end = rest.find([',', ' ']).unwrap_or(rest.len());
    let bound = rest[..end].trim_end_matches('.');
    let what = if rest.to_lowercase().contains("limit") { "limit" } else { "request" };
    Some(Refused::OutOfRange {
        rule: rule.to_string(),
        kind: kind.to_string(),
        resource: resource.to_string(),
        what: what.to_string(),
        bound: bound.to_string(),
        most,
    })
}

/// What refuses them, in its namespace: its quota as it is now, if it is one, and how many more pods are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    pub namespace: &'a str,
    pub quota: &'a Value,
    pub missing: i64,
    /// What makes the pods, as in `deployment/web`, and how many it has.
    pub maker: &'a str,
    pub made: i64,
}

/// What would let the pods be made, the smallest change first.
pub fn remedies(refused: &Refused, around: Around<'_>) -> Vec<Remedy> {
    let Around { namespace, missing, .. } = around;
    match refused {
        Refused::OverQuota { quota, requested } => over_quota(quota, requested, around),
        Refused::Unsaid { quota, missing } => vec![
            Remedy {
                summary: format!(
                    "Let each container of the template say its {}, which quota {quota} counts",
                    missing.join(" and ")
                ),
                command: None,
            },
            Remedy {
                summary: format!("Give the namespace {namespace} a LimitRange with defaults for them"),
                command: None,
            },
        ],
        Refused::OutOfRange { kind, resource, what, bound, most, .. } => {
            let side = if *most { "at most" } else { "at least" };
            vec![
                Remedy {
                    summary: format!("Let each {kind} of the template have a {resource} {what} of {side} {bound}"),
                    command: None,
                },
                Remedy {
                    summary: format!("Change that bound in the LimitRange of namespace {namespace}"),
                    command: Some(format!("kctl get limitrange -n {namespace} -o yaml")),
                },
            ]
        }
        Refused::NoServiceAccount(name) => vec![Remedy {
            summary: format!("Create the service account {name} for its {missing} more pods"),
            command: Some(format!("kctl create serviceaccount {name} -n {namespace}")),
        }],
        Refused::Other => vec![],
    }
}

fn over_quota(name: &str, requested: &Amounts, around: Around<'_>) -> Vec<Remedy> {
    let Around { namespace, quota, missing, maker, made } = around;
    let field = |path: &str| quota::amounts(quota.pointer(path).unwrap_or(&Value::Null));
    let (hard, used) = (field("/spec/hard"), field("/status/used"));
    let mut raised = BTreeMap::new();
    for (resource, each) in requested {
        let taken = used.get(resource).copied().unwrap_or_default();
        let wanted = plus(taken, *each, missing.max(1));
        if hard.get(resource).is_none_or(|hard| *hard < wanted) {
            raised.insert(resource.clone(), wanted);
        }
    }
    let mut remedies = vec![];
    // None: it has been raised meanwhile, and the next try will do.
    if !raised.is_empty() {
        let patch = serde_json::json!({"spec": {"hard": raised}});
        remedies.push(Remedy {
            summary: format!("Raise quota {name} to {}, enough for {missing} more", quota::words(&raised)),
            command: Some(format!("kctl patch resourcequota/{name} -n {namespace} --type=merge -p '{patch}'")),
        });
    }
    remedies.push(Remedy {
        summary: format!("Let {maker} want {made} instead of {} pods", made + missing),
        command: Some(format!("kctl scale {maker} -n {namespace} --replicas={made}")),
    });
    remedies
}

/// `sum + each * times`
fn plus(sum: Quantity, each: Quantity, times: i64) -> Quantity {
    (0..times).fold(sum, |sum, _| sum + each)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn around(quota: &Value) -> Around<'_> {
        Around { namespace: "shop", quota, missing: 2, maker: "deployment/web", made: 3 }
    }

    #[test]
    fn a_quota_is_raised_by_what_all_missing_pods_take() {
        let message = "pods \"web-1\" is forbidden: exceeded quota: q, requested: requests.cpu=500m, used: requests.cpu=1500m, limited: requests.cpu=1500m";
        let refused = read(message);
        let requested = amounts("requests.cpu=500m");
        assert_eq!(refused, Refused::OverQuota { quota: "q".into(), requested });
        let quota = json!({"spec": {"hard": {"requests.cpu": "1500m", "pods": "9"}},
            "status": {"used": {"requests.cpu": "1500m", "pods": "3"}}});
        let remedies = remedies(&refused, around(&quota));
        assert_eq!(remedies[0].summary, "Raise quota q to requests.cpu=2500m, enough for 2 more");
        assert_eq!(
            remedies[0].command.as_deref(),
            Some(
                "kctl patch resourcequota/q -n shop --type=merge -p '{\"spec\":{\"hard\":{\"requests.cpu\":\"2500m\"}}}'"
            )
        );
        assert_eq!(remedies[1].summary, "Let deployment/web want 3 instead of 5 pods");
    }

    #[test]
    fn a_quota_that_has_been_raised_is_not_raised_again() {
        let refused = read("exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3");
        let quota = json!({"spec": {"hard": {"pods": "5"}}, "status": {"used": {"pods": "3"}}});
        assert_eq!(remedies(&refused, around(&quota)).len(), 1);
    }

    #[test]
    fn other_refusals_are_read_too() {
        let unsaid = read("failed quota: q: must specify requests.cpu for: web; requests.memory for: web");
        let missing = vec!["requests.cpu".into(), "requests.memory".into()];
        assert_eq!(unsaid, Refused::Unsaid { quota: "q".into(), missing });
        for (message, expected) in [
            (
                "pods \"a\" is forbidden: maximum cpu usage per Container is 1, but limit is 2",
                "Let each Container of the template have a cpu limit of at most 1",
            ),
            (
                "[minimum memory usage per Pod is 64Mi, but request is 1Mi]",
                "Let each Pod of the template have a memory request of at least 64Mi",
            ),
            (
                "maximum memory usage per Container is 1Gi.  No limit is specified",
                "Let each Container of the template have a memory limit of at most 1Gi",
            ),
            (
                "error looking up service account shop/robot: serviceaccount \"robot\" not found",
                "Create the service account robot for its 2 more pods",
            ),
        ] {
            let remedies = remedies(&read(message), around(&Value::Null));
            assert_eq!(remedies[0].summary, expected, "{message}");
        }
        assert_eq!(read("the webhook says no"), Refused::Other);
    }
}
