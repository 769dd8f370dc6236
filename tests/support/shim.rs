//! Programs of a line or two that stand in for others.

/// An executable script in the folder.
pub(crate) fn shim(folder: &tempfile::TempDir, script: &str) -> std::path::PathBuf {
    let path = folder.path().join("shim");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a file");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
    // A forked child of another test may still hold the file open for writing; it can be run once that is gone.
    let mut tries = 0;
    while flightdeck::edge::spawn::blocking(&path)
        .arg("--ready")
        .output()
        .is_err_and(|error| error.raw_os_error() == Some(26))
        && tries < 100
    {
        tries += 1;
    }
    path
}

/// A program that takes every byte as it comes: raw mode, bracketed paste as asked for, all input into `$1/in`.
pub(crate) fn receiver(bracketed: bool) -> String {
    let mode = if bracketed { r"printf '\033[?2004h';" } else { "" };
    format!("{mode} stty raw -echo; : > \"$1/in\"; echo ready; exec cat >> \"$1/in\"")
}
