//! What the whole machine has and uses, from the kernel's own files.

use std::{fs, path::Path};

use super::cgroup::Memory;

/// The kernel counts time in hundredths for programs, whatever its own clock.
const NANOS_PER_TICK: u64 = 10_000_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileSystem {
    /// Bytes.
    pub capacity: u64,
    pub available: u64,
    pub used: u64,
    pub inodes: u64,
    pub inodes_free: u64,
}

impl FileSystem {
    /// The one that a path lies on.
    pub fn of(path: &Path) -> Option<FileSystem> {
        let stat = rustix::fs::statvfs(path).ok()?;
        Some(FileSystem {
            capacity: stat.f_blocks.saturating_mul(stat.f_frsize),
            available: stat.f_bavail.saturating_mul(stat.f_frsize),
            used: stat.f_blocks.saturating_sub(stat.f_bfree).saturating_mul(stat.f_frsize),
            inodes: stat.f_files,
            inodes_free: stat.f_favail,
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    pub name: String,
    pub rx_bytes: u64,
    pub rx_errors: u64,
    pub tx_bytes: u64,
    pub tx_errors: u64,
}

/// Nanoseconds that all processors worked since the machine started.
pub fn cpu() -> Option<u64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<u64> = stat.lines().next()?.split_whitespace().skip(1).map_while(|n| n.parse().ok()).collect();
    // user, nice, system, then idle and waiting, then interrupts and what was stolen.
    let worked: u64 = ticks.iter().enumerate().filter(|(at, _)| !matches!(at, 3 | 4 | 8..)).map(|(_, n)| n).sum();
    Some(worked.saturating_mul(NANOS_PER_TICK))
}

/// Total bytes, and what is used.
pub fn memory() -> Option<(u64, Memory)> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let of = |name: &str| {
        let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
    };
    let total = of("MemTotal")?;
    let usage = total.saturating_sub(of("MemFree")?);
    let working_set = usage.saturating_sub(of("Inactive(file)").unwrap_or(0));
    let rss = of("AnonPages").unwrap_or(0);
    Some((total, Memory { usage, working_set, rss, ..Memory::default() }))
}

/// How many processes there may be, and how many there are.
pub fn processes() -> Option<(u64, u64)> {
    let most = fs::read_to_string("/proc/sys/kernel/pid_max").ok()?.trim().parse().ok()?;
    // `0.20 0.18 0.12 1/80 11206`
    let load = fs::read_to_string("/proc/loadavg").ok()?;
    let now = load.split_whitespace().nth(3)?.split('/').nth(1)?.parse().ok()?;
    Some((most, now))
}

/// The interfaces of a process's network, without the loopback.
pub fn network(pid: &str) -> Vec<Interface> {
    parse_network(&fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap_or_default())
}

fn parse_network(text: &str) -> Vec<Interface> {
    let interfaces = text.lines().skip(2).filter_map(|line| {
        let (name, counts) = line.split_once(':')?;
        let counts: Vec<u64> = counts.split_whitespace().map_while(|count| count.parse().ok()).collect();
        let at = |place: usize| counts.get(place).copied();
        Some(Interface {
            name: name.trim().to_owned(),
            rx_bytes: at(0)?,
            rx_errors: at(2)?,
            tx_bytes: at(8)?,
            tx_errors: at(10)?,
        })
    });
    interfaces.filter(|interface| interface.name != "lo").collect()
}

/// Bytes and files below a directory, as they lie on the disk. What vanishes meanwhile counts nothing. Blocks.
pub fn below(dir: &Path) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    /// A block of `st_blocks`, whatever the file system's own.
    const BLOCK: u64 = 512;
    let (mut bytes, mut files) = (0, 0);
    let mut pending = vec![dir.to_owned()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let Ok(metadata) = fs::symlink_metadata(entry.path()) else { continue };
            bytes += metadata.blocks() * BLOCK;
            files += 1;
            if metadata.is_dir() {
                pending.push(entry.path());
            }
        }
    }
    (bytes, files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_what_every_machine_has() {
        assert!(cpu().is_some_and(|cpu| cpu > 0));
        let (total, memory) = memory().expect("memory");
        assert!(memory.working_set > 0 && memory.working_set <= memory.usage && memory.usage < total);
        let (most, now) = processes().expect("processes");
        assert!(now > 0 && now < most);
        let disk = FileSystem::of(Path::new("/")).expect("a file system");
        assert!(disk.capacity > 0 && disk.used > 0 && disk.available <= disk.capacity);
        assert_eq!(FileSystem::of(Path::new("/there/is/none")), None);
    }

    #[test]
    fn interfaces_are_read_but_for_the_loopback() {
        let text = "Inter-|   Receive |  Transmit\n face |bytes packets errs\n    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n\
                    eth0:  90 3 2 0 0 0 0 0 40 2 1 0 0 0 0 0\n";
        let eth0 = Interface { name: "eth0".into(), rx_bytes: 90, rx_errors: 2, tx_bytes: 40, tx_errors: 1 };
        assert_eq!(parse_network(text), [eth0]);
    }

    #[test]
    fn files_below_a_directory_are_counted() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir(dir.path().join("sub")).expect("made");
        fs::write(dir.path().join("sub/file"), vec![1; 100_000]).expect("written");
        let (bytes, files) = below(dir.path());
        assert!(bytes >= 100_000 && files == 2, "{bytes} {files}");
    }
}
