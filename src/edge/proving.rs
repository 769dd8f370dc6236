//! Tiny real calls on accounts: the program that an agent would run answers one word, in the environment that the agent would get, and
//! says what that used. No secret passes through here: a child of its own reads them and becomes the program.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::pilot::effect::LaunchSpec;
use crate::pilot::fact::Probed;
use crate::pilot::id::AccountId;
use crate::pilot::usage::Tokens;

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
    files::write_atomic(&file, &text, files::PRIVATE).map_err(|error| error.to_string())?;
    let mut command = spawn::command(&*hands.program);
    command.arg("run-probe").arg(&file);
    let output = spawn::output_within(ANSWER, command).await;
    // The next call makes it anew.
    let _ = std::fs::remove_file(&file);
    let output = output.map_err(|error| error.to_string())?;
    let printed: Printed =
        serde_json::from_slice(&output.stdout).map_err(|_| format!("its answer can't be read ({})", output.status))?;
    Ok(printed.probed(version))
}

/// What tells a program from a newer one in its place, without running it.
fn version(file: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("{}: {error}", file.display());
    let real = file.canonicalize().map_err(unreadable)?;
    let meta = real.metadata().map_err(unreadable)?;
    let name = real.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(format!("{name}:{}:{}.{}", meta.len(), meta.mtime(), meta.mtime_nsec()))
}

/// What `claude -p --output-format json` prints, as far as it matters to us. Failures stand in `is_error` alone: `subtype` is
/// "success" then too.
#[derive(Debug, Deserialize)]
struct Printed {
    is_error: bool,
    #[serde(default)]
    result: Option<String>,
    #[serde(default)]
    api_error_status: Option<u16>,
    #[serde(default, rename = "modelUsage")]
    models: BTreeMap<String, Counted>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Counted {
    input_tokens: u64,
    output_tokens: u64,
    cache_read_input_tokens: u64,
    cache_creation_input_tokens: u64,
}

impl Printed {
    fn probed(self, version: String) -> Probed {
        let tokens = |counted: &Counted| Tokens {
            input: counted.input_tokens,
            output: counted.output_tokens,
            cache_read: counted.cache_read_input_tokens,
            cache_write: counted.cache_creation_input_tokens,
        };
        let used = self.models.iter().map(|(model, counted)| (model.clone(), tokens(counted)));
        Probed::Answered {
            version,
            failed: self.is_error,
            text: self.result.unwrap_or_default(),
            status: self.api_error_status,
            used: used.filter(|(_, tokens)| tokens.sum() > 0).collect(),
        }
    }
}
