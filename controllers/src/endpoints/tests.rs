//! What stands behind a service, and in which slice, table by table.

use std::{collections::HashMap, sync::Arc};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    backends::backends,
    is_mirrored,
    slices::{Plan, plan},
    subsets::{mirrored, subsets},
};
use crate::objects::{AddressType, Endpoint, EndpointSlice, Endpoints, Groups, Pod, Service};

fn service(spec: Value) -> Service {
    let mut service = json!({"metadata": {"name": "web", "namespace": "default", "uid": "S"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}});
    for (key, value) in spec.as_object().into_iter().flatten() {
        service["spec"][key] = value.clone();
    }
    serde_json::from_value(service).expect("a service")
}

/// A ready pod with an address.
fn pod(name: &str, change: impl FnOnce(&mut Value)) -> Arc<Pod> {
    let mut pod = json!({
        "metadata": {"name": name, "namespace": "default", "uid": name, "labels": {"app": "web"}},
        "spec": {"nodeName": "n", "hostname": "h", "subdomain": "web",
            "containers": [{"ports": [{"name": "http", "containerPort": 81}, {"name": "dns", "protocol": "UDP", "containerPort": 53}]}]},
        "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}],
            "conditions": [{"type": "Ready", "status": "True"}]},
    });
    change(&mut pod);
    Arc::new(serde_json::from_value(pod).expect("a pod"))
}

fn behind(service: &Service, pod: Arc<Pod>) -> Groups {
    backends(service, &[pod], &HashMap::from([("n".into(), "east".into())]))
}

/// The one endpoint, as it is written.
fn only(groups: &Groups) -> Value {
    json!(groups.values().next().expect("a group")[0])
}

#[test]
fn an_endpoint_says_where_a_pod_is_and_whether_it_serves() {
    let ready = only(&behind(&service(json!({})), pod("p", |_| {})));
    let expect = json!({"addresses": ["10.0.0.1"], "conditions": {"ready": true, "serving": true, "terminating": false},
        "hostname": "h", "nodeName": "n", "zone": "east",
        "targetRef": {"kind": "Pod", "namespace": "default", "name": "p", "uid": "p"}});
    assert_eq!(ready, expect);
    let unready = |pod: &mut Value| pod["status"]["conditions"] = json!([]);
    let ending = |pod: &mut Value| pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let conditions = |spec: Value, change: &dyn Fn(&mut Value)| {
        let endpoint = only(&behind(&service(spec), pod("p", change)));
        let at = |name: &str| endpoint["conditions"][name] == true;
        (at("ready"), at("serving"), at("terminating"))
    };
    assert_eq!(conditions(json!({}), &unready), (false, false, false));
    assert_eq!(conditions(json!({}), &ending), (false, true, true));
    let published = json!({"publishNotReadyAddresses": true});
    assert_eq!(conditions(published.clone(), &unready), (true, false, false));
    assert_eq!(conditions(published, &ending), (true, true, true));
    let elsewhere = only(&behind(&service(json!({})), pod("p", |pod| pod["spec"]["subdomain"] = json!("other"))));
    assert_eq!(elsewhere["hostname"], Value::Null);
}

#[test]
fn pods_without_a_way_to_them_are_not_behind_it() {
    let none = |change: &dyn Fn(&mut Value)| behind(&service(json!({})), pod("p", change)).is_empty();
    assert!(none(&|pod| pod["status"]["phase"] = json!("Failed")));
    assert!(none(&|pod| pod["status"]["phase"] = json!("Succeeded")));
    assert!(none(&|pod| pod["status"]["podIPs"] = json!([])));
    assert!(none(&|pod| pod["status"]["podIPs"] = json!([{"ip": "127.3.4.1"}])));
    assert!(!service(json!({"selector": {}})).has_backends());
    assert!(!service(json!({"type": "ExternalName"})).has_backends());
}

