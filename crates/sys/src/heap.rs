//! The allocator's memory. What is allocated is everybody's own business.

/// Gives pages of the heap that hold nothing back to the kernel; malloc_trim(3). For a process
/// that needed much to begin and needs little to go on.
pub fn release_unused() {
    // SAFETY: it takes no pointer and only touches memory that the allocator holds as free.
    unsafe { libc::malloc_trim(0) };
}
