//! The paths of a kind and what may be done there, as both versions of OpenAPI describe them.

use crate::discovery;
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
    /// Definition of the answer; `None`: text.
    pub answer: Option<String>,
    /// Group, version and kind of what it is about.
    pub kind: (String, String, String),
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
const SCALE: &str = "io.k8s.api.autoscaling.v1.Scale";
const WATCH_EVENT: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent";
const DELETE_OPTIONS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";
const PATCH: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";

/// `apis/apps/v1`, `api/v1`: where a group and version live.
pub fn root(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

const METHODS: [&str; 7] = ["delete", "get", "head", "options", "patch", "post", "put"];

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
                answer: Some(format!("{}List", kind.definition)),
                kind: namer.kind.clone(),
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
    paths.extend(watched(row, &namer));
    for part in row.subresources.iter() {
        if *part == Subresource::Proxy {
            paths.extend(proxied(row, &namer, &format!("{collection}/{{name}}"), &parameters));
            continue;
        }
        paths.push(Path {
            path: format!("{collection}/{{name}}/{}", part.name()),
            parameters: parameters.clone(),
            operations: operations_of(row, *part, &namer),
        });
    }
    paths
}

/// What is proxied to takes every method, at its root and below.
fn proxied(row: &Row, namer: &Namer, object: &str, parameters: &[&'static str]) -> [Path; 2] {
    let (kind, _) = discovery::subresource(row, Subresource::Proxy);
    let operation = |method: &'static str, suffix| Operation {
        kind: kind.clone(),
        answer: None,
        ..namer.sub(method, "connect", &format!("connect{}", capital(method)), suffix, None, None)
    };
    let all = |suffix| METHODS.map(|method| operation(method, suffix)).into();
    let below = [parameters, &["path"]].concat();
    [
        Path { path: format!("{object}/proxy"), parameters: parameters.to_vec(), operations: all("Proxy") },
        Path { path: format!("{object}/proxy/{{path}}"), parameters: below, operations: all("ProxyWithPath") },
    ]
}

/// The old spelling of `?watch=true`: of all namespaces, of one, and of one object.
fn watched(row: &Row, namer: &Namer) -> Vec<Path> {
    let kind = &row.kind;
    if !row.may("watch") || row.hooks.custom().is_some() {
        return vec![];
    }
    let base = format!("/{}/watch", root(&kind.group, &kind.version));
    let path = |path: String, parameters: &[&'static str], action, id: String| Path {
        path,
        parameters: parameters.to_vec(),
        operations: vec![Operation {
            method: "get",
            action,
            id: format!("watch{}{id}", namer.group),
            body: None,
            answer: Some(WATCH_EVENT.to_string()),
            kind: namer.kind.clone(),
        }],
    };
    let all = format!("{base}/{}", kind.plural);
    if !kind.namespaced {
        let one = path(format!("{all}/{{name}}"), &["name"], "watch", namer.object.clone());
        return vec![path(all, &[], "watchlist", format!("{}List", namer.object)), one];
    }
    let within = format!("{base}/namespaces/{{namespace}}/{}", kind.plural);
    let one = format!("{within}/{{name}}");
    vec![
        path(all, &[], "watchlist", format!("{}ListForAllNamespaces", kind.kind)),
        path(within, &["namespace"], "watchlist", format!("{}List", namer.object)),
        path(one, &["namespace", "name"], "watch", namer.object.clone()),
    ]
}

/// What may be done with a part of an object.
fn operations_of(row: &Row, part: Subresource, namer: &Namer) -> Vec<Operation> {
    let (kind, verbs) = discovery::subresource(row, part);
    let title = capital(part.name());
    let definition = match part {
        Subresource::Scale => SCALE.to_string(),
        Subresource::Token => "io.k8s.api.authentication.v1.TokenRequest".to_string(),
        Subresource::Eviction => "io.k8s.api.policy.v1.Eviction".to_string(),
        Subresource::Binding => "io.k8s.api.core.v1.Binding".to_string(),
        _ => row.kind.definition.clone(),
    };
    let whole = || Some(definition.clone());
    let connects = matches!(part, Subresource::Exec | Subresource::Attach | Subresource::PortForward);
    let operation = |verb: &&'static str| {
        let (method, action, word, body, answer) = match *verb {
            "get" if connects => ("get", "connect", "connectGet", None, None),
            "create" if connects => ("post", "connect", "connectPost", None, None),
            "get" if part == Subresource::Log => ("get", "get", "read", None, None),
            "get" => ("get", "get", "read", None, whole()),
            "update" => ("put", "put", "replace", whole(), whole()),
            "patch" => ("patch", "patch", "patch", Some(PATCH.to_string()), whole()),
            "create" => ("post", "post", "create", whole(), whole()),
            _ => return None,
        };
        Some(Operation { kind: kind.clone(), ..namer.sub(method, action, word, &title, body, answer) })
    };
    verbs.iter().filter_map(operation).collect()
}

/// Makes the ids of operations.
struct Namer {
    group: String,
    object: String,
    kind: (String, String, String),
}

impl Namer {
    fn new(row: &Row) -> Namer {
        let kind = &row.kind;
        let first = group_name(&kind.group);
        let scope = if kind.namespaced { "Namespaced" } else { "" };
        Namer {
            group: format!("{}{}", capital(first), capital(&kind.version)),
            object: format!("{scope}{}", kind.kind),
            kind: (kind.group.clone(), kind.version.clone(), kind.kind.clone()),
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
        self.sub(method, action, word, "", body, Some(answer))
    }

    fn sub(
        &self,
        method: &'static str,
        action: &'static str,
        word: &str,
        suffix: &str,
        body: Option<String>,
        answer: Option<String>,
    ) -> Operation {
        let prefix = match word {
            "deleteCollection" => format!("delete{}Collection", self.group),
            word if word.starts_with("connect") => word.replacen("connect", &format!("connect{}", self.group), 1),
            word => format!("{word}{}", self.group),
        };
        let id = format!("{prefix}{}{suffix}", self.object);
        Operation { method, action, id, body, answer, kind: self.kind.clone() }
    }
}

/// A group as ids and tags name it: `core`, `apps`, `rbac`.
pub fn group_name(group: &str) -> &str {
    if group.is_empty() { "core" } else { group.split('.').next().unwrap_or("") }
}

pub fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
