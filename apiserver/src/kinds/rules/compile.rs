//! A schema's rules, read.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_expressions::{Program, Type, type_of};

use super::{Items, Place, Rule, Rules, Step};
use crate::kinds::json;

const REASONS: [&str; 4] = ["FieldValueRequired", "FieldValueForbidden", "FieldValueInvalid", "FieldValueDuplicate"];
/// Longest message, in bytes.
const MESSAGE_MAX: usize = 2048;

impl Rules {
    /// The rules of a version's schema; `None` if it has none. What cannot be right is left out.
    pub fn compile(schema: &Value) -> Option<Rules> {
        let place = Reader::default().place(schema, true, true, &Path::new(""));
        (!place.is_empty()).then_some(Rules(place))
    }
}

/// What is wrong with the rules of a version's schema.
pub fn faults(schema: &Value, path: &Path) -> Vec<FieldError> {
    let mut reader = Reader::default();
    reader.place(schema, true, true, path);
    reader.errors
}

#[derive(Default)]
struct Reader {
    errors: Vec<FieldError>,
}

impl Reader {
    /// `root`: the schema of a whole object. `correlates`: it is known what stood in the same place before.
    fn place(&mut self, schema: &Value, root: bool, correlates: bool, path: &Path) -> Place {
        let mut place = Place::default();
        let rules = json::list(schema, "x-kubernetes-validations");
        if !rules.is_empty() {
            let type_ = type_of(schema, root);
            let at = path.field("x-kubernetes-validations");
            for (i, rule) in rules.iter().enumerate() {
                place.rules.extend(self.rule(rule, schema, &type_, correlates, &at.index(i)));
            }
            place.type_ = Some(type_);
            place.name = json::text(schema, "type").to_owned();
        }
        for (name, property) in json::map(schema, "properties").into_iter().flatten() {
            let inner = self.place(property, false, correlates, &path.child("properties").key(name));
            if !inner.is_empty() {
                place.properties.insert(name.clone(), inner);
            }
        }
        let values = json::get(schema, "additionalProperties");
        if values.is_object() {
            let inner = self.place(values, false, correlates, &path.child("additionalProperties"));
            place.values = (!inner.is_empty()).then(|| Box::new(inner));
        }
        let items = json::get(schema, "items");
        if items.is_object() {
            let keys = (json::text(schema, "x-kubernetes-list-type") == "map").then(|| {
                let keys = json::list(schema, "x-kubernetes-list-map-keys").iter();
                keys.filter_map(Value::as_str).map(str::to_owned).collect()
            });
            let inner = self.place(items, false, correlates && keys.is_some(), &path.child("items"));
            place.items = (!inner.is_empty()).then(|| Box::new(Items { place: inner, keys }));
        }
        place
    }

    fn rule(&mut self, rule: &Value, schema: &Value, type_: &Type, correlates: bool, path: &Path) -> Option<Rule> {
        let text = json::text(rule, "rule");
        if text.trim().is_empty() {
            self.errors.push(FieldError::required(&path.child("rule"), "rule is not specified"));
            return None;
        }
        let before = self.errors.len();
        self.message(rule, path);
        let reason = json::text(rule, "reason");
        if !reason.is_empty() && !REASONS.contains(&reason) {
            self.errors.push(FieldError::not_supported(&path.child("reason"), reason, &REASONS));
        }
        let field = self.field(json::text(rule, "fieldPath"), schema, path);
        let optional_old = json::flag(rule, "optionalOldSelf");
        let old = if optional_old { Type::optional(type_.clone()) } else { type_.clone() };
        let variables = [("self", type_.clone()), ("oldSelf", old)];
        let program = self.program(text, &variables, &path.child("rule"), &Type::Bool)?;
        let transition = program.uses("oldSelf");
        if transition && !correlates {
            let detail = "oldSelf cannot be used on the uncorrelatable portion of the schema";
            self.errors.push(FieldError::invalid(&path.child("rule"), text, detail));
        }
        if !json::get(rule, "optionalOldSelf").is_null() && !transition {
            let detail = "may not be set if oldSelf is not used in rule";
            self.errors.push(FieldError::invalid(&path.child("optionalOldSelf"), optional_old, detail));
        }
        let expression = json::text(rule, "messageExpression");
        let message_program = match expression.trim() {
            "" => None,
            text => self.program(text, &variables, &path.child("messageExpression"), &Type::String),
        };
        let message = match json::text(rule, "message").trim() {
            "" => format!("failed rule: {}", text.trim()),
            message => message.to_owned(),
        };
        (self.errors.len() == before).then(|| Rule {
            program,
            message,
            message_program,
            reason: reason.to_owned(),
            field: field.unwrap_or_default(),
            transition,
            optional_old,
        })
    }

    fn program(&mut self, text: &str, variables: &[(&str, Type)], path: &Path, gives: &Type) -> Option<Program> {
        let (what, wanted) =
            if *gives == Type::Bool { ("cel expression", "bool") } else { ("messageExpression", "string") };
        match Program::compile(text, variables) {
            Err(error) => {
                self.errors.push(FieldError::invalid(path, text, format!("compilation failed: {error}")));
                None
            }
            Ok(program) if program.type_of() != gives && *program.type_of() != Type::Dyn => {
                self.errors.push(FieldError::invalid(path, text, format!("{what} must evaluate to a {wanted}")));
                None
            }
            Ok(program) => Some(program),
        }
    }

    fn message(&mut self, rule: &Value, path: &Path) {
        let Some(message) = json::get(rule, "message").as_str().filter(|message| !message.is_empty()) else { return };
        let at = path.child("message");
        if message.trim().is_empty() {
            self.errors.push(FieldError::invalid(&at, message, "message must be non-empty if specified"));
        } else if message.contains('\n') {
            self.errors.push(FieldError::invalid(&at, message, "message must not contain line breaks"));
        } else if message.len() > MESSAGE_MAX {
            self.errors.push(FieldError::too_long(&at, MESSAGE_MAX));
        }
    }

    /// `.a.b`, `['a-b']`: names of fields and keys that the schema has, from the value inwards.
    fn field(&mut self, text: &str, schema: &Value, path: &Path) -> Option<Vec<Step>> {
        if text.is_empty() {
            return None;
        }
        let steps = steps(text).and_then(|steps| walk(&steps, schema));
        if steps.is_none() {
            let detail = "fieldPath must be a valid path";
            self.errors.push(FieldError::invalid(&path.child("fieldPath"), text, detail));
        }
        steps
    }
}

fn steps(text: &str) -> Option<Vec<String>> {
    let mut names = vec![];
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix("['") {
            let (name, after) = inner.split_once("']")?;
            names.push(name.to_owned());
            rest = after;
        } else {
            let inner = rest.strip_prefix('.')?;
            let end = inner.find(['.', '[']).unwrap_or(inner.len());
            names.push(inner[..end].to_owned());
            rest = &inner[end..];
        }
    }
    names.iter().all(|name| !name.is_empty()).then_some(names)
}

fn walk(names: &[String], schema: &Value) -> Option<Vec<Step>> {
    let mut at = schema;
    let mut steps = vec![];
    for name in names {
        let property = json::get(json::get(at, "properties"), name);
        let values = json::get(at, "additionalProperties");
        if !property.is_null() {
            steps.push(Step::Field(name.clone()));
            at = property;
        } else if values.is_object() {
            steps.push(Step::Key(name.clone()));
            at = values;
        } else {
            return None;
        }
    }
    Some(steps)
}
