//! The process table by the crate `sysinfo`, for systems without `/proc`: macOS above all. Tested on Linux as well, and
//! used on no Linux but in these tests.
//!
//! It knows less: start times are in whole seconds, children that ended leave no CPU time behind, and macOS hides the
//! environment of its own programs (`/bin/sh` among them), so that these are found by descent and session only.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System, UpdateKind};

use super::grip::Grip;
use super::source::Source;
use super::table::{Entry, Table};
use super::tag::Tag;
use crate::pilot::fact::Identity;

/// Start times and CPU time are in milliseconds, start times since the epoch.
pub(super) static SOURCE: Source = Source {
    boot,
    all,
    entry,
    arguments,
    file,
    cwd,
    ticks_per_second: || TICKS_PER_SECOND,
    began_s: |started| i64::try_from(started / TICKS_PER_SECOND).ok(),
    take,
};

const TICKS_PER_SECOND: u64 = 1000;

/// Start times are dates, so a boot has nothing to add. (macOS tells a boot's time, but changes it with the clock.)
fn boot() -> Option<&'static str> {
    Some("by date")
}

fn all(with_tags: bool) -> io::Result<Table> {
    let wanted = if with_tags { least().with_environ(UpdateKind::Always) } else { least() };
    let system = look(ProcessesToUpdate::All, wanted)?;
    Table::new(system.processes().values().filter_map(read).map(|entry| (entry.pid, entry)).collect::<BTreeMap<_, _>>())
}

fn entry(pid: u32) -> io::Result<Option<Entry>> {
    let us = Pid::from_u32(std::process::id());
    let process = Pid::from_u32(pid);
    // sysinfo drops a process that it is asked for twice.
    let both = [process, us];
    let wanted = if process == us { &both[..1] } else { &both[..] };
    let system = look(ProcessesToUpdate::Some(wanted), least())?;
    // Where even we are not listed, that another one is not proves nothing.
    system.process(us).ok_or_else(|| io::Error::other("the process table does not list ourselves"))?;
    let Some(found) = system.process(process) else { return Ok(None) };
    read(found).map(Some).ok_or_else(|| io::Error::other("what it is can't be read"))
}

fn arguments(pid: u32) -> Vec<Vec<u8>> {
    let bytes = |word: &std::ffi::OsString| word.as_encoded_bytes().to_vec();
    let wanted = ProcessRefreshKind::nothing().with_cmd(UpdateKind::Always);
    one(pid, wanted, |process| Some(process.cmd().iter().map(bytes).collect())).unwrap_or_default()
}

fn file(pid: u32) -> Option<PathBuf> {
    let wanted = ProcessRefreshKind::nothing().with_exe(UpdateKind::Always);
    one(pid, wanted, |process| process.exe().map(PathBuf::from))
}

fn cwd(pid: u32) -> io::Result<PathBuf> {
    let wanted = ProcessRefreshKind::nothing().with_cwd(UpdateKind::Always);
    one(pid, wanted, |process| process.cwd().map(PathBuf::from)).ok_or_else(|| io::ErrorKind::PermissionDenied.into())
}

fn take(process: &Identity) -> Option<Grip> {
    (super::look::alive(&SOURCE, process) == super::Alive::Yes).then(|| Grip::Number(&SOURCE, process.clone()))
}

fn one<T>(pid: u32, wanted: ProcessRefreshKind, read: impl Fn(&Process) -> Option<T>) -> Option<T> {
    let pid = Pid::from_u32(pid);
    look(ProcessesToUpdate::Some(&[pid]), wanted).ok()?.process(pid).and_then(read)
}

fn least() -> ProcessRefreshKind {
    ProcessRefreshKind::nothing().with_cpu().with_user(UpdateKind::Always)
}

/// A fresh look each time: on macOS sysinfo never renews the state of a process that it knows already.
fn look(which: ProcessesToUpdate<'_>, wanted: ProcessRefreshKind) -> io::Result<System> {
    let mut system = System::new().map_err(|cause| io::Error::other(cause.to_string()))?;
    system.refresh_processes_specifics(which, true, wanted);
    Ok(system)
}

/// `None`: when it began is not told, so it could not be told from another one.
fn read(process: &Process) -> Option<Entry> {
    let number = |pid: Option<Pid>| pid.map_or(0, Pid::as_u32);
    let environ = process.environ();
    Some(Entry {
        pid: process.pid().as_u32(),
        parent: number(process.parent()),
        session: number(process.session_id()),
        started: Some(process.start_time()).filter(|second| *second > 0)?.checked_mul(TICKS_PER_SECOND)?,
        name: process.name().to_string_lossy().chars().map(|c| if c.is_control() { '?' } else { c }).collect(),
        lives: !matches!(process.status(), ProcessStatus::Zombie | ProcessStatus::Dead),
        stopped: process.status() == ProcessStatus::Stop,
        own_cpu: process.accumulated_cpu_time(),
        waited_cpu: 0,
        tag: Tag::among(environ.iter().map(|word| word.as_encoded_bytes())),
        environ_known: !environ.is_empty(),
        own: process.effective_user_id().is_some_and(|user| **user == rustix::process::geteuid().as_raw()),
    })
}
