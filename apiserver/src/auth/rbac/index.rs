//! Roles and bindings, put together so that a request finds the rules of its user without looking at others'.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use timonier_store::{Entry, Key, Revision, Snapshot};

use super::rule::Rule;
use crate::identity::Identity;
use crate::kinds::{json, metadata};
use crate::object::Object;

const ROLES: &str = "roles.rbac.authorization.k8s.io/";
const CLUSTER_ROLES: &str = "clusterroles.rbac.authorization.k8s.io/";
const BINDINGS: &str = "rolebindings.rbac.authorization.k8s.io/";
const CLUSTER_BINDINGS: &str = "clusterrolebindings.rbac.authorization.k8s.io/";
/// Everything that an index is made of.
pub const PREFIXES: [&str; 4] = [ROLES, CLUSTER_ROLES, BINDINGS, CLUSTER_BINDINGS];

/// What one binding gives to one subject.
#[derive(Clone)]
pub struct Grant {
    /// `None`: the role is not there.
    pub rules: Option<Arc<[Rule]>>,
    pub binding: Arc<Binding>,
    /// As reasons name the subject.
    subject: Arc<str>,
}

/// A RoleBinding or a ClusterRoleBinding.
pub struct Binding {
    name: Box<str>,
    /// Empty for a ClusterRoleBinding.
    namespace: Box<str>,
    role_kind: Box<str>,
    role_name: Box<str>,
    subjects: Vec<Subject>,
}

#[derive(Clone)]
enum Subject {
    User(Box<str>),
    Group(Box<str>),
    ServiceAccount { name: Box<str>, user: Box<str> },
}

enum Parsed {
    Role(Arc<[Rule]>),
    Binding(Arc<Binding>),
}

/// Rules by user and by group.
#[derive(Default)]
struct Grants {
    users: HashMap<Box<str>, Vec<Grant>>,
    groups: HashMap<Box<str>, Vec<Grant>>,
}

/// All of it at one revision.
#[derive(Default)]
pub struct Index {
    pub revision: Revision,
    parsed: HashMap<Key, (Revision, Arc<Parsed>)>,
    cluster: Grants,
    namespaces: HashMap<Box<str>, Grants>,
}

impl Index {
    /// The index at `snapshot`; what has not changed since `before` is not read again.
    pub fn build(snapshot: &Snapshot, before: &Index) -> Index {
        let mut index = Index { revision: snapshot.revision(), ..Index::default() };
        for entry in PREFIXES.into_iter().flat_map(|prefix| snapshot.range(prefix, None)) {
            let kept = before.parsed.get(&entry.key).filter(|(revision, _)| *revision == entry.revision);
            let parsed = kept.map(|(_, parsed)| parsed.clone()).or_else(|| parse(entry).map(Arc::new));
            if let Some(parsed) = parsed {
                index.parsed.insert(entry.key.clone(), (entry.revision, parsed));
            }
        }
        let bindings = index.parsed.values().filter_map(|(_, parsed)| match &**parsed {
            Parsed::Binding(binding) => Some(binding.clone()),
            Parsed::Role(_) => None,
        });
        for binding in bindings.collect::<Vec<_>>() {
            index.grant(binding);
        }
        index
    }

    /// Whether both are made of the same objects.
    pub fn same(&self, other: &Index) -> bool {
        let revision = |index: &Index, key: &Key| index.parsed.get(key).map(|(revision, _)| *revision);
        self.parsed.len() == other.parsed.len()
            && self.parsed.iter().all(|(key, (at, _))| revision(other, key) == Some(*at))
    }

