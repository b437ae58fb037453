//! The options in a request's query: which words they know and what may stand together, as Kubernetes checks its
//! `ListOptions`, `CreateOptions` and so on, all before anything is looked at.

use timonier_api::field::{FieldError, Path};
use timonier_api::kind::GroupKind;
use timonier_api::status::Status;

use crate::query::Query;

/// Longest field manager's name, in bytes.
const MANAGER_MAX: usize = 128;

/// 422 with every fault of the options that this verb takes.
pub fn check(verb: &str, query: &Query, applies: bool) -> Result<(), Status> {
    let (kind, errors) = match verb {
        // One object can be had at a revision as a list can.
        "get" => ("GetOptions", list(query)),
        "list" => ("ListOptions", list(query)),
        "watch" => ("ListOptions", watch(query)),
        "create" => ("CreateOptions", write(query)),
        "update" => ("UpdateOptions", write(query)),
        "patch" => ("PatchOptions", patch(query, applies)),
        "delete" => ("DeleteOptions", dry_run(query)),
        "deletecollection" => {
            invalid("ListOptions", list(query))?;
            ("DeleteOptions", dry_run(query))
        }
        _ => return Ok(()),
    };
    invalid(kind, errors)
}

/// 422 that names the options by their kind.
pub fn invalid(kind: &str, errors: Vec<FieldError>) -> Result<(), Status> {
    if errors.is_empty() { Ok(()) } else { Err(Status::invalid(&GroupKind::new("meta.k8s.io", kind), "", errors)) }
}

const MATCH: &str = "resourceVersionMatch";

fn list(query: &Query) -> Vec<FieldError> {
    let mut errors = vec![];
    if let Some(given) = query.get(MATCH) {
        let path = Path::new(MATCH);
        if query.get("resourceVersion").is_none() {
            let detail = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            errors.push(FieldError::forbidden(&path, detail));
        }
        if query.get("continue").is_some() {
            errors.push(FieldError::forbidden(&path, "resourceVersionMatch is forbidden when continue is provided"));
        }
        if !matches!(given, "Exact" | "NotOlderThan") {
            errors.push(FieldError::not_supported(&path, given, &["Exact", "NotOlderThan", ""]));
        }
        if given == "Exact" && query.get("resourceVersion") == Some("0") {
            let detail = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            errors.push(FieldError::forbidden(&path, detail));
        }
    }
    if query.flag("sendInitialEvents").is_some() {
        let path = Path::new("sendInitialEvents");
        errors.push(FieldError::forbidden(&path, "sendInitialEvents is forbidden for list"));
    }
    errors
}

fn watch(query: &Query) -> Vec<FieldError> {
    let mut errors = vec![];
    let path = Path::new(MATCH);
    let initial = query.flag("sendInitialEvents").is_some();
    let given = query.get(MATCH);
    if initial && given != Some("NotOlderThan") {
        let detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        errors.push(FieldError::forbidden(&path, detail));
    }
    let Some(given) = given else { return errors };
    if !initial {
        let detail = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
        errors.push(FieldError::forbidden(&path, detail));
    }
    if given != "NotOlderThan" {
        errors.push(FieldError::not_supported(&path, given, &["NotOlderThan"]));
    }
    if query.get("continue").is_some() {
        errors.push(FieldError::forbidden(&path, "resourceVersionMatch is forbidden when continue is provided"));
    }
    errors
}

fn write(query: &Query) -> Vec<FieldError> {
    let mut errors = vec![];
    manager(query, &mut errors);
    errors.extend(dry_run(query));
    if let Some(given) = query.get("fieldValidation").filter(|given| !matches!(*given, "Ignore" | "Strict" | "Warn")) {
        let path = Path::new("fieldValidation");
        errors.push(FieldError::not_supported(&path, given, &["", "Ignore", "Strict", "Warn"]));
    }
    errors
}

fn patch(query: &Query, applies: bool) -> Vec<FieldError> {
    let mut errors = vec![];
    if applies && query.get("fieldManager").is_none() {
        errors.push(FieldError::required(&Path::new("fieldManager"), "is required for apply patch"));
    }
    if !applies && query.flag("force").is_some() {
        errors.push(FieldError::forbidden(&Path::new("force"), "may not be specified for non-apply patch"));
    }
    errors.extend(write(query));
    errors
}

