//! What the right side can show, a file each: its state, how keys move it, and how it is drawn.

pub mod live;
