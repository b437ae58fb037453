use super::*;
use crate::field::Path;
use serde_json::json;

fn pods() -> GroupResource {
    GroupResource::new("", "pods")
}

fn deployments() -> GroupResource {
    GroupResource::new("apps", "deployments")
}

#[test]
fn failures_are_worded_as_kubernetes_words_them() {
    let cases = [
        (Status::not_found(&pods(), "a"), 404, "NotFound", "pods \"a\" not found"),
        (Status::not_found(&deployments(), "web"), 404, "NotFound", "deployments.apps \"web\" not found"),
        (Status::already_exists(&pods(), "a"), 409, "AlreadyExists", "pods \"a\" already exists"),
        (
            Status::conflict(&pods(), "a", "the object has been modified"),
            409,
            "Conflict",
            "Operation cannot be fulfilled on pods \"a\": the object has been modified",
        ),
        (Status::forbidden(&pods(), "", "no"), 403, "Forbidden", "pods is forbidden: no"),
        (Status::forbidden(&pods(), "a", "no"), 403, "Forbidden", "pods \"a\" is forbidden: no"),
        (
            Status::method_not_supported(&deployments(), "patch"),
            405,
            "MethodNotAllowed",
            "patch is not supported on resources of kind \"deployments.apps\"",
        ),
        (Status::internal("disk"), 500, "InternalError", "Internal error occurred: disk"),
        (Status::unauthorized(), 401, "Unauthorized", "Unauthorized"),
        (
            Status::not_acceptable(&["application/json"]),
            406,
            "NotAcceptable",
            "only the following media types are accepted: application/json",
        ),
    ];
    for (status, code, reason, message) in cases {
        assert_eq!((status.code, &*status.reason), (code, reason));
        assert_eq!(status.message, message);
        assert_eq!(status.to_string(), message);
        assert_eq!(status.status, "Failure");
    }
}

#[test]
fn an_invalid_object_lists_every_cause_and_repeats_none_in_its_message() {
    let image = Path::new("spec").child("containers").index(0).child("image");
    let one = Status::invalid(&GroupKind::new("", "Pod"), "a", vec![FieldError::required(&image, "")]);
    assert_eq!(one.message, "Pod \"a\" is invalid: spec.containers[0].image: Required value");
    let error = FieldError::invalid(&Path::new("spec"), 1, "no");
    let many = Status::invalid(
        &GroupKind::new("apps", "Deployment"),
        "web",
        vec![error.clone(), error, FieldError::required(&image, "")],
    );
    assert_eq!(
        many.message,
        "Deployment.apps \"web\" is invalid: [spec: Invalid value: 1: no, spec.containers[0].image: Required value]"
    );
    let details = many.details.unwrap();
    assert_eq!(details.causes.len(), 3);
    assert_eq!(details.causes[2].reason, "FieldValueRequired");
    assert_eq!(details.causes[2].message, "Required value");
    assert_eq!(details.causes[2].field, "spec.containers[0].image");
    assert_eq!((&*details.kind, &*details.group), ("Deployment", "apps"));
}

#[test]
fn on_the_wire_a_status_is_an_object_of_its_own() {
    assert_eq!(
        serde_json::to_value(Status::not_found(&pods(), "a")).unwrap(),
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "pods \"a\" not found", "reason": "NotFound",
            "details": {"name": "a", "kind": "pods"}, "code": 404})
    );
    assert_eq!(
        serde_json::to_value(Status::success(&pods(), "a", "u")).unwrap(),
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": {"name": "a", "kind": "pods", "uid": "u"}, "code": 200})
    );
}
