//! Tiny real calls on accounts: the program that an agent would run answers one word, in the environment that the agent would get, and
//! says what that used. No secret passes through here: a child of its own reads them and becomes the program.

mod answer;

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use crate::pilot::effect::LaunchSpec;
use crate::pilot::fact::Probed;
use crate::pilot::id::AccountId;

use super::files;
use super::perform::Hands;
use super::{runner, spawn};

/// A program that tries again when its service is overloaded takes minutes; then nothing is known.
const ANSWER: Duration = Duration::from_secs(60);

/// Makes the call, unless `known` is the version of the program and the call was made with that.
pub async fn probe(hands: &Hands, account: &AccountId, spec: LaunchSpec, known: Option<&str>) -> Probed {
    call(hands, account, spec, known).await.unwrap_or_else(|why| Probed::Nothing { why })
}

async fn call(hands: &Hands, account: &AccountId, spec: LaunchSpec, known: Option<&str>) -> Result<Probed, String> {
    let version = version(&runner::program(&spec).map_err(|error| error.to_string())?)?;
    if known == Some(version.as_str()) {
        return Ok(Probed::Same);
    }
    // A folder in which nothing lies that a program would read.
    let cwd = hands.state_dir.join("probe");
    files::private_dir(&cwd).map_err(|error| error.to_string())?;
    let file = cwd.join(format!("{account}.json"));
    let spec = LaunchSpec { cwd, ..spec };
    let text = serde_json::to_vec(&spec).map_err(|error| error.to_string())?;
    files::write_whole(&file, &text, files::PRIVATE).map_err(|error| error.to_string())?;
    let mut command = spawn::command(&*hands.program);
    command.arg("run-probe").arg(&file);
    let output = spawn::output_within(ANSWER, command).await;
    // The next call makes it anew.
    let _ = std::fs::remove_file(&file);
    let output = output.map_err(|error| error.to_string())?;
    let answer = answer::of(&output.stdout).ok_or_else(|| format!("its answer can't be read ({})", output.status))?;
    Ok(answer.probed(version))
}

/// What tells a program from a newer one in its place, without running it.
fn version(file: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("{}: {error}", file.display());
    let real = file.canonicalize().map_err(unreadable)?;
    let meta = real.metadata().map_err(unreadable)?;
    let name = real.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(format!("{name}:{}:{}.{}", meta.len(), meta.mtime(), meta.mtime_nsec()))
}
