//! All kinds that a server serves at one moment, and how to find one.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use timonier_api::kind::{GroupResource, Kind};

use super::Review;
use super::Subresource::{
    self, Approval, Attach, Binding, EphemeralContainers, Eviction, Exec, Finalize, Log, PortForward, Proxy, Resize,
    Scale, Status, Token,
};
use super::{
    Column, Hooks, Row, certificatesigningrequest, configmap, deployment, event, lease, namespace, node,
    persistentvolume, persistentvolumeclaim, pod, replicaset, secret, service, serviceaccount, storageclass,
};

/// An immutable set of rows. A kind is added by making a new table and swapping it in.
#[derive(Clone, Default)]
pub struct Table {
    rows: Vec<Arc<Row>>,
    by_plural: HashMap<String, Vec<Arc<Row>>>,
    by_kind: HashMap<String, Vec<Arc<Row>>>,
}

impl Table {
    pub fn new(rows: impl IntoIterator<Item = Row>) -> Table {
        let mut table = Table::default();
        for row in rows {
            table.add(Arc::new(row));
        }
        table
    }

    /// The kinds that every server knows.
    pub fn builtin() -> Table {
        Table::builtin_with(pod::Patience::default())
    }

    /// The same; pods without a word of their own are so patient with their nodes.
    pub fn builtin_with(patience: pod::Patience) -> Table {
        Table::new(builtin(patience))
    }

    fn add(&mut self, row: Arc<Row>) {
        let plural = self.by_plural.entry(row.kind.plural.clone()).or_default();
        plural.push(row.clone());
        let kind = self.by_kind.entry(row.kind.kind.clone()).or_default();
        kind.push(row.clone());
        self.rows.push(row);
    }

    /// This table with one more row.
    pub fn with(&self, row: Row) -> Table {
        let mut table = self.clone();
        table.add(Arc::new(row));
        table
    }

    /// In the order of the table.
    pub fn rows(&self) -> &[Arc<Row>] {
        &self.rows
    }

    /// By what stands in a URL: group, version and plural.
    pub fn by_plural(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Row>> {
        self.by_plural
            .get(plural)
            .and_then(|rows| rows.iter().find(|r| r.kind.group == group && r.kind.version == version))
    }

    /// By what stands in an object: group, version and kind.
    pub fn by_kind(&self, group: &str, version: &str, kind: &str) -> Option<&Arc<Row>> {
        self.by_kind.get(kind).and_then(|rows| rows.iter().find(|r| r.kind.group == group && r.kind.version == version))
    }
}

/// The table in force. Readers take the whole of it, so that one request sees one table.
pub struct Kinds(RwLock<Arc<Table>>);

impl Kinds {
    pub fn new(table: Table) -> Kinds {
        Kinds(RwLock::new(Arc::new(table)))
    }

    pub fn current(&self) -> Arc<Table> {
        self.0.read().clone()
    }

    pub fn swap(&self, table: Table) {
        *self.0.write() = Arc::new(table);
    }
}

impl Default for Kinds {
    fn default() -> Kinds {
        Kinds::new(Table::builtin())
    }
}

/// How a row is written down below.
struct Spec {
    /// `""` for the core group; all of these are version `v1`.
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    short_names: &'static [&'static str],
    categories: &'static [&'static str],
    namespaced: bool,
    /// The middle of the definition's name: `core`, `apps`.
    package: &'static str,
    columns: &'static [Column],
    subresources: &'static [Subresource],
    hooks: Arc<dyn Hooks>,
    enforced: bool,
    ttl: Option<Duration>,
    /// Where objects are kept, if it is not under the kind's own group.
    storage_group: Option<&'static str>,
}

/// The columns of a kind that has nothing more to show.
const NAME_AND_AGE: &[Column] = &[Column::NAME, Column::AGE];

impl Spec {
    fn core(kind: &'static str, plural: &'static str, hooks: impl Hooks + 'static) -> Spec {
        Spec {
            group: "",
            kind,
            plural,
            short_names: &[],
            categories: &[],
            namespaced: true,
            package: "core",
            columns: NAME_AND_AGE,
            subresources: &[],
            hooks: Arc::new(hooks),
            enforced: true,
            ttl: None,
            storage_group: None,
        }
    }

