//! Removing images, as `plan` chose, for as long as the agent runs.

use std::sync::Arc;

use jiff::Timestamp;
use timonier_client::events::{Recorder, Regarding};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{
    plan::{Policy, plan},
    record::Records,
};
use crate::{
    hosting::Hosting,
    memory::signed,
    runtime::{Runtime, RuntimeError},
};

/// Until `shutdown`.
pub async fn run<R: Runtime>(
    runtime: Arc<R>,
    records: Arc<Records>,
    hosting: Hosting,
    recorder: Recorder,
    node: String,
    shutdown: CancellationToken,
) {
    let about = Regarding {
        kind: "Node".into(),
        api_version: "v1".into(),
        namespace: None,
        name: node.as_str().into(),
        uid: node.as_str().into(),
        field_path: None,
    };
    let mut turns = interval(hosting.image_gc_period);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = turns.tick() => {}
        }
        match collect(&*runtime, &records, &hosting).await {
            Ok(None) => {}
            Ok(Some(short)) => recorder.warning(about.clone(), "FreeDiskSpaceFailed", short),
            Err(error) => tracing::warn!(%error, "images not looked through"),
        }
    }
}

/// One look; what is said when not enough could be freed.
async fn collect<R: Runtime>(
    runtime: &R,
    records: &Records,
    hosting: &Hosting,
) -> Result<Option<String>, RuntimeError> {
    let Some(usage) = runtime.image_usage().await? else { return Ok(None) };
    let now = Timestamp::now();
    records.used(&usage.used, now);
    let policy = Policy {
        high: hosting.image_gc_high_threshold,
        low: hosting.image_gc_low_threshold,
        minimum_age: signed(hosting.minimum_image_ttl_duration),
    };
    let all = records.all();
    let plan = plan(&all, &usage.used, usage.disk, policy, now);
    let mut freed = 0;
    for id in &plan.remove {
        let Some((_, record)) = all.iter().find(|(known, _)| known == id) else { continue };
        match runtime.remove_image(id, &record.names).await {
            Ok(()) => {
                tracing::info!(image = id, names = ?record.names, bytes = record.size_bytes, "image removed to free space");
                freed += record.size_bytes;
                records.forget(id);
            }
            // Somebody began to use it.
            Err(error) => tracing::info!(image = id, %error, "image not removed"),
        }
    }
    Ok((freed < plan.wanted_bytes).then(|| {
        format!(
            "Failed to garbage collect required amount of images. Attempted to free {} bytes, but only found {freed} \
             bytes eligible to free.",
            plan.wanted_bytes
        )
    }))
}
