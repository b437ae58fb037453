//! A local, indexed copy of one resource, kept by one task and shared by everybody who reads it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use kube::Client;
use parking_lot::RwLock;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    object::{Object, ObjectKey, Resource, Revision},
    watch::{Scope, Step, Watcher},
};

/// One object before and after a change. At least one side is there.
#[derive(Debug)]
pub struct Change<'a, T> {
    pub old: Option<&'a Arc<T>>,
    pub new: Option<&'a Arc<T>>,
}

impl<'a, T> Change<'a, T> {
    /// Both states: a controller that mapped the old one must hear when it no longer maps.
    pub fn states(&self) -> impl Iterator<Item = &'a Arc<T>> + use<'a, T> {
        self.old.into_iter().chain(self.new)
    }
}

type Listener<T> = Arc<dyn Fn(Change<'_, T>) + Send + Sync>;

/// Whom an object answers to: the index behind [`Informer::controlled_by`] and [`Informer::orphans`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Owner {
    Controller(Arc<str>),
    NobodyIn(Option<Arc<str>>),
}

fn owner<T: Object>(object: &T) -> Owner {
    match object.meta().controller() {
        Some(owner) => Owner::Controller(owner.uid.clone()),
        None => Owner::NobodyIn(object.meta().namespace.clone()),
    }
}

struct Objects<T> {
    by_key: BTreeMap<ObjectKey, Arc<T>>,
    by_owner: HashMap<Owner, BTreeSet<ObjectKey>>,
}

impl<T: Object> Objects<T> {
    fn put(&mut self, object: Arc<T>) -> Option<Arc<T>> {
        let key = object.meta().key();
        let new_owner = owner(&*object);
        let old = self.by_key.insert(key.clone(), object);
        if let Some(old) = &old {
            let old_owner = owner(&**old);
            if old_owner == new_owner {
                return Some(old.clone());
            }
            self.unindex(&old_owner, &key);
        }
        self.by_owner.entry(new_owner).or_default().insert(key);
        old
    }

    fn take(&mut self, key: &ObjectKey) -> Option<Arc<T>> {
        let old = self.by_key.remove(key)?;
        self.unindex(&owner(&*old), key);
        Some(old)
    }

    fn unindex(&mut self, owner: &Owner, key: &ObjectKey) {
        if let Some(keys) = self.by_owner.get_mut(owner) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_owner.remove(owner);
            }
        }
    }

    fn owned(&self, owner: &Owner) -> Vec<Arc<T>> {
        let keys = self.by_owner.get(owner).into_iter().flatten();
        keys.filter_map(|key| self.by_key.get(key).cloned()).collect()
    }
}

struct Shared<T> {
    objects: RwLock<Objects<T>>,
    listeners: RwLock<Vec<Listener<T>>>,
    reached: watch::Sender<Option<Revision>>,
}

/// A cheap handle; clones read the same copy.
pub struct Informer<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Clone for Informer<T> {
    fn clone(&self) -> Self {
        Informer { shared: self.shared.clone() }
    }
}

impl<T: Object> Default for Informer<T> {
    fn default() -> Self {
        Informer::new()
    }
}

impl<T: Object> Informer<T> {
    /// An empty copy; [`Informer::start`] or [`Informer::apply`] fills it.
    pub fn new() -> Informer<T> {
        let objects = Objects { by_key: BTreeMap::new(), by_owner: HashMap::new() };
        Informer {
            shared: Arc::new(Shared {
                objects: RwLock::new(objects),
                listeners: RwLock::new(Vec::new()),
                reached: watch::Sender::new(None),
            }),
        }
    }

    /// Follows the resource until `shutdown`. One task a copy, please.
    pub fn start(&self, client: Client, scope: Scope, shutdown: CancellationToken) -> JoinHandle<()> {
        let informer = self.clone();
        tokio::spawn(async move {
            let mut watcher = Watcher::<T>::new(client, T::RESOURCE, scope);
            loop {
                tokio::select! {
                    biased;
                    () = shutdown.cancelled() => return,
                    step = watcher.next() => informer.apply(step),
                }
            }
        })
    }

