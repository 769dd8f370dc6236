//! FLOOR 1: touches the world. One file per outside thing; judges nothing.

pub mod clock;
pub mod spawn;
