//! The one process of a pod's sandbox: as PID 1 it holds the pod's namespaces open, reaps what is orphaned
//! to it, and leaves on SIGTERM or SIGINT. Compiled by the build script, freestanding, so that the image needs
//! neither a libc nor a registry. This file is all the `unsafe` there is: bare system calls.
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};

const SIGINT: u64 = 2;
const SIGTERM: u64 = 15;
const SIGCHLD: u64 = 17;
const WATCHED: u64 = 1 << (SIGINT - 1) | 1 << (SIGTERM - 1) | 1 << (SIGCHLD - 1);

#[cfg(target_arch = "x86_64")]
mod number {
    pub const SIGPROCMASK: usize = 14;
    pub const SIGTIMEDWAIT: usize = 128;
    pub const WAIT4: usize = 61;
    pub const EXIT_GROUP: usize = 231;
}
#[cfg(target_arch = "aarch64")]
mod number {
    pub const SIGPROCMASK: usize = 135;
    pub const SIGTIMEDWAIT: usize = 137;
    pub const WAIT4: usize = 260;
    pub const EXIT_GROUP: usize = 94;
}

#[cfg(target_arch = "x86_64")]
unsafe fn syscall(n: usize, a: usize, b: usize, c: usize, d: usize) -> isize {
    let result: isize;
    unsafe {
        asm!("syscall", inlateout("rax") n => result, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
             lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}
#[cfg(target_arch = "aarch64")]
unsafe fn syscall(n: usize, a: usize, b: usize, c: usize, d: usize) -> isize {
    let result: isize;
    unsafe {
        asm!("svc 0", in("x8") n, inlateout("x0") a => result, in("x1") b, in("x2") c, in("x3") d, options(nostack));
    }
    result
}

// The stack pointer is aligned as the ABI wants before Rust code runs.
#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "xor ebp, ebp", "and rsp, -16", "call hold");
#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "mov x29, #0", "mov x30, #0", "bl hold");

#[unsafe(no_mangle)]
extern "C" fn hold() -> ! {
    let watched = WATCHED;
    let set = &raw const watched as usize;
    unsafe {
        // Blocked, the signals wait for us, also those that PID 1 would otherwise never see.
        syscall(number::SIGPROCMASK, 0, set, 0, 8);
        loop {
            match syscall(number::SIGTIMEDWAIT, set, 0, 0, 8) as u64 {
                SIGTERM | SIGINT => loop {
                    syscall(number::EXIT_GROUP, 0, 0, 0, 0);
                },
                _ => while syscall(number::WAIT4, usize::MAX, 0, 1, 0) > 0 {},
            }
        }
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
