//! The OCI documents as data.
