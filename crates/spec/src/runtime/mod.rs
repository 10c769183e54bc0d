//! config.json of the runtime specification, one file per concept.

mod config;
mod example;
mod hooks;
mod linux;
mod mounts;
mod process;
mod resources;
mod seccomp;
mod validate;

pub use config::Config;
pub use example::{example, example_rootless};
pub use hooks::{Hook, Hooks};
pub use linux::{
    Device, IdMapping, IntelRdt, Linux, MemoryPolicy, Namespace, NamespaceType, NetDevice,
    Personality, TimeOffset,
};
pub use mounts::{Mount, Root};
pub use process::{
    Capabilities, ConsoleSize, CpuAffinity, IoPriority, Process, RLIMIT_TYPES, Rlimit, Scheduler,
    User,
};
pub use resources::{
    BlockIo, Cpu, DeviceRule, HugepageLimit, InterfacePriority, LinuxResources, Memory, Network,
    Pids, Rdma, ThrottleDevice, WeightDevice,
};
pub use seccomp::{Action, LinuxSeccomp, Operator, Syscall, SyscallArg};
