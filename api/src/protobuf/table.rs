//! All messages, read once from `fields.txt`.

use std::collections::HashMap;
use std::sync::LazyLock;

static TEXT: &str = include_str!("fields.txt");

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(TEXT));

struct Table {
    messages: Vec<Message>,
    by_name: HashMap<&'static str, usize>,
}

/// One message: its fields, and how it looks in JSON.
#[derive(Debug)]
pub struct Message {
    /// As in OpenAPI: `io.k8s.api.core.v1.Pod`.
    pub name: &'static str,
    pub(super) form: Form,
    /// Sorted by number.
    pub(super) fields: Vec<Field>,
    /// Sorted by JSON name; the fields of embedded messages are among them.
    routes: Vec<(&'static str, Route)>,
}

/// What a message is in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// An object with its fields.
    Fields,
    /// RFC 3339, whole seconds.
    Time,
    /// RFC 3339, microseconds.
    MicroTime,
    Quantity,
    IntOrString,
    /// Any JSON, as text in field 1.
    Raw,
    /// A list of strings, field 1.
    Strings,
    /// A schema (1) or a list of them (2).
    SchemaOrArray,
    /// Whether anything is allowed (1) and the schema of it (2).
    SchemaOrBool,
    /// A schema (1) or names of fields (2).
    SchemaOrStrings,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub number: u32,
    /// Its name in JSON; `None`: the fields of the message stand in its place.
    pub name: Option<&'static str>,
    pub shape: Shape,
    pub kind: Kind,
    /// Whether JSON has it even when it is zero.
    pub shown: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    One,
    List,
    /// From strings.
    Map,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    Bytes,
    Bool,
    Int32,
    Int64,
    Double,
    /// Index into the table.
    Message(usize),
}

/// The way to a field: through the numbers of these embedded messages.
#[derive(Debug)]
pub(super) struct Route {
    pub through: Vec<u32>,
    pub field: Field,
}

impl Message {
    /// The message that an OpenAPI definition is on the wire, for instance `io.k8s.api.core.v1.Pod`.
    pub fn of(definition: &str) -> Option<&'static Message> {
        TABLE.by_name.get(definition).map(|at| &TABLE.messages[*at])
    }

    /// The message of a kind as objects name it: `apps/v1` and `Deployment`.
    pub fn of_kind(api_version: &str, kind: &str) -> Option<&'static Message> {
        // What every group has.
        let everywhere =
            ["APIGroup", "APIGroupList", "APIResourceList", "APIVersions", "DeleteOptions", "Status", "WatchEvent"];
        if api_version == "meta.k8s.io/v1" || everywhere.contains(&kind) {
            return Message::of(&format!("io.k8s.apimachinery.pkg.apis.meta.v1.{kind}"));
        }
        let (group, version) = crate::kind::split_api_version(api_version)?;
        Message::of(&match group {
            "" => format!("io.k8s.api.core.{version}.{kind}"),
            "apiextensions.k8s.io" => format!("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.{version}.{kind}"),
            "apiregistration.k8s.io" => format!("io.k8s.kube-aggregator.pkg.apis.apiregistration.{version}.{kind}"),
            "internal.apiserver.k8s.io" => format!("io.k8s.api.apiserverinternal.{version}.{kind}"),
            group => match group.split_once('.') {
                // Groups of other people have no protobuf.
                Some((_, domain)) if !domain.ends_with("k8s.io") => return None,
                Some((first, _)) => format!("io.k8s.api.{first}.{version}.{kind}"),
                None => format!("io.k8s.api.{group}.{version}.{kind}"),
            },
        })
    }

    /// All messages.
    pub fn all() -> &'static [Message] {
        &TABLE.messages
    }

    /// Whether a field of this name can be written.
    pub fn has(&self, name: &str) -> bool {
        self.route(name).is_some()
    }

    pub(super) fn at(index: usize) -> &'static Message {
        &TABLE.messages[index]
    }

    pub(super) fn field(&self, number: u32) -> Option<&Field> {
        // Most messages number their fields without gaps.
        if let Some(field) = self.fields.get((number as usize).wrapping_sub(1)).filter(|f| f.number == number) {
            return Some(field);
        }
        let at = self.fields.binary_search_by_key(&number, |field| field.number).ok()?;
        Some(&self.fields[at])
    }

    pub(super) fn route(&self, name: &str) -> Option<&Route> {
        let at = self.routes.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
        Some(&self.routes[at].1)
    }
}

impl Table {
    /// Our own file: what it cannot be is found by the test that reads all of it.
    fn read(text: &'static str) -> Table {
        let headers = text.lines().filter(|line| line.starts_with("io.k8s."));
        let by_name: HashMap<&str, usize> = headers.enumerate().map(|(at, name)| (name, at)).collect();
        let mut messages: Vec<Message> = Vec::with_capacity(by_name.len());
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match messages.last_mut() {
                Some(message) if !line.starts_with("io.k8s.") => {
                    message.fields.extend(Field::read(line, message.name, &by_name));
                }
                _ => messages.push(Message { name: line, form: form(line), fields: vec![], routes: vec![] }),
            }
        }
        for at in 0..messages.len() {
            let mut routes = vec![];
            collect(&messages, at, &[], &mut routes);
            routes.sort_by_key(|(name, _)| *name);
            messages[at].routes = routes;
        }
        Table { messages, by_name }
    }
}

