//! One policy, with each of its parameters, against one write.

use std::sync::Arc;

use serde_json::Value as Json;
use timonier_expressions::{Budget, Key, Program, RunError, Scope, Type, Value, value_of};
use timonier_store::{Entry, Snapshot};

use crate::kinds::groups::programs::Programs;
use crate::kinds::{Table, json as of, workload};
use crate::object::Object;
use crate::registry::keys;

/// What one expression may cost, and all of a policy, in steps.
const EXPRESSION: u64 = 1_000_000;
const POLICY: u64 = 10_000_000;
/// Longest message that an expression may make, in bytes.
const MESSAGE_MAX: usize = 5 << 10;

/// What a policy found.
pub struct Broken {
    pub message: String,
    pub reason: String,
}

impl Broken {
    fn new(message: impl ToString) -> Broken {
        Broken { message: message.to_string(), reason: String::new() }
    }
}

/// The parameters that a binding names: each is judged by, one after another.
pub type Parameters = Result<Vec<Json>, String>;

pub fn parameters(table: &Table, snapshot: &Snapshot, policy: &Json, binding: &Json, namespace: &str) -> Parameters {
    let (kind, reference) = (of::get(policy, "paramKind"), of::get(binding, "paramRef"));
    if kind.is_null() || reference.is_null() {
        return Ok(vec![Json::Null]);
    }
    let (group, version) = of::text(kind, "apiVersion").split_once('/').unwrap_or(("", of::text(kind, "apiVersion")));
    let named = of::text(kind, "kind");
    let row = table.by_kind(group, version, named).filter(|row| row.is_kept());
    let row = row
        .ok_or_else(|| format!("failed to find resource referenced by paramKind: '{group}/{version}, Kind={named}'"))?;
    let within = match (row.kind.namespaced, of::text(reference, "namespace")) {
        (false, _) => "",
        (true, "") if namespace.is_empty() => {
            return Err("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources".into());
        }
        (true, "") => namespace,
        (true, within) => within,
    };
    let read = |entry: &Arc<Entry>| -> Result<Json, String> {
        let object = Object::of(entry).and_then(|object| object.stored_value());
        object.map_err(|status| status.message)
    };
    let found = match of::text(reference, "name") {
        "" => {
            let selector =
                workload::typed(of::get(reference, "selector")).ok_or("the paramRef has no valid selector")?;
            let mut found = vec![];
            for entry in snapshot.range(&keys::collection(row, within), None) {
                let object = read(entry)?;
                if selector.matches(&super::labels(&object)) {
                    found.push(object);
                }
            }
            found
        }
        name => snapshot.get(&keys::object(row, within, name)).map(read).transpose()?.into_iter().collect(),
    };
    match (found.is_empty(), of::text(reference, "parameterNotFoundAction")) {
        (true, "Deny") => Err("no params found for policy binding with `Deny` parameterNotFoundAction".into()),
        _ => Ok(found),
    }
}

/// One write, as expressions see it.
pub struct Case {
    scope: Scope,
}

impl Case {
    /// The objects as clients see them, null where there is none.
    pub fn new(object: &Json, old: &Json, request: &Json, namespace: &Json) -> Case {
        let value = |json: &Json| value_of(json, &Type::Dyn);
        let scope = Scope::default()
            .with("object", value(object))
            .with("oldObject", value(old))
            .with("request", value(request))
            .with("namespaceObject", value(namespace));
        Case { scope }
    }

    /// What the policy denies. What cannot be said counts as its `failurePolicy` wants.
    pub fn judge(&self, programs: &Programs, spec: &Json, parameters: Parameters) -> Vec<Broken> {
        let fails = of::text(spec, "failurePolicy") != "Ignore";
        let parameters = match parameters {
            Ok(parameters) => parameters,
            Err(error) if fails => return vec![Broken::new(format!("failed to configure binding: {error}"))],
            Err(_) => return vec![],
        };
        let mut broken = vec![];
        for parameter in parameters {
            let mut scope = self.scope.clone();
            scope.set("params", value_of(&parameter, &Type::Dyn));
            scope.set("variables", Value::map([]));
            let mut run = Run { scope, left: POLICY };
            run.variables(programs);
            match run.conditions(programs) {
                Ok(true) => run.validations(programs, fails, &mut broken),
                Ok(false) => {}
                Err(error) if fails => broken.push(Broken::new(error)),
                Err(_) => {}
            }
        }
        broken
    }
}

struct Run {
    scope: Scope,
    left: u64,
}

impl Run {
    fn run(&mut self, program: &Program) -> Result<Value, RunError> {
        let mut budget = Budget::new(EXPRESSION.min(self.left));
        let before = budget.left();
        let answer = program.run(&self.scope, &mut budget);
        self.left -= before - budget.left();
        answer
    }

    /// One that fails is an error for who looks at it.
    fn variables(&mut self, programs: &Programs) {
        let mut known = std::collections::BTreeMap::new();
        for (name, program) in &programs.variables {
            let value = self.run(program).unwrap_or_else(|error| Value::Failed(Arc::new(error)));
            known.insert(Key::Text(name.as_str().into()), value);
            self.scope.set("variables", Value::Map(Arc::new(known.clone())));
        }
    }

    /// Whether all are true. One that is false decides, whatever others fail with.
    fn conditions(&mut self, programs: &Programs) -> Result<bool, String> {
        let mut failed = None;
        for (name, program) in &programs.conditions {
            match self.run(program) {
                Ok(Value::Bool(true)) => {}
                Ok(_) => return Ok(false),
                Err(error) => failed = Some(format!("matchCondition '{name}' resulted in error: {error}")),
            }
        }
        failed.map_or(Ok(true), Err)
    }

    fn validations(&mut self, programs: &Programs, fails: bool, broken: &mut Vec<Broken>) {
        for validation in &programs.validations {
            match self.run(&validation.program) {
                Ok(Value::Bool(true)) => {}
                Ok(_) => {
                    let said = validation.message_program.as_ref().and_then(|program| self.run(program).ok());
                    let said = said
                        .as_ref()
                        .and_then(Value::as_text)
                        .map(str::trim)
                        .filter(|said| !said.is_empty() && said.len() <= MESSAGE_MAX && !said.contains('\n'));
                    let message = said.unwrap_or(&validation.message).to_owned();
                    broken.push(Broken { message, reason: validation.reason.clone() });
                }
                Err(error) if fails => {
                    let text = validation.message.strip_prefix("failed expression: ").unwrap_or(&validation.message);
                    broken.push(Broken::new(format!("expression '{text}' resulted in error: {error}")));
                }
                Err(_) => {}
            }
        }
    }
}
