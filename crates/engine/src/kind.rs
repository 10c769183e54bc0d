//! What sort of failure an error is: the one thing that front doors decide by (exit codes, HTTP
//! and gRPC statuses are theirs).

/// The sort of an [`crate::Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What was named does not exist.
    NotFound,
    /// The object's state does not allow the operation.
    Conflict,
    /// The name is taken.
    AlreadyExists,
    /// What was asked for makes no sense.
    InvalidArgument,
    /// The caller has not the right.
    Forbidden,
    /// It cannot be done now; later it may.
    Unavailable,
    /// wharf or this kernel cannot do it.
    Unsupported,
    /// Anything else.
    Internal,
}
