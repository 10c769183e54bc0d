//! The OCI runtime: one container from one bundle.
