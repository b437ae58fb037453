//! Names of resources and the slim views of their objects.

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

/// A `resourceVersion` as the number that it is: one counter for the whole store, so any two may be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Revision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(Revision(0));
        }
        text.parse()
            .map(Revision)
            .map_err(|_| serde::de::Error::custom(format!("resourceVersion {text:?} is not a decimal number")))
    }
}

/// A served collection: what stands in the path of a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    /// Empty for the core group.
    pub group: Cow<'static, str>,
    pub version: Cow<'static, str>,
    pub plural: Cow<'static, str>,
}

impl Resource {
    pub const fn of(group: &'static str, version: &'static str, plural: &'static str) -> Resource {
        Resource { group: Cow::Borrowed(group), version: Cow::Borrowed(version), plural: Cow::Borrowed(plural) }
    }

    /// `/api/v1/namespaces/x/pods`, or across all namespaces (or cluster-wide) without one.
    pub fn path(&self, namespace: Option<&str>) -> String {
        let mut path = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        if let Some(namespace) = namespace {
            path.push_str("/namespaces/");
            path.push_str(namespace);
        }
        path.push('/');
        path.push_str(&self.plural);
        path
    }

    /// `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_string() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// `deployments.apps`, as Kubernetes writes a resource in messages.
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plural)?;
        if self.group.is_empty() { Ok(()) } else { write!(f, ".{}", self.group) }
    }
}

/// An object's name within its resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// None for cluster-wide objects.
    pub namespace: Option<Arc<str>>,
    pub name: Arc<str>,
}

impl ObjectKey {
    pub fn namespaced(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> ObjectKey {
        ObjectKey { namespace: Some(namespace.into()), name: name.into() }
    }

    pub fn cluster(name: impl Into<Arc<str>>) -> ObjectKey {
        ObjectKey { namespace: None, name: name.into() }
    }

    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The part of `metadata` that controllers read.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    pub name: Arc<str>,
    pub namespace: Option<Arc<str>>,
    pub uid: Arc<str>,
    pub resource_version: Revision,
    pub generation: i64,
    #[serde(deserialize_with = "null_as_default")]
    pub labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "null_as_default")]
    pub annotations: BTreeMap<String, String>,
    #[serde(deserialize_with = "null_as_default")]
    pub owner_references: Vec<OwnerReference>,
    #[serde(deserialize_with = "null_as_default")]
    pub finalizers: Vec<String>,
    pub creation_timestamp: Option<Timestamp>,
    pub deletion_timestamp: Option<Timestamp>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnerReference {
    pub api_version: Arc<str>,
    pub kind: Arc<str>,
    pub name: Arc<str>,
    pub uid: Arc<str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub controller: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub block_owner_deletion: bool,
}

/// Reads `null` as an absent field: Go clients send both for an empty list or map.
pub fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

impl Meta {
    pub fn key(&self) -> ObjectKey {
        ObjectKey { namespace: self.namespace.clone(), name: self.name.clone() }
    }

    /// The one owner that manages this object, if any.
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller)
    }

    pub fn is_deleting(&self) -> bool {
        self.deletion_timestamp.is_some()
    }
}

/// A slim view of one kind: only the fields that its readers need.
pub trait Object: DeserializeOwned + Clone + Send + Sync + 'static {
    /// `Pod`, `Deployment`, …
    const KIND: &'static str;
    const RESOURCE: Resource;
    fn meta(&self) -> &Meta;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_the_api_convention() {
        let pods = Resource::of("", "v1", "pods");
        let deployments = Resource::of("apps", "v1", "deployments");
        assert_eq!(pods.path(Some("default")), "/api/v1/namespaces/default/pods");
        assert_eq!(deployments.path(None), "/apis/apps/v1/deployments");
        assert_eq!(deployments.to_string(), "deployments.apps");
        assert_eq!((pods.api_version(), deployments.api_version()), ("v1".into(), "apps/v1".into()));
    }

    #[test]
    fn metadata_reads_null_lists_and_ignores_what_it_does_not_know() {
        let meta: Meta = serde_json::from_str(
            r#"{"name":"a","resourceVersion":"12","labels":null,"ownerReferences":null,"managedFields":[{}],
                "creationTimestamp":"2026-01-02T03:04:05Z"}"#,
        )
        .expect("reads");
        assert_eq!((&*meta.name, meta.resource_version), ("a", Revision(12)));
        assert!(meta.labels.is_empty() && meta.creation_timestamp.is_some());
    }

    #[test]
    fn a_resource_version_that_is_no_number_is_refused() {
        let error = serde_json::from_str::<Meta>(r#"{"resourceVersion":"x1"}"#).expect_err("refused");
        assert!(error.to_string().contains("resourceVersion \"x1\""), "{error}");
    }
}
