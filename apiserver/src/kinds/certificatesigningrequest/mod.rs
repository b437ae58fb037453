//! CertificateSigningRequest: a public key and a name that wait for an approver, then for a signer.
//!
//! Who asks is written down by the server. The approval is a path of its own, and so is the status with the certificate.

mod validate;

pub use validate::organizations;

use jiff::Timestamp;
use serde_json::{Map, Value};
use timonier_api::field::FieldError;

use super::{Column, Hooks, json, metadata};
use crate::identity::Identity;
use crate::object::meta;

pub struct CertificateSigningRequest;

pub const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::AGE,
    Column::text("SignerName"),
    Column::text("Requestor"),
    Column::text("RequestedDuration"),
    Column::text("Condition"),
];

/// The conditions that only an approver writes.
fn is_verdict(condition: &Value) -> bool {
    matches!(json::text(condition, "type"), "Approved" | "Denied")
}

fn conditions(o: &Value) -> &[Value] {
    json::list(json::get(o, "status"), "conditions")
}

/// The verdict that stands, in words: what `kubectl get csr` shows.
fn condition_text(o: &Value) -> String {
    let has = |type_: &str| conditions(o).iter().any(|condition| json::text(condition, "type") == type_);
    let mut words = vec![match (has("Approved"), has("Denied")) {
        (_, true) => "Denied",
        (true, false) => "Approved",
        (false, false) => "Pending",
    }];
    if has("Failed") {
        words.push("Failed");
    }
    if !json::text(json::get(o, "status"), "certificate").is_empty() {
        words.push("Issued");
    }
    words.join(",")
}

/// `conditions` with their times: of a condition that is there already, else now.
fn timed(new: &[Value], old: &[Value], now: Timestamp) -> Vec<Value> {
    let dated = new.iter().filter(|condition| condition.is_object()).map(|condition| {
        let mut condition = condition.clone();
        json::fill_text(&mut condition, "status", "True");
        let before = old.iter().find(|o| {
            json::text(o, "type") == json::text(&condition, "type")
                && json::text(o, "status") == json::text(&condition, "status")
        });
        for field in ["lastUpdateTime", "lastTransitionTime"] {
            let kept = before.map(|before| json::text(before, field)).filter(|time| !time.is_empty());
            json::fill(&mut condition, field, kept.map_or_else(|| meta::time(now), str::to_string));
        }
        condition
    });
    dated.collect()
}

fn set_conditions(o: &mut Value, conditions: Vec<Value>) {
    if let Some(status) = json::object_mut(o, "status") {
        json::set(status, "conditions", conditions);
    }
}

impl Hooks for CertificateSigningRequest {
    fn default(&self, o: &mut Value) {
        json::object_mut(o, "status");
    }

    fn prepare_create(&self, o: &mut Value) {
        json::set(o, "status", Map::new());
    }

    fn created_by(&self, o: &mut Value, by: &Identity) {
        let Some(spec) = json::object_mut(o, "spec") else { return };
        for field in ["username", "uid", "groups", "extra"] {
            json::remove(spec, field);
        }
        json::set(spec, "username", &*by.user);
        json::set(spec, "groups", by.groups.clone());
        if !by.uid.is_empty() {
            json::set(spec, "uid", &*by.uid);
        }
        if !by.extra.is_empty() {
            json::set(spec, "extra", serde_json::json!(by.extra));
        }
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        metadata::keep_status(new, old);
        json::set(new, "spec", json::get(old, "spec").clone());
    }

    fn prepare_status_update(&self, new: &mut Value, old: &Value) {
        metadata::keep_all_but_status(new, old);
        let verdicts = conditions(old).iter().filter(|c| is_verdict(c)).cloned();
        let others: Vec<Value> = conditions(new).iter().filter(|c| !is_verdict(c)).cloned().collect();
        let all = verdicts.chain(timed(&others, conditions(old), Timestamp::now())).collect();
        set_conditions(new, all);
    }

    fn prepare_approval_update(&self, new: &mut Value, old: &Value) {
        let given: Vec<Value> = conditions(new).iter().filter(|c| is_verdict(c)).cloned().collect();
        let others = conditions(old).iter().filter(|c| !is_verdict(c)).cloned();
        let all = others.chain(timed(&given, conditions(old), Timestamp::now())).collect();
        *new = old.clone();
        set_conditions(new, all);
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        validate::spec(o)
    }

    fn validate_status_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        validate::status(new, old)
    }

    fn selectable(&self) -> &'static [&'static str] {
        &["spec.signerName"]
    }

    fn fields(&self, o: &Value) -> Vec<(&'static str, String)> {
        vec![("spec.signerName", json::text(json::get(o, "spec"), "signerName").to_owned())]
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        let spec = json::get(o, "spec");
        let duration = json::int(spec, "expirationSeconds").map(timonier_api::duration::human);
        vec![
            metadata::name(o).into(),
            metadata::age(o, now).into(),
            json::text(spec, "signerName").into(),
            json::text(spec, "username").into(),
            duration.unwrap_or_else(|| "<none>".to_string()).into(),
            condition_text(o).into(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn who_asks_is_what_the_server_knows_and_not_what_the_request_says() {
        let mut o = json!({"spec": {"username": "admin", "groups": ["system:masters"], "uid": "1"}});
        CertificateSigningRequest
            .created_by(&mut o, &Identity::new("system:bootstrap:abcdef", &["system:bootstrappers"]));
        let groups = json!(["system:bootstrappers", "system:authenticated"]);
        assert_eq!(o["spec"], json!({"username": "system:bootstrap:abcdef", "groups": groups}));
    }

    #[test]
    fn a_status_update_leaves_the_verdict_and_an_approval_leaves_the_rest() {
        let denied = json!({"type": "Denied", "status": "True", "lastUpdateTime": "t", "lastTransitionTime": "t"});
        let old = json!({"metadata": {"name": "a"}, "spec": {"signerName": "s"}, "status": {"conditions": [denied]}});
        let mut new = json!({"metadata": {"name": "a"}, "spec": {"signerName": "other"},
            "status": {"certificate": "c", "conditions": [{"type": "Approved"}, {"type": "Failed", "status": "True"}]}});
        CertificateSigningRequest.prepare_status_update(&mut new, &old);
        assert_eq!(condition_text(&new), "Denied,Failed,Issued");
        assert_eq!(new["spec"], old["spec"]);
        let mut new = json!({"spec": {"signerName": "other"},
            "status": {"certificate": "mine", "conditions": [{"type": "Approved"}, {"type": "Failed"}]}});
        CertificateSigningRequest.prepare_approval_update(&mut new, &old);
        assert_eq!(condition_text(&new), "Approved");
        assert_eq!((new["spec"].clone(), new["status"]["certificate"].clone()), (old["spec"].clone(), Value::Null));
    }
}
