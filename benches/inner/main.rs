//! The inner loops, one by one: `make bench`. What they add up to in a running fleet is measured by `make bench-idle`.

mod capture;
mod cockpit;
mod fold;
mod pilot;
mod reading;

fn main() {
    divan::main();
}
