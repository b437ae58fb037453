//! What the kernel counts for a group of processes, in either version of control groups.

use std::{
    fs,
    path::{Path, PathBuf},
};

const ROOT: &str = "/sys/fs/cgroup";

/// Where one container's counters are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Group {
    /// One directory for each controller.
    V1 {
        cpu: PathBuf,
        memory: PathBuf,
        pids: PathBuf,
    },
    V2(PathBuf),
}

/// Counters of one moment. `None`: not counted here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Nanoseconds since its start.
    pub cpu: Option<u64>,
    pub memory: Option<Memory>,
    pub processes: Option<u64>,
}

/// Bytes, and faults since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub usage: u64,
    /// Without the files that the kernel would drop first.
    pub working_set: u64,
    pub rss: u64,
    pub page_faults: u64,
    pub major_page_faults: u64,
}

impl Group {
    /// The group of a process. `None`: there is none such, or it is somebody else's machine's.
    pub fn of(pid: u32) -> Option<Group> {
        Group::parse(&fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?, Path::new(ROOT))
    }

    /// `text`: lines such as `4:memory:/docker/0123…`, or the one line `0::/…` of version 2.
    fn parse(text: &str, root: &Path) -> Option<Group> {
        let place = |controller: &str| {
            text.lines().find_map(|line| {
                let mut fields = line.splitn(3, ':').skip(1);
                let (controllers, path) = (fields.next()?, fields.next()?);
                controllers.split(',').any(|own| own == controller).then_some(path.trim_start_matches('/'))
            })
        };
        if let (Some(cpu), Some(memory)) = (place("cpuacct"), place("memory")) {
            let pids = place("pids").unwrap_or(memory);
            return Some(Group::V1 {
                cpu: root.join("cpuacct").join(cpu),
                memory: root.join("memory").join(memory),
                pids: root.join("pids").join(pids),
            });
        }
        Some(Group::V2(root.join(place("")?)))
    }

    pub fn read(&self) -> Counters {
        match self {
            Group::V1 { cpu, memory, pids } => Counters {
                cpu: number(&cpu.join("cpuacct.usage")),
                memory: number(&memory.join("memory.usage_in_bytes")).map(|usage| {
                    let stat = fs::read_to_string(memory.join("memory.stat")).unwrap_or_default();
                    let names = ["total_inactive_file", "total_rss", "total_pgfault", "total_pgmajfault"];
                    counted(usage, &stat, names)
                }),
                processes: number(&pids.join("pids.current")),
            },
            Group::V2(group) => {
                let cpu = fs::read_to_string(group.join("cpu.stat")).unwrap_or_default();
                Counters {
                    cpu: field(&cpu, "usage_usec").map(|micros| micros.saturating_mul(1000)),
                    memory: number(&group.join("memory.current")).map(|usage| {
                        let stat = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
                        counted(usage, &stat, ["inactive_file", "anon", "pgfault", "pgmajfault"])
                    }),
                    processes: number(&group.join("pids.current")),
                }
            }
        }
    }
}

fn counted(usage: u64, stat: &str, [inactive, rss, faults, major]: [&str; 4]) -> Memory {
    let of = |name| field(stat, name).unwrap_or(0);
    Memory {
        usage,
        working_set: usage.saturating_sub(of(inactive)),
        rss: of(rss),
        page_faults: of(faults),
        major_page_faults: of(major),
    }
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// `name value` on a line of its own.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.split(' ').next() == Some(name))?;
    line.split(' ').nth(1)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(dir).expect("a directory");
        for (name, text) in files {
            fs::write(dir.join(name), text).expect("written");
        }
    }

    #[test]
    fn both_versions_are_read() {
        let root = tempfile::tempdir().expect("a directory");
        let one = "9:pids:/docker/ab\n4:memory:/docker/ab\n3:cpu,cpuacct:/docker/ab\n0::/\n";
        write(&root.path().join("cpuacct/docker/ab"), &[("cpuacct.usage", "7000\n")]);
        write(&root.path().join("pids/docker/ab"), &[("pids.current", "3\n")]);
        let stat = "inactive_file 1\ntotal_rss 40\ntotal_inactive_file 30\ntotal_pgfault 5\ntotal_pgmajfault 2\n";
        let memory = root.path().join("memory/docker/ab");
        write(&memory, &[("memory.usage_in_bytes", "100\n"), ("memory.stat", stat)]);
        let group = root.path().join("system.slice/docker-ab.scope");
        let stat = "anon 40\ninactive_file 30\npgfault 5\npgmajfault 2\n";
        write(&group, &[("cpu.stat", "usage_usec 7\n"), ("memory.current", "100"), ("memory.stat", stat)]);
        write(&group, &[("pids.current", "3")]);
        for text in [one, "0::/system.slice/docker-ab.scope\n"] {
            let read = Group::parse(text, root.path()).expect("a group").read();
            let memory = Memory { usage: 100, working_set: 70, rss: 40, page_faults: 5, major_page_faults: 2 };
            assert_eq!(read, Counters { cpu: Some(7000), memory: Some(memory), processes: Some(3) }, "{text}");
        }
    }

    #[test]
    fn a_group_that_is_gone_counts_nothing() {
        let gone = Group::V2("/sys/fs/cgroup/there/is/none".into());
        assert_eq!(gone.read(), Counters::default());
        assert_eq!(Group::of(u32::MAX), None);
    }
}
