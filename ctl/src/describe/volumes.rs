//! Volumes of a pod or of a pod template.

use super::page::Page;
use super::parts::{list, scalar, text};
use super::place::{Place, optional};
use serde_json::Value;

pub fn describe(page: &mut Page, volumes: &Value, place: Place<'_>) {
    if list(volumes).is_empty() {
        return page.line(0, format!("{}Volumes:\t<none>", place.indent));
    }
    page.line(0, format!("{}Volumes:", place.indent));
    for volume in list(volumes) {
        page.line(1, format!("{}{}:", place.name_indent(), text(&volume["name"])));
        describe_one(page, volume);
    }
}

fn describe_one(page: &mut Page, volume: &Value) {
    let source = volume.as_object().into_iter().flatten().find(|(key, _)| *key != "name");
    let Some((kind, source)) = source else { return };
    let mut field = |label: &str, value: String| page.field(2, label, value);
    match kind.as_str() {
        "hostPath" => {
            field("Type", "HostPath (bare host directory volume)".into());
            field("Path", scalar(&source["path"]));
            field("HostPathType", scalar(&source["type"]));
        }
        "emptyDir" => {
            field("Type", "EmptyDir (a temporary directory that shares a pod's lifetime)".into());
            field("Medium", scalar(&source["medium"]));
            let limit = scalar(&source["sizeLimit"]);
            field("SizeLimit", if limit.is_empty() || limit == "0" { "<unset>".into() } else { limit });
        }
        "secret" => {
            field("Type", "Secret (a volume populated by a Secret)".into());
            field("SecretName", scalar(&source["secretName"]));
            field("Optional", optional(source).to_string());
        }
        "configMap" => {
            field("Type", "ConfigMap (a volume populated by a ConfigMap)".into());
            field("Name", scalar(&source["name"]));
            field("Optional", optional(source).to_string());
        }
        "persistentVolumeClaim" => {
            field(
                "Type",
                "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)".into(),
            );
            field("ClaimName", scalar(&source["claimName"]));
            field("ReadOnly", source["readOnly"].as_bool().unwrap_or(false).to_string());
        }
        "ephemeral" => {
            let spec = &source["volumeClaimTemplate"]["spec"];
            field(
                "Type",
                "EphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)"
                    .into(),
            );
            field("StorageClass", scalar(&spec["storageClassName"]));
            field("VolumeMode", scalar(&spec["volumeMode"]));
        }
        "downwardAPI" => {
            field("Type", "DownwardAPI (a volume populated by information about the pod)".into());
            page.line(2, "Items:");
            downward_items(page, source);
        }
        "projected" => {
            field("Type", "Projected (a volume that contains injected data from multiple sources)".into());
            list(&source["sources"]).iter().for_each(|source| projected(page, source));
        }
        other => field("Type", format!("{other} ({source})")),
    }
}

fn downward_items(page: &mut Page, source: &Value) {
    for item in list(&source["items"]) {
        let from = [&item["fieldRef"]["fieldPath"], &item["resourceFieldRef"]["resource"]];
        let from = from.map(text).into_iter().find(|from| !from.is_empty()).unwrap_or_default();
        page.line(3, format!("{from} -> {}", text(&item["path"])));
    }
}

fn projected(page: &mut Page, source: &Value) {
    if let Some(secret) = source.get("secret") {
        page.field(2, "SecretName", text(&secret["name"]));
        page.field(2, "SecretOptionalName", secret.get("optional").map(scalar).unwrap_or_else(|| "<nil>".into()));
    } else if source.get("downwardAPI").is_some() {
        page.field(2, "DownwardAPI", "true");
    } else if let Some(config_map) = source.get("configMap") {
        page.field(2, "ConfigMapName", text(&config_map["name"]));
        page.field(2, "ConfigMapOptional", config_map.get("optional").map(scalar).unwrap_or_else(|| "<nil>".into()));
    } else if let Some(token) = source.get("serviceAccountToken") {
        page.field(2, "TokenExpirationSeconds", scalar(&token["expirationSeconds"]));
    }
}
