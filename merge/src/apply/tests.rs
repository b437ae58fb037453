//! Conversations between managers: what each writes, what the object and its owners are then.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::schema::Schema;

use super::managers::Managers;
use super::*;

mod applying;
mod conflicting;
mod taking_over;
mod tracking;

const DEPLOYMENT: &str = "io.k8s.api.apps.v1.Deployment";
const SERVICE: &str = "io.k8s.api.core.v1.Service";
const POD: &str = "io.k8s.api.core.v1.Pod";
const CONFIG_MAP: &str = "io.k8s.api.core.v1.ConfigMap";

/// An object and its writers. Each write is a minute after the one before.
struct Object {
    schema: &'static Schema,
    live: Option<Value>,
    minutes: i64,
}

impl Object {
    fn of(definition: &str) -> Object {
        Object { schema: Schema::of(definition).expect("is a kind"), live: None, minutes: 0 }
    }

    fn manager<'a>(&self, name: &'a str) -> Manager<'a> {
        let (name, subresource) = name.split_once('/').unwrap_or((name, ""));
        Manager {
            name,
            api_version: "v1",
            subresource,
            time: Timestamp::from_second(self.minutes * 60).expect("is a time"),
        }
    }

    fn try_apply(&mut self, name: &str, config: &Value, force: bool) -> Result<(), ApplyError> {
        self.minutes += 1;
        let applied = apply(self.live.as_ref(), config, &self.manager(name), force, self.schema)?;
        self.live = Some(applied);
        Ok(())
    }

    #[track_caller]
    fn apply(mut self, name: &str, config: Value) -> Object {
        if let Err(error) = self.try_apply(name, &config, false) {
            panic!("{error}");
        }
        self
    }

    #[track_caller]
    fn force(mut self, name: &str, config: Value) -> Object {
        self.try_apply(name, &config, true).expect("force does not conflict");
        self
    }

    #[track_caller]
    fn conflict(mut self, name: &str, config: Value) -> String {
        match self.try_apply(name, &config, false) {
            Err(error) => error.to_string(),
            Ok(()) => panic!("{name} had no conflict"),
        }
    }

    /// Replaces the object as a client does that read it before.
    fn update(mut self, name: &str, mut object: Value) -> Object {
        self.minutes += 1;
        let sent = object.pointer("/metadata/managedFields").cloned();
        if let (None, Some(live)) = (sent, &self.live)
            && let Some(kept) = live.pointer("/metadata/managedFields")
        {
            object["metadata"]["managedFields"] = kept.clone();
        }
        track(self.live.as_ref(), &mut object, &self.manager(name), self.schema);
        self.live = Some(object);
        self
    }

    /// Changes the live object with a merge patch.
    fn patch(mut self, name: &str, patch: Value) -> Object {
        self.minutes += 1;
        let live = self.live.take().expect("is there");
        let mut object = crate::merge_patch(live.clone(), &patch);
        track(Some(&live), &mut object, &self.manager(name), self.schema);
        self.live = Some(object);
        self
    }

    #[track_caller]
    fn has(self, expected: Value) -> Object {
        let mut object = self.live.clone().expect("is there");
        super::managers::take(&mut object);
        if object.get("metadata") == Some(&json!({})) {
            object.as_object_mut().expect("is an object").remove("metadata");
        }
        assert_eq!(object, expected);
        self
    }

    /// `owners`: as `name`, or `name*` for those by update, with `/subresource`; then the paths.
    #[track_caller]
    fn owned(self, owners: &[(&str, &[&str])]) -> Object {
        let expected: BTreeMap<String, Vec<String>> = owners
            .iter()
            .map(|(name, paths)| ((*name).to_owned(), paths.iter().map(|path| (*path).to_owned()).collect()))
            .collect();
        assert_eq!(self.owners(), expected);
        self
    }

    fn owners(&self) -> BTreeMap<String, Vec<String>> {
        let live = self.live.as_ref().expect("is there");
        let managers = Managers::of(super::managers::stored(live).to_vec()).expect("entries are readable");
        let named = managers.iter().map(|entry| {
            let mut name = entry.manager.clone();
            if entry.operation == Operation::Update {
                name.push('*');
            }
            if !entry.subresource.is_empty() {
                name.push('/');
                name.push_str(&entry.subresource);
            }
            (name, entry.set().paths())
        });
        named.collect()
    }

    fn time(&self, manager: &str) -> Option<String> {
        let live = self.live.as_ref()?;
        let entry = Managers::of(super::managers::stored(live).to_vec())?
            .iter()
            .find(|entry| entry.manager == manager)?
            .clone();
        entry.time
    }
}

fn replicas(replicas: u32) -> Value {
    json!({"spec": {"replicas": replicas}})
}

fn containers(names: &[&str]) -> Value {
    let containers: Vec<Value> = names.iter().map(|name| json!({"name": name, "image": format!("{name}:1")})).collect();
    json!({"spec": {"containers": containers}})
}
