//! Resource limits and the file mode mask.

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};

use crate::error::OsError;

/// Raises the soft limit on open descriptors to at least `wanted`, as far as the hard limit allows; never lowers it.
/// Returns the limit that holds now (`u64::MAX` for none).
///
/// # Errors
/// [`OsError::Call`] when the kernel refuses, which it has no reason to below the hard limit.
pub fn raise_open_files(wanted: u64) -> Result<u64, OsError> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(soft) = current else {
        return Ok(u64::MAX);
    };
    let target = maximum.map_or(wanted, |hard| wanted.min(hard)).max(soft);
    if target > soft {
        setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(target),
                maximum,
            },
        )
        .map_err(|errno| OsError::call("setrlimit(RLIMIT_NOFILE)", errno))?;
    }
    Ok(target)
}

/// Limits the CPU time of this process, in seconds: `SIGXCPU` after `soft`, `SIGKILL` after `hard`.
///
/// # Errors
/// [`OsError::Call`]: only root may go beyond the present hard limit.
pub fn limit_cpu_time(soft: u64, hard: u64) -> Result<(), OsError> {
    limit(Resource::Cpu, soft, hard, "setrlimit(RLIMIT_CPU)")
}

/// Limits the data segment of this process, in bytes.
///
/// # Errors
/// As [`limit_cpu_time`].
pub fn limit_memory(bytes: u64) -> Result<(), OsError> {
    limit(Resource::Data, bytes, bytes, "setrlimit(RLIMIT_DATA)")
}

/// Limits the address space of this process, in bytes.
///
/// # Errors
/// As [`limit_cpu_time`].
pub fn limit_virtual_memory(bytes: u64) -> Result<(), OsError> {
    limit(Resource::As, bytes, bytes, "setrlimit(RLIMIT_AS)")
}

fn limit(resource: Resource, soft: u64, hard: u64, call: &'static str) -> Result<(), OsError> {
    let limit = Rlimit {
        current: Some(soft),
        maximum: Some(hard),
    };
    setrlimit(resource, limit).map_err(|errno| OsError::call(call, errno))
}

/// Sets the file mode mask of the process; bits beyond `0o777` are ignored, as by umask(2).
pub fn set_umask(mask: u32) {
    umask(Mode::from_bits_truncate(mask));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raising_to_less_changes_nothing() {
        let before = raise_open_files(0).expect("reading a limit works");
        assert_eq!(raise_open_files(1).expect("no change works"), before);
    }
}
