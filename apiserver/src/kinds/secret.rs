//! Secret: keys and values that are not for everybody's eyes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;
use timonier_api::field::{FieldError, Path};

use super::configmap::{MAX_SIZE, check_key, decoded_length, frozen};
use super::{Column, Hooks, json, metadata};

const ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";

pub struct Secret;

pub const COLUMNS: &[Column] = &[Column::NAME, Column::text("Type"), Column::integer("Data"), Column::AGE];

impl Hooks for Secret {
    fn default(&self, o: &mut Value) {
        json::fill_text(o, "type", "Opaque");
        fold_string_data(o);
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        let mut size = 0;
        for (key, value) in json::texts(o, "data") {
            check_key("data", key, &mut errors);
            if STANDARD.decode(value).is_err() {
                let path = Path::new("data").key(key);
                let detail = "must be base64 (as stringData it may be plain text)";
                errors.push(FieldError::invalid(&path, "<secret contents redacted>", detail));
            }
            size += decoded_length(value);
        }
        if size > MAX_SIZE {
            errors.push(FieldError::too_long(&Path::new("data"), MAX_SIZE));
        }
        required_keys(o, &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        if !json::same(new, old, "type") {
            errors.push(metadata::immutable(&Path::new("type"), json::get(new, "type")));
        }
        errors.extend(frozen(new, old, &["data"]));
        errors
    }

    fn selectable(&self) -> &'static [&'static str] {
        &["type"]
    }

    fn fields(&self, o: &Value) -> Vec<(&'static str, String)> {
        vec![("type", json::text(o, "type").to_owned())]
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        vec![
            metadata::name(o).into(),
            json::text(o, "type").into(),
            json::map(o, "data").map_or(0, |data| data.len()).into(),
            metadata::age(o, now).into(),
        ]
    }
}

/// `stringData` is how one writes without encoding: it goes into `data`, over what is there, and is never shown.
fn fold_string_data(o: &mut Value) {
    let Some(Value::Object(plain)) = json::remove(o, "stringData") else {
        return;
    };
    if plain.is_empty() {
        return;
    }
    if let Some(data) = json::object_mut(o, "data") {
        for (key, value) in plain {
            json::set(data, &key, STANDARD.encode(value.as_str().unwrap_or("")));
        }
    }
}

/// Each type promises some keys.
fn required_keys(o: &Value, errors: &mut Vec<FieldError>) {
    let data = json::map(o, "data");
    let has = |key: &str| data.is_some_and(|data| data.contains_key(key));
    let path = Path::new("data");
    let mut need = |key: &str| {
        let there = has(key);
        if !there {
            errors.push(FieldError::required(&path.key(key), ""));
        }
        there
    };
    let registry_key = match json::text(o, "type") {
        "kubernetes.io/service-account-token" => {
            let annotations = json::at(o, &["metadata", "annotations"]);
            if json::text(annotations, ACCOUNT_NAME).is_empty() {
                let path = Path::new("metadata").child("annotations").key(ACCOUNT_NAME);
                errors.push(FieldError::required(&path, ""));
            }
            return;
        }
        "kubernetes.io/dockercfg" => ".dockercfg",
        "kubernetes.io/dockerconfigjson" => ".dockerconfigjson",
        "kubernetes.io/basic-auth" => {
            if !has("username") && !has("password") {
                need("username");
                need("password");
            }
            return;
        }
        "kubernetes.io/ssh-auth" => {
            need("ssh-privatekey");
            return;
        }
        "kubernetes.io/tls" => {
            need("tls.crt");
            need("tls.key");
            return;
        }
        _ => return,
    };
    if need(registry_key) {
        let text = data.and_then(|data| data.get(registry_key)).and_then(Value::as_str);
        let bytes = STANDARD.decode(text.unwrap_or("")).unwrap_or_default();
        if let Err(error) = serde_json::from_slice::<serde_json::Map<String, Value>>(&bytes) {
            let path = path.key(registry_key);
            errors.push(FieldError::invalid(&path, "<secret contents redacted>", error.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_text_is_folded_into_data_and_forgotten() {
        let mut o = json!({"data": {"a": "b2xk", "b": "eA=="}, "stringData": {"a": "new"}});
        Secret.default(&mut o);
        assert_eq!(o, json!({"type": "Opaque", "data": {"a": "bmV3", "b": "eA=="}}));
        let mut empty = json!({"stringData": {}});
        Secret.default(&mut empty);
        assert_eq!(empty, json!({"type": "Opaque"}));
    }

    #[test]
    fn each_type_promises_its_keys() {
        let cases = [
            ("Opaque", json!({}), vec![]),
            ("example.com/mine", json!({}), vec![]),
            ("kubernetes.io/tls", json!({"tls.crt": ""}), vec!["data[tls.key]: Required value"]),
            ("kubernetes.io/ssh-auth", json!({}), vec!["data[ssh-privatekey]: Required value"]),
            ("kubernetes.io/basic-auth", json!({"username": ""}), vec![]),
            (
                "kubernetes.io/basic-auth",
                json!({}),
                vec!["data[username]: Required value", "data[password]: Required value"],
            ),
            (
                "kubernetes.io/service-account-token",
                json!({}),
                vec!["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
            ),
            ("kubernetes.io/dockerconfigjson", json!({}), vec!["data[.dockerconfigjson]: Required value"]),
            ("kubernetes.io/dockercfg", json!({".dockercfg": "e30="}), vec![]),
        ];
        for (type_, data, expected) in cases {
            let o = json!({"type": type_, "data": data});
            let found: Vec<String> = Secret.validate(&o).iter().map(|e| e.to_string()).collect();
            assert_eq!(found, expected, "{type_}");
        }
        let o = json!({"type": "kubernetes.io/dockercfg", "data": {".dockercfg": "eA=="}});
        let found = Secret.validate(&o)[0].to_string();
        assert!(found.starts_with("data[.dockercfg]: Invalid value: \"<secret contents redacted>\""), "{found}");
    }

    #[test]
    fn values_are_base64_and_no_message_shows_them() {
        let found = Secret.validate(&json!({"data": {"a": "top secret!"}}));
        assert_eq!(found.len(), 1);
        assert!(!found[0].to_string().contains("top"), "{}", found[0]);
    }

    #[test]
    fn the_type_stays() {
        let found = Secret.validate_update(&json!({"type": "a"}), &json!({"type": "b"}));
        assert_eq!(found[0].to_string(), "type: Invalid value: \"a\": field is immutable");
    }
}
