//! What the types themselves do not say: how lists and maps merge, and under which keys.
//!
//! The facts are those of the API's published description, for every stable definition, told by exception: a list
//! without a row is atomic, a struct or a map without one is granular.

/// The marks of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks {
    pub list: Option<List>,
    /// `Some(true)`: `x-kubernetes-map-type: atomic`; `Some(false)`: `granular`, which overrules the type's own mark.
    pub atomic_map: Option<bool>,
    pub merge: bool,
    pub merge_key: Option<&'static str>,
    pub retain_keys: bool,
    pub replace: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Atomic,
    Set,
    Keyed(&'static [&'static str]),
}

/// The marks of a field; `is_list` tells which default it has.
pub(super) fn of_field(definition: &str, field: &str, is_list: bool) -> Marks {
    let short = definition.strip_prefix("io.k8s.").unwrap_or(definition);
    if let Ok(at) = FIELDS.binary_search_by(|(d, f, _)| (*d, *f).cmp(&(short, field))) {
        return FIELDS[at].2;
    }
    let unmarked = (short, field) == ("apimachinery.pkg.apis.meta.v1.APIResource", "verbs");
    if is_list && !unmarked { ATOMIC } else { UNMARKED }
}

/// Whether values of this definition are owned and replaced as a whole.
pub(super) fn is_atomic(definition: &str) -> bool {
    let short = definition.strip_prefix("io.k8s.").unwrap_or(definition);
    ATOMIC_STRUCTS.binary_search(&short).is_ok()
}

/// Fields that the types cannot leave out but the API can.
pub(super) fn may_be_left_out(definition: &str, field: &str) -> bool {
    match field {
        // Kinds have metadata whether a client sends it or not; only these two say that it must.
        "metadata" => !matches!(definition, "io.k8s.api.core.v1.Event" | "io.k8s.api.core.v1.PodTemplate"),
        "name" => matches!(
            definition,
            "io.k8s.api.core.v1.ConfigMapEnvSource"
                | "io.k8s.api.core.v1.ConfigMapKeySelector"
                | "io.k8s.api.core.v1.ConfigMapProjection"
                | "io.k8s.api.core.v1.ConfigMapVolumeSource"
                | "io.k8s.api.core.v1.LocalObjectReference"
                | "io.k8s.api.core.v1.SecretEnvSource"
                | "io.k8s.api.core.v1.SecretKeySelector"
                | "io.k8s.api.core.v1.SecretProjection"
        ),
        _ => false,
    }
}

/// A struct of which one field at most may be set (`x-kubernetes-unions`).
pub(super) struct Union {
    definition: &'static str,
    /// The field that tells which.
    pub discriminator: Option<&'static str>,
    /// The fields, each with its value in the discriminator.
    pub fields: &'static [(&'static str, &'static str)],
}

pub(super) fn union(definition: &str) -> Option<&'static Union> {
    let short = definition.strip_prefix("io.k8s.").unwrap_or(definition);
    UNIONS.iter().find(|union| union.definition == short)
}

/// What a field that is part of a list's key means when it is left out.
pub(super) fn key_default(definition: &str, field: &str) -> Option<&'static str> {
    match (definition, field) {
        ("io.k8s.api.core.v1.ContainerPort" | "io.k8s.api.core.v1.ServicePort", "protocol") => Some("TCP"),
        ("io.k8s.api.core.v1.LocalObjectReference", "name") => Some(""),
        _ => None,
    }
}

impl Marks {
    const fn merge(mut self, key: &'static str) -> Marks {
        self.merge = true;
        self.merge_key = Some(key);
        self
    }

    const fn merge_scalars(mut self) -> Marks {
        self.merge = true;
        self
    }

    const fn retain_keys(mut self) -> Marks {
        self.retain_keys = true;
        self
    }

    const fn replace(mut self) -> Marks {
        self.replace = true;
        self
    }
}

const UNMARKED: Marks =
    Marks { list: None, atomic_map: None, merge: false, merge_key: None, retain_keys: false, replace: false };
const ATOMIC: Marks = list(List::Atomic);
const SET: Marks = list(List::Set);
const ATOMIC_MAP: Marks = map(true);
const GRANULAR: Marks = map(false);

const fn keyed(keys: &'static [&'static str]) -> Marks {
    list(List::Keyed(keys))
}

const fn list(kind: List) -> Marks {
    let mut marks = UNMARKED;
    marks.list = Some(kind);
    marks
}

