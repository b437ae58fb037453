//! The next step of a pod that is to run.

use k8s_openapi::api::core::v1::Pod;

use super::{
    Input, Step, Why,
    ending::{self, stop_all, useless_sandboxes},
    intent::{Intent, intent},
    pending,
    progress::{Progress, progress},
    wait,
};
use crate::{
    desired::{
        self,
        roster::{self, Member},
    },
    memory::ImageState,
    observed::{ObservedPod, State},
};

pub fn run(input: &Input<'_>, pod: &Pod) -> Step {
    let Input { observed, memory, now, .. } = *input;
    let progress = progress(pod, observed, memory);
    if progress == Progress::Over {
        return ending::halt(input, desired::grace(pod));
    }
    let here = observed.sandbox().map(|sandbox| sandbox.id.as_str());
    let intents: Vec<_> =
        due(pod, progress).into_iter().map(|member| (intent(input, pod, &member, here), member)).collect();
    // What runs has its volumes: only what is yet to start asks for them.
    if !memory.volumes_ready && intents.iter().any(|(intent, _)| matches!(intent, Intent::Start { .. })) {
        return match pending(memory.volumes.as_ref(), now) {
            Some(at) => wait(input, Some(at)),
            None => Step::PrepareVolumes,
        };
    }
    let sandbox = match sandbox(input, pod) {
        Ok(id) => id,
        Err(step) => return step,
    };
    let mut waits = Vec::new();
    // While one's hook runs, those after it are not started.
    let mut held = false;
    for (intent, member) in intents {
        if let Some(dead) = surplus(observed, &member.name) {
            return Step::Remove { ids: vec![dead] };
        }
        match intent {
            Intent::Done | Intent::Keep => {}
            Intent::Rest(at) => waits.push(at),
            Intent::PostStart { id } => return Step::PostStart { container: member.name.clone(), id },
            Intent::Resize { id } => return Step::Resize { container: member.name.clone(), id },
            Intent::Starting => held = true,
            Intent::Stop { id, grace, why } => {
                if !memory.stopping.contains_key(&id) {
                    return Step::Stop { ids: vec![id], grace, why };
                }
            }
            Intent::Start { .. } if held => {}
            Intent::Start { attempt } => match start(input, &member, attempt, &sandbox) {
                Step::Wait { until } => waits.extend(until),
                step => return step,
            },
        }
    }
    wait(input, waits)
}

/// Those that may run by now. Who debugs a pod need not wait for it.
fn due(pod: &Pod, progress: Progress) -> Vec<Member<'_>> {
    let debuggers = roster::ephemeral(pod);
    match progress {
        Progress::Over => vec![],
        Progress::Initializing(index) => {
            let before = roster::init(pod).take(index + 1).enumerate();
            let due = before.filter(|(at, member)| *at == index || member.sort == roster::Sort::Sidecar);
            debuggers.chain(due.map(|(_, member)| member)).collect()
        }
        Progress::Initialized => {
            let sidecars = roster::init(pod).filter(|member| member.sort == roster::Sort::Sidecar);
            debuggers.chain(sidecars).chain(roster::main(pod)).collect()
        }
    }
}

/// The id of the sandbox that runs, or the step towards one.
fn sandbox(input: &Input<'_>, pod: &Pod) -> Result<String, Step> {
    let Input { observed, memory, now, .. } = *input;
    if let Some(sandbox) = observed.sandbox() {
        let useless: Vec<_> = useless_sandboxes(observed, Some(&sandbox.id)).collect();
        return if useless.is_empty() { Ok(sandbox.id.clone()) } else { Err(Step::Remove { ids: useless }) };
    }
    // Without their sandbox's network they are of no use.
    if let Some(step) = stop_all(input, desired::grace(pod), Why::SandboxChanged) {
        return Err(step);
    }
    if let Some(at) = pending(memory.sandbox.as_ref(), now) {
        return Err(wait(input, Some(at)));
    }
    Err(match observed.sandboxes.last() {
        None => Step::CreateSandbox { attempt: 0 },
        Some(made) if made.state == State::Created => Step::StartSandbox { id: made.id.clone() },
        Some(_) => Step::Remove { ids: useless_sandboxes(observed, None).collect() },
    })
}

/// From nothing to running: image, container, start.
fn start(input: &Input<'_>, wanted: &Member<'_>, attempt: u32, sandbox: &str) -> Step {
    let name = wanted.name.clone();
    let memory = input.memory.containers.get(&name);
    if let Some(at) = pending(memory.and_then(|memory| memory.trouble.as_ref()), input.now) {
        return Step::Wait { until: Some(at) };
    }
    if let Some(made) = input.observed.container(&name).filter(|newest| newest.state == State::Created) {
        // One made for an earlier sandbox, or an earlier image, can't be used.
        return if made.sandbox == sandbox && made.spec_hash == desired::spec_hash(wanted) {
            Step::StartContainer { container: name, id: made.id.clone() }
        } else {
            Step::Remove { ids: vec![made.id.clone()] }
        };
    }
    match memory.map(|memory| &memory.image) {
        Some(ImageState::Present { attempt: of }) if *of == attempt => {
            Step::CreateContainer { container: name, attempt, sandbox: sandbox.to_owned() }
        }
        Some(ImageState::Failed(retry)) if retry.at > input.now => Step::Wait { until: Some(retry.at) },
        _ => Step::EnsureImage { container: name, attempt },
    }
}

/// The oldest instance beyond the newest and the one before it, which is kept for its logs.
fn surplus(observed: &ObservedPod, name: &str) -> Option<String> {
    let dead = observed.instances(name).skip(2).filter(|container| !container.state.is_running());
    dead.last().map(|container| container.id.clone())
}
