//! Processes of containers, as this machine's kernel knows them.
//!
//! The daemon tells process ids of its own machine, which need not be ours, and an id may have a new owner by the time
//! it is used. So nothing is done to a process before its control group named the container, and it is held meanwhile.

use std::os::fd::OwnedFd;

use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal},
};

use crate::runtime::RuntimeError;

/// A process that belongs to this container; `None` if it has ended, or this is another machine's number.
pub fn of_container(pid: i64, container: &str) -> Option<(Pid, OwnedFd)> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    let held = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    let groups = std::fs::read_to_string(format!("/proc/{}/cgroup", pid.as_raw_nonzero())).ok()?;
    groups.contains(container).then_some((pid, held))
}

/// Signals an executed process and those that it started. One that has ended is no error.
pub fn signal_group(pid: i64, container: &str, signal: Signal) -> Result<(), RuntimeError> {
    let unseen = || RuntimeError::Failed(format!("process {pid} of container {container} is not seen from here"));
    let (pid, held) = of_container(pid, container).ok_or_else(unseen)?;
    // It leads a group of its own.
    match kill_process_group(pid, signal) {
        Ok(()) => return Ok(()),
        Err(Errno::SRCH) => {}
        Err(error) => return Err(RuntimeError::Failed(format!("process {}: {error}", pid.as_raw_nonzero()))),
    }
    match pidfd_send_signal(held, signal) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(RuntimeError::Failed(format!("process {}: {error}", pid.as_raw_nonzero()))),
    }
}
