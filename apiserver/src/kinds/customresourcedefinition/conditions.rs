//! What the server writes into a definition's status: which names it accepts, and whether objects are served.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kinds::custom::Names;
use crate::kinds::json;
use crate::object::meta;

pub struct Condition {
    type_: &'static str,
    status: bool,
    reason: &'static str,
    message: String,
}

/// Names that other definitions of the same group hold.
#[derive(Default)]
pub struct Taken {
    /// Plurals, singulars and short names: what stands in a URL or on a command line.
    resources: Vec<String>,
    /// Kinds and the kinds of their lists.
    kinds: Vec<String>,
}

impl Taken {
    /// By these accepted names.
    pub fn add(&mut self, names: &Names) {
        let resources = [&names.plural, &names.singular].into_iter().chain(&names.short_names);
        self.resources.extend(resources.filter(|name| !name.is_empty()).cloned());
        self.kinds.extend([&names.kind, &names.list_kind].into_iter().filter(|name| !name.is_empty()).cloned());
    }
}

pub fn pending_deletion() -> Condition {
    Condition {
        type_: "Terminating",
        status: true,
        reason: "InstanceDeletionPending",
        message: "CustomResourceDefinition marked for deletion; CustomResource deletion will be in progress".to_owned(),
    }
}

pub fn deleting(remaining: usize) -> Condition {
    let message = format!("{remaining} CustomResource objects remain");
    Condition { type_: "Terminating", status: true, reason: "InstanceDeletionInProgress", message }
}

/// Completes the status of a definition, given what others of its group hold. Idempotent.
pub fn complete(o: &mut Value, taken: &Taken, now: Timestamp) {
    let requested = json::at(o, &["spec", "names"]).clone();
    let held = json::at(o, &["status", "acceptedNames"]).clone();
    let mut accepted = serde_json::Map::new();
    let mut conflict: Option<Condition> = None;
    let mut take = |field: &'static str, reason: &'static str, among: &[String]| {
        let wanted = json::text(&requested, field);
        if wanted.is_empty() {
            return;
        }
        if among.iter().any(|name| name == wanted) {
            conflict.get_or_insert(refused(reason, format!("{wanted:?} is already in use")));
            let before = json::text(&held, field);
            if !before.is_empty() || matches!(field, "plural" | "kind") {
                accepted.insert(field.to_owned(), before.into());
            }
        } else {
            accepted.insert(field.to_owned(), wanted.into());
        }
    };
    take("plural", "PluralConflict", &taken.resources);
    take("singular", "SingularConflict", &taken.resources);
    take("kind", "KindConflict", &taken.kinds);
    take("listKind", "ListKindConflict", &taken.kinds);
    let short: Vec<&str> = json::list(&requested, "shortNames").iter().filter_map(Value::as_str).collect();
    let bad: Vec<&str> = short.iter().copied().filter(|name| taken.resources.iter().any(|t| t == name)).collect();
    if bad.is_empty() {
        if !short.is_empty() {
            accepted.insert("shortNames".to_owned(), json!(short));
        }
    } else {
        let message = bad.iter().map(|name| format!("{name:?} is already in use")).collect::<Vec<_>>().join(", ");
        conflict.get_or_insert(refused("ShortNamesConflict", message));
    }
    let categories = json::list(&requested, "categories");
    if !categories.is_empty() {
        accepted.insert("categories".to_owned(), categories.to_vec().into());
    }
    if let Some(status) = json::object_mut(o, "status") {
        json::set(status, "acceptedNames", accepted);
    }
    let free = conflict.is_none();
    let names = conflict.unwrap_or_else(|| Condition {
        type_: "NamesAccepted",
        status: true,
        reason: "NoConflicts",
        message: "no conflicts found".to_owned(),
    });
    set(o, names, now);
    // Once established, a definition stays so: its objects are there.
    if !super::is(o, "Established") {
        let established = if free {
            ("InitialNamesAccepted", "the initial names have been accepted")
        } else {
            ("NotAccepted", "not all names are accepted")
        };
        let (reason, message) = established;
        set(o, Condition { type_: "Established", status: free, reason, message: message.to_owned() }, now);
    }
    approval(o, now);
}

fn refused(reason: &'static str, message: String) -> Condition {
    Condition { type_: "NamesAccepted", status: false, reason, message }
}

/// Groups of Kubernetes itself say whether their API was approved.
fn approval(o: &mut Value, now: Timestamp) {
    if !super::protected::is_protected(json::text(json::get(o, "spec"), "group")) {
        return;
    }
    let annotations = json::at(o, &["metadata", "annotations"]);
    let approved = json::text(annotations, super::protected::APPROVAL).to_owned();
    let by_url = approved.starts_with("https://") || approved.starts_with("http://");
    let reason = if by_url { "ApprovedAnnotation" } else { "UnapprovedAnnotation" };
    let message = if by_url { format!("approved in {approved}") } else { format!("not approved: {approved:?}") };
    set(o, Condition { type_: "KubernetesAPIApprovalPolicyConformant", status: by_url, reason, message }, now);
}

/// Writes a condition; its time changes with its status only.
pub fn set(o: &mut Value, condition: Condition, now: Timestamp) {
    let status = if condition.status { "True" } else { "False" };
    let Some(of) = json::object_mut(o, "status") else {
        return;
    };
    json::fill(of, "conditions", Vec::<Value>::new());
    let mut new = json!({
        "type": condition.type_, "status": status, "reason": condition.reason, "message": condition.message,
        "lastTransitionTime": meta::time(now),
    });
    let Some(conditions) = of["conditions"].as_array_mut() else {
        return;
    };
    match conditions.iter_mut().find(|there| json::text(there, "type") == condition.type_) {
        Some(there) => {
            if json::text(there, "status") == status {
                json::set(&mut new, "lastTransitionTime", json::get(there, "lastTransitionTime").clone());
            }
            *there = new;
        }
        None => conditions.push(new),
    }
}

/// The name that a definition must have.
pub fn full_name(o: &Value) -> String {
    let spec = json::get(o, "spec");
    format!("{}.{}", json::text(json::get(spec, "names"), "plural"), json::text(spec, "group"))
}
