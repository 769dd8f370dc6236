//! An account's credential, on its way into the agent's own process and nowhere else. What would go before it is taken out first; what
//! a command prints is looked at by nobody, also not when the command fails.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use super::{RunError, env_file};
use crate::config::accounts::Credential;
use crate::edge::{clock, spawn};

/// A keyring may ask a person for its word.
const ANSWER: Duration = Duration::from_secs(30);
/// Keys and tokens are short.
const CAP: u64 = 64 << 10;
/// Between two looks whether a command has ended.
const LOOK: Duration = Duration::from_millis(20);

/// Lays it over an environment, but for what only a command knows.
pub(super) fn lay(account: &Credential, environment: &mut BTreeMap<OsString, OsString>) -> Result<(), RunError> {
    for name in &account.unset {
        environment.remove(std::ffi::OsStr::new(name));
    }
    environment.extend(account.home.iter().map(|(name, value)| (name.into(), value.into())));
    if let Some(path) = &account.env_file {
        environment.extend(env_file::read(path).map_err(|why| wrong(account, why))?);
    }
    Ok(())
}

/// What its command says, as a variable; nothing where it has none.
pub(super) fn commanded(account: &Credential, cwd: &Path) -> Result<Option<(OsString, OsString)>, RunError> {
    let Some((variable, argv)) = &account.command else { return Ok(None) };
    let value = output(argv, cwd).map_err(|why| wrong(account, why))?;
    Ok(Some((variable.into(), value.into())))
}

/// No word of the output is in an error: it may be half a secret.
fn output(argv: &[String], cwd: &Path) -> Result<String, String> {
    let (program, arguments) = argv.split_first().ok_or("its command is empty")?;
    let mut command = spawn::blocking(program);
    command.args(arguments).current_dir(cwd).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|cause| format!("its command {program} can't be started: {cause}"))?;
    let pipe = child.stdout.take().ok_or("its command has no output")?;
    let (tell, told) = mpsc::channel();
    let reader = spawn::thread("credential", move || {
        let mut text = Vec::new();
        let read = pipe.take(CAP + 1).read_to_end(&mut text).map(|_| text);
        // Nobody listens any more: the command was too late.
        let _ = tell.send(read);
    });
    reader.map_err(|cause| format!("its command's output can't be read: {cause}"))?;
    let began = clock::monotonic_ms();
    let group = Some(child.id());
    let late = || {
        spawn::kill_group(group);
        format!("its command {program} did not end within {} s", ANSWER.as_secs())
    };
    let text = told.recv_timeout(ANSWER).map_err(|_| late())?;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if clock::left(began, ANSWER).is_some() => clock::block(LOOK),
            Ok(None) => return Err(late()),
            Err(cause) => return Err(format!("its command {program} was lost: {cause}")),
        }
    };
    if !status.success() {
        return Err(format!("its command {program} failed ({status}); run it yourself to see why"));
    }
    let text = text.map_err(|cause| format!("its command's output can't be read: {cause}"))?;
    let text = String::from_utf8(text).map_err(|_| format!("its command {program} printed what is no text"))?;
    let value = text.trim_end_matches(['\n', '\r']);
    match value.is_empty() || u64::try_from(text.len()).is_ok_and(|size| size > CAP) || value.contains(['\n', '\0']) {
        true => Err(format!("its command {program} printed no single line")),
        false => Ok(value.to_string()),
    }
}

fn wrong(account: &Credential, why: String) -> RunError {
    RunError::Account { account: account.account.clone(), why }
}
