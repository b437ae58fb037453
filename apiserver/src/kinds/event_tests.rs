use super::*;
use serde_json::json;

const CORE: Event = Event { newer: false };
const NEWER: Event = Event { newer: true };

fn newer_face() -> Value {
    json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e", "namespace": "a"},
        "eventTime": "2026-01-01T00:00:00.000000Z", "action": "Pulling", "reason": "Pulled", "type": "Normal",
        "note": "done", "regarding": {"kind": "Pod", "name": "p", "namespace": "a"}, "related": {"kind": "Node"},
        "reportingController": "x.y/z", "reportingInstance": "z-1", "deprecatedCount": 2,
        "deprecatedSource": {"component": "z"}, "series": {"count": 3, "lastObservedTime": "2026-01-01T00:01:00.000000Z"}})
}

#[test]
fn both_faces_show_one_object_and_nothing_is_lost() {
    let mut o = newer_face();
    NEWER.to_storage(&mut o);
    assert_eq!(o["apiVersion"], "v1");
    assert_eq!(o["involvedObject"]["name"], "p");
    assert_eq!(o["message"], "done");
    assert_eq!(o["reportingComponent"], "x.y/z");
    assert_eq!(o["count"], 2);
    assert!(o.get("note").is_none());
    NEWER.to_served(&mut o);
    assert_eq!(o, newer_face());
    CORE.to_storage(&mut o);
    assert_eq!(o, newer_face());
}

#[test]
fn an_event_is_kept_where_its_object_is() {
    let of = |namespace: &str, about: &str| {
        let o = json!({"metadata": {"namespace": namespace}, "involvedObject": {"namespace": about}});
        CORE.validate(&o).len()
    };
    assert_eq!((of("a", "a"), of("default", ""), of("a", ""), of("a", "b")), (0, 0, 1, 1));
}

#[test]
fn the_newer_face_asks_for_more() {
    let mut good = newer_face();
    NEWER.to_storage(&mut good);
    assert!(NEWER.validate(&good).is_empty());
    let bare = json!({"metadata": {"namespace": "default"}, "eventTime": "2026-01-01T00:00:00Z"});
    let fields: Vec<String> = NEWER.validate(&bare).into_iter().map(|e| e.field).collect();
    assert_eq!(fields, ["reportingController", "reportingInstance", "action", "reason", "type"]);
    assert!(CORE.validate(&bare).is_empty());
}

#[test]
fn an_event_is_shown_with_when_what_and_whom() {
    let now: Timestamp = "2026-01-01T00:02:00Z".parse().unwrap();
    let mut o = newer_face();
    NEWER.to_storage(&mut o);
    let shown: Vec<String> = CORE.cells(&o, now).iter().map(|c| c.as_str().unwrap().to_owned()).collect();
    assert_eq!(shown, ["60s", "Normal", "Pulled", "pod/p", "", "z", "done", "2m", "3", "e"]);
    assert_eq!(shown.len(), COLUMNS.len());
    let old = json!({"metadata": {"name": "o"}, "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:01:30Z",
        "count": 4, "source": {"component": "k", "host": "n1"}, "involvedObject": {"kind": "Node"}});
    let shown: Vec<String> = CORE.cells(&old, now).iter().map(|c| c.as_str().unwrap().to_owned()).collect();
    assert_eq!(shown, ["30s", "", "", "node", "", "k, n1", "", "2m", "4", "o"]);
}

#[test]
fn selectors_find_events_by_their_object() {
    let o = json!({"involvedObject": {"kind": "Pod", "uid": "u"}, "reason": "r", "reportingComponent": "c"});
    let fields: std::collections::BTreeMap<_, _> = CORE.fields(&o).into_iter().collect();
    assert_eq!(fields["involvedObject.kind"], "Pod");
    assert_eq!(fields["involvedObject.uid"], "u");
    assert_eq!(fields["source"], "c");
    assert_eq!(fields["reason"], "r");
}
