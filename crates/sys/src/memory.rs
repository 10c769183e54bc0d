//! Memory that a process needed to begin and does not need to go on. What is allocated is
//! everybody's own business.

/// More than any stack of ours grows.
const DEEPEST: usize = 1 << 20;

/// Gives pages back to the kernel that hold nothing: those of the heap (malloc_trim(3)) and those
/// below the caller's stack frame. For a process with a single thread that lives long and mostly
/// waits.
pub fn release_unused() {
    // SAFETY: it takes no pointer and only touches memory that the allocator holds as free.
    unsafe { libc::malloc_trim(0) };
    release_stack();
}

fn release_stack() {
    let here = 0u8;
    let frame = std::ptr::from_ref(&here).addr();
    // Some room is left for this frame, those of the calls from here, and what the processor's
    // conventions keep below the stack pointer.
    let page = rustix::param::page_size();
    let top = frame.saturating_sub(page) / page * page;
    let bottom = top.saturating_sub(DEEPEST);
    // SAFETY: stacks grow down, so that nothing which lives is in whole pages below this frame; they
    // read as zeros when the stack grows into them again. Below the stack's end nothing is mapped
    // (the kernel keeps a gap of at least 128 MiB to other mappings), which is an error without
    // effect on the rest. The caller has a single thread, whose stack this is.
    unsafe {
        libc::madvise(
            std::ptr::without_provenance_mut(bottom),
            top - bottom,
            libc::MADV_DONTNEED,
        )
    };
}

#[cfg(test)]
mod tests {
    /// Writes to more and more of the stack; gives back a sum of what it wrote.
    fn deep(depth: u64) -> u64 {
        let block = std::hint::black_box([depth; 512]);
        match depth {
            0 => block[0],
            _ => deep(depth - 1) + block[511],
        }
    }

    #[test]
    fn what_lives_stays_and_the_stack_can_grow_again() {
        let mine = std::hint::black_box(vec![7u8; 100_000]);
        let before = deep(30);
        super::release_unused();
        assert_eq!(deep(30), before);
        assert!(mine.iter().all(|byte| *byte == 7));
    }
}
