//! What a service account token says: claims with the names and shapes that Kubernetes gives them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::identity::Identity;

/// Clocks of several servers differ by less.
pub const LEEWAY_SECONDS: i64 = 60;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    pub aud: Vec<String>,
    pub exp: i64,
    pub iat: i64,
    pub iss: String,
    pub jti: String,
    #[serde(rename = "kubernetes.io")]
    pub kubernetes: Private,
    pub nbf: i64,
    pub sub: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Private {
    pub namespace: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Reference>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<Reference>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Reference>,
    pub serviceaccount: Reference,
}

/// One particular object: another one of the same name is not meant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    pub name: String,
    #[serde(default)]
    pub uid: String,
}

pub fn subject(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

impl Claims {
    /// Whether the token speaks for whom it names, now, towards the issuer.
    pub fn hold(&self, issuer: &str, now: Timestamp) -> bool {
        let own = &self.kubernetes;
        let now = now.as_second();
        self.iss == issuer
            && self.sub == subject(&own.namespace, &own.serviceaccount.name)
            && now < self.exp.saturating_add(LEEWAY_SECONDS)
            && now >= self.nbf.saturating_sub(LEEWAY_SECONDS)
    }

    /// The audiences of the token that are among `wanted`.
    pub fn audiences(&self, wanted: &[String]) -> Vec<String> {
        self.aud.iter().filter(|audience| wanted.contains(audience)).cloned().collect()
    }

    /// The user that a request with this token comes from.
    pub fn identity(&self) -> Identity {
        let own = &self.kubernetes;
        let namespaced = format!("system:serviceaccounts:{}", own.namespace);
        let mut identity = Identity::new(self.sub.clone(), &["system:serviceaccounts", &namespaced]);
        identity.uid = own.serviceaccount.uid.clone();
        let mut extra = BTreeMap::new();
        let mut say = |key: &str, value: &str| {
            extra.insert(format!("authentication.kubernetes.io/{key}"), vec![value.to_string()]);
        };
        if !self.jti.is_empty() {
            say("credential-id", &format!("JTI={}", self.jti));
        }
        for (kind, object) in [("pod", &own.pod), ("node", &own.node)] {
            if let Some(object) = object {
                say(&format!("{kind}-name"), &object.name);
                if !object.uid.is_empty() {
                    say(&format!("{kind}-uid"), &object.uid);
                }
            }
        }
        identity.extra = extra;
        identity
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims() -> Claims {
        let reference = |name: &str| Reference { name: name.into(), uid: format!("{name}-uid") };
        Claims {
            aud: vec!["api".into(), "vault".into()],
            exp: 2000,
            iat: 1000,
            iss: "us".into(),
            jti: "j".into(),
            kubernetes: Private {
                namespace: "ns".into(),
                pod: Some(reference("web")),
                serviceaccount: reference("robot"),
                ..Private::default()
            },
            nbf: 1000,
            sub: "system:serviceaccount:ns:robot".into(),
        }
    }

    #[test]
    fn claims_are_spelled_as_kubernetes_spells_them() {
        let expected = json!({"aud": ["api", "vault"], "exp": 2000, "iat": 1000, "iss": "us", "jti": "j", "nbf": 1000,
            "kubernetes.io": {"namespace": "ns", "pod": {"name": "web", "uid": "web-uid"},
                "serviceaccount": {"name": "robot", "uid": "robot-uid"}},
            "sub": "system:serviceaccount:ns:robot"});
        assert_eq!(serde_json::to_value(claims()).ok(), Some(expected));
    }

    #[test]
    fn a_token_holds_for_its_time_its_issuer_and_its_subject() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        assert!(claims().hold("us", at(1500)));
        assert!(claims().hold("us", at(1000 - LEEWAY_SECONDS)) && claims().hold("us", at(1999 + LEEWAY_SECONDS)));
        assert!(!claims().hold("us", at(999 - LEEWAY_SECONDS)) && !claims().hold("us", at(2000 + LEEWAY_SECONDS)));
        assert!(!claims().hold("them", at(1500)));
        let other = Claims { sub: "system:serviceaccount:ns:admin".into(), ..claims() };
        assert!(!other.hold("us", at(1500)));
        assert_eq!(claims().audiences(&["vault".into(), "x".into()]), ["vault"]);
    }

    #[test]
    fn the_identity_names_account_groups_and_pod() {
        let identity = claims().identity();
        assert_eq!((&*identity.user, &*identity.uid), ("system:serviceaccount:ns:robot", "robot-uid"));
        let groups = ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"];
        assert_eq!(identity.groups, groups);
        let extra = |key: &str| identity.extra.get(&format!("authentication.kubernetes.io/{key}")).cloned();
        assert_eq!(extra("pod-name"), Some(vec!["web".to_string()]));
        assert_eq!(extra("credential-id"), Some(vec!["JTI=j".to_string()]));
        assert_eq!(extra("node-name"), None);
    }
}