    fn row(self) -> Row {
        let storage_group = self.storage_group.unwrap_or(self.group);
        Row {
            storage: GroupResource::new(storage_group, self.plural),
            kind: Kind {
                group: self.group.to_owned(),
                version: "v1".to_owned(),
                kind: self.kind.to_owned(),
                plural: self.plural.to_owned(),
                singular: self.kind.to_lowercase(),
                short_names: self.short_names.iter().map(|s| s.to_string()).collect(),
                categories: self.categories.iter().map(|s| s.to_string()).collect(),
                namespaced: self.namespaced,
                definition: format!("io.k8s.api.{}.v1.{}", self.package, self.kind),
            },
            columns: Cow::Borrowed(self.columns),
            subresources: Cow::Borrowed(self.subresources),
            hooks: self.hooks,
            enforced: self.enforced,
            ttl: self.ttl,
        }
    }
}

/// How long an Event is kept after its last write.
const EVENT_TTL: Duration = Duration::from_secs(3600);

fn builtin(patience: pod::Patience) -> Vec<Row> {
    let all = &["all"][..];
    let apps =
        |spec: Spec| Spec { group: "apps", package: "apps", categories: all, subresources: &[Status, Scale], ..spec };
    let event = |newer| Spec {
        short_names: &["ev"],
        columns: event::COLUMNS,
        ttl: Some(EVENT_TTL),
        ..Spec::core("Event", "events", event::Event { newer })
    };
    let access = |namespaced, kind, plural, review| Spec {
        group: "authorization.k8s.io",
        package: "authorization",
        namespaced,
        ..Spec::core(kind, plural, review)
    };
    let identity = |kind, plural, review| Spec {
        group: "authentication.k8s.io",
        package: "authentication",
        namespaced: false,
        ..Spec::core(kind, plural, review)
    };
    let specs = vec![
        Spec {
            short_names: &["ns"],
            namespaced: false,
            columns: namespace::COLUMNS,
            subresources: &[Status, Finalize],
            ..Spec::core("Namespace", "namespaces", namespace::Namespace)
        },
        Spec {
            short_names: &["no"],
            namespaced: false,
            columns: node::COLUMNS,
            subresources: &[Status, Proxy],
            ..Spec::core("Node", "nodes", node::Node)
        },
        Spec {
            short_names: &["po"],
            categories: all,
            columns: pod::COLUMNS,
            subresources: &[Status, Binding, Eviction, Log, Exec, Attach, PortForward, EphemeralContainers, Resize],
            ..Spec::core("Pod", "pods", pod::Pod { patience })
        },
        Spec {
            short_names: &["cm"],
            columns: configmap::COLUMNS,
            ..Spec::core("ConfigMap", "configmaps", configmap::ConfigMap)
        },
        Spec { columns: secret::COLUMNS, ..Spec::core("Secret", "secrets", secret::Secret) },
        Spec {
            short_names: &["svc"],
            categories: all,
            columns: service::COLUMNS,
            subresources: &[Status],
            enforced: false,
            ..Spec::core("Service", "services", service::Service)
        },
        Spec {
            short_names: &["sa"],
            columns: serviceaccount::COLUMNS,
            subresources: &[Token],
            ..Spec::core("ServiceAccount", "serviceaccounts", serviceaccount::ServiceAccount)
        },
        Spec {
            short_names: &["pv"],
            namespaced: false,
            columns: persistentvolume::COLUMNS,
            subresources: &[Status],
            ..Spec::core("PersistentVolume", "persistentvolumes", persistentvolume::PersistentVolume)
        },
        Spec {
            short_names: &["pvc"],
            columns: persistentvolumeclaim::COLUMNS,
            subresources: &[Status],
            ..Spec::core(
                "PersistentVolumeClaim",
                "persistentvolumeclaims",
                persistentvolumeclaim::PersistentVolumeClaim,
            )
        },
        Spec {
            group: "storage.k8s.io",
            package: "storage",
            short_names: &["sc"],
            namespaced: false,
            columns: storageclass::COLUMNS,
            ..Spec::core("StorageClass", "storageclasses", storageclass::StorageClass)
        },
        event(false),
        Spec { group: "events.k8s.io", package: "events", storage_group: Some(""), ..event(true) },
        apps(Spec {
            short_names: &["deploy"],
            columns: deployment::COLUMNS,
            ..Spec::core("Deployment", "deployments", deployment::Deployment)
        }),
        apps(Spec {
            short_names: &["rs"],
            columns: replicaset::COLUMNS,
            ..Spec::core("ReplicaSet", "replicasets", replicaset::ReplicaSet)
        }),
        Spec {
            group: "certificates.k8s.io",
            package: "certificates",
            short_names: &["csr"],
            namespaced: false,
            columns: certificatesigningrequest::COLUMNS,
            subresources: &[Status, Approval],
            ..Spec::core(
                "CertificateSigningRequest",
                "certificatesigningrequests",
                certificatesigningrequest::CertificateSigningRequest,
            )
        },
        Spec {
            group: "coordination.k8s.io",
            package: "coordination",
            columns: lease::COLUMNS,
            ..Spec::core("Lease", "leases", lease::Lease)
        },
        access(false, "SelfSubjectAccessReview", "selfsubjectaccessreviews", Review::SelfAccess),
        access(false, "SelfSubjectRulesReview", "selfsubjectrulesreviews", Review::SelfRules),
        access(false, "SubjectAccessReview", "subjectaccessreviews", Review::Access),
        access(true, "LocalSubjectAccessReview", "localsubjectaccessreviews", Review::LocalAccess),
        identity("SelfSubjectReview", "selfsubjectreviews", Review::SelfSubject),
        identity("TokenReview", "tokenreviews", Review::Token),
    ];
    specs.into_iter().map(Spec::row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_plural_and_by_kind() {
        let table = Table::builtin();
        assert_eq!(table.rows().len(), 22);
        for row in table.rows() {
            let kind = &row.kind;
            let by_plural = table.by_plural(&kind.group, &kind.version, &kind.plural);
            let by_kind = table.by_kind(&kind.group, &kind.version, &kind.kind);
            assert!(Arc::ptr_eq(by_plural.unwrap(), row), "{}", kind.plural);
            assert!(Arc::ptr_eq(by_kind.unwrap(), row), "{}", kind.kind);
        }
        assert!(table.by_plural("", "v1", "deployments").is_none());
        assert!(table.by_plural("apps", "v2", "deployments").is_none());
    }

    #[test]
    fn every_row_has_a_schema_and_a_cell_for_each_column() {
        for row in Table::builtin().rows() {
            let kind = &row.kind;
            assert!(timonier_api::schema::Schema::of(&kind.definition).is_some(), "{}", kind.definition);
            let cells = row.hooks.cells(&serde_json::json!({}), jiff::Timestamp::UNIX_EPOCH);
            assert_eq!(cells.len(), row.columns.len(), "{}", kind.plural);
        }
    }

    #[test]
    fn no_hook_panics_on_an_object_of_the_wrong_shape() {
        use serde_json::json;
        let odd = [
            json!(null),
            json!([]),
            json!({"metadata": 1, "spec": [], "status": "x", "data": [1]}),
            json!({"spec": {"containers": [1, {"ports": 1, "env": [1], "resources": []}], "volumes": [1, {"name": 1}],
                "template": 1, "selector": 1, "strategy": [], "ports": [1], "taints": [1], "tolerations": 1}}),
        ];
        for row in Table::builtin().rows() {
            for o in &odd {
                let mut new = o.clone();
                row.hooks.default(&mut new);
                row.hooks.prepare_create(&mut new);
                row.check_create(&new);
                row.hooks.prepare_update(&mut new, o);
                row.check_update(&new, o);
                row.hooks.prepare_status_update(&mut new, o);
                row.check_status_update(&new, o);
                row.hooks.fields(&new);
                row.hooks.tag(&new);
                row.hooks.cells(&new, jiff::Timestamp::UNIX_EPOCH);
                row.hooks.grace_period(&new, None);
                row.hooks.to_storage(&mut new);
                row.hooks.to_served(&mut new);
                row.warnings(&new);
            }
        }
    }

    #[test]
    fn both_faces_of_an_event_share_one_place() {
        let table = Table::builtin();
        let core = table.by_plural("", "v1", "events").unwrap();
        let new = table.by_plural("events.k8s.io", "v1", "events").unwrap();
        assert_eq!(core.storage_prefix(), new.storage_prefix());
        assert!(!core.converts() && new.converts());
        assert_eq!(new.kind.definition, "io.k8s.api.events.v1.Event");
    }

    #[test]
    fn readers_keep_the_table_they_took_while_another_is_swapped_in() {
        let kinds = Kinds::default();
        let before = kinds.current();
        let widget = Spec::core("Widget", "widgets", crate::kinds::Plain).row();
        kinds.swap(before.with(widget));
        assert!(before.by_plural("", "v1", "widgets").is_none());
        assert!(kinds.current().by_plural("", "v1", "widgets").is_some());
    }
}
