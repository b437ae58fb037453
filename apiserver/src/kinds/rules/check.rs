//! An object, held against its rules.

use serde_json::Value as Json;
use timonier_api::field::{FieldError, Path};
use timonier_expressions::{Budget, RunError, Scope, Type, Value, value_of};

use super::{Place, Rule, Rules, Step};

/// What one rule may cost, and all that run for one object, in steps.
const RULE: u64 = 1_000_000;
const OBJECT: u64 = 10_000_000;
/// Longest message that an expression may make, in bytes.
const MESSAGE_MAX: usize = 5 << 10;

impl Rules {
    /// `old`: what the object was before. What has not changed is held against nothing but rules about changes.
    pub fn check(&self, new: &Json, old: Option<&Json>, errors: &mut Vec<FieldError>) {
        let mut run = Run { left: OBJECT, errors };
        run.place(&self.0, new, old, &Path::new(""));
    }
}

struct Run<'a> {
    left: u64,
    errors: &'a mut Vec<FieldError>,
}

impl Run<'_> {
    fn place(&mut self, place: &Place, new: &Json, old: Option<&Json>, path: &Path) {
        if new.is_null() || self.left == 0 {
            return;
        }
        if let Some(type_) = &place.type_ {
            self.rules(place, type_, new, old, path);
        }
        if let Some(members) = new.as_object() {
            for (name, member) in members {
                let before = old.and_then(|old| old.get(name));
                if let Some(inner) = place.properties.get(name) {
                    self.place(inner, member, before, &path.field(name));
                } else if let Some(inner) = &place.values {
                    self.place(inner, member, before, &path.key(name));
                }
            }
        }
        if let (Some(items), Some(list)) = (&place.items, new.as_array()) {
            for (index, item) in list.iter().enumerate() {
                let before = items.keys.as_ref().and_then(|keys| {
                    let same = |known: &&Json| keys.iter().all(|key| known.get(key) == item.get(key));
                    old?.as_array()?.iter().find(same)
                });
                self.place(&items.place, item, before, &path.index(index));
            }
        }
    }

    fn rules(&mut self, place: &Place, type_: &Type, new: &Json, old: Option<&Json>, path: &Path) {
        let unchanged = old == Some(new);
        let runs = |rule: &&Rule| {
            if rule.transition { old.is_some() || rule.optional_old } else { !unchanged }
        };
        let mut scopes = None;
        for rule in place.rules.iter().filter(runs) {
            let (plain, optional) = scopes.get_or_insert_with(|| {
                let value = value_of(new, type_);
                let before = old.filter(|old| !old.is_null()).map(|old| value_of(old, type_));
                let optional = before.clone().map_or(Value::NONE, Value::some);
                let scope = Scope::default().with("self", value);
                (scope.clone().with("oldSelf", before.unwrap_or(Value::Null)), scope.with("oldSelf", optional))
            });
            let scope = if rule.optional_old { optional } else { plain };
            self.rule(rule, &place.name, scope, path);
            if self.left == 0 {
                let detail =
                    "validation failed due to running out of cost budget, no further validation rules will be run";
                return self.errors.push(FieldError::invalid(path, &*place.name, detail));
            }
        }
    }

    fn rule(&mut self, rule: &Rule, name: &str, scope: &Scope, path: &Path) {
        let mut budget = Budget::new(RULE.min(self.left));
        let before = budget.left();
        let answer = rule.program.run(scope, &mut budget);
        self.left -= before - budget.left();
        let text = rule.message.strip_prefix("failed rule: ").unwrap_or(&rule.message);
        let detail = match answer {
            Ok(Value::Bool(true)) => return,
            Ok(_) => return self.errors.push(self.broken(rule, name, scope, path)),
            Err(RunError::TooCostly) => {
                let error = RunError::TooCostly;
                format!(
                    "'{error}': no further validation rules will be run due to call cost exceeds limit for rule: {text}"
                )
            }
            Err(error) if error == RunError::no_overload() => format!(
                "'{error}': call arguments did not match a supported operator, function or macro signature for rule: {text}"
            ),
            Err(error) => format!("{error} evaluating rule: {text}"),
        };
        self.errors.push(FieldError::invalid(&shown(path), name, detail));
    }

    fn broken(&self, rule: &Rule, name: &str, scope: &Scope, path: &Path) -> FieldError {
        let start = if rule.field.is_empty() { shown(path) } else { path.clone() };
        let path = rule.field.iter().fold(start, |path, step| match step {
            Step::Field(name) => path.field(name),
            Step::Key(key) => path.key(key),
        });
        let detail = self.message(rule, scope).unwrap_or_else(|| rule.message.clone());
        match &*rule.reason {
            "FieldValueForbidden" => FieldError::forbidden(&path, detail),
            "FieldValueRequired" => FieldError::required(&path, detail),
            "FieldValueDuplicate" => FieldError::duplicate(&path, name),
            _ => FieldError::invalid(&path, name, detail),
        }
    }

    /// What the rule's own expression says, if that is one line of text.
    fn message(&self, rule: &Rule, scope: &Scope) -> Option<String> {
        let program = rule.message_program.as_ref()?;
        let message = program.run(scope, &mut Budget::new(RULE.min(self.left))).ok()?;
        let message = message.as_text()?.trim();
        (!message.is_empty() && message.len() <= MESSAGE_MAX && !message.contains('\n')).then(|| message.to_owned())
    }
}

/// The whole object has no path; Kubernetes shows that so.
fn shown(path: &Path) -> Path {
    if path.to_string().is_empty() { Path::new("<nil>") } else { path.clone() }
}
