//! Everything of the kernel that needs unsafe code.
