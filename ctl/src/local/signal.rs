//! Sending a signal to a process by its id: the one thing here that the standard library cannot do.
#![allow(unsafe_code)] // `kill` takes two integers and touches no memory

/// Asks a process to end.
pub fn terminate(pid: u32) -> std::io::Result<()> {
    send(pid, libc::SIGTERM)
}

/// Ends a process that does not listen.
pub fn kill(pid: u32) -> std::io::Result<()> {
    send(pid, libc::SIGKILL)
}

fn send(pid: u32, signal: libc::c_int) -> std::io::Result<()> {
    let pid = libc::pid_t::try_from(pid).map_err(std::io::Error::other)?;
    // SAFETY: no pointer is passed.
    match unsafe { libc::kill(pid, signal) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}
