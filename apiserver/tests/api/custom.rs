//! Custom resources: kinds that come, change and go while the server runs.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::watcher;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use timonier_apiserver::Identity;
use timonier_store::{Options, Store, StoreUrl};

use crate::fixture::{Client, Cluster, PATIENCE};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const CRON_TABS: &str = "/apis/stable.example.com/v1/namespaces/default/crontabs";

fn schema() -> Value {
    json!({"type": "object", "properties": {
        "spec": {"type": "object", "required": ["cronSpec"], "properties": {
            "cronSpec": {"type": "string", "pattern": r"^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$"},
            "image": {"type": "string", "default": "busybox", "description": "What is run."},
            "replicas": {"type": "integer", "minimum": 1, "maximum": 10},
            "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "required": ["name"], "properties": {
                    "name": {"type": "string"}, "port": {"type": "integer"}}}},
            "raw": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}},
        "status": {"type": "object", "properties": {
            "replicas": {"type": "integer"}, "selector": {"type": "string"}}}}})
}

fn definition() -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "crontabs.stable.example.com"},
        "spec": {"group": "stable.example.com", "scope": "Namespaced",
            "names": {"plural": "crontabs", "singular": "crontab", "kind": "CronTab", "shortNames": ["ct"]},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema()},
                "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas",
                    "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector"}},
                "selectableFields": [{"jsonPath": ".spec.image"}],
                "additionalPrinterColumns": [
                    {"name": "Spec", "type": "string", "jsonPath": ".spec.cronSpec", "description": "When it runs."},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]}]}})
}

fn cron_tab(name: &str) -> Value {
    json!({"apiVersion": "stable.example.com/v1", "kind": "CronTab", "metadata": {"name": name},
        "spec": {"cronSpec": "* * * * */5", "replicas": 2}})
}

