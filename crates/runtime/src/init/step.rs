//! The names of init's steps, in the order in which `child.rs` takes them.

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A step of init. A failure names it, so that a user reads what could not be done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Step { $($(#[$doc])* $name,)* }

        impl Step {
            /// Every step, in order.
            pub const ALL: &[Step] = &[$(Step::$name,)*];

            /// The step in words.
            pub fn name(self) -> &'static str {
                match self { $(Step::$name => $text,)* }
            }
        }
    };
}

steps! {
    /// Waiting for the parent, whose id maps must be in place.
    Parent = "wait for the parent",
    /// Moving itself into the cgroup.
    Cgroup = "join the cgroup",
    /// Joining and making the namespaces that `clone3` did not make.
    Namespaces = "join the namespaces",
    /// Leading a session of its own.
    Session = "start a session",
    /// Host and domain name.
    HostName = "set the host name",
    /// The loopback device of a new network namespace.
    Loopback = "bring the loopback device up",
    /// The root file system and every mount below it.
    RootFs = "build the root file system",
    /// Hooks that see the container before it is closed off.
    Hooks = "run the hooks",
    /// The change of the root.
    PivotRoot = "change the root",
    /// Kernel parameters.
    Sysctl = "set the kernel parameters",
    /// Masked and read-only paths.
    MaskedPaths = "mask paths",
    /// The pseudo terminal.
    Terminal = "set up the terminal",
    /// Memory policy and execution domain.
    Scheduling = "set the scheduling",
    /// Resource limits.
    Rlimits = "set the resource limits",
    /// AppArmor and SELinux.
    Labels = "set the security labels",
    /// The seccomp filter.
    Seccomp = "load the seccomp filter",
    /// User, groups and capabilities.
    Credentials = "take on the user and the capabilities",
    /// The working directory.
    WorkingDirectory = "enter the working directory",
    /// Waiting for `start`.
    Start = "wait for the start",
    /// The program itself.
    Execute = "execute the program",
}

impl Step {
    /// The step with this number on the wire.
    pub(crate) fn from_wire(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
