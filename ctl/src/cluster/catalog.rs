//! What the server serves, and which of it a word on the command line means.

use crate::cluster::session::encode;
use crate::error::Error;
use serde_json::Value;

/// One served resource in one version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// Empty for the core group.
    pub group: String,
    pub version: String,
    pub plural: String,
    pub singular: String,
    pub kind: String,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
    pub verbs: Vec<String>,
    /// `scale`, `status`, `log`…
    pub subresources: Vec<String>,
    pub namespaced: bool,
}

impl Resource {
    /// `v1`, `apps/v1`
    pub fn api_version(&self) -> String {
        match self.group.as_str() {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// `pods`, `deployments.apps`
    pub fn group_resource(&self) -> String {
        qualified(&self.plural, &self.group)
    }

    /// `pod`, `deployment.apps`: how an object of this type is called before its name.
    pub fn short_type(&self) -> String {
        let singular = if self.singular.is_empty() { self.kind.to_lowercase() } else { self.singular.clone() };
        qualified(&singular, &self.group)
    }

    /// The collection's path; every namespace if none is given.
    pub fn path(&self, namespace: Option<&str>) -> String {
        let root = match self.group.as_str() {
            "" => format!("/api/{}", self.version),
            group => format!("/apis/{group}/{}", self.version),
        };
        match namespace {
            Some(namespace) if self.namespaced => {
                format!("{root}/namespaces/{}/{}", encode(namespace), self.plural)
            }
            _ => format!("{root}/{}", self.plural),
        }
    }

    /// One object's path.
    pub fn object_path(&self, namespace: &str, name: &str) -> String {
        format!("{}/{}", self.path(Some(namespace)), encode(name))
    }

    pub fn can(&self, verb: &str) -> bool {
        self.verbs.iter().any(|v| v == verb)
    }

    /// The words that mean this resource on a command line.
    fn is_called(&self, word: &str) -> bool {
        word == self.plural
            || word == self.singular
            || word == self.kind.to_lowercase()
            || self.short_names.iter().any(|name| name == word)
    }
}

fn qualified(name: &str, group: &str) -> String {
    match group {
        "" => name.to_string(),
        group => format!("{name}.{group}"),
    }
}

/// Every resource, the preferred version of a group first, core before all others.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    pub resources: Vec<Resource>,
}

impl Catalog {
    /// The resource that a word means: plural, singular, kind or short name, with `.group` or `.version.group` after it.
    pub fn resolve(&self, word: &str) -> Result<&Resource, Error> {
        let word = word.to_lowercase();
        let exactly = self.resources.iter().find(|resource| resource.is_called(&word));
        exactly.or_else(|| self.resolve_qualified(&word)).ok_or_else(|| unknown_type(&word))
    }

    fn resolve_qualified(&self, word: &str) -> Option<&Resource> {
        let (name, suffix) = word.split_once('.')?;
        let called = || self.resources.iter().filter(|resource| resource.is_called(name));
        let with_version = |resource: &&Resource| match suffix.split_once('.') {
            Some((version, group)) => resource.version == version && resource.group == group,
            None => resource.version == suffix && resource.group.is_empty(),
        };
        called()
            .find(|resource| resource.group == suffix)
            .or_else(|| called().find(with_version))
            // A prefix of the group is enough, as long as it is there.
            .or_else(|| called().find(|resource| resource.group.starts_with(suffix)))
    }

    /// The resources that a word of `get` means: one, or a category such as `all`.
    pub fn expand(&self, word: &str) -> Result<Vec<&Resource>, Error> {
        let category: Vec<&Resource> = self
            .resources
            .iter()
            .filter(|resource| resource.categories.iter().any(|category| category == word))
            .collect();
        match category.is_empty() {
            true => Ok(vec![self.resolve(word)?]),
            false => Ok(category),
        }
    }

