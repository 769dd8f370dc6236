//! FLOOR 0, pure: text -> [`model::Config`], or all problems at once with file, line, column, key and hint.

pub mod model;