    fn grant(&mut self, binding: Arc<Binding>) {
        let rules = self.role(&binding.role_kind, &binding.role_name, &binding.namespace);
        let grants = match &*binding.namespace {
            "" => &mut self.cluster,
            namespace => self.namespaces.entry(namespace.into()).or_default(),
        };
        for subject in &binding.subjects {
            let (map, who, words) = match subject {
                Subject::User(name) => (&mut grants.users, name, format!("User {name:?}")),
                Subject::Group(name) => (&mut grants.groups, name, format!("Group {name:?}")),
                Subject::ServiceAccount { name, user } => (&mut grants.users, user, format!("ServiceAccount {name:?}")),
            };
            let grant = Grant { rules: rules.clone(), binding: binding.clone(), subject: words.into() };
            map.entry(who.clone()).or_default().push(grant);
        }
    }

    /// The rules of a role; `namespace` is that of a Role.
    pub fn role(&self, kind: &str, name: &str, namespace: &str) -> Option<Arc<[Rule]>> {
        let key = match kind {
            "ClusterRole" => format!("{CLUSTER_ROLES}{name}"),
            _ => format!("{ROLES}{namespace}/{name}"),
        };
        match &*self.parsed.get(&*key)?.1 {
            Parsed::Role(rules) => Some(rules.clone()),
            Parsed::Binding(_) => None,
        }
    }

    /// What an identity is given at cluster scope, then what it is given in the namespace (none when that is empty).
    pub fn grants<'a>(&'a self, identity: &'a Identity, namespace: &str) -> impl Iterator<Item = &'a Grant> + use<'a> {
        let places = [Some(&self.cluster), self.namespaces.get(namespace)];
        places.into_iter().flatten().flat_map(|grants| {
            let groups = identity.groups.iter().filter_map(|group| grants.groups.get(group.as_str()));
            grants.users.get(identity.user.as_str()).into_iter().chain(groups).flatten()
        })
    }
}

impl Grant {
    /// Why it is allowed, in Kubernetes' words.
    pub fn reason(&self) -> String {
        let binding = &self.binding;
        let name = match &*binding.namespace {
            "" => format!("ClusterRoleBinding {:?}", binding.name),
            namespace => format!("RoleBinding {:?}", format!("{}/{namespace}", binding.name)),
        };
        format!("RBAC: allowed by {name} of {} {:?} to {}", binding.role_kind, binding.role_name, self.subject)
    }

    /// The role that is bound and not there.
    pub fn missing_role(&self) -> Option<String> {
        let kind = if &*self.binding.role_kind == "ClusterRole" { "clusterrole" } else { "role" };
        let words = || format!("{kind}.rbac.authorization.k8s.io {:?} not found", self.binding.role_name);
        self.rules.is_none().then(words)
    }
}

fn parse(entry: &Entry) -> Option<Parsed> {
    let object = Object::of(entry).ok()?.stored_value().ok()?;
    let key = entry.key.as_str();
    if key.starts_with(ROLES) || key.starts_with(CLUSTER_ROLES) {
        return Some(Parsed::Role(Rule::of_role(&object).into()));
    }
    Some(Parsed::Binding(Arc::new(Binding::read(&object))))
}

impl Binding {
    fn read(object: &Value) -> Binding {
        let namespace = json::text(json::get(object, "metadata"), "namespace");
        let role = json::get(object, "roleRef");
        let subjects = json::list(object, "subjects").iter().filter_map(|subject| {
            let name = json::text(subject, "name");
            match json::text(subject, "kind") {
                "User" => Some(Subject::User(name.into())),
                "Group" => Some(Subject::Group(name.into())),
                "ServiceAccount" => {
                    let own = json::text(subject, "namespace");
                    let place = if own.is_empty() { namespace } else { own };
                    // Without a namespace nobody is meant.
                    (!place.is_empty()).then(|| Subject::ServiceAccount {
                        name: format!("{name}/{place}").into(),
                        user: format!("system:serviceaccount:{place}:{name}").into(),
                    })
                }
                _ => None,
            }
        });
        Binding {
            name: metadata::name(object).into(),
            namespace: namespace.into(),
            role_kind: json::text(role, "kind").into(),
            role_name: json::text(role, "name").into(),
            subjects: subjects.collect(),
        }
    }
}
