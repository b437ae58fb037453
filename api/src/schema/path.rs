//! Where in an object a walk is, and how Kubernetes would name that place. Costs nothing until something is wrong.

use std::fmt::{self, Write};

use serde_json::Value;

use super::shape::{Schema, Shape, StringFormat};

/// A value of the wrong type, in the words that Kubernetes' users know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeError {
    /// `spec.template.spec.containers[0].image`
    pub path: String,
    /// `json: cannot unmarshal number into Go struct field Container.spec.template.spec.containers.image of type string`
    pub message: String,
}

impl fmt::Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// A place, linked to the one around it.
pub(super) struct At<'a> {
    parent: Option<&'a At<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    Root,
    /// A field of this struct.
    Field(&'a str, &'a Schema),
    Key(&'a str),
    Index(usize),
}

impl<'a> At<'a> {
    pub fn root() -> At<'a> {
        At { parent: None, step: Step::Root }
    }

    pub fn field(&'a self, name: &'a str, of: &'a Schema) -> At<'a> {
        self.then(Step::Field(name, of))
    }

    pub fn key(&'a self, key: &'a str) -> At<'a> {
        self.then(Step::Key(key))
    }

    pub fn index(&'a self, index: usize) -> At<'a> {
        self.then(Step::Index(index))
    }

    fn then(&'a self, step: Step<'a>) -> At<'a> {
        At { parent: Some(self), step }
    }

    /// `spec.containers[0].image`
    pub fn path(&self) -> String {
        let mut path = self.parent.map(At::path).unwrap_or_default();
        match self.step {
            Step::Root => {}
            Step::Field(name, _) | Step::Key(name) => push(&mut path, name),
            Step::Index(index) => {
                // Writing to a string cannot fail.
                let _ = write!(path, "[{index}]");
            }
        }
        path
    }

    pub fn error(&self, detail: String) -> TypeError {
        let path = self.path();
        TypeError { message: format!("{path}: {detail}"), path }
    }

    /// The value at this place is not what its schema says.
    pub fn mismatch(&self, schema: &Schema, value: &Value) -> TypeError {
        let found = match value {
            Value::Null => "null".to_owned(),
            Value::Bool(_) => "bool".to_owned(),
            Value::Number(number) => match schema.shape {
                Shape::Integer { .. } | Shape::IntOrString => format!("number {number}"),
                _ => "number".to_owned(),
            },
            Value::String(_) => "string".to_owned(),
            Value::Array(_) => "array".to_owned(),
            Value::Object(_) => "object".to_owned(),
        };
        let place = match self.structure() {
            Some(name) => format!("struct field {name}.{}", self.fields()),
            None => "value".to_owned(),
        };
        let wanted = type_name(schema);
        TypeError {
            path: self.path(),
            message: format!("json: cannot unmarshal {found} into Go {place} of type {wanted}"),
        }
    }

    /// The name of the innermost struct around this place.
    fn structure(&self) -> Option<&str> {
        match self.step {
            Step::Field(_, of) => Some(of.definition.as_deref().map_or("", short_name)),
            _ => self.parent?.structure(),
        }
    }

    /// As [`At::path`], but the names of struct fields only.
    fn fields(&self) -> String {
        let mut path = self.parent.map(At::fields).unwrap_or_default();
        if let Step::Field(name, _) = self.step {
            push(&mut path, name);
        }
        path
    }
}

fn push(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

/// `io.k8s.api.core.v1.PodSpec` → `PodSpec`
fn short_name(definition: &str) -> &str {
    definition.rsplit('.').next().unwrap_or(definition)
}

/// The type in the words of Kubernetes' own decoder, which its users have learnt to read.
fn type_name(schema: &Schema) -> String {
    if let Some(definition) = schema.definition() {
        let from = definition.rmatch_indices('.').nth(1).map_or(0, |(at, _)| at + 1);
        return definition[from..].to_owned();
    }
    match &schema.shape {
        Shape::Any => "interface {}".into(),
        Shape::Object { .. } => "struct".into(),
        Shape::Map { values, .. } => format!("map[string]{}", type_name(values.schema())),
        Shape::List { items, .. } => format!("[]{}", type_name(items.schema())),
        Shape::String(StringFormat::Byte) => "[]uint8".into(),
        Shape::String(_) => "string".into(),
        Shape::Integer { bits } => format!("int{bits}"),
        Shape::Number => "float64".into(),
        Shape::Boolean => "bool".into(),
        Shape::IntOrString => "intstr.IntOrString".into(),
        Shape::Quantity => "resource.Quantity".into(),
    }
}
