//! What a pod's priority class, or the cluster's default one, says: how much it matters, and whether others make room for it.

use serde_json::Value;
use timonier_api::kind::GroupResource;
use timonier_api::status::Status;
use timonier_store::Snapshot;

use crate::kinds::{json, metadata};
use crate::object::Object;

const CLASSES: &str = "priorityclasses.scheduling.k8s.io/";

/// Completes a new pod. A priority of its own must be that of its class.
pub fn complete(pod: &mut Value, snapshot: &Snapshot) -> Result<(), Status> {
    let pod_name = metadata::name(pod).to_owned();
    let Some(spec) = json::object_mut(pod, "spec") else { return Ok(()) };
    let refuse = |detail: String| Err(Status::forbidden(&GroupResource::new("", "pods"), &pod_name, detail));
    let name = json::text(spec, "priorityClassName").to_owned();
    let class = if name.is_empty() { default_class(snapshot) } else { class(&name, snapshot) };
    if class.is_none() && !name.is_empty() {
        return refuse(format!("no PriorityClass with name {name} was found"));
    }
    let class = class.unwrap_or_default();
    let priority = json::int(&class, "value").unwrap_or(0);
    if json::int(spec, "priority").is_some_and(|given| given != priority) {
        return refuse(format!(
            "the integer value of priority ({}) must not be provided in pod spec; priority admission controller computed \
             {priority} from the given PriorityClass name",
            json::int(spec, "priority").unwrap_or(0)
        ));
    }
    let policy = match json::text(&class, "preemptionPolicy") {
        "" => "PreemptLowerPriority",
        policy => policy,
    };
    let given = json::text(spec, "preemptionPolicy");
    if !given.is_empty() && given != policy {
        return refuse(format!(
            "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission controller \
             computed {policy} from the given PriorityClass name"
        ));
    }
    json::set(spec, "priority", priority);
    json::set(spec, "preemptionPolicy", policy);
    if !class.is_null() {
        json::set(spec, "priorityClassName", metadata::name(&class));
    }
    Ok(())
}

fn class(name: &str, snapshot: &Snapshot) -> Option<Value> {
    Object::of(snapshot.get(&format!("{CLASSES}{name}"))?).ok()?.stored_value().ok()
}

/// The class of pods that name none; of several, the lowest.
fn default_class(snapshot: &Snapshot) -> Option<Value> {
    let classes = snapshot.range(CLASSES, None).filter_map(|entry| {
        let object = Object::of(entry).ok()?;
        if object.may_have("globalDefault") { object.stored_value().ok() } else { None }
    });
    classes.filter(|class| json::flag(class, "globalDefault")).min_by_key(|class| json::int(class, "value"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use timonier_store::{Key, Options, Store, StoreUrl, Txn};

    use super::*;
    use crate::kinds::Table;
    use crate::object;

    async fn snapshot(classes: &[Value]) -> Snapshot {
        let table = Table::builtin();
        let row = table.by_kind("scheduling.k8s.io", "v1", "PriorityClass").expect("a kind");
        let store = Store::open(&StoreUrl::Memory, Options::default()).await.expect("opens");
        for class in classes {
            let key = Key::new(format!("{CLASSES}{}", metadata::name(class)));
            store
                .commit(Txn::create(key, object::encode(class, row).expect("encodes"), None))
                .await
                .expect("is written");
        }
        store.snapshot()
    }

    fn class(name: &str, value: i64, more: Value) -> Value {
        let mut class = json!({"metadata": {"name": name}, "value": value, "preemptionPolicy": "PreemptLowerPriority"});
        for (field, value) in more.as_object().expect("fields") {
            class[field] = value.clone();
        }
        class
    }

    #[tokio::test]
    async fn a_pod_has_the_priority_of_its_class() {
        let classes = [
            class("high", 1000, json!({"preemptionPolicy": "Never"})),
            class("low", 10, json!({"globalDefault": true})),
            class("lower", 5, json!({"globalDefault": true})),
        ];
        let snapshot = snapshot(&classes).await;
        let complete = |spec: Value| {
            let mut pod = json!({"metadata": {"name": "p"}, "spec": spec});
            complete(&mut pod, &snapshot).map(|()| pod["spec"].clone()).map_err(|status| status.message)
        };
        let expected = json!({"priorityClassName": "high", "priority": 1000, "preemptionPolicy": "Never"});
        assert_eq!(complete(json!({"priorityClassName": "high"})), Ok(expected));
        let expected = json!({"priorityClassName": "lower", "priority": 5, "preemptionPolicy": "PreemptLowerPriority"});
        assert_eq!(complete(json!({})), Ok(expected.clone()));
        assert_eq!(complete(json!({"priority": 5})), Ok(expected));
        let refused = |spec: Value| complete(spec).expect_err("is refused");
        assert_eq!(
            refused(json!({"priorityClassName": "mine"})),
            "pods \"p\" is forbidden: no PriorityClass with name mine was found"
        );
        assert!(refused(json!({"priorityClassName": "high", "priority": 7})).contains("(7) must not be provided"));
        let preempts = json!({"priorityClassName": "high", "preemptionPolicy": "PreemptLowerPriority"});
        assert!(refused(preempts).contains("computed Never from the given"));
    }

    #[tokio::test]
    async fn without_classes_nothing_matters_more() {
        let mut pod = json!({"spec": {}});
        complete(&mut pod, &snapshot(&[]).await).expect("is completed");
        assert_eq!(pod["spec"], json!({"priority": 0, "preemptionPolicy": "PreemptLowerPriority"}));
    }
}
