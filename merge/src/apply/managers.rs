//! `metadata.managedFields`: who owns which fields.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::Manager;
use super::fieldset::FieldSet;

/// Owners by update that an object may have; older ones are folded into one.
const MOST_UPDATERS: usize = 10;
const FOLDED: &str = "ancient-changes";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Apply,
    Update,
}

/// One entry of `metadata.managedFields`.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub manager: String,
    pub operation: Operation,
    pub api_version: String,
    pub subresource: String,
    /// As it is stored, RFC 3339 in UTC.
    pub time: Option<String>,
    fields: Fields,
}

/// Most writes leave most entries alone: those stay in their stored form.
#[derive(Debug, Clone)]
enum Fields {
    Stored(Value),
    Decoded(FieldSet),
}

impl Entry {
    pub fn new(manager: &Manager<'_>, operation: Operation, set: FieldSet) -> Entry {
        Entry::with(manager, operation, Fields::Decoded(set))
    }

    /// An entry whose set is written down already.
    pub fn written(manager: &Manager<'_>, operation: Operation, text: String) -> Entry {
        Entry::with(manager, operation, Fields::Stored(text.into()))
    }

    fn with(manager: &Manager<'_>, operation: Operation, fields: Fields) -> Entry {
        Entry {
            manager: manager.name.to_owned(),
            operation,
            api_version: manager.api_version.to_owned(),
            subresource: manager.subresource.to_owned(),
            time: Some(manager.time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            fields,
        }
    }

    /// Appliers are the same whatever version they speak, updaters are not.
    fn is(&self, manager: &Manager<'_>, operation: Operation) -> bool {
        self.operation == operation
            && self.manager == manager.name
            && self.subresource == manager.subresource
            && (operation == Operation::Apply || self.api_version == manager.api_version)
    }

    pub fn set(&self) -> Cow<'_, FieldSet> {
        match &self.fields {
            Fields::Stored(stored) => Cow::Owned(FieldSet::decode(stored).unwrap_or_default()),
            Fields::Decoded(set) => Cow::Borrowed(set),
        }
    }

    /// Whether the entry is about these fields, neither more nor less.
    pub fn is_exactly(&self, fields: &FieldSet) -> bool {
        match &self.fields {
            Fields::Stored(stored) => fields.is_stored_as(stored),
            Fields::Decoded(set) => set == fields,
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut FieldSet)) {
        let fields = std::mem::replace(&mut self.fields, Fields::Stored(Value::Null));
        let mut set = match fields {
            Fields::Stored(stored) => FieldSet::decode(&stored).unwrap_or_default(),
            Fields::Decoded(set) => set,
        };
        change(&mut set);
        self.fields = Fields::Decoded(set);
    }

    /// Which of these fields are in the entry.
    pub fn shared(&self, fields: &FieldSet) -> FieldSet {
        match &self.fields {
            Fields::Stored(stored) if !fields.touches(stored) => FieldSet::default(),
            _ => self.set().intersection(fields),
        }
    }

    fn disown(&mut self, fields: &FieldSet) {
        match &self.fields {
            Fields::Stored(stored) if !fields.touches(stored) => {}
            _ => self.change(|set| set.subtract(fields)),
        }
    }

    fn is_empty(&self) -> bool {
        match &self.fields {
            Fields::Stored(Value::String(text)) => text == "{}",
            Fields::Stored(stored) => stored.as_object().is_none_or(Map::is_empty),
            Fields::Decoded(set) => set.is_empty(),
        }
    }

    fn decode(mut entry: Value) -> Option<Entry> {
        let fields = entry.get_mut("fieldsV1").map_or(Value::Object(Map::new()), Value::take);
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if text("fieldsType") != "FieldsV1" {
            return None;
        }
        Some(Entry {
            manager: text("manager"),
            operation: match text("operation").as_str() {
                "Apply" => Operation::Apply,
                "Update" => Operation::Update,
                _ => return None,
            },
            api_version: text("apiVersion"),
            subresource: text("subresource"),
            time: entry.get("time").and_then(Value::as_str).map(str::to_owned),
            fields: Fields::Stored(fields),
        })
    }

    fn encode(self) -> Value {
        let operation = match self.operation {
            Operation::Apply => "Apply",
            Operation::Update => "Update",
        };
        let fields = match self.fields {
            Fields::Stored(Value::String(text)) => text,
            Fields::Stored(stored) => stored.to_string(),
            Fields::Decoded(set) => set.encode(),
        };
        let mut entry = Map::new();
        let mut put = |name: &str, text: String| {
            if !text.is_empty() {
                entry.insert(name.to_owned(), text.into());
            }
        };
        put("apiVersion", self.api_version);
        put("fieldsType", "FieldsV1".to_owned());
        put("manager", self.manager);
        put("operation", operation.to_owned());
        put("subresource", self.subresource);
        put("time", self.time.unwrap_or_default());
        entry.insert("fieldsV1".into(), fields.into());
        Value::Object(entry)
    }
}

