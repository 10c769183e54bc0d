//! The first instructions of the program. A process that is about to enter a container becomes one
//! that runs from a file which cannot be written (CVE-2019-5736; see `sealed_self.rs`, which does
//! the same later and everywhere). Here it costs one `execve` of a process that has touched two
//! pages; after the C library's start (on a virtual machine that is most of a short process's
//! life: it asks the processor some seventy questions, and the host answers each), after the
//! reading of arguments and files, it would cost all of that twice.
//!
//! Nothing is linked or initialised yet: no function of the C library may be called, not even one
//! that the compiler would call for us to copy or compare memory, in any build. That is why it is read
//! byte by byte, and volatile, and why nothing larger than a word is moved.
//!
//! Source: System V ABI for x86-64, "Process Initialization"; open_tree(2), mount_setattr(2),
//! execveat(2), statfs(2).

use core::arch::{asm, naked_asm};
use core::mem::MaybeUninit;

/// What the kernel jumps to; goes on to the C library's own start. The binary's build names it to
/// the linker.
///
/// # Safety
/// For the kernel only.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sealed_start() -> ! {
    // The C library finds the stack and rdx as the kernel left them.
    naked_asm!(
        "mov rbx, rdx",
        "mov rbp, rsp",
        "mov rdi, rsp",
        "and rsp, -16",
        "call {seal}",
        "mov rsp, rbp",
        "mov rdx, rbx",
        "xor ebp, ebp",
        "jmp _start",
        seal = sym seal,
    )
}

const OURSELVES: *const u8 = c"/proc/self/exe".as_ptr().cast();
const EMPTY: *const u8 = c"".as_ptr().cast();

/// The verbs of `wharf oci` that enter a container. Whoever else has such a word among its
/// arguments starts a little later. Constants would be copied to the stack, by a function.
static VERBS: [&[u8]; 4] = [b"create", b"run", b"exec", b"restore"];

/// Returns when there is nothing to do or it cannot be done; the verb itself sees to it then.
///
/// `stack` is what the kernel passes: the number of arguments, the arguments, a null, the
/// environment, a null.
unsafe extern "C" fn seal(stack: *const usize) {
    // SAFETY: the kernel laid the stack out so; strings on it end with a null byte. The buffers of
    // the calls are as large as the kernel's structures and outlive the calls.
    unsafe {
        let argc = stack.read();
        let argv = stack.add(1).cast::<*const u8>();
        if !enters_container(argv, argc) || is_on_readonly_mount() {
            return;
        }
        let flags = libc::OPEN_TREE_CLONE as usize | libc::O_CLOEXEC as usize;
        let at = libc::AT_FDCWD as usize;
        let mount = call(libc::SYS_open_tree, at, OURSELVES as usize, flags, 0, 0);
        if mount < 0 {
            return;
        }
        let mount = mount as usize;
        // struct mount_attr: attr_set, attr_clr, propagation, userns_fd.
        let attr: [u64; 4] = [libc::MOUNT_ATTR_RDONLY, 0, 0, 0];
        let (path, empty_path) = (EMPTY as usize, libc::AT_EMPTY_PATH as usize);
        let attr = (&raw const attr) as usize;
        let made = call(libc::SYS_mount_setattr, mount, path, empty_path, attr, 32);
        if made == 0 {
            let (argv, envp) = (argv as usize, argv.add(argc + 1) as usize);
            call(libc::SYS_execveat, mount, path, argv, envp, empty_path);
        }
        call(libc::SYS_close, mount, 0, 0, 0, 0);
    }
}

/// Whether this is `wharf oci VERB` or `runc VERB`, with a verb of those above.
///
/// # Safety
/// `argv` has `argc` strings.
unsafe fn enters_container(argv: *const *const u8, argc: usize) -> bool {
    if argc < 2 {
        return false;
    }
    // SAFETY: the indices are below argc, as the caller promises.
    unsafe {
        let mut is_runtime = equals(last_component(argv.read()), b"runc");
        let mut index = 1;
        while index < argc {
            let word = argv.add(index).read();
            // Options of wharf's own may come before it.
            if equals(word, b"oci") {
                is_runtime = true;
            }
            let mut verb = 0;
            while is_runtime && verb < VERBS.len() {
                if equals(word, VERBS[verb]) {
                    return true;
                }
                verb += 1;
            }
            index += 1;
        }
    }
    false
}

/// # Safety
/// `word` ends with a null byte.
unsafe fn equals(word: *const u8, expected: &[u8]) -> bool {
    let mut index = 0;
    // SAFETY: reading stops at the null byte, which no expected word has.
    unsafe {
        while index < expected.len() {
            if word.add(index).read_volatile() != expected[index] {
                return false;
            }
            index += 1;
        }
        word.add(index).read_volatile() == 0
    }
}

/// # Safety
/// `path` ends with a null byte.
unsafe fn last_component(path: *const u8) -> *const u8 {
    let (mut start, mut at) = (path, path);
    // SAFETY: reading stops at the null byte.
    unsafe {
        loop {
            match at.read_volatile() {
                0 => return start,
                b'/' => start = at.add(1),
                _ => {}
            }
            at = at.add(1);
        }
    }
}

/// Whether we run from a mount that is read-only, ours of before among them.
fn is_on_readonly_mount() -> bool {
    /// Where `f_flags` is in `struct statfs`, in words of 64 bits.
    const FLAGS: usize = 10;
    let mut facts = MaybeUninit::<[u64; 16]>::uninit();
    // SAFETY: struct statfs has 120 bytes; the words are read only when the kernel wrote them.
    unsafe {
        let buffer = facts.as_mut_ptr() as usize;
        if call(libc::SYS_statfs, OURSELVES as usize, buffer, 0, 0, 0) != 0 {
            return false;
        }
        let flags = facts.as_ptr().cast::<u64>().add(FLAGS).read();
        flags & libc::ST_RDONLY != 0
    }
}

/// A system call with up to five arguments; gives back the result, or the negated errno.
///
/// # Safety
/// As the call itself: pointers point to what it expects.
unsafe fn call(number: libc::c_long, a: usize, b: usize, c: usize, d: usize, e: usize) -> isize {
    let result: isize;
    // SAFETY: the registers are those of the kernel's calling convention; the caller answers for
    // the arguments.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            in("r8") e,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}
