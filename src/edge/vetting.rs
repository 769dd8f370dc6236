//! A look before a start at what an agent's program will go by: the settings that its folder brings along, and whether the files of
//! its home are whole (faults X8, A4). Programs that write such a file at the same time leave half of it; a copy of what is
//! damaged is kept, since a program that finds it begins with an empty one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use git2::{ObjectType, Oid};

use super::clock;
use super::files::{self, FileError};
use super::runner;
use crate::config::access::Access;
use crate::pilot::effect::LaunchSpec;
use crate::pilot::fact::{Damage, Setting, Vetted};

/// The homes of programs that were long in use have files of some MB.
const CAP: u64 = 64 << 20;
/// Somebody may be writing it at this moment: what is whole after one of these was.
const AGAIN: [Duration; 3] = [Duration::from_millis(100), Duration::from_millis(300), Duration::from_millis(900)];
/// Names at a file's top that are told, and letters of each.
const KEYS: usize = 12;
const KEY: usize = 40;

/// Looks. Blocks for the reading of some files, and for a second where one of them is not whole.
pub fn vet(launch: &LaunchSpec, access: &Access) -> Vetted {
    let settings = access.settings.iter().filter_map(|name| setting(&launch.cwd, name)).collect();
    // Who can't be started will be told why by the start itself.
    let home = runner::home(launch, access).ok();
    let inside = home.iter().flat_map(|home| access.files.iter().map(|name| home.at.join(name)));
    let beside = home.iter().filter_map(|home| home.of_user.as_ref());
    let beside = beside.flat_map(|user| access.usual_files.iter().map(|name| user.join(name)));
    let damaged = inside.chain(beside).find_map(|path| damage(&path));
    Vetted { settings, damaged }
}

fn setting(dir: &Path, name: &str) -> Option<Setting> {
    let path = dir.join(name);
    let file = name.to_string();
    match files::read_named(&path, CAP) {
        Ok((bytes, _)) => Some(Setting { file, digest: digest(&bytes), keys: keys(&path, &bytes) }),
        Err(FileError::Missing(_)) => None,
        // What can't be read is no less in force: its program may be able to.
        Err(error) => Some(Setting { file, digest: error.to_string(), keys: Vec::new() }),
    }
}

/// What stands at the top of such a file, as names that can be shown.
fn keys(path: &Path, bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let names: Vec<String> = match is_toml(path) {
        true => text.parse::<toml::Table>().map(|table| table.keys().cloned().collect()).unwrap_or_default(),
        false => match serde_json::from_str(&text) {
            Ok(serde_json::Value::Object(object)) => object.keys().cloned().collect(),
            Ok(_) | Err(_) => Vec::new(),
        },
    };
    let plain = |name: &String| {
        name.len() <= KEY && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '$'))
    };
    names.into_iter().filter(plain).take(KEYS).collect()
}

/// What is wrong with a file that is there, with a copy of it kept.
fn damage(path: &Path) -> Option<Damage> {
    let mut found = broken(path)?;
    for pause in AGAIN {
        clock::block(pause);
        found = broken(path)?;
    }
    let (why, bytes) = found;
    let kept =
        keep(path, &bytes).map_err(|error| tracing::warn!(file = %path.display(), %error, "no copy was kept")).ok();
    Some(Damage { file: path.display().to_string(), why, kept: kept.map(|copy| copy.display().to_string()) })
}

/// Why a file is not whole, and what stands in it. `None`: it is, or it is not there, or nobody can say.
fn broken(path: &Path) -> Option<(String, Vec<u8>)> {
    let (bytes, _) = files::read_named(path, CAP).ok()?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Some(("it is empty".to_string(), bytes));
    }
    // Places alone: what stands there may be a secret.
    let why = match is_toml(path) {
        true => {
            let whole = std::str::from_utf8(&bytes).is_ok_and(|text| text.parse::<toml::Table>().is_ok());
            if whole { Ok(()) } else { Err("it is no TOML".to_string()) }
        }
        false => serde_json::from_slice::<serde::de::IgnoredAny>(&bytes)
            .map(drop)
            .map_err(|error| format!("no JSON at line {}, column {}", error.line(), error.column())),
    };
    why.err().map(|why| (why, bytes))
}

fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}

/// A copy beside it, for whoever owns it alone; the same damage has the same name.
fn keep(path: &Path, bytes: &[u8]) -> Result<PathBuf, FileError> {
    let mut name = path.as_os_str().to_os_string();
    name.push(format!(".damaged-{:.8}", digest(bytes)));
    let copy = PathBuf::from(name);
    files::write_atomic(&copy, bytes, files::PRIVATE)?;
    Ok(copy)
}

/// What git calls such a content.
fn digest(bytes: &[u8]) -> String {
    Oid::hash_object(ObjectType::Blob, bytes).map(|oid| oid.to_string()).unwrap_or_default()
}
