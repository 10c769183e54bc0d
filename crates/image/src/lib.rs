//! Images, layers and the built-in image of the host.
