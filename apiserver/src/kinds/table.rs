//! All kinds that a server serves at one moment, and how to find one.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use parking_lot::RwLock;

use super::custom::priority;
use super::{Row, builtin, pod};

/// An immutable set of rows. A kind is added by making a new table and swapping it in.
#[derive(Clone, Default)]
pub struct Table {
    rows: Vec<Arc<Row>>,
    by_plural: HashMap<String, Vec<Arc<Row>>>,
    by_kind: HashMap<String, Vec<Arc<Row>>>,
    /// Made when first asked for.
    groups: OnceLock<Vec<Group>>,
}

/// A group as discovery shows it.
#[derive(Clone)]
pub struct Group {
    /// `""` for the core group.
    pub name: String,
    /// The one that clients should prefer first.
    pub versions: Vec<GroupVersion>,
}

#[derive(Clone)]
pub struct GroupVersion {
    pub version: String,
    /// In the order of the table.
    pub rows: Vec<Arc<Row>>,
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
        Table::new(builtin::rows(patience))
    }

    fn add(&mut self, row: Arc<Row>) {
        self.groups = OnceLock::new();
        let plural = self.by_plural.entry(row.kind.plural.clone()).or_default();
        plural.push(row.clone());
        let kind = self.by_kind.entry(row.kind.kind.clone()).or_default();
        kind.push(row.clone());
        self.rows.push(row);
    }

    /// This table with more rows. A resource that is there already stays as it is.
    pub fn with(&self, rows: impl IntoIterator<Item = Arc<Row>>) -> Table {
        let mut table = self.clone();
        for row in rows {
            if self.by_plural(&row.kind.group, &row.kind.version, &row.kind.plural).is_none() {
                table.add(row);
            }
        }
        table
    }

    /// In the order of the table.
    pub fn rows(&self) -> &[Arc<Row>] {
        &self.rows
    }

    /// The groups in the order of the table.
    pub fn groups(&self) -> &[Group] {
        self.groups.get_or_init(|| {
            let mut groups: Vec<Group> = vec![];
            let mut places: HashMap<&str, usize> = HashMap::new();
            for row in &self.rows {
                let kind = &row.kind;
                let place = *places.entry(&kind.group).or_insert_with(|| {
                    groups.push(Group { name: kind.group.clone(), versions: vec![] });
                    groups.len() - 1
                });
                let versions = &mut groups[place].versions;
                match versions.iter_mut().find(|known| known.version == kind.version) {
                    Some(known) => known.rows.push(row.clone()),
                    None => versions.push(GroupVersion { version: kind.version.clone(), rows: vec![row.clone()] }),
                }
            }
            for group in &mut groups {
                group.versions.sort_by_key(|version| Reverse(priority(&version.version)));
            }
            groups
        })
    }

    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups().iter().find(|group| group.name == name)
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
pub struct Kinds {
    builtin: Table,
    current: RwLock<Arc<Table>>,
}

impl Kinds {
    pub fn new(table: Table) -> Kinds {
        Kinds { current: RwLock::new(Arc::new(table.clone())), builtin: table }
    }

    pub fn current(&self) -> Arc<Table> {
        self.current.read().clone()
    }

    /// Puts these rows beside those of the built-in kinds, in place of all that were there.
    pub fn extend(&self, custom: impl IntoIterator<Item = Arc<Row>>) {
        let table = Arc::new(self.builtin.with(custom));
        *self.current.write() = table;
    }
}

impl Default for Kinds {
    fn default() -> Kinds {
        Kinds::new(Table::builtin())
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::Spec;
    use super::*;

    #[test]
    fn every_row_is_found_by_plural_and_by_kind() {
        let table = Table::builtin();
        assert!(table.rows().len() > 40);
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
    fn both_faces_of_a_kind_share_one_place() {
        let table = Table::builtin();
        let core = table.by_plural("", "v1", "events").unwrap();
        let new = table.by_plural("events.k8s.io", "v1", "events").unwrap();
        assert_eq!(core.storage_prefix(), new.storage_prefix());
        assert!(!core.converts() && new.converts());
        let old = table.by_plural("autoscaling", "v1", "horizontalpodautoscalers").unwrap();
        let new_hpa = table.by_plural("autoscaling", "v2", "horizontalpodautoscalers").unwrap();
        assert_eq!(old.storage_prefix(), new_hpa.storage_prefix());
        assert!(old.converts() && !new_hpa.converts());
        assert_eq!(new.kind.definition, "io.k8s.api.events.v1.Event");
    }

    #[test]
    fn readers_keep_the_table_they_took_while_another_is_swapped_in() {
        let kinds = Kinds::default();
        let before = kinds.current();
        let widget = Spec::core("Widget", "widgets", crate::kinds::Plain).row();
        kinds.extend([Arc::new(widget)]);
        assert!(before.by_plural("", "v1", "widgets").is_none());
        assert!(kinds.current().by_plural("", "v1", "widgets").is_some());
    }
}
