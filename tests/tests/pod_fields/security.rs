//! Security contexts: who containers run as, and what they may do.

use anyhow::{Context, ensure};
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use timonier_tests::wait::eventually;

use crate::case::{Case, Until, case};
use crate::seen::Seen;

const WHO: &str = "id -u; id -g; id -G";

pub fn cases() -> Vec<Case> {
    [identities(), privileges(), profiles(), sysctls()].into_iter().flatten().collect()
}

/// A container that does not come to be, and why it says so.
fn refused(case: Case, message: &'static str) -> Case {
    case.until(Until::Waiting("CreateContainerConfigError")).check(async move |seen| {
        let said = waiting(seen).await?;
        ensure!(said.starts_with(message), "{said}");
        ensure!(seen.instances("main").await?.is_empty(), "a container was made all the same");
        Ok(())
    })
}

async fn waiting(seen: &Seen) -> anyhow::Result<String> {
    let status = seen.pod().await?.status.context("no status")?;
    let container = status.container_statuses.into_iter().flatten().next().context("no container")?;
    container.state.and_then(|state| state.waiting).and_then(|waiting| waiting.message).context("it does not wait")
}

fn identities() -> Vec<Case> {
    vec![
        case("the pod's runAsUser and runAsGroup")
            .covers(&["securityContext.runAsUser", "securityContext.runAsGroup"])
            .spec("securityContext: {runAsUser: 1001, runAsGroup: 1002}")
            .prints(WHO, "1001\n1002\n1002"),
        case("a container's runAsUser and runAsGroup win")
            .covers(&["containers[*].securityContext.runAsUser", "containers[*].securityContext.runAsGroup"])
            .spec("securityContext: {runAsUser: 1001, runAsGroup: 1002}")
            .container("securityContext: {runAsUser: 1003, runAsGroup: 1004}")
            .prints(WHO, "1003\n1004\n1004"),
        case("a user without a group has the image's")
            .spec("securityContext: {runAsUser: 1001}")
            .prints(WHO, "1001\n0\n0"),
        case("a group joins the image's user")
            .image(&["USER 7:8"])
            .spec("securityContext: {runAsGroup: 1002}")
            .prints(WHO, "7\n1002\n1002"),
        case("supplementalGroups and fsGroup are groups of the process")
            .covers(&["securityContext.supplementalGroups"])
            .spec("securityContext: {runAsUser: 5, runAsGroup: 6, supplementalGroups: [2001, 2002], fsGroup: 2003}")
            .prints("id -u; id -g; id -G | tr ' ' '\\n' | sort | tr '\\n' ' '", "5\n6\n2001 2002 2003 6"),
        case("runAsNonRoot with a user that is none")
            .covers(&["securityContext.runAsNonRoot"])
            .spec("securityContext: {runAsNonRoot: true, runAsUser: 1001}")
            .prints("id -u", "1001"),
        case("runAsNonRoot with the image's own user")
            .image(&["USER 7"])
            .spec("securityContext: {runAsNonRoot: true}")
            .prints("id -u", "7"),
        refused(
            case("runAsNonRoot with runAsUser 0")
                .covers(&["containers[*].securityContext.runAsNonRoot"])
                .container("securityContext: {runAsNonRoot: true, runAsUser: 0}"),
            "container's runAsUser breaks non-root policy (pod: \"pod_case-",
        ),
        refused(
            case("runAsNonRoot with an image of root").spec("securityContext: {runAsNonRoot: true}"),
            "container has runAsNonRoot and image will run as root (pod: \"pod_case-",
        ),
        refused(
            case("runAsNonRoot with an image of a named user")
                .image(&["USER web"])
                .spec("securityContext: {runAsNonRoot: true}"),
            "container has runAsNonRoot and image has non-numeric user (web), cannot verify user is non-root (pod: \"pod_case-",
        ),
    ]
}

