//! Containers and images: where the primitives meet.
