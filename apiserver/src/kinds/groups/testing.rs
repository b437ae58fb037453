//! What the tests of all groups share: an object, changed field by field, and what is then said of it.

use serde_json::Value;

use super::specs;
use crate::kinds::Row;

/// The row of a kind.
pub fn row(kind: &str) -> Row {
    specs().into_iter().find(|spec| spec.kind == kind).map(|spec| spec.row()).expect("the kind is there")
}

/// Sets what stands at a JSON pointer, whose parents are there; null takes it out.
pub fn put(o: &mut Value, pointer: &str, value: Value) {
    let (parent, field) = pointer.rsplit_once('/').expect("a pointer has a slash");
    let parent = o.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer} has no parent"));
    match parent {
        Value::Array(items) => items[field.parse::<usize>().expect("an index")] = value,
        Value::Object(fields) if value.is_null() => {
            fields.remove(field);
        }
        Value::Object(fields) => {
            fields.insert(field.to_owned(), value);
        }
        _ => panic!("{pointer} stands in nothing"),
    }
}

/// The object after defaulting; it must have no faults.
pub fn good(kind: &str, mut o: Value) -> Value {
    let row = row(kind);
    row.hooks.default(&mut o);
    row.hooks.prepare_create(&mut o);
    assert_eq!(faults(kind, &o), Vec::<String>::new(), "{kind}");
    o
}

/// What is wrong with a new object, but for its metadata.
pub fn faults(kind: &str, o: &Value) -> Vec<String> {
    let row = row(kind);
    let errors = row.hooks.validate(o).into_iter().chain(row.hooks.validate_create(o));
    errors.map(|error| error.to_string()).collect()
}

/// Each change of a good object has exactly these faults.
pub fn check(kind: &str, good: &Value, cases: &[(&str, Value, &[&str])]) {
    for (pointer, value, expected) in cases {
        let mut o = good.clone();
        put(&mut o, pointer, value.clone());
        assert_eq!(faults(kind, &o), *expected, "{kind} {pointer} {value}");
    }
}

/// Each update of a good object has exactly these faults.
pub fn check_updates(kind: &str, good: &Value, cases: &[(&str, Value, &[&str])]) {
    let row = row(kind);
    for (pointer, value, expected) in cases {
        let mut new = good.clone();
        put(&mut new, pointer, value.clone());
        let found: Vec<String> = row.hooks.validate_update(&new, good).iter().map(|error| error.to_string()).collect();
        assert_eq!(found, *expected, "{kind} {pointer} {value}");
    }
}

/// The cells of an object under their columns' names, without name and age.
pub fn cells(kind: &str, o: &Value) -> Vec<(String, Value)> {
    let row = row(kind);
    let cells = row.hooks.cells(o, jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(cells.len(), row.columns.len(), "{kind}");
    let named = row.columns.iter().map(|column| column.name.to_string()).zip(cells);
    named.filter(|(name, _)| name != "Name" && name != "Age").collect()
}