    /// Takes one step in: first the copy, then the listeners, then the revision, so that whoever sees the
    /// revision sees the objects.
    pub fn apply(&self, step: Step<T>) {
        let revision = step.revision();
        match step {
            Step::Reset { objects, .. } => self.reset(objects),
            Step::Changed { object, .. } => {
                let new = Arc::new(object);
                let old = self.shared.objects.write().put(new.clone());
                self.tell(old.as_ref(), Some(&new));
            }
            Step::Removed { object, .. } => {
                let old = self.shared.objects.write().take(&object.meta().key());
                if old.is_some() {
                    self.tell(old.as_ref(), None);
                }
            }
            Step::Progress { .. } => {}
        }
        self.shared.reached.send_if_modified(|reached| {
            let next = (*reached).max(Some(revision));
            std::mem::replace(reached, next) != next
        });
    }

    fn reset(&self, objects: Vec<T>) {
        let mut fresh = Objects { by_key: BTreeMap::new(), by_owner: HashMap::new() };
        for object in objects {
            fresh.put(Arc::new(object));
        }
        let stale = std::mem::replace(&mut *self.shared.objects.write(), fresh);
        let now: Vec<_> = self.all();
        for new in &now {
            let old = stale.by_key.get(&new.meta().key());
            if old.is_none_or(|old| old.meta().resource_version != new.meta().resource_version) {
                self.tell(old, Some(new));
            }
        }
        for (key, old) in &stale.by_key {
            if self.get(key).is_none() {
                self.tell(Some(old), None);
            }
        }
    }

    fn tell(&self, old: Option<&Arc<T>>, new: Option<&Arc<T>>) {
        for listener in self.shared.listeners.read().iter() {
            listener(Change { old, new });
        }
    }

    /// Calls back on each change, in the informer's task: hand over and return. What is there already is
    /// reported as added.
    pub fn on_change(&self, listener: impl Fn(Change<'_, T>) + Send + Sync + 'static) {
        // Registered first: a change in between is told twice rather than not at all.
        let listener: Listener<T> = Arc::new(listener);
        self.shared.listeners.write().push(listener.clone());
        for object in self.all() {
            listener(Change { old: None, new: Some(&object) });
        }
    }

    pub fn get(&self, key: &ObjectKey) -> Option<Arc<T>> {
        self.shared.objects.read().by_key.get(key).cloned()
    }

    /// All objects whose controller has this uid, by name.
    pub fn controlled_by(&self, uid: &str) -> Vec<Arc<T>> {
        self.shared.objects.read().owned(&Owner::Controller(uid.into()))
    }

    /// All objects of a namespace that no controller owns, by name.
    pub fn orphans(&self, namespace: &str) -> Vec<Arc<T>> {
        self.shared.objects.read().owned(&Owner::NobodyIn(Some(namespace.into())))
    }

    pub fn in_namespace(&self, namespace: &str) -> Vec<Arc<T>> {
        let from = ObjectKey::namespaced(namespace, "");
        let objects = self.shared.objects.read();
        let range = objects.by_key.range(from..);
        range.take_while(|(key, _)| key.namespace() == Some(namespace)).map(|(_, object)| object.clone()).collect()
    }

    pub fn all(&self) -> Vec<Arc<T>> {
        self.shared.objects.read().by_key.values().cloned().collect()
    }

    pub fn len(&self) -> usize {
        self.shared.objects.read().by_key.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn resource(&self) -> Resource {
        T::RESOURCE
    }

    /// The revision up to which this copy is complete; None before the first list.
    pub fn reached(&self) -> watch::Receiver<Option<Revision>> {
        self.shared.reached.subscribe()
    }

    /// Waits for the first complete list.
    pub async fn ready(&self) {
        let mut reached = self.reached();
        // The sender lives in `self`, so waiting cannot fail.
        let _alive = reached.wait_for(Option::is_some).await;
    }
}

#[cfg(test)]
mod tests;