fn manager(query: &Query, errors: &mut Vec<FieldError>) {
    let Some(given) = query.get("fieldManager") else { return };
    let path = Path::new("fieldManager");
    if given.len() > MANAGER_MAX {
        errors.push(FieldError::too_long(&path, MANAGER_MAX));
    }
    for (at, odd) in given.char_indices().filter(|(_, c)| c.is_control()) {
        let detail = format!("invalid character U+{:04X} (at position {at})", u32::from(odd));
        errors.push(FieldError::invalid(&path, given, detail));
    }
}

fn dry_run(query: &Query) -> Vec<FieldError> {
    dry_run_of(query.all("dryRun").collect())
}

/// What is wrong with the words of `dryRun`, from wherever they are.
pub fn dry_run_of(mut given: Vec<&str>) -> Vec<FieldError> {
    given.retain(|given| !given.is_empty());
    if given.iter().all(|given| *given == "All") {
        return vec![];
    }
    vec![FieldError::not_supported(&Path::new("dryRun"), given, &["All"])]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(verb: &str, query: &str) -> String {
        let applies = verb == "apply";
        let verb = if applies { "patch" } else { verb };
        check(verb, &Query::parse(Some(query)), applies).map_or_else(|status| status.message, |()| "fine".to_string())
    }

    #[test]
    fn options_are_refused_in_kubernetes_words() {
        let list = "ListOptions.meta.k8s.io \"\" is invalid: ";
        let cases = [
            ("list", "resourceVersion=5&resourceVersionMatch=Exact", "fine".to_string()),
            ("list", "resourceVersion=&resourceVersionMatch=", "fine".to_string()),
            (
                "list",
                "resourceVersionMatch=Exact",
                format!(
                    "{list}resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
                ),
            ),
            (
                "list",
                "resourceVersion=1&resourceVersionMatch=Exact&continue=x",
                format!(
                    "{list}resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided"
                ),
            ),
            (
                "list",
                "resourceVersion=0&resourceVersionMatch=Exact",
                format!(
                    "{list}resourceVersionMatch: Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""
                ),
            ),
            (
                "list",
                "resourceVersion=1&resourceVersionMatch=Newest",
                format!(
                    "{list}resourceVersionMatch: Unsupported value: \"Newest\": supported values: \"Exact\", \"NotOlderThan\", \"\""
                ),
            ),
            (
                "list",
                "sendInitialEvents=true",
                format!("{list}sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"),
            ),
            ("watch", "sendInitialEvents=false&resourceVersionMatch=NotOlderThan", "fine".to_string()),
            (
                "watch",
                "sendInitialEvents=true",
                format!(
                    "{list}resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
                ),
            ),
            (
                "watch",
                "resourceVersion=1&resourceVersionMatch=NotOlderThan",
                format!(
                    "{list}resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
                ),
            ),
            ("create", "dryRun=All&fieldManager=me&fieldValidation=Strict", "fine".to_string()),
            (
                "create",
                "fieldValidation=Maybe",
                "CreateOptions.meta.k8s.io \"\" is invalid: fieldValidation: Unsupported value: \"Maybe\": supported values: \
                 \"\", \"Ignore\", \"Strict\", \"Warn\""
                    .to_string(),
            ),
            (
                "update",
                "fieldManager=a%07b",
                "UpdateOptions.meta.k8s.io \"\" is invalid: fieldManager: Invalid value: \"a\\x07b\": invalid character U+0007 \
                 (at position 1)"
                    .to_string(),
            ),
            (
                "apply",
                "",
                "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch"
                    .to_string(),
            ),
            (
                "patch",
                "force=true",
                "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch"
                    .to_string(),
            ),
            ("delete", "dryRun=All", "fine".to_string()),
        ];
        for (verb, query, expected) in cases {
            assert_eq!(said(verb, query), expected, "{verb} {query}");
        }
        for verb in ["create", "update", "patch", "delete", "deletecollection"] {
            assert!(said(verb, "dryRun=Some").contains("is invalid: dryRun: Unsupported value: "), "{verb}");
        }
        assert!(said("create", &format!("fieldManager={}", "x".repeat(129))).contains("fieldManager: Too long: "));
    }
}
