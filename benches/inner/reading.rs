//! What a screen says, and its hash with everything masked that moves by itself: both are done for each changed screen.

use std::hint::black_box;

use divan::Bencher;
use flightdeck::config::backend::built_in;
use flightdeck::pilot::reading;

use crate::pilot::screens;

const SCREENS: [&str; 3] = ["claude idle", "claude busy", "demo idle"];

#[divan::bench(args = SCREENS)]
fn read(bencher: Bencher<'_, '_>, name: &str) {
    let (backend, screen) = screens().remove(name).expect("it is in the table");
    let backend = &built_in()[backend];
    assert!(reading::read(backend, &screen).said().is_some(), "{name} is unclear");
    bencher.bench(|| black_box(reading::read(backend, &screen)));
}

#[divan::bench(args = SCREENS)]
fn calm(bencher: Bencher<'_, '_>, name: &str) {
    let (backend, screen) = screens().remove(name).expect("it is in the table");
    let backend = &built_in()[backend];
    bencher.bench(|| black_box(reading::calm(backend, &screen)));
}
