//! Whether everything that wharf made belongs to something that is there: on the disk (`disk`), and
//! in the kernel (`kernel`). What may be damaged in the store of images is looked for in `image`.

mod disk;
mod kernel;
mod run;

pub use run::{Checked, Owned};