#[test]
fn ports_are_numbers_or_names_of_the_pod_and_families_are_apart() {
    let ports = |ports: Value| {
        let groups = behind(&service(json!({"ports": ports})), pod("p", |_| {}));
        let (_, found) = groups.keys().next().expect("a group");
        found.iter().map(|port| (port.name.to_string(), port.port, port.protocol.to_string())).collect::<Vec<_>>()
    };
    let tcp = |name: &str, number: i32| (name.to_owned(), Some(number), "TCP".to_owned());
    assert_eq!(ports(json!([{"port": 80}])), [tcp("", 80)]);
    let named = json!([{"name": "a", "port": 80, "targetPort": "http"}, {"name": "b", "port": 53, "protocol": "UDP", "targetPort": "dns"}]);
    assert_eq!(ports(named), [tcp("a", 81), ("b".to_owned(), Some(53), "UDP".to_owned())]);
    // The pod has that name under another protocol only, or not at all.
    let unknown = json!([{"name": "a", "port": 80, "targetPort": "dns"}, {"name": "b", "port": 80, "targetPort": "x"}]);
    assert_eq!(ports(unknown), []);
    let both = behind(&service(json!({"ipFamilies": ["IPv4", "IPv6"]})), pod("p", |_| {}));
    let families: Vec<_> = both.keys().map(|(family, _)| *family).collect();
    assert_eq!(families, [AddressType::IPv4, AddressType::IPv6]);
    // Pods may differ in what a name means.
    let other = pod("q", |pod| pod["spec"]["containers"][0]["ports"][0]["containerPort"] = json!(99));
    let named = service(json!({"ports": [{"port": 80, "targetPort": "http"}]}));
    assert_eq!(backends(&named, &[pod("p", |_| {}), other], &HashMap::new()).len(), 2);
}

fn endpoint(n: usize) -> Endpoint {
    Endpoint { addresses: vec![format!("10.0.{}.{}", n / 100, n % 100 + 100).into()], ..Endpoint::default() }
}

fn of(numbers: impl IntoIterator<Item = usize>) -> Groups {
    Groups::from([(Default::default(), numbers.into_iter().map(endpoint).collect())])
}

/// The slices after the plan has been acted on.
fn after(mut slices: Vec<Arc<EndpointSlice>>, plan: &Plan, made: &mut usize) -> Vec<Arc<EndpointSlice>> {
    slices.retain(|slice| !plan.delete.iter().any(|gone| gone.uid == slice.metadata.uid));
    for slice in &mut slices {
        if let Some((_, endpoints)) = plan.update.iter().find(|(name, _)| name.uid == slice.metadata.uid) {
            *slice = Arc::new(EndpointSlice { endpoints: endpoints.clone(), ..(**slice).clone() });
        }
    }
    for new in &plan.create {
        *made += 1;
        let mut slice = EndpointSlice {
            endpoints: new.endpoints.clone(),
            ports: new.ports.clone(),
            address_type: new.address_type,
            ..EndpointSlice::default()
        };
        slice.metadata.uid = made.to_string().into();
        slices.push(Arc::new(slice));
    }
    slices
}

fn sizes(slices: &[Arc<EndpointSlice>]) -> Vec<usize> {
    slices.iter().map(|slice| slice.endpoints.len()).collect()
}

#[test]
fn slices_are_filled_kept_and_given_up() {
    let mut made = 0;
    let mut slices = Vec::new();
    for (numbers, expect, writes) in [
        (0..0, vec![0], 1),
        (0..0, vec![0], 0),
        (0..250, vec![100, 100, 50], 3),
        (0..250, vec![100, 100, 50], 0),
        (0..260, vec![100, 100, 60], 1),
        (1..260, vec![99, 100, 60], 1),
        (150..260, vec![50, 60], 2),
        (0..0, vec![0], 2),
    ] {
        let plan = plan(&slices, of(numbers.clone()), 100);
        assert_eq!(plan.create.len() + plan.update.len() + plan.delete.len(), writes, "{numbers:?}");
        slices = after(slices, &plan, &mut made);
        assert_eq!(sizes(&slices), expect, "{numbers:?}");
    }
    // Other ports are another group: what there was goes.
    let mut others = of(0..1);
    let endpoints = others.pop_first().expect("a group").1;
    let port = crate::objects::EndpointPort { port: Some(80), ..Default::default() };
    others.insert((AddressType::IPv4, vec![port]), endpoints);
    let plan = plan(&slices, others, 100);
    assert_eq!((plan.create.len(), plan.delete.len()), (1, 1));
}

