//! Numbers that nobody else has.

use std::hash::{BuildHasher, Hasher, RandomState};

/// 16 hexadecimal digits, from what the operating system seeds the standard library's hash tables with. Clocks, process ids and
/// inodes don't do for this: their bits cancel each other where many things begin at once. No secret.
pub fn nonce() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}
