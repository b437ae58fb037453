//! Images: from their registries, and away again.

use std::collections::HashSet;

use bollard::{
    Docker,
    auth::DockerCredentials,
    query_parameters::{CreateImageOptionsBuilder, ListContainersOptionsBuilder, RemoveImageOptionsBuilder},
};
use futures::TryStreamExt;

use super::convert;
use crate::{
    desired::image_name,
    memory::{go_duration, signed},
    runtime::{Disk, ImageUsage, PullRequest, RuntimeError},
};

/// Follows a pull to its end. When this is dropped, or gives up, the daemon cancels it.
pub async fn pull(docker: &Docker, request: &PullRequest<'_>) -> Result<(), RuntimeError> {
    // Without a tag Docker would pull them all.
    let (repository, tag) = image_name::split(request.name);
    let mut options = CreateImageOptionsBuilder::new().from_image(repository);
    if let Some(tag) = tag {
        options = options.tag(tag);
    }
    let credentials = request.credentials.map(|credentials| {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        DockerCredentials {
            username: given(&credentials.username),
            password: given(&credentials.password),
            identitytoken: given(&credentials.identity_token),
            serveraddress: image_name::qualified(request.name).split('/').next().map(str::to_owned),
            ..DockerCredentials::default()
        }
    });
    let mut progress = docker.create_image(Some(options.build()), None, credentials);
    let mut latest = String::new();
    let mut since = tokio::time::Instant::now();
    loop {
        let answer = tokio::time::timeout_at(since + request.patience, progress.try_next()).await;
        let step = answer.map_err(|_| {
            let patience = go_duration(signed(request.patience));
            RuntimeError::Failed(format!(
                "failed to pull image {:?}: canceled because of no progress for {patience}, latest progress: {latest:?}",
                request.name
            ))
        })?;
        let Some(step) = step.map_err(convert::error)? else { return Ok(()) };
        let detail = step.progress_detail.and_then(|detail| detail.current).unwrap_or(0);
        let said = format!("{} {} {detail}", step.id.unwrap_or_default(), step.status.unwrap_or_default());
        // A daemon may say the same again and again.
        if said != latest {
            (latest, since) = (said, tokio::time::Instant::now());
        }
    }
}

pub async fn usage(docker: &Docker) -> Result<Option<ImageUsage>, RuntimeError> {
    let info = docker.info().await.map_err(convert::error)?;
    let Some(disk) = info.docker_root_dir.and_then(|dir| disk(&dir)) else { return Ok(None) };
    let options = ListContainersOptionsBuilder::new().all(true).build();
    let containers = docker.list_containers(Some(options)).await.map_err(convert::error)?;
    let used: HashSet<_> = containers.into_iter().filter_map(|container| container.image_id).collect();
    Ok(Some(ImageUsage { disk, used }))
}

/// `None`: the daemon's directory is not on this machine.
fn disk(path: &str) -> Option<Disk> {
    let output = std::process::Command::new("df").args(["-B1", "--output=size,avail", path]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut numbers = text.lines().nth(1)?.split_whitespace().map(str::parse);
    Some(Disk { capacity: numbers.next()?.ok()?, available: numbers.next()?.ok()? })
}

pub async fn remove(docker: &Docker, id: &str, names: &[String]) -> Result<(), RuntimeError> {
    for name in names {
        // Somebody may have moved the name to another image since.
        match docker.inspect_image(name).await {
            Ok(image) if image.id.as_deref() == Some(id) => {}
            Ok(_) => continue,
            Err(error) if convert::is_missing(&error) => continue,
            Err(error) => return Err(convert::error(error)),
        }
        let options = RemoveImageOptionsBuilder::new().force(false).build();
        match docker.remove_image(name, Some(options), None).await {
            Err(error) if !convert::is_missing(&error) => return Err(convert::error(error)),
            _ => {}
        }
    }
    Ok(())
}