fn collect(messages: &[Message], at: usize, through: &[u32], routes: &mut Vec<(&'static str, Route)>) {
    for field in &messages[at].fields {
        match (field.name, field.kind) {
            (Some(name), _) => routes.push((name, Route { through: through.to_vec(), field: *field })),
            (None, Kind::Message(inner)) => {
                let further: Vec<u32> = through.iter().copied().chain([field.number]).collect();
                collect(messages, inner, &further, routes);
            }
            (None, _) => {}
        }
    }
}

impl Field {
    /// `3 replicas *int32`
    fn read(line: &'static str, message: &str, known: &HashMap<&str, usize>) -> Option<Field> {
        let mut words = line.split(' ');
        let number = words.next()?.parse().ok()?;
        let name = Some(words.next()?).filter(|name| *name != "-");
        let word = words.next()?;
        let (shape, rest, pointer) = match word.as_bytes() {
            [b'[', b']', ..] => (Shape::List, &word[2..], false),
            [b'{', b'}', ..] => (Shape::Map, &word[2..], false),
            [b'*', ..] => (Shape::One, &word[1..], true),
            _ => (Shape::One, word, false),
        };
        let kind = rest.trim_end_matches('!');
        let shown = pointer || kind.len() < rest.len();
        let kind = match kind {
            "string" => Kind::String,
            "bytes" => Kind::Bytes,
            "bool" => Kind::Bool,
            "int32" => Kind::Int32,
            "int64" => Kind::Int64,
            "double" => Kind::Double,
            name if name.contains('.') => Kind::Message(*known.get(name)?),
            name => {
                let (package, _) = message.rsplit_once('.')?;
                Kind::Message(*known.get(&*format!("{package}.{name}"))?)
            }
        };
        Some(Field { number, name, shape, kind, shown })
    }
}

fn form(message: &str) -> Form {
    const SCHEMA: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON";
    match message {
        "io.k8s.apimachinery.pkg.apis.meta.v1.Time" => Form::Time,
        "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime" => Form::MicroTime,
        "io.k8s.apimachinery.pkg.api.resource.Quantity" => Form::Quantity,
        "io.k8s.apimachinery.pkg.util.intstr.IntOrString" => Form::IntOrString,
        "io.k8s.apimachinery.pkg.runtime.RawExtension" | "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1" => Form::Raw,
        _ if message.ends_with(".ExtraValue") || message.ends_with(".Verbs") => Form::Strings,
        _ => match message.strip_prefix(SCHEMA) {
            Some("") => Form::Raw,
            Some("SchemaPropsOrArray") => Form::SchemaOrArray,
            Some("SchemaPropsOrBool") => Form::SchemaOrBool,
            Some("SchemaPropsOrStringArray") => Form::SchemaOrStrings,
            _ => Form::Fields,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_field_and_no_number_or_name_comes_twice() {
        let lines = TEXT.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).count();
        assert!(lines > 2500);
        assert_eq!(Message::all().iter().map(|message| message.fields.len()).sum::<usize>(), lines);
        for message in Message::all() {
            assert!(message.fields.is_sorted_by(|a, b| a.number < b.number), "{}", message.name);
            assert!(message.routes.is_sorted_by(|a, b| a.0 < b.0), "{}", message.name);
        }
    }

    #[test]
    fn a_kind_is_found_by_what_stands_in_objects() {
        for (api_version, kind, name) in [
            ("v1", "Pod", Some("io.k8s.api.core.v1.Pod")),
            ("apps/v1", "DeploymentList", Some("io.k8s.api.apps.v1.DeploymentList")),
            ("rbac.authorization.k8s.io/v1", "Role", Some("io.k8s.api.rbac.v1.Role")),
            ("apps/v1", "DeleteOptions", Some("io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions")),
            (
                "meta.k8s.io/v1",
                "PartialObjectMetadata",
                Some("io.k8s.apimachinery.pkg.apis.meta.v1.PartialObjectMetadata"),
            ),
            ("v1", "APIResourceList", Some("io.k8s.apimachinery.pkg.apis.meta.v1.APIResourceList")),
            ("v1", "Status", Some("io.k8s.apimachinery.pkg.apis.meta.v1.Status")),
            ("apps.example.com/v1", "Deployment", None),
            ("v1", "Podd", None),
            ("", "Pod", None),
        ] {
            assert_eq!(Message::of_kind(api_version, kind).map(|m| m.name), name, "{api_version} {kind}");
        }
    }

    #[test]
    fn embedded_fields_are_reached_through_their_message() {
        let volume = Message::of("io.k8s.api.core.v1.Volume").unwrap();
        let route = volume.route("emptyDir").unwrap();
        assert_eq!((&route.through[..], route.field.number), (&[2][..], 2));
        let rule = Message::of("io.k8s.api.admissionregistration.v1.NamedRuleWithOperations").unwrap();
        assert_eq!(rule.route("apiGroups").unwrap().through, [2, 2]);
    }
}
