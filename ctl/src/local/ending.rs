//! A process that was killed and has not let go of its files yet.

use std::fs;
use std::time::{Duration, Instant};

const LONGEST: Duration = Duration::from_secs(10);

/// Waits for the end of a process whose main thread has ended already: its other threads hold its files, its lock and
/// its ports among them, for a moment longer. Says at once when the process goes on, or nothing is known of it.
pub fn awaited(pid: u32) -> bool {
    let start = Instant::now();
    loop {
        match standing(pid) {
            Standing::Alive => return false,
            Standing::Ended => return true,
            Standing::Ending if start.elapsed() > LONGEST => return false,
            Standing::Ending => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Alive,
    Ending,
    Ended,
}

fn standing(pid: u32) -> Standing {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    match stat {
        Ok(stat) => judged(&stat, tasks),
        // Where there is no such folder at all, nobody can say.
        Err(_) if fs::exists("/proc/self/stat").unwrap_or(false) => Standing::Ended,
        Err(_) => Standing::Alive,
    }
}

fn judged(stat: &str, tasks: usize) -> Standing {
    // The name before it may hold anything.
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    match state {
        Some('Z' | 'X') if tasks > 1 => Standing::Ending,
        Some('Z' | 'X') => Standing::Ended,
        _ => Standing::Alive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_ended_with_its_last_thread() {
        assert_eq!(judged("7 (kctl) S 1 7", 4), Standing::Alive);
        assert_eq!(judged("7 (a) Z (b) R 1 7", 1), Standing::Alive);
        assert_eq!(judged("7 (kctl) Z 1 7", 4), Standing::Ending);
        assert_eq!(judged("7 (kctl) Z 1 7", 1), Standing::Ended);
        assert!(!awaited(std::process::id()));
    }

    #[test]
    fn whoever_was_killed_has_ended() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        child.kill().unwrap();
        while standing(child.id()) == Standing::Alive {
            std::thread::yield_now();
        }
        assert!(awaited(child.id()));
        child.wait().unwrap();
        assert!(awaited(child.id()));
    }
}
