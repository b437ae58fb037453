//! Where objects stand in the store: `pods/default/web-1`, `nodes/n1`, `deployments.apps/default/web`.

use crate::kinds::Row;

/// Before every object of a kind.
pub fn kind(row: &Row) -> String {
    format!("{}/", row.storage_prefix())
}

/// Before every object of a collection: of one namespace, or of all when it is empty.
pub fn collection(row: &Row, namespace: &str) -> String {
    if row.kind.namespaced && !namespace.is_empty() {
        format!("{}/{namespace}/", row.storage_prefix())
    } else {
        kind(row)
    }
}

/// One object; the namespace is ignored for kinds at cluster scope.
pub fn object(row: &Row, namespace: &str, name: &str) -> String {
    format!("{}{name}", collection(row, namespace))
}