fn privileges() -> Vec<Case> {
    let capabilities = "grep CapBnd /proc/1/status | cut -f2";
    vec![
        case("capabilities are added to and dropped from the runtime's")
            .covers(&["containers[*].securityContext.capabilities.add", "containers[*].securityContext.capabilities.drop"])
            .container("securityContext: {capabilities: {add: [NET_ADMIN], drop: [CHOWN]}}")
            .prints("touch /f && chown 5 /f 2>/dev/null || echo no chown; ip addr add 10.9.9.9/32 dev lo && echo added", "no chown\nadded"),
        case("capabilities drop ALL but one")
            .container("securityContext: {capabilities: {add: [NET_BIND_SERVICE], drop: [ALL]}}")
            .prints(capabilities, "0000000000000400"),
        case("capabilities drop ALL").container("securityContext: {capabilities: {drop: [ALL]}}").prints(capabilities, "0000000000000000"),
        case("privileged")
            .covers(&["containers[*].securityContext.privileged"])
            .container("securityContext: {privileged: true, seccompProfile: {type: RuntimeDefault}}")
            .until(Until::Event("Created"))
            .inspect("/HostConfig/Privileged", json!(true))
            .check(async |seen| {
                let state = eventually("it was started", || async {
                    let state = seen.container("main").await?["State"].clone();
                    ensure!(state["Running"] == true || state["Error"] != "", "{state}");
                    Ok(state)
                })
                .await?;
                // A machine inside a machine may have less to give than everything.
                if state["Running"] != true {
                    ensure!(state["Error"].as_str().is_some_and(|error| error.contains("unable to apply caps")), "{state}");
                    return Ok(());
                }
                let script = "grep Seccomp: /proc/1/status | cut -f2; mount -t tmpfs none /tmp && echo mounted";
                let said = seen.exec("main", script).await?;
                ensure!(said == "0\nmounted\n", "{said}");
                Ok(())
            }),
        case("allowPrivilegeEscalation false")
            .covers(&["containers[*].securityContext.allowPrivilegeEscalation"])
            .container("securityContext: {allowPrivilegeEscalation: false}")
            .prints("grep NoNewPrivs /proc/1/status | cut -f2", "1"),
        case("allowPrivilegeEscalation left alone").prints("grep NoNewPrivs /proc/1/status | cut -f2", "0"),
        case("readOnlyRootFilesystem")
            .covers(&["containers[*].securityContext.readOnlyRootFilesystem"])
            .spec("volumes: [{name: scratch, emptyDir: {}}]")
            .container("{securityContext: {readOnlyRootFilesystem: true}, volumeMounts: [{name: scratch, mountPath: /scratch}]}")
            .prints("touch /f 2>/dev/null || echo root is read-only; touch /scratch/f && echo volume is not", "root is read-only\nvolume is not"),
    ]
}

/// Refuses `chmod` and nothing else.
const PROFILE: &str = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
    {"names": ["chmod", "fchmod", "fchmodat", "fchmodat2"], "action": "SCMP_ACT_ERRNO"}]}"#;

