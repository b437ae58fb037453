use super::*;
use crate::object::Meta;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;

#[derive(Clone, Debug, Deserialize)]
struct Thing {
    metadata: Meta,
}
impl Object for Thing {
    const KIND: &'static str = "Thing";
    const RESOURCE: Resource = Resource::of("", "v1", "things");
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

fn thing(name: &str, revision: u64, controller: Option<&str>) -> Thing {
    let owners: Vec<_> = controller.iter().map(|uid| json!({"uid": uid, "controller": true})).collect();
    serde_json::from_value(json!({"metadata": {
        "name": name, "namespace": "ns", "resourceVersion": revision.to_string(), "ownerReferences": owners}}))
    .expect("a thing")
}

fn names(things: &[Arc<Thing>]) -> Vec<String> {
    things.iter().map(|thing| thing.metadata.name.to_string()).collect()
}

fn changed(thing: Thing) -> Step<Thing> {
    Step::Changed { revision: thing.metadata.resource_version, object: thing }
}

#[test]
fn an_object_moves_between_owners_in_the_index() {
    let informer = Informer::new();
    informer.apply(changed(thing("a", 1, None)));
    assert_eq!(names(&informer.orphans("ns")), ["a"]);
    informer.apply(changed(thing("a", 2, Some("u1"))));
    assert!(informer.orphans("ns").is_empty());
    assert_eq!(names(&informer.controlled_by("u1")), ["a"]);
    informer.apply(Step::Removed { object: thing("a", 3, Some("u1")), revision: Revision(3) });
    assert!(informer.controlled_by("u1").is_empty() && informer.is_empty());
}

#[test]
fn a_reset_tells_only_what_differs() {
    let informer = Informer::new();
    let objects = vec![thing("same", 1, None), thing("gone", 2, None), thing("new", 3, None)];
    informer.apply(Step::Reset { objects, revision: Revision(3) });
    let told = Arc::new(Mutex::new(Vec::new()));
    let record = told.clone();
    informer.on_change(move |change| {
        let name = |side: Option<&Arc<Thing>>| side.map(|thing| thing.metadata.name.to_string());
        record.lock().push((name(change.old), name(change.new)));
    });
    told.lock().clear();
    let objects = vec![thing("same", 1, None), thing("new", 9, None)];
    informer.apply(Step::Reset { objects, revision: Revision(9) });
    let name = |name: &str| Some(name.to_string());
    assert_eq!(*told.lock(), [(name("new"), name("new")), (name("gone"), None)]);
}

#[test]
fn the_revision_reached_never_goes_back() {
    let informer = Informer::<Thing>::new();
    informer.apply(Step::Progress { revision: Revision(9) });
    informer.apply(Step::Progress { revision: Revision(4) });
    assert_eq!(*informer.reached().borrow(), Some(Revision(9)));
}

#[test]
fn a_namespace_is_a_range_of_the_copy() {
    let informer = Informer::new();
    for namespace in ["a", "b", "ba"] {
        let mut object = thing("x", 1, None);
        object.metadata.namespace = Some(namespace.into());
        informer.apply(changed(object));
    }
    assert_eq!(informer.in_namespace("b").len(), 1);
}
