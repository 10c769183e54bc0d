//! seccomp: from an OCI profile to a BPF program in the kernel.
