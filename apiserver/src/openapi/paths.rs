//! The paths of a kind and what may be done there, as both versions of OpenAPI describe them.

use crate::kinds::{Row, Subresource};

/// One operation at one path.
pub struct Operation {
    pub method: &'static str,
    /// `x-kubernetes-action`.
    pub action: &'static str,
    /// `createCoreV1NamespacedPod`
    pub id: String,
    /// Definition of the request's body.
    pub body: Option<String>,
    /// Definition of the answer.
    pub answer: String,
}

impl Operation {
    /// The verb of a whole object's operation, as rows name it.
    fn verb(&self) -> &'static str {
        match self.action {
            "post" => "create",
            "put" => "update",
            action => action,
        }
    }
}

pub struct Path {
    pub path: String,
    /// Names of the parameters in the path.
    pub parameters: Vec<&'static str>,
    pub operations: Vec<Operation>,
}

const STATUS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
const DELETE_OPTIONS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";
const PATCH: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";

/// `apis/apps/v1`, `api/v1`: where a group and version live.
pub fn root(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

/// All paths of a kind.
pub fn of(row: &Row) -> Vec<Path> {
    let kind = &row.kind;
    let base = format!("/{}", root(&kind.group, &kind.version));
    let namer = Namer::new(row);
    let mut paths = vec![];
    let (collection, in_namespace): (String, &[&'static str]) = if kind.namespaced {
        (format!("{base}/namespaces/{{namespace}}/{}", kind.plural), &["namespace"])
    } else {
        (format!("{base}/{}", kind.plural), &[])
    };
    let definition = || kind.definition.clone();
    if kind.namespaced && row.may("list") {
        paths.push(Path {
            path: format!("{base}/{}", kind.plural),
            parameters: vec![],
            operations: vec![Operation {
                method: "get",
                action: "list",
                id: format!("list{}{}ForAllNamespaces", namer.group, kind.kind),
                body: None,
                answer: format!("{}List", kind.definition),
            }],
        });
    }
    let options = || Some(DELETE_OPTIONS.to_string());
    let mut operations = vec![
        namer.operation("get", "list", "list", None, format!("{}List", kind.definition)),
        namer.operation("post", "post", "create", Some(definition()), definition()),
        namer.operation("delete", "deletecollection", "deleteCollection", options(), STATUS.to_string()),
    ];
    operations.retain(|operation| row.may(operation.verb()));
    paths.push(Path { path: collection.clone(), parameters: in_namespace.to_vec(), operations });
    let mut parameters = in_namespace.to_vec();
    parameters.push("name");
    let mut operations = vec![
        namer.operation("get", "get", "read", None, definition()),
        namer.operation("put", "put", "replace", Some(definition()), definition()),
        namer.operation("delete", "delete", "delete", options(), STATUS.to_string()),
        namer.operation("patch", "patch", "patch", Some(PATCH.to_string()), definition()),
    ];
    operations.retain(|operation| row.may(operation.verb()));
    if !operations.is_empty() {
        paths.push(Path { path: format!("{collection}/{{name}}"), parameters: parameters.clone(), operations });
    }
    for (part, title) in PARTS.into_iter().filter(|(part, _)| row.has(*part)) {
        paths.push(Path {
            path: format!("{collection}/{{name}}/{}", part.name()),
            parameters: parameters.clone(),
            operations: vec![
                namer.sub("get", "get", "read", title, None, definition()),
                namer.sub("put", "put", "replace", title, Some(definition()), definition()),
                namer.sub("patch", "patch", "patch", title, Some(PATCH.to_string()), definition()),
            ],
        });
    }
    paths
}

/// Parts that are written in the shape of the whole, and what operations call them.
const PARTS: [(Subresource, &str); 3] = [
    (Subresource::Status, "Status"),
    (Subresource::EphemeralContainers, "Ephemeralcontainers"),
    (Subresource::Resize, "Resize"),
];

/// Makes the ids of operations.
struct Namer {
    group: String,
    object: String,
}

impl Namer {
    fn new(row: &Row) -> Namer {
        let kind = &row.kind;
        let first = if kind.group.is_empty() { "core" } else { kind.group.split('.').next().unwrap_or("") };
        let scope = if kind.namespaced { "Namespaced" } else { "" };
        Namer {
            group: format!("{}{}", capital(first), capital(&kind.version)),
            object: format!("{scope}{}", kind.kind),
        }
    }

    fn operation(
        &self,
        method: &'static str,
        action: &'static str,
        word: &str,
        body: Option<String>,
        answer: String,
    ) -> Operation {
        self.sub(method, action, word, "", body, answer)
    }

    fn sub(
        &self,
        method: &'static str,
        action: &'static str,
        word: &str,
        suffix: &str,
        body: Option<String>,
        answer: String,
    ) -> Operation {
        let prefix = match word {
            "deleteCollection" => format!("delete{}Collection", self.group),
            word => format!("{word}{}", self.group),
        };
        Operation { method, action, id: format!("{prefix}{}{suffix}", self.object), body, answer }
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
