//! Quotas: what a write takes or gives back, and whether it may.
//!
//! A quota and the object that it counts change in one transaction, so that no number of writers at once gets more than
//! there is. What a quota has not counted yet is counted here, in the same transaction; a controller counts all anew now
//! and then.

use serde_json::{Value, json};
use timonier_api::kind::GroupResource;
use timonier_api::quota::{self, Amounts};
use timonier_api::status::Status;
use timonier_store::{Key, Revision, Snapshot};

use crate::kinds::{Row, Table, json as of, metadata};
use crate::object::Object;

/// A write, as quotas see it.
pub struct Change<'a> {
    pub row: &'a Row,
    pub namespace: &'a str,
    pub key: &'a Key,
    pub old: Option<&'a Value>,
    pub new: Option<&'a Value>,
}

/// A quota with its new status, to be put in place of what was read at `at`.
pub struct Charged {
    pub key: Key,
    pub at: Revision,
    pub quota: Value,
}

/// Where the quotas of a namespace are kept.
fn prefix(namespace: &str) -> String {
    format!("resourcequotas/{namespace}/")
}

/// Whether the namespace has quotas.
pub fn any(snapshot: &Snapshot, namespace: &str) -> bool {
    !namespace.is_empty() && snapshot.range(&prefix(namespace), None).next().is_some()
}

/// Charges a write to all quotas that are about it; 403 when one of them has not enough left.
pub fn charge(table: &Table, snapshot: &Snapshot, change: &Change<'_>) -> Result<Vec<Charged>, Status> {
    let mut charged = vec![];
    if change.namespace.is_empty() {
        return Ok(charged);
    }
    for entry in snapshot.range(&prefix(change.namespace), None) {
        // A quota is not charged with what is written to itself.
        if entry.key == *change.key {
            continue;
        }
        let mut quota = Object::of(entry)?.working_value()?;
        if charge_one(table, snapshot, change, &mut quota)? {
            charged.push(Charged { key: entry.key.clone(), at: entry.revision, quota });
        }
    }
    Ok(charged)
}

/// Whether the quota changed.
fn charge_one(table: &Table, snapshot: &Snapshot, change: &Change<'_>, quota: &mut Value) -> Result<bool, Status> {
    let resource = &change.row.storage;
    let spec = of::get(quota, "spec");
    let mut hard = quota::amounts(of::get(spec, "hard"));
    let everything = hard.clone();
    hard.retain(|name, _| quota::is_about(name, resource));
    if hard.is_empty() {
        return Ok(false);
    }
    let taken = |object: Option<&Value>| {
        let object = object.filter(|object| quota::covers(spec, resource, object));
        object.map(|object| quota::usage(resource, object)).unwrap_or_default()
    };
    let mut delta = quota::difference(&taken(change.old), &taken(change.new));
    delta.retain(|name, _| hard.contains_key(name));
    let name = metadata::name(quota).to_owned();
    if let (None, Some(object)) = (change.old, change.new)
        && change.row.storage == GroupResource::new("", "pods")
        && quota::covers(spec, resource, object)
        && let Some(missing) = quota::missing(of::get(object, "spec"), hard.keys().map(String::as_str))
    {
        return Err(refusal(change, format!("failed quota: {name}: must specify {missing}")));
    }
    if delta.is_empty() {
        return Ok(false);
    }
    let mut used = quota::amounts(of::at(quota, &["status", "used"]));
    if delta.keys().any(|name| !used.contains_key(name)) {
        let counted = count(table, snapshot, change.namespace, spec, &everything)?;
        for (name, amount) in counted {
            used.entry(name).or_insert(amount);
        }
    }
    let exceeded: Amounts = delta
        .iter()
        .filter(|(name, amount)| !amount.is_negative() && sum(&used, name, **amount) > hard[*name])
        .map(|(name, amount)| (name.clone(), *amount))
        .collect();
    if !exceeded.is_empty() {
        let only = |all: &Amounts| {
            quota::words(&all.iter().filter(|(k, _)| exceeded.contains_key(*k)).map(|(k, v)| (k.clone(), *v)).collect())
        };
        let (used, limited) = (only(&used), only(&hard));
        let requested = quota::words(&exceeded);
        let detail = format!("exceeded quota: {name}, requested: {requested}, used: {used}, limited: {limited}");
        return Err(refusal(change, detail));
    }
    for (name, amount) in &delta {
        let now = sum(&used, name, *amount);
        used.insert(name.clone(), if now.is_negative() { Default::default() } else { now });
    }
    used.retain(|name, _| everything.contains_key(name));
    let hard = of::get(of::get(quota, "spec"), "hard").clone();
    of::set(quota, "status", json!({"hard": hard, "used": used}));
    Ok(true)
}

fn sum(used: &Amounts, name: &str, more: timonier_api::quantity::Quantity) -> timonier_api::quantity::Quantity {
    used.get(name).copied().unwrap_or_default() + more
}

fn refusal(change: &Change<'_>, detail: String) -> Status {
    let object = change.new.or(change.old).unwrap_or(&Value::Null);
    Status::forbidden(&change.row.storage, metadata::name(object), detail)
}

/// What all objects of a namespace take together of what a quota limits.
fn count(table: &Table, snapshot: &Snapshot, namespace: &str, spec: &Value, hard: &Amounts) -> Result<Amounts, Status> {
    let mut used: Amounts = hard.keys().map(|name| (name.clone(), Default::default())).collect();
    let kept = table.rows().iter().filter(|row| row.kind.namespaced && row.is_kept() && !row.converts());
    for row in kept.filter(|row| hard.keys().any(|name| quota::is_about(name, &row.storage))) {
        for entry in snapshot.range(&format!("{}/{namespace}/", row.storage_prefix()), None) {
            let object = Object::of(entry)?.working_value()?;
            if quota::covers(spec, &row.storage, &object) {
                quota::add(&mut used, &quota::usage(&row.storage, &object));
            }
        }
    }
    used.retain(|name, _| hard.contains_key(name));
    Ok(used)
}
