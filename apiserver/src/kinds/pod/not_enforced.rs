//! Which fields of a pod spec are accepted without effect, and the warnings that say so. The list is a data file.

use std::fmt;
use std::sync::LazyLock;

use serde_json::Value;

use crate::kinds::json;

static LIST: &str = include_str!("not_enforced.txt");
static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| LIST.lines().filter_map(Field::parse).collect());

/// A line of the list.
struct Field {
    steps: Vec<Step>,
    /// Values that ask for nothing.
    harmless: Vec<Value>,
}

enum Step {
    Key(&'static str),
    /// All items of a list.
    Items,
}

impl Field {
    fn parse(line: &'static str) -> Option<Field> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (path, harmless) = line.split_once(' ').unwrap_or((line, ""));
        let mut steps = vec![];
        for part in path.split('.') {
            match part.strip_suffix("[*]") {
                Some(key) => steps.extend([Step::Key(key), Step::Items]),
                None => steps.push(Step::Key(part)),
            }
        }
        let harmless = harmless.split('|').filter_map(|value| serde_json::from_str(value).ok());
        Some(Field { steps, harmless: harmless.collect() })
    }

    /// Adds the path of every place where the field asks for something.
    fn find(&self, value: &Value, steps: &[Step], at: &At<'_>, found: &mut Vec<String>) {
        match steps {
            [] if self.asks(value) => found.push(at.to_string()),
            [] => {}
            [Step::Key(key), rest @ ..] => {
                if let Some(value) = value.get(key) {
                    self.find(value, rest, &At::Key(at, key), found);
                }
            }
            [Step::Items, rest @ ..] => {
                for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.find(item, rest, &At::Item(at, i), found);
                }
            }
        }
    }

    fn asks(&self, value: &Value) -> bool {
        !json::equivalent(value, &Value::Null) && !self.harmless.contains(value)
    }
}

/// Where a search is, written out only when there is something to say.
enum At<'a> {
    Spec(&'a str),
    Key(&'a At<'a>, &'a str),
    Item(&'a At<'a>, usize),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Spec(path) => f.write_str(path),
            At::Key(parent, key) => write!(f, "{parent}.{key}"),
            At::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// A warning for each field of the pod spec at `path` that has no effect yet.
pub fn warnings_of_spec(spec: &Value, path: &str) -> Vec<String> {
    let mut found = vec![];
    let at = At::Spec(path);
    for field in FIELDS.iter() {
        match field.steps.as_slice() {
            // What is said of containers holds for containers of every sort.
            [Step::Key("containers"), rest @ ..] => {
                for list in ["containers", "initContainers", "ephemeralContainers"] {
                    let containers = json::get(spec, list);
                    field.find(containers, rest, &At::Key(&at, list), &mut found);
                }
            }
            steps => field.find(spec, steps, &at, &mut found),
        }
    }
    found.into_iter().map(|path| format!("{path} is not enforced by this version")).collect()
}

#[cfg(test)]
mod tests {
    use timonier_api::schema::Schema;

    use super::*;

    #[test]
    fn every_line_of_the_list_names_a_field_of_a_pod_spec() {
        for field in FIELDS.iter() {
            let mut at = Schema::of("io.k8s.api.core.v1.PodSpec").unwrap();
            for step in &field.steps {
                at = match step {
                    Step::Key(key) => at.member(key).unwrap_or_else(|| panic!("no field {key}")),
                    Step::Items => at.items().unwrap(),
                };
            }
        }
        assert!(!FIELDS.is_empty());
    }

    #[test]
    fn every_harmless_value_is_json() {
        let lines = LIST.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '));
        for (field, values) in lines {
            for value in values.split('|') {
                assert!(serde_json::from_str::<Value>(value).is_ok(), "{field}: {value}");
            }
        }
    }
}
