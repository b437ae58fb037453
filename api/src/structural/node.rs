//! The schema of one value, read once from its JSON.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    /// `None`: any type, as for a part of `anyOf`, or for what is preserved as it is.
    pub type_: Option<Type>,
    pub nullable: bool,
    /// `x-kubernetes-preserve-unknown-fields`
    pub preserves: bool,
    /// `x-kubernetes-embedded-resource`
    pub embedded: bool,
    /// `x-kubernetes-int-or-string`
    pub int_or_string: bool,
    pub properties: BTreeMap<Box<str>, Node>,
    pub additional: Option<Additional>,
    pub items: Option<Box<Node>>,
    pub default: Option<Value>,
    pub list: ListType,
    pub limits: Option<Box<Limits>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

/// `additionalProperties`
#[derive(Debug, Clone)]
pub(super) enum Additional {
    Anything,
    Of(Box<Node>),
}

/// `x-kubernetes-list-type`, as far as it forbids items.
#[derive(Debug, Clone, Default)]
pub(super) enum ListType {
    #[default]
    Atomic,
    Set,
    Map(Vec<Box<str>>),
}

/// What a value of the right type must also be.
#[derive(Debug, Clone, Default)]
pub(super) struct Limits {
    pub required: Vec<Box<str>>,
    pub choices: Vec<Value>,
    pub format: Option<Box<str>>,
    pub pattern: Option<Regex>,
    pub minimum: Option<Bound>,
    pub maximum: Option<Bound>,
    pub multiple_of: Option<f64>,
    pub min_length: Option<u64>,
    pub max_length: Option<u64>,
    pub min_items: Option<u64>,
    pub max_items: Option<u64>,
    pub unique_items: bool,
    pub min_properties: Option<u64>,
    pub max_properties: Option<u64>,
    pub all_of: Vec<Node>,
    pub any_of: Vec<Node>,
    pub one_of: Vec<Node>,
    pub not: Option<Node>,
}

#[derive(Debug, Clone)]
pub(super) struct Bound {
    pub value: f64,
    /// As it was written.
    pub text: Box<str>,
    pub exclusive: bool,
}

impl Type {
    pub fn of(name: &str) -> Option<Type> {
        Some(match name {
            "object" => Type::Object,
            "array" => Type::Array,
            "string" => Type::String,
            "integer" => Type::Integer,
            "number" => Type::Number,
            "boolean" => Type::Boolean,
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Type::Object => "object",
            Type::Array => "array",
            Type::String => "string",
            Type::Integer => "integer",
            Type::Number => "number",
            Type::Boolean => "boolean",
        }
    }
}

impl Node {
    pub fn read(json: &Value) -> Node {
        let flag = |name: &str| json.get(name).and_then(Value::as_bool).unwrap_or(false);
        let text = |name: &str| json.get(name).and_then(Value::as_str);
        Node {
            type_: text("type").and_then(Type::of),
            nullable: flag("nullable"),
            preserves: flag("x-kubernetes-preserve-unknown-fields"),
            embedded: flag("x-kubernetes-embedded-resource"),
            int_or_string: flag("x-kubernetes-int-or-string") || text("format") == Some("int-or-string"),
            properties: members(json.get("properties")),
            additional: match json.get("additionalProperties") {
                Some(Value::Bool(true)) => Some(Additional::Anything),
                Some(schema @ Value::Object(_)) => Some(Additional::Of(Box::new(Node::read(schema)))),
                _ => None,
            },
            items: json.get("items").filter(|items| items.is_object()).map(|items| Box::new(Node::read(items))),
            default: json.get("default").filter(|default| !default.is_null()).cloned(),
            list: match text("x-kubernetes-list-type") {
                Some("set") => ListType::Set,
                Some("map") => ListType::Map(texts(json.get("x-kubernetes-list-map-keys"))),
                _ => ListType::Atomic,
            },
            limits: Limits::read(json).map(Box::new),
        }
    }

    /// The schema of a member, and whether the member is specified at all.
    pub fn member(&self, name: &str) -> Option<&Node> {
        match (self.properties.get(name), &self.additional) {
            (Some(property), _) => Some(property),
            (None, Some(Additional::Of(values))) => Some(values),
            _ => None,
        }
    }

    /// Whether members without a schema are kept.
    pub fn keeps_any(&self) -> bool {
        self.preserves || matches!(self.additional, Some(Additional::Anything))
    }

    pub fn has_defaults(&self) -> bool {
        let of_values = match &self.additional {
            Some(Additional::Of(values)) => values.has_defaults(),
            _ => false,
        };
        self.default.is_some()
            || of_values
            || self.items.as_ref().is_some_and(|items| items.has_defaults())
            || self.properties.values().any(Node::has_defaults)
    }
}

impl Limits {
    /// `None`: there are none.
    fn read(json: &Value) -> Option<Limits> {
        const WORDS: &[&str] = &[
            "required",
            "enum",
            "format",
            "pattern",
            "minimum",
            "maximum",
            "multipleOf",
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
            "uniqueItems",
            "minProperties",
            "maxProperties",
            "allOf",
            "anyOf",
            "oneOf",
            "not",
        ];
        if !json.as_object()?.keys().any(|key| WORDS.contains(&key.as_str())) {
            return None;
        }
        let count = |name: &str| json.get(name).and_then(Value::as_u64);
        let text = |name: &str| json.get(name).and_then(Value::as_str);
        let bound = |name: &str, exclusive: &str| {
            let number = json.get(name)?;
            Some(Bound {
                value: number.as_f64()?,
                text: number.to_string().into(),
                exclusive: json.get(exclusive).and_then(Value::as_bool).unwrap_or(false),
            })
        };
        let several = |name: &str| {
            json.get(name).and_then(Value::as_array).map(|all| all.iter().map(Node::read).collect()).unwrap_or_default()
        };
        Some(Limits {
            required: texts(json.get("required")),
            choices: json.get("enum").and_then(Value::as_array).cloned().unwrap_or_default(),
            format: text("format").map(Into::into),
            pattern: text("pattern").and_then(|pattern| Regex::new(pattern).ok()),
            minimum: bound("minimum", "exclusiveMinimum"),
            maximum: bound("maximum", "exclusiveMaximum"),
            multiple_of: json.get("multipleOf").and_then(Value::as_f64),
            min_length: count("minLength"),
            max_length: count("maxLength"),
            min_items: count("minItems"),
            max_items: count("maxItems"),
            unique_items: json.get("uniqueItems").and_then(Value::as_bool).unwrap_or(false),
            min_properties: count("minProperties"),
            max_properties: count("maxProperties"),
            all_of: several("allOf"),
            any_of: several("anyOf"),
            one_of: several("oneOf"),
            not: json.get("not").filter(|not| not.is_object()).map(Node::read),
        })
    }
}

fn members(json: Option<&Value>) -> BTreeMap<Box<str>, Node> {
    let members = json.and_then(Value::as_object).into_iter().flatten();
    members.map(|(name, schema)| (name.as_str().into(), Node::read(schema))).collect()
}

fn texts(json: Option<&Value>) -> Vec<Box<str>> {
    let items = json.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(Into::into).collect()
}
