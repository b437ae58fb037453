//! Who goes first. Pure.

use std::cmp::Reverse;

use super::signal::Signal;

/// What one pod asked for and what it uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    pub uid: String,
    pub priority: i32,
    /// Bytes.
    pub memory_request: i64,
    pub disk_request: i64,
    /// `None`: nobody could say what it uses.
    pub usage: Option<Use>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// Bytes that the kernel can not simply take back.
    pub memory: i64,
    /// Bytes of its containers' own layers, logs and volumes.
    pub disk: i64,
    pub inodes: i64,
    pub processes: i64,
}

/// Orders pods for eviction: those beyond their requests first, then by priority, then by how far beyond they are.
pub fn rank(claims: &mut [Claim], signal: Signal) {
    claims.sort_by_key(|claim| {
        let over = over(claim, signal);
        // Of whom nothing is known, the worst is assumed.
        let unknown = claim.usage.is_none();
        // Nobody asks for processes or inodes: only priority and use count.
        let exceeds = match signal.resource() {
            "memory" | "ephemeral-storage" => unknown || over > 0,
            _ => false,
        };
        (Reverse(exceeds), claim.priority, Reverse(unknown), Reverse(over))
    });
}

fn over(claim: &Claim, signal: Signal) -> i64 {
    let usage = claim.usage.unwrap_or_default();
    match signal.resource() {
        "memory" => usage.memory - claim.memory_request,
        "ephemeral-storage" => usage.disk - claim.disk_request,
        "inodes" => usage.inodes,
        _ => usage.processes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(uid: &str, priority: i32, memory_request: i64, memory: i64) -> Claim {
        let usage = Some(Use { memory, processes: memory_request, ..Use::default() });
        Claim { uid: uid.into(), priority, memory_request, usage, ..Claim::default() }
    }

    fn order(mut claims: Vec<Claim>, signal: Signal) -> Vec<String> {
        rank(&mut claims, signal);
        claims.into_iter().map(|claim| claim.uid).collect()
    }

    #[test]
    fn beyond_its_request_then_priority_then_how_far() {
        let claims = vec![
            claim("within-low", -10, 100, 90),
            claim("beyond-high", 1000, 10, 500),
            claim("beyond-little", 0, 100, 110),
            claim("beyond-much", 0, 100, 400),
            claim("best-effort", 0, 0, 350),
        ];
        let order = order(claims, Signal::MemoryAvailable);
        assert_eq!(order, ["best-effort", "beyond-much", "beyond-little", "beyond-high", "within-low"]);
    }

    #[test]
    fn of_whom_nothing_is_known_goes_before_its_equals() {
        let unknown = Claim { uid: "unknown".into(), ..Claim::default() };
        let claims = vec![claim("within", 0, 100, 50), claim("beyond", 0, 1, 50), unknown];
        assert_eq!(order(claims, Signal::AllocatableMemoryAvailable), ["unknown", "beyond", "within"]);
    }

    #[test]
    fn processes_know_no_requests() {
        let claims = vec![claim("few", 0, 3, 900), claim("many", 0, 90, 1), claim("important", 5, 100, 1)];
        assert_eq!(order(claims, Signal::PidAvailable), ["many", "few", "important"]);
    }
}