const fn map(atomic: bool) -> Marks {
    let mut marks = UNMARKED;
    marks.atomic_map = Some(atomic);
    marks
}

type Row = (&'static str, &'static str, Marks);

/// Sorted by definition (without `io.k8s.`) and field.
#[rustfmt::skip]
static FIELDS: &[Row] = &[
    ("api.admissionregistration.v1.MutatingAdmissionPolicySpec", "matchConditions", keyed(&["name"]).merge("name")),
    ("api.admissionregistration.v1.MutatingWebhook", "matchConditions", keyed(&["name"]).merge("name")),
    ("api.admissionregistration.v1.MutatingWebhookConfiguration", "webhooks", keyed(&["name"]).merge("name")),
    ("api.admissionregistration.v1.ValidatingAdmissionPolicyBindingSpec", "validationActions", SET),
    ("api.admissionregistration.v1.ValidatingAdmissionPolicySpec", "matchConditions", keyed(&["name"]).merge("name")),
    ("api.admissionregistration.v1.ValidatingAdmissionPolicySpec", "variables", keyed(&["name"]).merge("name")),
    ("api.admissionregistration.v1.ValidatingAdmissionPolicyStatus", "conditions", keyed(&["type"])),
    ("api.admissionregistration.v1.ValidatingWebhook", "matchConditions", keyed(&["name"]).merge("name")),
    ("api.admissionregistration.v1.ValidatingWebhookConfiguration", "webhooks", keyed(&["name"]).merge("name")),
    ("api.apps.v1.DaemonSetStatus", "conditions", keyed(&["type"]).merge("type")),
    ("api.apps.v1.DeploymentSpec", "strategy", UNMARKED.retain_keys()),
    ("api.apps.v1.DeploymentStatus", "conditions", keyed(&["type"]).merge("type")),
    ("api.apps.v1.ReplicaSetStatus", "conditions", keyed(&["type"]).merge("type")),
    ("api.apps.v1.StatefulSetStatus", "conditions", keyed(&["type"]).merge("type")),
    ("api.autoscaling.v2.HorizontalPodAutoscalerStatus", "conditions", keyed(&["type"]).merge("type")),
    ("api.batch.v1.JobStatus", "conditions", ATOMIC.merge("type")),
    ("api.batch.v1.PodFailurePolicyOnExitCodesRequirement", "values", SET),
    ("api.batch.v1.UncountedTerminatedPods", "failed", SET),
    ("api.batch.v1.UncountedTerminatedPods", "succeeded", SET),
    ("api.certificates.v1.CertificateSigningRequestStatus", "conditions", keyed(&["type"])),
    ("api.core.v1.ComponentStatus", "conditions", keyed(&["type"]).merge("type")),
    ("api.core.v1.Container", "env", keyed(&["name"]).merge("name")),
    ("api.core.v1.Container", "ports", keyed(&["containerPort", "protocol"]).merge("containerPort")),
    ("api.core.v1.Container", "volumeDevices", keyed(&["devicePath"]).merge("devicePath")),
    ("api.core.v1.Container", "volumeMounts", keyed(&["mountPath"]).merge("mountPath")),
    ("api.core.v1.ContainerRestartRuleOnExitCodes", "values", SET),
    ("api.core.v1.ContainerStatus", "allocatedResourcesStatus", keyed(&["name"]).merge("name")),
    ("api.core.v1.ContainerStatus", "volumeMounts", keyed(&["mountPath"]).merge("mountPath")),
    ("api.core.v1.EphemeralContainer", "env", keyed(&["name"]).merge("name")),
    ("api.core.v1.EphemeralContainer", "ports", keyed(&["containerPort", "protocol"]).merge("containerPort")),
    ("api.core.v1.EphemeralContainer", "volumeDevices", keyed(&["devicePath"]).merge("devicePath")),
    ("api.core.v1.EphemeralContainer", "volumeMounts", keyed(&["mountPath"]).merge("mountPath")),
    ("api.core.v1.NamespaceStatus", "conditions", keyed(&["type"]).merge("type")),
    ("api.core.v1.NodeAllocatableResourceClaimStatus", "containers", SET),
    ("api.core.v1.NodeSpec", "podCIDRs", SET.merge_scalars()),
    ("api.core.v1.NodeStatus", "addresses", keyed(&["type"]).merge("type")),
    ("api.core.v1.NodeStatus", "conditions", keyed(&["type"]).merge("type")),
    ("api.core.v1.PersistentVolumeClaimStatus", "allocatedResourceStatuses", GRANULAR),
    ("api.core.v1.PersistentVolumeClaimStatus", "conditions", keyed(&["type"]).merge("type")),
    ("api.core.v1.PersistentVolumeSpec", "claimRef", GRANULAR),
    ("api.core.v1.PodSpec", "containers", keyed(&["name"]).merge("name")),
    ("api.core.v1.PodSpec", "ephemeralContainers", keyed(&["name"]).merge("name")),
    ("api.core.v1.PodSpec", "hostAliases", keyed(&["ip"]).merge("ip")),
    ("api.core.v1.PodSpec", "imagePullSecrets", keyed(&["name"]).merge("name")),
    ("api.core.v1.PodSpec", "initContainers", keyed(&["name"]).merge("name")),
    ("api.core.v1.PodSpec", "nodeSelector", ATOMIC_MAP),
    ("api.core.v1.PodSpec", "resourceClaims", keyed(&["name"]).merge("name").retain_keys()),
    ("api.core.v1.PodSpec", "schedulingGates", keyed(&["name"]).merge("name")),
    ("api.core.v1.PodSpec", "topologySpreadConstraints", keyed(&["topologyKey", "whenUnsatisfiable"]).merge("topologyKey")),
    ("api.core.v1.PodSpec", "volumes", keyed(&["name"]).merge("name").retain_keys()),
    ("api.core.v1.PodStatus", "conditions", keyed(&["type"]).merge("type")),
    ("api.core.v1.PodStatus", "hostIPs", ATOMIC.merge("ip")),
    ("api.core.v1.PodStatus", "podIPs", keyed(&["ip"]).merge("ip")),
    ("api.core.v1.PodStatus", "resourceClaimStatuses", keyed(&["name"]).merge("name").retain_keys()),
    ("api.core.v1.ReplicationControllerSpec", "selector", ATOMIC_MAP),
    ("api.core.v1.ReplicationControllerStatus", "conditions", keyed(&["type"]).merge("type")),
    ("api.core.v1.ResourceRequirements", "claims", keyed(&["name"])),
    ("api.core.v1.ResourceStatus", "resources", keyed(&["resourceID"])),
    ("api.core.v1.ServiceAccount", "secrets", keyed(&["name"]).merge("name")),
    ("api.core.v1.ServiceSpec", "ports", keyed(&["port", "protocol"]).merge("port")),
    ("api.core.v1.ServiceSpec", "selector", ATOMIC_MAP),
    ("api.core.v1.ServiceStatus", "conditions", keyed(&["type"]).merge("type")),
    ("api.discovery.v1.Endpoint", "addresses", SET),
    ("api.flowcontrol.v1.FlowSchemaStatus", "conditions", keyed(&["type"]).merge("type")),
    ("api.flowcontrol.v1.NonResourcePolicyRule", "nonResourceURLs", SET),
    ("api.flowcontrol.v1.NonResourcePolicyRule", "verbs", SET),
    ("api.flowcontrol.v1.PriorityLevelConfigurationStatus", "conditions", keyed(&["type"]).merge("type")),
    ("api.flowcontrol.v1.ResourcePolicyRule", "apiGroups", SET),
    ("api.flowcontrol.v1.ResourcePolicyRule", "namespaces", SET),
    ("api.flowcontrol.v1.ResourcePolicyRule", "resources", SET),
    ("api.flowcontrol.v1.ResourcePolicyRule", "verbs", SET),
    ("api.networking.v1.ServiceCIDRStatus", "conditions", keyed(&["type"]).merge("type")),
    ("api.node.v1.Scheduling", "nodeSelector", ATOMIC_MAP),
    ("api.policy.v1.PodDisruptionBudgetSpec", "selector", UNMARKED.replace()),
    ("api.policy.v1.PodDisruptionBudgetStatus", "conditions", keyed(&["type"]).merge("type")),
    ("api.resource.v1.AllocatedDeviceStatus", "conditions", keyed(&["type"])),
    ("api.resource.v1.ResourceClaimStatus", "devices", keyed(&["driver", "device", "pool", "shareID"])),
    ("api.resource.v1.ResourceClaimStatus", "reservedFor", keyed(&["uid"]).merge("uid")),
    ("api.storage.v1.CSIDriverSpec", "volumeLifecycleModes", SET),
    ("api.storage.v1.CSINodeSpec", "drivers", keyed(&["name"]).merge("name")),
    ("apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionStatus", "conditions", keyed(&["type"])),
    ("apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps", "x-kubernetes-validations", keyed(&["rule"]).merge("rule")),
    ("apimachinery.pkg.apis.meta.v1.ObjectMeta", "finalizers", SET.merge_scalars()),
    ("apimachinery.pkg.apis.meta.v1.ObjectMeta", "ownerReferences", keyed(&["uid"]).merge("uid")),
    ("kube-aggregator.pkg.apis.apiregistration.v1.APIServiceSpec", "caBundle", ATOMIC),
    ("kube-aggregator.pkg.apis.apiregistration.v1.APIServiceStatus", "conditions", keyed(&["type"]).merge("type")),
];

