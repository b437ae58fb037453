//! The ReplicaSets of one Deployment while a plan is made: as observed, plus what the plan has changed so far.

use std::{collections::BTreeMap, sync::Arc};

use crate::objects::{Deployment, ReplicaSet};

use super::{
    annotations::{DESIRED, MAX, REVISION, number},
    bounds::bounds,
};

#[derive(Clone)]
pub struct Set {
    pub object: Arc<ReplicaSet>,
    /// Wanted after what is planned so far.
    pub replicas: i32,
    pub annotations: BTreeMap<String, String>,
    pub min_ready_seconds: i32,
}

/// A ReplicaSet to be made.
pub struct NewSet {
    pub name: String,
    pub replicas: i32,
    pub body: serde_json::Value,
}

/// All changes of one set, sent as one patch.
#[derive(Debug, PartialEq)]
pub struct SetChange {
    pub name: Arc<str>,
    /// From, to.
    pub replicas: Option<(i32, i32)>,
    /// Only those that differ.
    pub annotations: BTreeMap<String, String>,
    pub min_ready_seconds: Option<i32>,
}

impl Set {
    pub fn of(object: &Arc<ReplicaSet>) -> Set {
        Set {
            object: object.clone(),
            replicas: object.spec.replicas,
            annotations: object.metadata.annotations.clone(),
            min_ready_seconds: object.spec.min_ready_seconds,
        }
    }

    pub fn is_active(&self) -> bool {
        self.replicas > 0
    }

    pub fn available(&self) -> i32 {
        self.object.status.available_replicas
    }

    /// The revision of its template; 0 while it has none.
    pub fn revision(&self) -> i64 {
        number(&self.annotations, REVISION).unwrap_or(0)
    }

    /// Resizes and notes for how many replicas of the whole Deployment that was.
    pub fn scale(&mut self, replicas: i32, deployment: &Deployment) {
        self.replicas = replicas.max(0);
        let wanted = deployment.spec.replicas;
        self.annotations.insert(DESIRED.into(), wanted.to_string());
        self.annotations.insert(MAX.into(), (wanted + bounds(deployment).surge).to_string());
    }

    /// What differs from the observed object, if anything.
    pub fn change(&self) -> Option<Action> {
        let object = &self.object;
        let annotations: BTreeMap<_, _> = self
            .annotations
            .iter()
            .filter(|(key, value)| object.metadata.annotations.get(*key) != Some(value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let change = SetChange {
            name: object.metadata.name.clone(),
            replicas: (self.replicas != object.spec.replicas).then_some((object.spec.replicas, self.replicas)),
            annotations,
            min_ready_seconds: (self.min_ready_seconds != object.spec.min_ready_seconds)
                .then_some(self.min_ready_seconds),
        };
        let nothing = change.replicas.is_none() && change.annotations.is_empty() && change.min_ready_seconds.is_none();
        (!nothing).then_some(Action::Change(change))
    }
}

/// Oldest first.
pub fn by_age(sets: &mut [Set]) {
    sets.sort_by(|a, b| {
        let age = |set: &Set| (set.object.metadata.creation_timestamp, set.object.metadata.name.clone());
        age(a).cmp(&age(b))
    });
}

/// One thing to be done.
pub enum Action {
    Adopt(Arc<ReplicaSet>),
    Release(Arc<ReplicaSet>),
    Create(NewSet),
    Change(SetChange),
    Delete {
        name: Arc<str>,
        uid: Arc<str>,
    },
    /// Write the revision into the Deployment's annotation.
    Number(String),
}