fn profiles() -> Vec<Case> {
    let mode = "grep Seccomp: /proc/1/status | cut -f2";
    vec![
        case("seccompProfile RuntimeDefault")
            .covers(&["securityContext.seccompProfile.type"])
            .spec("securityContext: {seccompProfile: {type: RuntimeDefault}}")
            .prints(mode, "2"),
        case("seccompProfile Unconfined")
            .covers(&["containers[*].securityContext.seccompProfile.type"])
            .container("securityContext: {seccompProfile: {type: Unconfined}}")
            .prints(mode, "0"),
        refused(
            case("seccompProfile Localhost that is not there")
                .spec("securityContext: {seccompProfile: {type: Localhost, localhostProfile: none.json}}"),
            "cannot load seccomp profile \"",
        ),
        case("seccompProfile Localhost")
            .covers(&[
                "securityContext.seccompProfile.localhostProfile",
                "containers[*].securityContext.seccompProfile.localhostProfile",
            ])
            .container("securityContext: {seccompProfile: {type: Localhost, localhostProfile: profiles/no-chmod.json}}")
            .until(Until::Waiting("CreateContainerConfigError"))
            .check(async |seen| {
                let state = seen.kubeconfig.parent().context("a folder")?.join("nodes/node-1/seccomp/profiles");
                std::fs::create_dir_all(&state)?;
                std::fs::write(state.join("no-chmod.json"), PROFILE)?;
                let said = eventually("it runs with the profile", || {
                    seen.exec("main", "chmod 700 /tmp 2>&1 || touch /f && echo touched")
                })
                .await?;
                ensure!(said.contains("Operation not permitted") && said.ends_with("touched\n"), "{said}");
                Ok(())
            }),
        case("appArmorProfile Unconfined")
            .covers(&["containers[*].securityContext.appArmorProfile.type"])
            .container("securityContext: {appArmorProfile: {type: Unconfined}}")
            .inspect("/HostConfig/SecurityOpt", json!(["apparmor=unconfined"])),
        case("appArmorProfile where the host has, or has no, AppArmor")
            .covers(&[
                "securityContext.appArmorProfile.type",
                "securityContext.appArmorProfile.localhostProfile",
                "containers[*].securityContext.appArmorProfile.localhostProfile",
            ])
            .spec("securityContext: {appArmorProfile: {type: Localhost, localhostProfile: docker-default}}")
            .until(Until::Decided)
            .check(async |seen| {
                if std::fs::read_to_string("/sys/module/apparmor/parameters/enabled")
                    .is_ok_and(|on| on.starts_with('Y'))
                {
                    let container = seen.container("main").await?;
                    ensure!(container["AppArmorProfile"] == "docker-default", "{}", container["AppArmorProfile"]);
                    return Ok(());
                }
                rejected(seen, "AppArmor", "Cannot enforce AppArmor: AppArmor is not enabled on the host").await
            }),
        case("seLinuxOptions")
            .covers(&[
                "securityContext.seLinuxOptions.level",
                "containers[*].securityContext.seLinuxOptions.level",
                "containers[*].securityContext.seLinuxOptions.role",
                "containers[*].securityContext.seLinuxOptions.type",
                "containers[*].securityContext.seLinuxOptions.user",
                "securityContext.seLinuxOptions.role",
                "securityContext.seLinuxOptions.type",
                "securityContext.seLinuxOptions.user",
            ])
            .spec("securityContext: {seLinuxOptions: {level: 's0:c1'}}")
            .beside("{name: other, securityContext: {seLinuxOptions: {user: u, role: r, type: t, level: 's0:c2'}}}")
            .inspect("/HostConfig/SecurityOpt", json!(["label=level:s0:c1"]))
            .check(async |seen| {
                let options = seen.container("other").await?["HostConfig"]["SecurityOpt"].clone();
                ensure!(
                    options == json!(["label=user:u", "label=role:r", "label=type:t", "label=level:s0:c2"]),
                    "{options}"
                );
                Ok(())
            }),
    ]
}

fn sysctls() -> Vec<Case> {
    vec![
        case("safe sysctls")
            .covers(&["securityContext.sysctls[*].name", "securityContext.sysctls[*].value"])
            .spec(
                "securityContext: {sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: '80'}, {name: kernel/shm_rmid_forced, value: '1'}]}",
            )
            .prints("cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced", "80\n1"),
        case("an unsafe sysctl is forbidden")
            .spec("securityContext: {sysctls: [{name: kernel.msgmax, value: '65536'}]}")
            .until(Until::Phase("Failed"))
            .check(async |seen| rejected(seen, "SysctlForbidden", "forbidden sysctl: \"kernel.msgmax\" not allowlisted").await),
        case("an unsafe sysctl that the agent allows")
            .spec("securityContext: {sysctls: [{name: net.ipv4.tcp_max_syn_backlog, value: '77'}]}")
            .prints("cat /proc/sys/net/ipv4/tcp_max_syn_backlog", "77"),
        case("a pod for another operating system")
            .covers(&["os.name"])
            .spec("os: {name: windows}")
            .until(Until::Phase("Failed"))
            .check(async |seen| {
                rejected(seen, "PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS").await
            }),
    ]
}

async fn rejected(seen: &Seen, reason: &str, message: &str) -> anyhow::Result<()> {
    let status = seen.api::<Pod>().get("pod").await?.status.context("no status")?;
    let said = (status.phase.as_deref(), status.reason.as_deref(), status.message.as_deref());
    let rejected = format!("Pod was rejected: {message}");
    ensure!(said == (Some("Failed"), Some(reason), Some(&rejected)), "{said:?}");
    eventually("an event tells of it", || async {
        let events = seen.events(reason).await?;
        ensure!(events == [message], "{events:?}");
        Ok(())
    })
    .await?;
    ensure!(seen.all().await?.is_empty(), "nothing was made");
    Ok(())
}
