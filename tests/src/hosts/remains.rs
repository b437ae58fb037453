//! What hosts are made of outside of this process, and how it goes: by its owner, or by the next run of any test.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use super::run;

const PREFIX: &str = "timonier-hosts-";
/// A killed process is gone in milliseconds; one that is not holds nothing up for longer than this.
const LONGEST: Duration = Duration::from_secs(10);

pub fn folder(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("{PREFIX}{name}"))
}

/// One test at a time chooses names and networks, and sweeps.
pub fn turn() -> Result<File> {
    let path = std::env::temp_dir().join(format!("{PREFIX}turn"));
    let file = File::create(&path).with_context(|| format!("{}", path.display()))?;
    file.lock()?;
    Ok(file)
}

/// Says that a folder, and all that is named after it, is in use as long as the returned value lives.
pub fn claim(dir: &Path) -> Result<File> {
    let file = File::create(dir.join("lock"))?;
    file.try_lock().map_err(|error| anyhow!("{}: {error}", dir.display()))?;
    Ok(file)
}

/// Removes what runs left behind that ended without clearing up.
pub fn sweep() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for dir in entries.flatten().map(|entry| entry.path()) {
        let file = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(name) = file.strip_prefix(PREFIX).filter(|name| name.starts_with("tmn")) else { continue };
        let abandoned = match File::open(dir.join("lock")) {
            Ok(lock) => !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)),
            Err(_) => true,
        };
        if abandoned {
            eprintln!("hosts {name} were left behind by an earlier run");
            clear(name, &dir);
        }
    }
}

/// Ends and removes every namespace, process, cgroup and file that belongs to a name and a folder.
pub fn clear(name: &str, dir: &Path) {
    for host in namespaces(name) {
        clear_host(&host, &dir.join(&host));
    }
    // The switch's own namespace; its end of the cable to this machine goes with it.
    let _gone = run(&["ip", "netns", "delete", name]);
    let _gone = run(&["ip", "link", "delete", name]);
    if let Err(error) = fs::remove_dir_all(dir) {
        eprintln!("{} is left behind: {error}", dir.display());
    }
}

/// Removes one host: `name` is its namespace's and its cgroup's.
pub fn clear_host(name: &str, dir: &Path) {
    kill_all(name);
    unmount_below(dir);
    for group in groups(name) {
        remove_group(&group);
    }
    let _gone = run(&["ip", "netns", "delete", name]);
    let _gone = fs::remove_dir_all(dir);
}

/// Kills all of a host's processes, containers included, and waits until they are gone.
pub fn kill_all(name: &str) {
    let start = Instant::now();
    loop {
        let pids = processes(name);
        if pids.is_empty() {
            return;
        }
        if start.elapsed() > LONGEST {
            eprintln!("processes {pids:?} of host {name} do not end");
            return;
        }
        let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
        let _gone_already = Command::new("kill").arg("-9").args(&pids).output();
        sleep(Duration::from_millis(20));
    }
}

/// Hosts whose names begin with a switch's.
fn namespaces(switch: &str) -> Vec<String> {
    let list = fs::read_dir("/var/run/netns").into_iter().flatten().flatten();
    let names = list.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.strip_prefix(switch).is_some_and(|rest| !rest.is_empty())).collect()
}

/// Everything in the host's network namespace or in one of its containers; the dead that nobody has buried do not count.
fn processes(name: &str) -> BTreeSet<u32> {
    let inside = run(&["ip", "netns", "pids", name]).unwrap_or_default();
    let mut pids: BTreeSet<u32> = inside.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    for group in groups(name) {
        in_group(&group, &mut pids);
    }
    pids.retain(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    });
    pids
}

fn in_group(group: &Path, pids: &mut BTreeSet<u32>) {
    let here = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    pids.extend(here.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    for entry in fs::read_dir(group).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
        in_group(&entry.path(), pids);
    }
}

/// The host's cgroup in every hierarchy: one in version 2, one for each controller in version 1.
fn groups(name: &str) -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let controllers = fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path().join(name));
    std::iter::once(root.join(name)).chain(controllers).filter(|path| path.is_dir()).collect()
}

fn remove_group(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
        remove_group(&entry.path());
    }
    let _gone = fs::remove_dir(group);
}

fn unmount_below(dir: &Path) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut points: Vec<&str> = mounts.lines().filter_map(|line| line.split(' ').nth(4)).collect();
    points.retain(|point| Path::new(point).starts_with(dir));
    for point in points.iter().rev() {
        let _gone = run(&["umount", "--lazy", point]);
    }
}
