//! The expressions of a policy, compiled.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_expressions::{Program, Type};

use crate::kinds::json;

/// What an expression of a policy may name besides `variables`: of any type each, since a policy is about many kinds.
const NAMES: [&str; 5] = ["object", "oldObject", "request", "params", "namespaceObject"];

#[derive(Debug, Default)]
pub struct Programs {
    pub conditions: Vec<(String, Program)>,
    /// In the order in which they may refer to each other.
    pub variables: Vec<(String, Program)>,
    pub validations: Vec<Validation>,
}

#[derive(Debug)]
pub struct Validation {
    pub program: Program,
    pub message: String,
    pub message_program: Option<Program>,
    pub reason: String,
}

/// The programs of a policy, and what is wrong with those that are left out.
pub fn compile(policy: &Value) -> (Programs, Vec<FieldError>) {
    let (spec, path) = (json::get(policy, "spec"), Path::new("spec"));
    let mut reader = Reader { errors: vec![], variables: vec![] };
    let mut programs = Programs::default();
    for (i, variable) in json::list(spec, "variables").iter().enumerate() {
        let at = path.child("variables").index(i);
        let name = json::text(variable, "name");
        let type_ = match reader.program(variable, "expression", &at, None) {
            Some(program) => {
                let type_ = program.type_of().clone();
                programs.variables.push((name.to_owned(), program));
                type_
            }
            None => Type::Dyn,
        };
        reader.variables.push((name.to_owned(), type_));
    }
    for (i, condition) in json::list(spec, "matchConditions").iter().enumerate() {
        let at = path.child("matchConditions").index(i);
        let program = reader.program(condition, "expression", &at, Some(Type::Bool));
        programs.conditions.extend(program.map(|program| (json::text(condition, "name").to_owned(), program)));
    }
    for (i, validation) in json::list(spec, "validations").iter().enumerate() {
        let at = path.child("validations").index(i);
        let program = reader.program(validation, "expression", &at, Some(Type::Bool));
        let message_program = reader.program(validation, "messageExpression", &at, Some(Type::String));
        let text = json::text(validation, "expression").trim();
        let message = match json::text(validation, "message").trim() {
            "" => format!("failed expression: {text}"),
            message => message.to_owned(),
        };
        let reason = json::text(validation, "reason").to_owned();
        programs.validations.extend(program.map(|program| Validation { program, message, message_program, reason }));
    }
    for (i, annotation) in json::list(spec, "auditAnnotations").iter().enumerate() {
        reader.program(annotation, "valueExpression", &path.child("auditAnnotations").index(i), Some(Type::String));
    }
    (programs, reader.errors)
}

struct Reader {
    errors: Vec<FieldError>,
    variables: Vec<(String, Type)>,
}

impl Reader {
    /// `None` also for what is not there: whether it must be, others check.
    fn program(&mut self, of: &Value, field: &'static str, path: &Path, gives: Option<Type>) -> Option<Program> {
        let text = json::text(of, field);
        if text.trim().is_empty() {
            return None;
        }
        let mut names: Vec<(&str, Type)> = NAMES.map(|name| (name, Type::Dyn)).into();
        names.push(("variables", Type::object("variables", self.variables.iter().cloned())));
        let detail = match Program::compile(text, &names) {
            Ok(program) => match gives {
                Some(wanted) if *program.type_of() != wanted && *program.type_of() != Type::Dyn => {
                    format!("must evaluate to {wanted}")
                }
                _ => return Some(program),
            },
            Err(error) => format!("compilation failed: {error}"),
        };
        self.errors.push(FieldError::invalid(&path.child(field), text, detail));
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn expressions_that_cannot_be_right_are_refused_where_they_stand() {
        let policy = json!({"spec": {
            "variables": [{"name": "n", "expression": "object.spec.replicas"}, {"name": "m", "expression": "variables.x"}],
            "matchConditions": [{"name": "c", "expression": "1"}],
            "validations": [{"expression": "variables.n < 5 && size(variables.m) > 0"},
                {"expression": "nobody", "messageExpression": "1 + 1"}],
            "auditAnnotations": [{"key": "k", "valueExpression": "true"}]}});
        let (programs, errors) = compile(&policy);
        let said: Vec<String> =
            errors.iter().map(|error| error.to_string().lines().next().unwrap_or("").to_owned()).collect();
        assert_eq!(
            said,
            [
                "spec.variables[1].expression: Invalid value: \"variables.x\": compilation failed: ERROR: <input>:1:10: undefined field 'x'",
                "spec.matchConditions[0].expression: Invalid value: \"1\": must evaluate to bool",
                "spec.validations[1].expression: Invalid value: \"nobody\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'nobody' (in container '')",
                "spec.validations[1].messageExpression: Invalid value: \"1 + 1\": must evaluate to string",
                "spec.auditAnnotations[0].valueExpression: Invalid value: \"true\": must evaluate to string",
            ]
        );
        assert_eq!((programs.variables.len(), programs.validations.len()), (1, 1));
    }
}