/// All owners of an object.
#[derive(Debug, Clone, Default)]
pub(super) struct Managers(Vec<Entry>);

impl Managers {
    /// Reads entries that we stored. One that cannot be read makes the whole list unreadable: `None`.
    pub fn of(entries: Vec<Value>) -> Option<Managers> {
        entries.into_iter().map(Entry::decode).collect::<Option<_>>().map(Managers)
    }

    /// Reads entries that a client sent: they may be written in many ways, or not be field sets at all.
    pub fn sent(entries: Vec<Value>) -> Option<Managers> {
        let mut managers = Managers::of(entries)?;
        for entry in &mut managers.0 {
            if let Fields::Stored(stored) = &entry.fields {
                // Text stands for a set only in what the server itself has stored.
                let set = stored.is_object().then(|| FieldSet::decode(stored)).flatten();
                entry.fields = Fields::Decoded(set?);
            }
        }
        Some(managers)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter()
    }

    pub fn push(&mut self, entry: Entry) {
        self.0.push(entry);
    }

    pub fn take(&mut self, manager: &Manager<'_>, operation: Operation) -> Option<Entry> {
        let at = self.0.iter().position(|entry| entry.is(manager, operation))?;
        Some(self.0.remove(at))
    }

    /// Nobody owns these fields any more.
    pub fn disown(&mut self, fields: &FieldSet) {
        if fields.is_empty() {
            return;
        }
        for entry in &mut self.0 {
            entry.disown(fields);
        }
    }

    /// What all own together.
    pub fn union(&self) -> FieldSet {
        let mut all = FieldSet::default();
        for entry in &self.0 {
            all.unite(&entry.set());
        }
        all
    }

    /// Folds the oldest updaters into one entry a version until few enough are left.
    pub fn cap(&mut self) {
        let mut updaters: Vec<usize> =
            (0..self.0.len()).filter(|&at| self.0[at].operation == Operation::Update).collect();
        let Some(mut surplus) = updaters.len().checked_sub(MOST_UPDATERS) else {
            return;
        };
        updaters.sort_by_key(|&at| (self.0[at].time.clone(), self.0[at].manager.clone()));
        let mut folded: Vec<Entry> = Vec::new();
        let mut gone = Vec::new();
        for at in updaters {
            if surplus == 0 {
                break;
            }
            let entry = &self.0[at];
            gone.push(at);
            match folded.iter_mut().find(|bucket| bucket.api_version == entry.api_version) {
                Some(bucket) => {
                    bucket.change(|set| set.unite(&entry.set()));
                    bucket.time = entry.time.clone();
                    surplus -= 1;
                }
                None => folded.push(entry.clone()),
            }
        }
        let mut at = 0;
        self.0.retain(|_| {
            at += 1;
            !gone.contains(&(at - 1))
        });
        for bucket in &mut folded {
            bucket.manager = FOLDED.into();
            bucket.subresource = String::new();
        }
        self.0.extend(folded);
    }

    /// Writes `metadata.managedFields`, in Kubernetes' order; nobody's is left out.
    pub fn store(mut self, object: &mut Value) {
        self.0.retain(|entry| !entry.is_empty());
        self.0.sort_by(|a, b| order(a).cmp(&order(b)));
        if self.0.is_empty() {
            take(object);
        } else if let Some(metadata) = metadata(object) {
            let entries = self.0.into_iter().map(Entry::encode).collect();
            metadata.insert("managedFields".into(), Value::Array(entries));
        }
    }
}

fn order(entry: &Entry) -> (Operation, Option<&str>, &str, &str, &str) {
    (entry.operation, entry.time.as_deref(), &entry.manager, &entry.api_version, &entry.subresource)
}

/// `metadata.managedFields` as it is stored.
pub(super) fn stored(object: &Value) -> &[Value] {
    let entries = object.get("metadata").and_then(|metadata| metadata.get("managedFields"));
    entries.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether a client asks to forget all owners: a list of one empty entry.
pub(super) fn is_reset(entries: &[Value]) -> bool {
    matches!(entries, [entry] if *entry == json!({}))
}

/// Takes `metadata.managedFields` out of an object.
pub(super) fn take(object: &mut Value) -> Vec<Value> {
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
    match metadata.and_then(|metadata| metadata.remove("managedFields")) {
        Some(Value::Array(entries)) => entries,
        _ => Vec::new(),
    }
}

fn metadata(object: &mut Value) -> Option<&mut Map<String, Value>> {
    object.as_object_mut()?.entry("metadata").or_insert_with(|| Value::Object(Map::new())).as_object_mut()
}