/// Waits until a request is answered so.
async fn until(admin: &Client, path: &str, holds: impl Fn(u16, &Value) -> bool) -> Value {
    let found = async {
        loop {
            let answer = admin.get(path).await;
            let (code, body) = (answer.code.as_u16(), answer.json());
            if holds(code, &body) {
                return body;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{path} never came to that"))
}

fn is(definition: &Value, condition: &str) -> bool {
    let conditions = definition["status"]["conditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|c| c["type"] == condition && c["status"] == "True"))
}

async fn establish(admin: &Client, definition: &Value) {
    admin.post(DEFINITIONS, definition).await.ok();
    let name = definition["metadata"]["name"].as_str().expect("a name");
    until(admin, &format!("{DEFINITIONS}/{name}"), |_, found| is(found, "Established")).await;
}

#[tokio::test]
async fn a_definition_is_served_changed_and_gone_while_the_server_runs() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    assert_eq!(admin.get(CRON_TABS).await.code, 404);
    establish(&admin, &definition()).await;
    let found = admin.get(&format!("{DEFINITIONS}/crontabs.stable.example.com")).await.ok();
    assert!(is(&found, "NamesAccepted"), "{found}");
    assert_eq!(found["status"]["acceptedNames"]["listKind"], "CronTabList");
    assert_eq!(found["status"]["storedVersions"], json!(["v1"]));

    let mut watch = admin.watch(&format!("{CRON_TABS}?watch=1")).await;
    let made = admin.post(CRON_TABS, &cron_tab("a")).await.ok();
    assert_eq!((&made["spec"]["image"], &made["metadata"]["generation"]), (&json!("busybox"), &json!(1)));
    assert_eq!(watch.change().await, ("ADDED".to_string(), "a".to_string()));
    let path = format!("{CRON_TABS}/a");

    let bad = admin.merge(&path, &json!({"spec": {"cronSpec": "*", "replicas": 15}})).await;
    let (code, reason, message) = bad.refused();
    assert_eq!((code, &*reason), (422, "Invalid"));
    assert_eq!(
        message,
        "CronTab.stable.example.com \"a\" is invalid: [spec.cronSpec: Invalid value: \"*\": spec.cronSpec in body should \
         match '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$', spec.replicas: Invalid value: 15: spec.replicas in body \
         should be less than or equal to 10]"
    );
    let mut odd = cron_tab("b");
    odd["spec"]["odd"] = json!(1);
    let (code, _, message) = admin.post(&format!("{CRON_TABS}?fieldValidation=Strict"), &odd).await.refused();
    assert_eq!(code, 400);
    assert!(message.ends_with("strict decoding error: unknown field \"spec.odd\""), "{message}");

    // Status and the rest are written apart.
    let status = admin.merge(&path, &json!({"status": {"replicas": 1}})).await.ok();
    assert!(status["status"].is_null());
    let status = json!({"status": {"replicas": 1, "selector": "app=a"}, "spec": {"replicas": 9}});
    let status = admin.merge(&format!("{path}/status"), &status).await.ok();
    assert_eq!((&status["status"]["replicas"], &status["spec"]["replicas"]), (&json!(1), &json!(2)));
    assert_eq!(status["metadata"]["generation"], 1);
    let scaled = admin.merge(&format!("{path}/scale"), &json!({"spec": {"replicas": 3}})).await.ok();
    assert_eq!(scaled["status"], json!({"replicas": 1, "selector": "app=a"}));
    let found = admin.get(&path).await.ok();
    assert_eq!((&found["spec"]["replicas"], &found["metadata"]["generation"]), (&json!(3), &json!(2)));

    let selected = admin.get(&format!("{CRON_TABS}?fieldSelector=spec.image%3Dbusybox")).await.ok();
    assert_eq!(selected["items"].as_array().map(Vec::len), Some(1));
    let none = admin.get(&format!("{CRON_TABS}?fieldSelector=spec.image%3Dother")).await.ok();
    assert_eq!(none["items"], json!([]));

    // A changed definition ends what shows the former one; then everybody sees the new one.
    let mut changed = definition();
    changed["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["mode"] =
        json!({"type": "string", "default": "auto"});
    let before = admin.get(&format!("{DEFINITIONS}/crontabs.stable.example.com")).await.ok();
    changed["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"].clone();
    let put = admin.put(&format!("{DEFINITIONS}/crontabs.stable.example.com"), &changed).await.ok();
    assert_eq!(put["metadata"]["generation"], 2);
    while watch.next().await.is_some() {}
    until(&admin, &path, |_, object| object["spec"]["mode"] == "auto").await;
    let selected = admin.get(&format!("{CRON_TABS}?fieldSelector=spec.image%3Dbusybox")).await.ok();
    assert_eq!(selected["items"].as_array().map(Vec::len), Some(1));

    let mut watch = admin.watch(&format!("{CRON_TABS}?watch=1")).await;
    assert_eq!(watch.change().await.0, "ADDED");
    admin.merge(&path, &json!({"metadata": {"finalizers": ["example.com/wait"]}})).await.ok();
    assert_eq!(watch.change().await.0, "MODIFIED");
    let ending = admin.delete(&format!("{DEFINITIONS}/crontabs.stable.example.com")).await.ok();
    assert_eq!(ending["metadata"]["finalizers"], json!(["customresourcecleanup.apiextensions.k8s.io"]));
    let object = until(&admin, &path, |_, object| !object["metadata"]["deletionTimestamp"].is_null()).await;
    let (code, _, message) = admin.post(CRON_TABS, &cron_tab("c")).await.refused();
    assert_eq!((code, &*message), (405, "create not allowed while custom resource definition is terminating"));
    assert_eq!(object["metadata"]["name"], "a");
    admin.merge(&path, &json!({"metadata": {"finalizers": null}})).await.ok();
    until(&admin, &format!("{DEFINITIONS}/crontabs.stable.example.com"), |code, _| code == 404).await;
    until(&admin, CRON_TABS, |code, _| code == 404).await;
    let groups = admin.get("/apis").await.ok().to_string();
    assert!(!groups.contains("stable.example.com"));
}

#[tokio::test]
async fn custom_resources_are_applied_shown_and_documented() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    establish(&admin, &definition()).await;
    let with_ports = |ports: Value| {
        let mut object = cron_tab("a");
        object["spec"]["ports"] = ports;
        object
    };
    let path = |manager: &str| format!("{CRON_TABS}/a?fieldManager={manager}");
    admin.apply(&path("one"), &with_ports(json!([{"name": "http", "port": 80}]))).await.ok();
    let both = admin.apply(&path("two"), &with_ports(json!([{"name": "https", "port": 443}]))).await.ok();
    assert_eq!(both["spec"]["ports"], json!([{"name": "http", "port": 80}, {"name": "https", "port": 443}]));
    let conflict = admin.apply(&path("three"), &with_ports(json!([{"name": "http", "port": 81}]))).await;
    let (code, _, message) = conflict.refused();
    assert_eq!(code, 409);
    assert!(message.contains(".spec.ports[name=\"http\"].port"), "{message}");
    let strategic = [("content-type", "application/strategic-merge-patch+json")];
    let refused = admin.send(http::Method::PATCH, &format!("{CRON_TABS}/a"), &strategic, "{}").await;
    assert_eq!(refused.code, 415);

    let table = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")];
    let table = admin.send(http::Method::GET, CRON_TABS, &table, "").await.ok();
    let names: Vec<&Value> =
        table["columnDefinitions"].as_array().expect("columns").iter().map(|column| &column["name"]).collect();
    assert_eq!(names, ["Name", "Spec", "Age"]);
    assert_eq!(table["rows"][0]["cells"][1], "* * * * */5");

    let resources = admin.get("/apis/stable.example.com/v1").await.ok();
    let names: Vec<&Value> =
        resources["resources"].as_array().expect("resources").iter().map(|resource| &resource["name"]).collect();
    assert_eq!(names, ["crontabs", "crontabs/status", "crontabs/scale"]);
    let index = admin.get("/openapi/v3").await.ok();
    let url =
        index["paths"]["apis/stable.example.com/v1"]["serverRelativeURL"].as_str().expect("is indexed").to_owned();
    let document = admin.get(&url).await.ok();
    let defined = &document["components"]["schemas"]["com.example.stable.v1.CronTab"];
    assert_eq!(defined["properties"]["spec"]["properties"]["image"]["description"], "What is run.");
    assert_eq!(
        defined["x-kubernetes-group-version-kind"],
        json!([{"group": "stable.example.com", "version": "v1", "kind": "CronTab"}])
    );
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    assert!(schemas.contains_key("com.example.stable.v1.CronTabList"));
    assert!(schemas.contains_key("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"));
    // Another kind changes no document but its own.
    let mut other = definition();
    other["metadata"]["name"] = json!("gadgets.other.example.com");
    other["spec"]["group"] = json!("other.example.com");
    other["spec"]["names"] = json!({"plural": "gadgets", "kind": "Gadget"});
    establish(&admin, &other).await;
    admin.get("/apis/other.example.com/v1/gadgets").await.ok();
    let now = admin.get("/openapi/v3").await.ok();
    for (path, document) in index["paths"].as_object().expect("paths") {
        assert_eq!(&now["paths"][path], document, "{path}");
    }
    assert!(now["paths"]["apis/other.example.com/v1"].is_object());

    let old = admin.get("/openapi/v2").await.ok();
    let defined = &old["definitions"]["com.example.stable.v1.CronTab"];
    assert_eq!(defined["properties"]["spec"]["properties"]["replicas"]["type"], "integer");
}

#[tokio::test]
async fn versions_differ_by_their_name_alone() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let mut two = definition();
    let mut second = two["spec"]["versions"][0].clone();
    second["name"] = json!("v2");
    second["storage"] = json!(false);
    second["selectableFields"] = json!([{"jsonPath": ".spec.cronSpec"}]);
    two["spec"]["versions"].as_array_mut().expect("versions").push(second);
    establish(&admin, &two).await;
    let newer = CRON_TABS.replace("/v1/", "/v2/");
    let mut object = cron_tab("a");
    object["apiVersion"] = json!("stable.example.com/v2");
    let made = admin.post(&newer, &object).await.ok();
    assert_eq!(made["apiVersion"], "stable.example.com/v2");
    let older = admin.get(&format!("{CRON_TABS}/a")).await.ok();
    assert_eq!((&older["apiVersion"], &older["spec"]), (&json!("stable.example.com/v1"), &made["spec"]));
    let mut watch = admin.watch(&format!("{newer}?watch=1")).await;
    assert_eq!(watch.next().await.expect("an event")["object"]["apiVersion"], "stable.example.com/v2");
    admin.merge(&format!("{CRON_TABS}/a"), &json!({"spec": {"replicas": 4}})).await.ok();
    let seen = watch.next().await.expect("an event");
    assert_eq!(
        (&seen["object"]["apiVersion"], &seen["object"]["spec"]["replicas"]),
        (&json!("stable.example.com/v2"), &json!(4))
    );
    let by_field = "fieldSelector=spec.cronSpec%3D%2A%20%2A%20%2A%20%2A%20%2A%2F5";
    let list = admin.get(&format!("{newer}?{by_field}")).await.ok();
    assert_eq!(list["items"][0]["apiVersion"], "stable.example.com/v2");
    assert_eq!(admin.get(&format!("{CRON_TABS}?{by_field}")).await.code, 400);
    let group = admin.get("/apis/stable.example.com").await.ok();
    assert_eq!(group["preferredVersion"]["version"], "v2");
}

#[tokio::test]
async fn names_that_are_taken_are_free_again_when_their_holder_goes() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    establish(&admin, &definition()).await;
    let mut other = definition();
    other["metadata"]["name"] = json!("jobs2.stable.example.com");
    other["spec"]["names"] = json!({"plural": "jobs2", "singular": "job2", "kind": "CronTab", "listKind": "Jobs2List"});
    admin.post(DEFINITIONS, &other).await.ok();
    let path = format!("{DEFINITIONS}/jobs2.stable.example.com");
    let refused = until(&admin, &path, |_, found| found["status"]["conditions"][0].is_object()).await;
    assert!(!is(&refused, "Established") && !is(&refused, "NamesAccepted"));
    assert_eq!(refused["status"]["conditions"][0]["message"], "\"CronTab\" is already in use");
    admin.delete(&format!("{DEFINITIONS}/crontabs.stable.example.com")).await.ok();
    until(&admin, &path, |_, found| is(found, "Established")).await;
}

#[tokio::test]
async fn servers_that_share_a_store_serve_a_kind_as_soon_as_one_of_them_accepted_it() {
    let store = Store::open(&StoreUrl::Memory, Options::default()).await.expect("a store");
    let (one, two) = (Cluster::on(store.clone()).await, Cluster::on(store).await);
    let (here, there) = (one.admin(), two.admin());
    establish(&here, &definition()).await;
    there.post(CRON_TABS, &cron_tab("a")).await.ok();
    here.get(&format!("{CRON_TABS}/a")).await.ok();
    // A server that starts later knows it from the beginning.
    let three = Cluster::on(one.store.clone()).await;
    three.admin().get(&format!("{CRON_TABS}/a")).await.ok();
}

#[tokio::test]
async fn a_bad_definition_is_refused_with_every_fault() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let mut bad = definition();
    bad["metadata"]["name"] = json!("x.stable.example.com");
    bad["spec"]["scope"] = json!("Everywhere");
    bad["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["odd"] = json!({});
    bad["spec"]["versions"][0]["storage"] = json!(false);
    let (code, reason, message) = admin.post(DEFINITIONS, &bad).await.refused();
    assert_eq!((code, &*reason), (422, "Invalid"));
    for fault in [
        "metadata.name: Invalid value: \"x.stable.example.com\": must be spec.names.plural+\".\"+spec.group",
        "spec.scope: Unsupported value: \"Everywhere\": supported values: \"Cluster\", \"Namespaced\"",
        "spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[odd].type: Required value: must not be empty \
         for specified object fields",
        "must have exactly one version marked as storage version",
    ] {
        assert!(message.contains(fault), "{fault}\n{message}");
    }
}

#[tokio::test]
async fn a_controller_of_kube_keeps_the_status_of_a_custom_resource() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    establish(&admin, &definition()).await;
    let client = kube::Client::new(cluster.server.local(Identity::admin()), "default");
    let kind =
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("stable.example.com", "v1", "CronTab"), "crontabs");
    let api: Api<DynamicObject> = Api::default_namespaced_with(client, &kind);
    let reconcile = |object: Arc<DynamicObject>, api: Arc<Api<DynamicObject>>| async move {
        let status = json!({"apiVersion": "stable.example.com/v1", "kind": "CronTab",
            "status": {"replicas": object.data["spec"]["replicas"]}});
        let params = PatchParams::apply("controller").force();
        api.patch_status(&object.name_any(), &params, &Patch::Apply(&status)).await?;
        Ok::<_, kube::Error>(Action::await_change())
    };
    let running = Controller::new_with(api.clone(), watcher::Config::default(), kind.clone())
        .run(reconcile, |_, _, _| Action::requeue(Duration::from_millis(50)), Arc::new(api.clone()))
        .for_each(|_| futures::future::ready(()));
    let observing = async {
        let applied = Patch::Apply(cron_tab("a"));
        api.patch("a", &PatchParams::apply("user"), &applied).await.expect("applies");
        until(&admin, &format!("{CRON_TABS}/a"), |_, object| object["status"]["replicas"] == 2).await;
        api.patch("a", &PatchParams::default(), &Patch::Merge(json!({"spec": {"replicas": 5}})))
            .await
            .expect("patches");
        until(&admin, &format!("{CRON_TABS}/a"), |_, object| object["status"]["replicas"] == 5).await;
    };
    tokio::select! {
        () = running => panic!("the controller ended"),
        () = observing => {}
    }
}