/// Sorted.
static ATOMIC_STRUCTS: &[&str] = &[
    "api.admissionregistration.v1.MatchResources",
    "api.admissionregistration.v1.NamedRuleWithOperations",
    "api.admissionregistration.v1.ParamKind",
    "api.admissionregistration.v1.ParamRef",
    "api.admissionregistration.v1.Variable",
    "api.autoscaling.v1.CrossVersionObjectReference",
    "api.core.v1.ConfigMapKeySelector",
    "api.core.v1.EndpointAddress",
    "api.core.v1.EndpointPort",
    "api.core.v1.FileKeySelector",
    "api.core.v1.LocalObjectReference",
    "api.core.v1.NodeSelector",
    "api.core.v1.NodeSelectorTerm",
    "api.core.v1.ObjectFieldSelector",
    "api.core.v1.ObjectReference",
    "api.core.v1.ResourceFieldSelector",
    "api.core.v1.ScopeSelector",
    "api.core.v1.SecretKeySelector",
    "api.core.v1.SecretReference",
    "api.core.v1.TopologySelectorTerm",
    "api.core.v1.TypedLocalObjectReference",
    "api.discovery.v1.EndpointPort",
    "api.networking.v1.ServiceBackendPort",
    "api.rbac.v1.RoleRef",
    "api.rbac.v1.Subject",
    "apimachinery.pkg.apis.meta.v1.LabelSelector",
    "apimachinery.pkg.apis.meta.v1.OwnerReference",
];

