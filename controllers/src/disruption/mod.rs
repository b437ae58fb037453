//! Disruption budgets: how many of their pods may be missing now. Evictions take from what is said here.

mod plan;

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use kube::api::Patch;
use serde_json::{Value, json};
use timonier_client::{Informer, Next, Object, ObjectKey, Reconcile, Writer, object::OwnerReference};

use crate::{
    objects::{Budget, BudgetStatus, Deployment, Pod, ReplicaSet, ReplicationController, StatefulSet},
    refusal::is_gone,
};
use plan::plan;

pub struct Budgets {
    pub budgets: Informer<Budget>,
    pub pods: Informer<Pod>,
    pub sets: Informer<ReplicaSet>,
    pub deployments: Informer<Deployment>,
    pub stateful_sets: Informer<StatefulSet>,
    pub replication_controllers: Informer<ReplicationController>,
}

/// The budgets that a pod concerns.
pub fn concerned(pod: &Pod, budgets: &Informer<Budget>) -> Vec<ObjectKey> {
    let Some(namespace) = &pod.meta().namespace else { return Vec::new() };
    let budgets = budgets.in_namespace(namespace);
    budgets.iter().filter(|budget| selects(budget, pod)).map(|budget| budget.meta().key()).collect()
}

fn selects(budget: &Budget, pod: &Pod) -> bool {
    budget.spec.selector.as_ref().is_some_and(|selector| selector.matches(&pod.meta().labels))
}

impl Reconcile for Budgets {
    type Key = ObjectKey;
    type Error = kube::Error;

    async fn reconcile(&self, key: &ObjectKey, writer: &Writer) -> Result<Next, kube::Error> {
        let (Some(budget), Some(namespace)) = (self.budgets.get(key), key.namespace()) else {
            return Ok(Next::Settled);
        };
        let pods = self.pods.in_namespace(namespace);
        let pods: Vec<Arc<Pod>> = pods.into_iter().filter(|pod| !pod.is_finished() && selects(&budget, pod)).collect();
        let plan = plan(&budget, &pods, &self.scales(namespace, &pods), Timestamp::now());
        if plan.status != budget.status {
            // An eviction that took from it meanwhile must not be forgotten.
            let version = budget.metadata.resource_version.to_string();
            let patch = json!({"metadata": {"resourceVersion": version, "uid": &*budget.metadata.uid},
                "status": patch(&budget.status, &plan.status)});
            match writer.patch_status::<Budget>(key, &Patch::Merge(patch)).await {
                Ok(_) => {}
                // Its change will be seen.
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(plan.again_in.map_or(Next::Settled, |wait| Next::After(wait.unsigned_abs())))
    }
}

impl Budgets {
    /// What the pods' controllers are to have: a ReplicaSet of a Deployment as many as that.
    fn scales(&self, namespace: &str, pods: &[Arc<Pod>]) -> BTreeMap<Arc<str>, i64> {
        let mut scales = BTreeMap::new();
        for owner in pods.iter().filter_map(|pod| pod.meta().controller()) {
            if scales.contains_key(&owner.uid) {
                continue;
            }
            if let Some(replicas) = self.scale(namespace, owner) {
                scales.insert(owner.uid.clone(), i64::from(replicas));
            }
        }
        scales
    }

    fn scale(&self, namespace: &str, owner: &OwnerReference) -> Option<i32> {
        let key = |name: &Arc<str>| ObjectKey::namespaced(namespace, name.clone());
        match &*owner.kind {
            ReplicaSet::KIND => {
                let set = self.sets.get(&key(&owner.name)).filter(|set| set.metadata.uid == owner.uid)?;
                let above = set.meta().controller().filter(|owner| &*owner.kind == Deployment::KIND);
                let deployment = above.and_then(|owner| self.deployments.get(&key(&owner.name)));
                Some(deployment.map_or(set.spec.replicas, |deployment| deployment.spec.replicas))
            }
            StatefulSet::KIND => {
                let set = self.stateful_sets.get(&key(&owner.name)).filter(|set| set.metadata.uid == owner.uid)?;
                Some(set.spec.replicas)
            }
            ReplicationController::KIND => {
                let found = self.replication_controllers.get(&key(&owner.name));
                Some(found.filter(|found| found.metadata.uid == owner.uid)?.spec.replicas)
            }
            _ => None,
        }
    }
}

/// The status as a merge patch: pods that are disrupted no more are taken out.
fn patch(old: &BudgetStatus, new: &BudgetStatus) -> Value {
    let mut disrupted = json!(new.disrupted_pods);
    for name in old.disrupted_pods.keys().filter(|name| !new.disrupted_pods.contains_key(*name)) {
        disrupted[name] = Value::Null;
    }
    let mut conditions = json!(new.conditions);
    for condition in conditions.as_array_mut().into_iter().flatten() {
        condition["observedGeneration"] = new.observed_generation.into();
        // These are the API's own conditions, where no field may be absent.
        if condition.get("message").is_none() {
            condition["message"] = "".into();
        }
    }
    json!({
        "observedGeneration": new.observed_generation, "disruptionsAllowed": new.disruptions_allowed,
        "currentHealthy": new.current_healthy, "desiredHealthy": new.desired_healthy,
        "expectedPods": new.expected_pods, "disruptedPods": disrupted, "conditions": conditions,
    })
}
