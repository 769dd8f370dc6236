//! Which workspace a verb is about: the one that was named, else the nearest folder upwards that holds a
//! `flightdeck.toml`. Reads nothing in it.

use std::path::{Path, PathBuf};

use super::error::{CliError, Kind};
use crate::config::parse::MAIN as FILE;
use crate::edge::workspace;

pub use crate::edge::workspace::state_dir;

/// The log of records of a workspace.
pub fn records(root: &Path) -> PathBuf {
    workspace::records(&state_dir(root))
}

/// The socket of a workspace's own tmux server.
pub fn tmux_socket(root: &Path) -> PathBuf {
    workspace::tmux_socket(&state_dir(root))
}

/// Waits for a question to the outside; each brings its own deadline.
pub fn wait<T>(call: impl Future<Output = T>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(call))
}

/// The workspace, absolute and without symbolic links, so that all who use it agree on its name.
pub fn find(named: Option<&Path>) -> Result<PathBuf, CliError> {
    match named {
        Some(folder) => named_one(folder),
        None => nearest(&std::env::current_dir()?),
    }
}

fn named_one(folder: &Path) -> Result<PathBuf, CliError> {
    if !workspace::is_one(folder) {
        let shown = folder.display();
        return Err(CliError::new(Kind::Usage, format!("{shown} is no workspace: it holds no {FILE}"))
            .hint(format!("`flightdeck init {shown}` makes one")));
    }
    Ok(folder.canonicalize()?)
}

fn nearest(from: &Path) -> Result<PathBuf, CliError> {
    workspace::find(from).ok_or_else(|| {
        CliError::new(Kind::Usage, format!("no {FILE} in {} or above", from.display()))
            .hint("`flightdeck init` makes a workspace here; `--workspace DIR` names one elsewhere")
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_nearest_folder_upwards_is_taken() {
        let top = tempfile::tempdir().expect("a folder");
        let inner = top.path().join("a/b");
        fs::create_dir_all(&inner).expect("folders");
        fs::write(top.path().join(FILE), "").expect("a file");
        fs::write(top.path().join("a").join(FILE), "").expect("a file");
        let seen = nearest(&inner).expect("a workspace");
        assert_eq!(seen, top.path().join("a").canonicalize().expect("it exists"));
    }

    #[test]
    fn a_folder_that_is_no_workspace_is_refused_with_the_way_to_make_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = named_one(folder.path()).expect_err("nothing is there");
        assert_eq!(error.kind, Kind::Usage);
        assert!(error.to_string().contains("flightdeck init"), "{error}");
    }
}
