//! Numbers shared between processes: a page of atomics that parent and child both map, and files that live in memory.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{
    MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create,
};
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

use crate::error::OsError;

/// How many numbers a [`Cells`] holds.
pub const CELLS: usize = 64;

const BYTES: usize = CELLS * size_of::<AtomicU64>();

/// [`CELLS`] atomic numbers in memory that other processes map as well, all zero at first.
///
/// The descriptor behind it is sealed against shrinking before anybody maps it, so that no process can make a load fault.
#[derive(Debug)]
pub struct Cells {
    memory: OwnedFd,
    mapping: Mapping,
}

impl Cells {
    /// Makes new memory.
    ///
    /// # Errors
    /// [`OsError::Call`] when the kernel has no memory or descriptor left.
    pub fn create() -> Result<Self, OsError> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let memory = memfd_create("rickhouse-cells", flags)
            .map_err(|errno| OsError::call("memfd_create", errno))?;
        ftruncate(&memory, BYTES as u64).map_err(|errno| OsError::call("ftruncate", errno))?;
        fcntl_add_seals(
            &memory,
            SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL,
        )
        .map_err(|errno| OsError::call("sealing shared memory", errno))?;
        Self::map(memory)
    }

    /// Maps memory that another process made by [`Cells::create`].
    ///
    /// # Errors
    /// [`OsError::Inherited`] when the descriptor is something else, [`OsError::Call`] when it cannot be mapped.
    pub fn open(memory: OwnedFd) -> Result<Self, OsError> {
        let sealed = fcntl_get_seals(&memory).is_ok_and(|seals| seals.contains(SealFlags::SHRINK));
        let large = fstat(&memory)
            .is_ok_and(|stat| usize::try_from(stat.st_size).is_ok_and(|size| size >= BYTES));
        if sealed && large {
            return Self::map(memory);
        }
        Err(OsError::Inherited {
            what: "cells".to_owned(),
            problem: "not shared memory of the expected size",
        })
    }

    /// The number at `index`.
    ///
    /// # Panics
    /// When `index` is not below [`CELLS`].
    #[must_use]
    pub fn cell(&self, index: usize) -> &AtomicU64 {
        self.mapping.number(index)
    }

    fn map(memory: OwnedFd) -> Result<Self, OsError> {
        let mapping = Mapping::new(Some(&memory))?;
        Ok(Self { memory, mapping })
    }
}

impl AsFd for Cells {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory.as_fd()
    }
}

/// One bit that a process shares with the children it forks from then on; unset at first.
#[derive(Debug)]
pub struct SharedFlag(Mapping);

impl SharedFlag {
    /// Makes a flag, without a descriptor.
    ///
    /// # Errors
    /// [`OsError::Call`] when the kernel has no memory left.
    pub fn create() -> Result<Self, OsError> {
        Mapping::new(None).map(Self)
    }

    /// Sets it, for all processes that share it.
    pub fn set(&self) {
        self.0.number(0).store(1, Ordering::Release);
    }

    /// Whether any process set it.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.number(0).load(Ordering::Acquire) != 0
    }
}

/// [`CELLS`] numbers in memory that is shared, whatever is behind it.
#[derive(Debug)]
struct Mapping(NonNull<AtomicU64>);

// SAFETY: the pointer is to memory that stays mapped until drop and is only ever used through shared atomics.
unsafe impl Send for Mapping {}
// SAFETY: as for Send; atomics may be used from any number of threads.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps what is behind a descriptor, which cannot shrink, or new memory.
    fn new(memory: Option<&OwnedFd>) -> Result<Self, OsError> {
        let (hint, flags) = (std::ptr::null_mut(), MapFlags::SHARED);
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let address = match memory {
            // SAFETY: a null hint lets the kernel choose unused addresses, so no existing memory is touched.
            Some(memory) => unsafe { mmap(hint, BYTES, protection, flags, memory, 0) },
            // SAFETY: as above.
            None => unsafe { mmap_anonymous(hint, BYTES, protection, flags) },
        };
        let address = address.map_err(|errno| OsError::call("mmap", errno))?;
        NonNull::new(address.cast())
            .map(Self)
            .ok_or_else(|| OsError::call("mmap", rustix::io::Errno::NOMEM))
    }

    fn number(&self, index: usize) -> &AtomicU64 {
        assert!(index < CELLS, "cell {index} of {CELLS}");
        // SAFETY: the mapping has CELLS numbers and index is below that, so the sum stays inside of it.
        let number = unsafe { self.0.add(index) };
        // SAFETY: the mapping is aligned to a page, lives as long as self, cannot shrink, and every process uses it through
        // atomics only; any bit pattern is a valid u64.
        unsafe { number.as_ref() }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly the mapping made in `new`; references into it borrow self and are gone.
        let unmapped = unsafe { munmap(self.0.as_ptr().cast(), BYTES) };
        debug_assert!(unmapped.is_ok(), "a whole mapping can always be removed");
    }
}

/// A file without a name that holds `content`, to be handed to a child process.
///
/// # Errors
/// [`OsError::Call`] when the kernel has no memory or descriptor left.
pub fn memory_file(content: &[u8]) -> Result<OwnedFd, OsError> {
    let memory = memfd_create("rickhouse", MemfdFlags::CLOEXEC)
        .map_err(|errno| OsError::call("memfd_create", errno))?;
    let mut file = File::from(memory);
    file.write_all(content)
        .map_err(|source| OsError::call("writing a memory file", source))?;
    Ok(file.into())
}

/// The whole content of a [`memory_file`], wherever its shared offset stands.
///
/// # Errors
/// [`OsError::Call`] when it cannot be read, or is not UTF-8.
pub fn read_memory_file(memory: OwnedFd) -> Result<String, OsError> {
    let mut file = File::from(memory);
    let mut content = String::new();
    file.rewind()
        .and_then(|()| file.read_to_string(&mut content))
        .map_err(|source| OsError::call("reading a memory file", source))?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_mappings_see_the_same_numbers() {
        let ours = Cells::create().expect("memory");
        let theirs = Cells::open(ours.as_fd().try_clone_to_owned().expect("a descriptor"))
            .expect("the same memory");
        ours.cell(CELLS - 1).store(7, Ordering::Relaxed);
        assert_eq!(theirs.cell(CELLS - 1).load(Ordering::Relaxed), 7);
    }

    #[test]
    fn a_flag_is_unset_until_it_is_set() {
        let flag = SharedFlag::create().expect("memory");
        assert!(!flag.is_set());
        flag.set();
        assert!(flag.is_set());
    }

    #[test]
    fn other_descriptors_are_refused() {
        let file = memory_file(&[0; BYTES]).expect("memory");
        assert!(
            matches!(Cells::open(file), Err(OsError::Inherited { .. })),
            "it could shrink under our feet"
        );
    }

    #[test]
    fn memory_files_are_read_from_their_start() {
        let file = memory_file(b"{}").expect("memory");
        assert_eq!(read_memory_file(file).expect("readable"), "{}");
    }
}