proptest! {
    #[test]
    fn whatever_comes_and_goes_each_endpoint_stands_once(steps in prop::collection::vec(prop::collection::btree_set(0_usize..60, 0..60), 1..12)) {
        let (mut slices, mut made) = (Vec::new(), 0);
        for wanted in steps {
            let step = plan(&slices, of(wanted.iter().copied()), 10);
            slices = after(slices, &step, &mut made);
            let mut found: Vec<_> = slices.iter().flat_map(|slice| slice.endpoints.clone()).collect();
            found.sort();
            let mut expect: Vec<_> = wanted.iter().copied().map(endpoint).collect();
            expect.sort();
            prop_assert_eq!(found, expect);
            prop_assert!(slices.iter().all(|slice| slice.endpoints.len() <= 10));
            prop_assert_eq!(plan(&slices, of(wanted.iter().copied()), 10), Plan::default());
        }
    }
}

#[test]
fn older_clients_read_subsets_and_their_own_are_mirrored() {
    let pods = [
        pod("a", |pod| pod["status"]["podIPs"] = json!([{"ip": "10.0.0.2"}])),
        pod("b", |_| {}),
        pod("unready", |pod| {
            pod["status"]["conditions"] = json!([]);
            pod["status"]["podIPs"] = json!([{"ip": "10.0.0.3"}]);
        }),
        pod("ending", |pod| pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z")),
    ];
    let groups = backends(&service(json!({})), &pods, &HashMap::new());
    let (found, truncated) = subsets(&groups, false);
    let written = json!(found);
    let ips =
        |list: &str| written[0][list].as_array().into_iter().flatten().map(|one| one["ip"].clone()).collect::<Vec<_>>();
    assert_eq!(
        (ips("addresses"), ips("notReadyAddresses")),
        (vec![json!("10.0.0.1"), json!("10.0.0.2")], vec![json!("10.0.0.3")])
    );
    assert_eq!((&written[0]["ports"], truncated), (&json!([{"port": 8080, "protocol": "TCP"}]), false));
    let many: Vec<_> = (0..1100).map(|n| pod(&format!("p{n}"), |_| {})).collect();
    let (found, truncated) = subsets(&backends(&service(json!({})), &many, &HashMap::new()), false);
    assert_eq!((found[0].addresses.len(), truncated), (1000, true));

    let endpoints = |meta: Value| -> Endpoints {
        let subset =
            json!({"addresses": [{"ip": "1.2.3.4"}], "notReadyAddresses": [{"ip": "fd00::9"}], "ports": [{"port": 9}]});
        serde_json::from_value(json!({"metadata": meta, "subsets": [subset]})).expect("endpoints")
    };
    let groups = mirrored(&endpoints(json!({"name": "web"})));
    let words: Vec<_> =
        groups.iter().map(|((family, ports), all)| (*family, ports[0].port, all[0].conditions.ready)).collect();
    assert_eq!(words, [(AddressType::IPv4, Some(9), Some(true)), (AddressType::IPv6, Some(9), Some(false))]);
    for (meta, expect) in [
        (json!({"name": "web"}), true),
        (json!({"name": "web", "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}}), false),
        (json!({"name": "web", "labels": {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}}), false),
        (json!({"name": "web", "annotations": {"control-plane.alpha.kubernetes.io/leader": "{}"}}), false),
    ] {
        assert_eq!(is_mirrored(&endpoints(meta.clone())), expect, "{meta}");
    }
}
