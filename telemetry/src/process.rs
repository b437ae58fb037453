//! This process, as the kernel sees it, under the names that Prometheus' clients agreed on.

use std::fs;

use crate::Exposition;

/// The kernel's unit of process times: a hundredth of a second on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// What the kernel says; what it does not say is left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Process {
    pub cpu_seconds: Option<f64>,
    /// Unix time, in seconds.
    pub start_time: Option<f64>,
    pub threads: Option<u64>,
    /// Bytes.
    pub resident: Option<u64>,
    pub virtual_size: Option<u64>,
    pub open_files: Option<u64>,
    pub max_files: Option<u64>,
}

impl Process {
    pub fn read() -> Process {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let mut process = Process::parse(
            &text("/proc/self/stat"),
            &text("/proc/self/status"),
            &text("/proc/self/limits"),
            &text("/proc/stat"),
        );
        process.open_files = fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64);
        process
    }

    fn parse(stat: &str, status: &str, limits: &str, system: &str) -> Process {
        // The name of the program, in parentheses, may hold anything.
        let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let ticks = |field: usize| fields.get(field).and_then(|text| text.parse::<f64>().ok());
        let boot = word_after(system, "btime").and_then(|text| text.parse::<f64>().ok());
        let number = |name: &str| word_after(status, name).and_then(|text| text.parse::<u64>().ok());
        let files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
        Process {
            cpu_seconds: ticks(11).zip(ticks(12)).map(|(user, system)| (user + system) / TICKS_PER_SECOND),
            start_time: boot.zip(ticks(19)).map(|(boot, start)| boot + start / TICKS_PER_SECOND),
            threads: number("Threads:"),
            resident: number("VmRSS:").map(|kilobytes| kilobytes << 10),
            virtual_size: number("VmSize:").map(|kilobytes| kilobytes << 10),
            open_files: None,
            max_files: files.and_then(|rest| rest.split_whitespace().next()?.parse().ok()),
        }
    }

    pub fn write(&self, out: &mut Exposition) {
        if let Some(seconds) = self.cpu_seconds {
            out.counter("process_cpu_seconds", "Time of processors that was used", [(vec![], seconds)]);
        }
        if let Some(start) = self.start_time {
            out.gauge("process_start_time_seconds", "When it was started, Unix time", [(vec![], start)]);
        }
        let mut gauge = |name: &str, help: &str, value: Option<u64>| {
            if let Some(value) = value {
                out.gauge(name, help, [(vec![], value)]);
            }
        };
        gauge("process_threads", "Threads", self.threads);
        gauge("process_resident_memory_bytes", "Memory that is held", self.resident);
        gauge("process_virtual_memory_bytes", "Memory that is addressed", self.virtual_size);
        gauge("process_open_fds", "Open files and sockets", self.open_files);
        gauge("process_max_fds", "How many of these there may be", self.max_files);
    }
}

fn word_after<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_writes_is_understood() {
        let stat = "77 (a ) b) S 1 2 3 0 -1 4194560 1 2 3 4 150 50 7 8 20 0 5 0 2000 1000000 300 9";
        let status = "Name:\ta\nVmSize:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t5\n";
        let limits =
            "Limit Soft Hard Units\nMax open files            1024                 4096                 files\n";
        let process = Process::parse(stat, status, limits, "cpu 1 2\nbtime 1700000000\n");
        let expected = Process {
            cpu_seconds: Some(2.0),
            start_time: Some(1_700_000_020.0),
            threads: Some(5),
            resident: Some(1 << 20),
            virtual_size: Some(2 << 20),
            open_files: None,
            max_files: Some(1024),
        };
        assert_eq!(process, expected);
        assert_eq!(Process::parse("", "", "", ""), Process::default());
    }

    #[test]
    fn this_process_has_memory_threads_and_files() {
        let process = Process::read();
        assert!(process.resident > Some(100_000) && process.threads >= Some(1) && process.open_files >= Some(1));
        let mut text = Exposition::default();
        process.write(&mut text);
        assert!(text.families().contains("process_resident_memory_bytes "));
    }
}
