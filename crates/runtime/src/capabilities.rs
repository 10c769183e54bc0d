//! Capabilities: their names, the default set, and the order in which a process drops them.