    /// The resource that holds objects of this `apiVersion` and `kind`.
    pub fn of_object(&self, object: &Value) -> Result<&Resource, Error> {
        let api_version = object["apiVersion"].as_str().unwrap_or_default();
        let kind = object["kind"].as_str().unwrap_or_default();
        self.of_kind(api_version, kind).ok_or_else(|| {
            Error::usage(format!(
                "resource mapping not found for name: \"{}\" namespace: \"{}\": no matches for kind \"{kind}\" in version \
                 \"{api_version}\"\nensure CRDs are installed first",
                object["metadata"]["name"].as_str().unwrap_or_default(),
                object["metadata"]["namespace"].as_str().unwrap_or_default(),
            ))
        })
    }

    pub fn of_kind(&self, api_version: &str, kind: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.kind == kind && resource.api_version() == api_version)
    }
}

fn unknown_type(word: &str) -> Error {
    let name = word.split('.').next().unwrap_or(word);
    Error::usage(format!("the server doesn't have a resource type \"{name}\""))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn resource(group: &str, plural: &str, kind: &str, short: &str) -> Resource {
        Resource {
            group: group.into(),
            version: "v1".into(),
            plural: plural.into(),
            singular: kind.to_lowercase(),
            kind: kind.into(),
            short_names: short.split(',').filter(|s| !s.is_empty()).map(str::to_string).collect(),
            categories: if ["pods", "services", "deployments"].contains(&plural) { vec!["all".into()] } else { vec![] },
            verbs: vec!["list".into(), "get".into()],
            namespaced: !["Node", "Namespace"].contains(&kind),
            ..Resource::default()
        }
    }

    pub(crate) fn catalog() -> Catalog {
        Catalog {
            resources: vec![
                resource("", "pods", "Pod", "po"),
                resource("", "nodes", "Node", "no"),
                resource("", "services", "Service", "svc"),
                resource("", "events", "Event", "ev"),
                resource("apps", "deployments", "Deployment", "deploy"),
                resource("events.k8s.io", "events", "Event", "ev"),
            ],
        }
    }

    #[test]
    fn a_resource_answers_to_all_of_its_names() {
        let catalog = catalog();
        for word in ["po", "pod", "pods", "Pod", "PODS", "pods.v1"] {
            assert_eq!(catalog.resolve(word).map(|r| r.plural.as_str()).ok(), Some("pods"), "{word}");
        }
        for word in ["deploy", "deployments.apps", "deployment.v1.apps", "deploy.apps"] {
            assert_eq!(catalog.resolve(word).map(|r| r.plural.as_str()).ok(), Some("deployments"), "{word}");
        }
        assert_eq!(catalog.resolve("events").map(|r| r.group.as_str()).ok(), Some(""));
        assert_eq!(catalog.resolve("events.events.k8s.io").map(|r| r.group.as_str()).ok(), Some("events.k8s.io"));
    }

    #[test]
    fn an_unknown_type_is_refused_in_kubectls_words() {
        let report = |word| catalog().resolve(word).map(|_| ()).expect_err("unknown").report();
        assert_eq!(report("foo"), "error: the server doesn't have a resource type \"foo\"");
        assert_eq!(report("foo.v1.apps"), "error: the server doesn't have a resource type \"foo\"");
    }

    #[test]
    fn a_category_means_its_members() {
        let catalog = catalog();
        let all: Vec<&str> = catalog.expand("all").expect("known").iter().map(|r| r.plural.as_str()).collect();
        assert_eq!(all, ["pods", "services", "deployments"]);
    }

    #[test]
    fn paths_carry_the_group_and_the_namespace() {
        assert_eq!(resource("", "pods", "Pod", "").object_path("shop", "a b"), "/api/v1/namespaces/shop/pods/a%20b");
        assert_eq!(resource("", "nodes", "Node", "").object_path("shop", "n1"), "/api/v1/nodes/n1");
        assert_eq!(resource("apps", "deployments", "Deployment", "").path(None), "/apis/apps/v1/deployments");
    }
}
