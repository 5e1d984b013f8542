//! What the reading process gives up before it sees a document: memory and time without end, files, the network, programs.
//!
//! Limits come first and always hold. Then Landlock takes away files and connections, and seccomp all system calls but
//! those of a program that computes, reads its input and writes its output. Each holds by itself, so that a kernel
//! without one still has the other; [`open_doors`] tries out what is left.

use std::ffi::OsString;
use std::fs::File;
use std::net::UdpSocket;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::limits;

/// Files that the process may have open; it needs the three that it is started with.
const FILES_MAX: u64 = 16;

/// What a confined process can still do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Files,
    Network,
    Programs,
}

impl Door {
    pub(super) const ALL: [Door; 3] = [Door::Files, Door::Network, Door::Programs];

    /// What it lets a process do, after "may still".
    pub fn as_str(self) -> &'static str {
        match self {
            Door::Files => "open files",
            Door::Network => "use the network",
            Door::Programs => "start programs",
        }
    }

    fn is_open(self) -> bool {
        match self {
            Door::Files => File::open("/").is_ok(),
            Door::Network => UdpSocket::bind("127.0.0.1:0").is_ok(),
            Door::Programs => {
                let shell = Command::new("/bin/sh").args(["-c", ":"]).stdout(Stdio::null()).spawn();
                shell.is_ok_and(|mut child| child.wait().is_ok())
            }
        }
    }
}

/// The doors that are open to this process, each tried.
pub(super) fn open_doors() -> impl Iterator<Item = Door> {
    Door::ALL.into_iter().filter(|door| door.is_open())
}

/// Gives up what a reader of documents does not need. What the kernel cannot take away stays; limits it always can.
pub(super) fn confine() -> rustix::io::Result<()> {
    let limit = |resource, most: u64| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    limit(Resource::As, limits::EXTRACT_MEMORY_BYTES_MAX)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, 0)?;
    limit(Resource::Nofile, FILES_MAX)?;
    // The first limit ends the process by a signal that says why, the second for good.
    let seconds = limits::EXTRACT_CPU_SECONDS_MAX;
    setrlimit(Resource::Cpu, Rlimit { current: Some(seconds), maximum: Some(seconds + 5) })?;
    kernel::confine();
    Ok(())
}

/// Becomes the program that `arguments` begin with, which may read what is installed and nothing else; returns why not.
pub(super) fn become_confined(mut arguments: impl Iterator<Item = OsString>) -> std::io::Error {
    let limit = |resource, most: u64| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    let limited = limit(Resource::As, limits::EXTRACT_MEMORY_BYTES_MAX)
        .and_then(|()| limit(Resource::Core, 0))
        .and_then(|()| limit(Resource::Fsize, 0))
        .and_then(|()| limit(Resource::Cpu, limits::OCR_SECONDS_MAX));
    if let Err(error) = limited {
        return error.into();
    }
    kernel::keep_to_programs();
    match arguments.next() {
        Some(program) => Command::new(program).args(arguments).exec(),
        None => std::io::Error::other("no program was named"),
    }
}

#[cfg(not(target_os = "linux"))]
mod kernel {
    pub fn confine() {}
    pub fn keep_to_programs() {}
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::collections::BTreeMap;

    use landlock::{
        ABI, Access, AccessFs, AccessNet, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
        Scope,
    };
    use seccompiler::{
        BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule, TargetArch, apply_filter,
    };

    /// Takes away what this kernel can; [`super::open_doors`] tells what it could not.
    pub fn confine() {
        let _ = no_files();
        if let Ok(program) = filter() {
            let _ = apply_filter(&program);
        }
    }

    /// Where programs, their libraries and their data are installed, and what the kernel tells of the processor.
    const INSTALLED: &[&str] =
        &["/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/opt", "/sys/devices/system/cpu"];

    /// Only what is installed may be read and run; nothing may be written, no connection made.
    pub fn keep_to_programs() {
        let restricted = || -> Result<(), RulesetError> {
            let read = AccessFs::from_read(ABI::V5);
            let mut ruleset = Ruleset::default()
                .handle_access(AccessFs::from_all(ABI::V5))?
                .handle_access(AccessNet::from_all(ABI::V5))?
                .scope(Scope::from_all(ABI::V6))?
                .create()?;
            for path in INSTALLED {
                // What is not there needs no rule.
                let Ok(place) = PathFd::new(path) else { continue };
                let allowed =
                    if std::path::Path::new(path).is_dir() { read } else { read & AccessFs::from_file(ABI::V5) };
                ruleset = ruleset.add_rule(PathBeneath::new(place, allowed))?;
            }
            ruleset.restrict_self().map(drop)
        };
        let _ = restricted();
    }

    /// No path may be opened, no connection made, no process outside signalled.
    fn no_files() -> Result<(), RulesetError> {
        Ruleset::default()
            .handle_access(AccessFs::from_all(ABI::V5))?
            .handle_access(AccessNet::from_all(ABI::V5))?
            .scope(Scope::from_all(ABI::V6))?
            .create()?
            .restrict_self()
            .map(drop)
    }

    /// System calls that a program needs which computes in threads of its own, whatever their arguments.
    const ALLOWED: &[libc::c_long] = &[
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_lseek,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_restart_syscall,
        libc::SYS_sigaltstack,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_nanosleep,
        libc::SYS_clock_nanosleep,
        libc::SYS_clock_gettime,
        libc::SYS_getrandom,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_getppid,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];

    /// All other calls fail as if this kernel did not have them (ENOSYS), which libraries are prepared for: the C
    /// library then starts threads by the older of its two calls, whose flags can be looked at.
    fn filter() -> Result<BpfProgram, BackendError> {
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|&call| (call, Vec::new())).collect();
        let with = |argument: u8, operator: SeccompCmpOp, value: u64| {
            SeccompCondition::new(argument, SeccompCmpArgLen::Qword, operator, value)
                .and_then(|condition| SeccompRule::new(vec![condition]))
        };
        // Memory that can be run is not made: all code was there at the start.
        let executable = libc::PROT_EXEC as u64;
        rules.insert(libc::SYS_mmap, vec![with(2, SeccompCmpOp::MaskedEq(executable), 0)?]);
        rules.insert(libc::SYS_mprotect, vec![with(2, SeccompCmpOp::MaskedEq(executable), 0)?]);
        // Threads, and no processes.
        let thread = libc::CLONE_THREAD as u64;
        rules.insert(libc::SYS_clone, vec![with(0, SeccompCmpOp::MaskedEq(thread), thread)?]);
        // A process that fails may signal itself, and name its threads.
        let own = u64::from(std::process::id());
        rules.insert(libc::SYS_tgkill, vec![with(0, SeccompCmpOp::Eq, own)?]);
        rules.insert(libc::SYS_prctl, vec![with(0, SeccompCmpOp::Eq, libc::PR_SET_NAME as u64)?]);
        let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
        let refusal = SeccompAction::Errno(libc::ENOSYS as u32);
        SeccompFilter::new(rules, refusal, SeccompAction::Allow, architecture)?.try_into()
    }
}
