//! `update` by itself; what it looks like is tested in tests/cockpit.
