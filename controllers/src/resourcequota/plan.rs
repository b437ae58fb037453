//! What a quota's status should say: a pure count.

use serde_json::{Value, json};
use timonier_api::kind::GroupResource;
use timonier_api::quota::{self, Amounts};

/// The status of a quota in whose namespace these objects are; `None` when it says so already.
pub fn plan(spec: &Value, status: &Value, objects: &[(GroupResource, Vec<Value>)]) -> Option<Value> {
    let hard = quota::amounts(&spec["hard"]);
    let mut used: Amounts = hard.keys().map(|name| (name.clone(), Default::default())).collect();
    for (resource, objects) in objects {
        for object in objects.iter().filter(|object| quota::covers(spec, resource, object)) {
            quota::add(&mut used, &quota::usage(resource, object));
        }
    }
    used.retain(|name, _| hard.contains_key(name));
    let same = |field: &str, amounts: &Amounts| quota::amounts(&status[field]) == *amounts && status[field].is_object();
    if same("hard", &hard) && same("used", &used) { None } else { Some(json!({"hard": hard, "used": used})) }
}

/// Whether what is limited has changed since it was last counted.
pub fn is_new(spec: &Value, status: &Value) -> bool {
    !status["used"].is_object() || quota::amounts(&spec["hard"]) != quota::amounts(&status["hard"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_a_quota_is_about_is_counted_and_nothing_else() {
        let spec = json!({"hard": {"pods": "5", "requests.cpu": "2", "count/jobs.batch": "1"}});
        let pod = json!({"spec": {"containers": [{"resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}]}});
        let objects = [
            (GroupResource::new("", "pods"), vec![pod.clone(), pod, json!({"status": {"phase": "Failed"}})]),
            (GroupResource::new("batch", "jobs"), vec![json!({})]),
        ];
        let status = plan(&spec, &json!({}), &objects).expect("it was never counted");
        assert_eq!(status["used"], json!({"count/jobs.batch": "1", "pods": "2", "requests.cpu": "1"}));
        assert_eq!(status["hard"], spec["hard"]);
        assert_eq!(plan(&spec, &status, &objects), None);
        assert!(is_new(&spec, &json!({})) && !is_new(&spec, &status));
        assert!(is_new(&json!({"hard": {"pods": "6"}}), &status));
    }

    #[test]
    fn scopes_hold_here_too() {
        let spec = json!({"hard": {"pods": "5"}, "scopes": ["Terminating"]});
        let objects = [(
            GroupResource::new("", "pods"),
            vec![json!({"spec": {}}), json!({"spec": {"activeDeadlineSeconds": 9}})],
        )];
        assert_eq!(plan(&spec, &json!({}), &objects).expect("a status")["used"], json!({"pods": "1"}));
    }
}