#[tokio::test]
async fn rules_hold_and_what_a_schema_has_left_behind_can_still_be_changed() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let mut definition = definition();
    let spec = |definition: &mut Value, rules: Value| {
        let schema = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        schema["properties"]["spec"]["x-kubernetes-validations"] = rules;
    };
    spec(&mut definition, json!([{"rule": "self.replica < 3"}]));
    let (code, _, message) = admin.post(DEFINITIONS, &definition).await.refused();
    assert_eq!(code, 422);
    let place = "spec.versions[0].schema.openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule";
    assert!(message.contains(place) && message.contains("undefined field 'replica'"), "{message}");

    let limit = json!([{"rule": "self.replicas < 3", "message": "at most two"},
        {"rule": "self.image == oldSelf.image", "message": "the image stays", "reason": "FieldValueForbidden", "fieldPath": ".image"}]);
    spec(&mut definition, limit);
    admin.post(DEFINITIONS, &definition).await.ok();
    until(&admin, CRON_TABS, |code, _| code == 200).await;
    let mut many = cron_tab("many");
    many["spec"]["replicas"] = 3.into();
    let (code, _, message) = admin.post(CRON_TABS, &many).await.refused();
    assert_eq!(
        (code, &*message),
        (422, "CronTab.stable.example.com \"many\" is invalid: spec: Invalid value: \"object\": at most two")
    );
    admin.post(CRON_TABS, &cron_tab("two")).await.ok();
    let two = format!("{CRON_TABS}/two");
    let (_, _, message) = admin.merge(&two, &json!({"spec": {"image": "other"}})).await.refused();
    assert!(message.ends_with("spec.image: Forbidden: the image stays"), "{message}");

    // The schema becomes stricter: what is there may stay, what comes may not.
    let mut stricter = definition.clone();
    spec(&mut stricter, json!([{"rule": "self.replicas < 2", "message": "at most one"}]));
    stricter["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["cronSpec"]["maxLength"] =
        5.into();
    let path = format!("{DEFINITIONS}/crontabs.stable.example.com");
    admin.merge(&path, &json!({"spec": {"versions": stricter["spec"]["versions"]}})).await.ok();
    let refused = async {
        while admin
            .send(
                http::Method::POST,
                &format!("{CRON_TABS}?dryRun=All"),
                &[crate::fixture::JSON],
                &cron_tab("new").to_string(),
            )
            .await
            .code
            .is_success()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("the new schema is in force");
    admin.merge(&two, &json!({"metadata": {"labels": {"a": "b"}}})).await.ok();
    let (_, _, message) = admin.merge(&two, &json!({"spec": {"image": "other"}})).await.refused();
    assert!(message.ends_with("spec: Invalid value: \"object\": at most one"), "{message}");
    let (_, _, message) = admin.merge(&two, &json!({"spec": {"cronSpec": "1 2 3 4 5"}})).await.refused();
    assert!(message.contains("spec.cronSpec: Too long"), "{message}");
}