const fn one_of(
    definition: &'static str,
    discriminator: Option<&'static str>,
    fields: &'static [(&'static str, &'static str)],
) -> Union {
    Union { definition, discriminator, fields }
}

#[rustfmt::skip]
static UNIONS: &[Union] = &[
    one_of("api.core.v1.AppArmorProfile", Some("type"), &[("localhostProfile", "LocalhostProfile")]),
    one_of("api.core.v1.PodSchedulingGroup", None, &[("podGroupName", "PodGroupName")]),
    one_of("api.core.v1.SeccompProfile", Some("type"), &[("localhostProfile", "LocalhostProfile")]),
    one_of("api.flowcontrol.v1.LimitResponse", Some("type"), &[("queuing", "Queuing")]),
    one_of("api.flowcontrol.v1.PriorityLevelConfigurationSpec", Some("type"), &[("exempt", "Exempt"), ("limited", "Limited")]),
    one_of("api.flowcontrol.v1.Subject", Some("kind"), &[("group", "Group"), ("serviceAccount", "ServiceAccount"), ("user", "User")]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tables_are_sorted_so_that_they_can_be_searched() {
        assert!(FIELDS.is_sorted_by(|a, b| (a.0, a.1) < (b.0, b.1)));
        assert!(ATOMIC_STRUCTS.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn service_ports_are_keyed_by_port_and_protocol_but_patched_by_port() {
        let ports = of_field("io.k8s.api.core.v1.ServiceSpec", "ports", true);
        assert_eq!(ports.list, Some(List::Keyed(&["port", "protocol"])));
        assert_eq!(ports.merge_key, Some("port"));
    }

    #[test]
    fn a_list_without_a_row_is_atomic_and_a_struct_without_one_is_granular() {
        assert_eq!(of_field("io.k8s.api.core.v1.Container", "args", true), ATOMIC);
        assert!(!is_atomic("io.k8s.api.core.v1.Container"));
        assert!(is_atomic("io.k8s.api.core.v1.ObjectReference"));
    }
}
