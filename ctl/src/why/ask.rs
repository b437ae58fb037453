//! Asking the server: explanations of pods, and the way from what makes pods down to them.

use serde_json::Value;
use timonier_scheduling::why::{API_VERSION, Explanation};

use super::remedy::{self, Around, Refused};
use super::report::{Link, Report};
use crate::cluster::objects::{Item, pages};
use crate::cluster::{Call, Session, encode};
use crate::error::Error;
use crate::rollout::history;
use crate::select::Selector;

/// What a command line asks for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish {
    pub now: bool,
    pub every_node: bool,
}

/// The server's explanation of a pod that is there.
pub async fn pod(session: &Session, namespace: &str, name: &str, wish: Wish) -> Result<Explanation, Error> {
    let path = format!("/apis/{API_VERSION}/namespaces/{}/pods/{}/why", encode(namespace), encode(name));
    let answer = asked(session, Call::get(path), wish).await?;
    serde_json::from_value(answer).map_err(|error| Error::Protocol(error.to_string()))
}

/// The server's explanations of the pods that wait, one of each controller's.
pub async fn all(session: &Session, selector: &Selector, wish: Wish) -> Result<Vec<Explanation>, Error> {
    let place = match selector.all_namespaces {
        true => String::new(),
        false => format!("/namespaces/{}", encode(session.namespace())),
    };
    let call = Call::get(format!("/apis/{API_VERSION}{place}/explanations"))
        .query_some("labelSelector", selector.selector.as_deref())
        .query_some("fieldSelector", selector.field_selector.as_deref());
    let mut answer = asked(session, call, wish).await?;
    serde_json::from_value(answer["items"].take()).map_err(|error| Error::Protocol(error.to_string()))
}

async fn asked(session: &Session, call: Call, wish: Wish) -> Result<Value, Error> {
    let call = call.query_some("now", wish.now.then_some("true")).query_some("nodes", wish.every_node.then_some("all"));
    session.json(call).await.map_err(|error| match error.is_not_found() {
        true => error.context("only Timonier's API server explains pods"),
        false => error,
    })
}

/// Whether a pod waits for a node.
pub fn waits(pod: &Value) -> bool {
    let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    node.is_empty() && pod["status"]["phase"] == "Pending" && pod["metadata"]["deletionTimestamp"].is_null()
}

/// All objects of a resource that an object controls.
async fn owned(session: &Session, word: &str, owner: &Item) -> Result<Vec<Value>, Error> {
    let resource = session.catalog().await?.resolve(word)?;
    let (all, _) = pages(&session.in_namespace(&owner.namespace), resource, &Selector::default()).await?;
    Ok(history::owned(&owner.object, all))
}

fn link(item: &Item) -> Link {
    let (spec, status) = (&item.object["spec"], &item.object["status"]);
    let first = |fields: &[&Value]| fields.iter().find_map(|field| field.as_i64());
    // Of a DaemonSet the scheduler of nodes says how many it wants, a Job wants so many at a time.
    let wants = first(&[&spec["replicas"], &status["desiredNumberScheduled"], &spec["parallelism"]]).unwrap_or(1);
    let has = first(&[&status["replicas"], &status["currentNumberScheduled"], &status["active"]]).unwrap_or(0);
    Link { title: item.title(), wants, has }
}

/// Something that makes pods, down to its pods.
pub async fn maker(session: &Session, mut item: Item, wish: Wish) -> Result<Report, Error> {
    let mut report = Report { chain: vec![link(&item)], ..Report::default() };
    let asked_about = item.clone();
    for (above, below) in [("deployments.apps", "replicasets.apps"), ("cronjobs.batch", "jobs.batch")] {
        if item.resource.group_resource() == above {
            // The newest of them that still wants pods.
            let children = owned(session, below, &item).await?;
            let wanting = |child: &&Value| child["spec"]["replicas"].as_i64().is_none_or(|replicas| replicas > 0);
            if let Some(object) = children.iter().rev().find(wanting).cloned() {
                let resource = session.catalog().await?.resolve(below)?.clone();
                let name = object["metadata"]["name"].as_str().unwrap_or_default().to_string();
                item = Item { resource, name, object, ..item };
                report.chain.push(link(&item));
            }
        }
    }
    if let Some(message) = refusal(session, &item).await? {
        let refused = remedy::read(&message);
        let quota = match &refused {
            Refused::OverQuota { quota, .. } => {
                let resource = session.catalog().await?.resolve("resourcequotas")?;
                session.json(Call::get(resource.object_path(&item.namespace, quota))).await.unwrap_or_default()
            }
            _ => Value::Null,
        };
        let Link { wants, has, .. } = link(&item);
        let maker = asked_about.title();
        let around =
            Around { namespace: &item.namespace, quota: &quota, missing: wants - has, maker: &maker, made: has };
        report.remedies = remedy::remedies(&refused, around);
        report.refused = Some(message);
    }
    let pods = owned(session, "pods", &item).await?;
    let mut waiting = pods.iter().filter(|pod| waits(pod));
    if let Some(first) = waiting.next() {
        let name = first["metadata"]["name"].as_str().unwrap_or_default();
        report.pod = Some(pod(session, &item.namespace, name, wish).await?);
        report.like_it = waiting.count();
    }
    Ok(report)
}

/// Why the pods of a controller cannot be made: its condition, or the newest event that says so.
async fn refusal(session: &Session, item: &Item) -> Result<Option<String>, Error> {
    let conditions = item.object["status"]["conditions"].as_array().into_iter().flatten();
    let failing = |condition: &&Value| condition["type"] == "ReplicaFailure" && condition["status"] == "True";
    let condition = conditions.into_iter().find(failing).and_then(|condition| condition["message"].as_str());
    if let Some(message) = condition {
        return Ok(Some(message.to_string()));
    }
    let Link { wants, has, .. } = link(item);
    if has >= wants {
        return Ok(None);
    }
    let resource = session.catalog().await?.resolve("events.v1")?;
    let fields = format!("involvedObject.name={},involvedObject.kind={}", item.name, item.resource.kind);
    let selector = Selector { field_selector: Some(fields), ..Selector::default() };
    let (mut events, _) = pages(&session.in_namespace(&item.namespace), resource, &selector).await?;
    events.retain(|event| {
        event["reason"] == "FailedCreate" && event["involvedObject"]["uid"] == item.object["metadata"]["uid"]
    });
    let time = |event: &Value| {
        ["lastTimestamp", "eventTime"].iter().find_map(|field| event[*field].as_str()).unwrap_or_default().to_string()
    };
    events.sort_by_key(time);
    let message = events.last().and_then(|event| event["message"].as_str());
    Ok(message.map(|message| message.trim_start_matches("Error creating: ").to_string()))
}
