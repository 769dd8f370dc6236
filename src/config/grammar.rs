//! What may stand in a remote, a branch, a path, a model's name: closed grammars, so that nothing written there can
//! become an option, a command, a tmux format or a control character further on (faults G14, K4, T7). Pure text: whether
//! a folder or a repository exists is asked by those who use it.

use std::path::{Component, Path, PathBuf};

use crate::pilot::message::is_hostile;

use super::problem::quoted;
use super::values::Wrong;

/// Longest URL or path; Linux's PATH_MAX.
const LONGEST: usize = 4096;

const REMOTE: &str = "an absolute path, file://…, https://…, ssh://…, git://… or git@host:path";
const BRANCH: &str = "a branch name such as \"main\"";

/// Address of a repository that git may be given: never an option, never a transport that runs a program.
pub fn remote(text: &str) -> Result<String, Wrong> {
    let wrong = |found: String| Err(Wrong::new(found, REMOTE));
    if text.is_empty() || text.len() > LONGEST || text.chars().any(|c| is_hostile(c) || c.is_whitespace()) {
        return wrong(format!("found {}", told(text)));
    }
    if text.starts_with('-') {
        return wrong(format!("{} would be read as an option", told(text)));
    }
    if text.split_once("::").is_some_and(|(before, _)| !before.contains('/')) {
        return wrong(format!("{} names a transport that runs a program", told(text)));
    }
    if text.starts_with('/') {
        return Ok(text.to_string());
    }
    let Some((scheme, rest)) = text.split_once("://") else { return scp_like(text) };
    match scheme {
        "file" if rest.starts_with('/') => Ok(text.to_string()),
        "https" | "git" if names_somebody(rest) => {
            let found = "the address holds a user, for all to read, and that may be a token";
            Err(Wrong::new(found, "the address without it, or ssh with a key"))
        }
        "https" | "ssh" | "git" => host_and_path(text, rest),
        "file" => wrong(format!("{} has no absolute path", told(text))),
        _ => wrong(format!("unknown transport in {}", told(text))),
    }
}

/// A branch as `git check-ref-format --branch` takes it, and nothing that tmux would expand.
pub fn branch(text: &str) -> Result<String, Wrong> {
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    let good = text.len() <= 200
        && !text.starts_with('-')
        && !text.ends_with('.')
        && text != "@"
        && text != "HEAD"
        && !text.contains("..")
        && !text.contains("@{")
        && !text.starts_with("refs/")
        && text.split('/').all(part)
        && !text.chars().any(|c| c.is_whitespace() || is_hostile(c) || "~^:?*[]\\#\"'`$;&|<>(){}".contains(c));
    if good { Ok(text.to_string()) } else { Err(Wrong::new(format!("found {}", quoted(text)), BRANCH)) }
}

/// A path as written, made absolute from the workspace, without `.` and `..`.
pub fn path(root: &Path, text: &str) -> Result<PathBuf, Wrong> {
    let expected = "a path, absolute or from the workspace";
    let wrong = |found: String| Err(Wrong::new(found, expected));
    if text.is_empty() || text.len() > LONGEST {
        return wrong(format!("found {}", quoted(text)));
    }
    if let Some(c) = text.chars().find(|c| is_hostile(*c) || matches!(c, '\n' | '\t')) {
        return wrong(format!("the path holds the control character U+{:04X}", u32::from(c)));
    }
    if text.contains('#') {
        return wrong(format!("{} holds a `#`, which tmux would expand", quoted(text)));
    }
    if text.starts_with('~') {
        return wrong(format!("{} begins with `~`, which only a shell knows", quoted(text)));
    }
    Ok(flattened(&root.join(text)))
}

/// A folder inside a repository: relative, no way out; `""` is its top.
pub fn inside(text: &str) -> Result<String, Wrong> {
    let plain = Path::new(text).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let quiet = !text.chars().any(|c| is_hostile(c) || matches!(c, '\n' | '\t' | '#' | ':' | '\\'));
    if !plain || !quiet || text.len() > 200 || text.starts_with('-') {
        let expected = "a folder inside the repository, such as \"state\", or \"\" for its top";
        return Err(Wrong::new(format!("found {}", quoted(text)), expected));
    }
    let parts = Path::new(text).components().filter(|part| matches!(part, Component::Normal(_)));
    Ok(parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/"))
}

/// A mail address as git writes it: no blanks, no brackets, one `@`.
pub fn mail(text: &str) -> Option<String> {
    let (name, host) = text.split_once('@')?;
    let plain = |part: &str| {
        !part.is_empty() && part.chars().all(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | '@'))
    };
    (text.len() <= 254 && plain(name) && plain(host)).then(|| text.to_string())
}

/// A model's name as agent programs take it.
pub fn model(text: &str) -> Option<String> {
    let good = text.len() <= 128
        && !text.starts_with('-')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._:/@[]+-".contains(c));
    good.then(|| text.to_string())
}

/// A project's name, as it is shown.
pub fn title(text: &str) -> Option<String> {
    let good = (1..=64).contains(&text.chars().count())
        && text.trim() == text
        && !text.contains(['#', '\n', '\t'])
        && !text.chars().any(is_hostile);
    good.then(|| text.to_string())
}

/// The word before the bracket in `claim(1a): …`.
pub fn prefix(text: &str) -> Option<String> {
    let mut chars = text.chars();
    let good = chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && text.len() <= 32
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    good.then(|| text.to_string())
}

/// The name of a variable of an environment.
pub fn variable(text: &str) -> Option<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let good =
        (1..=64).contains(&text.len()) && !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(word);
    good.then(|| text.to_string())
}

/// An argument for a program: anything one line can hold.
pub fn argument(text: &str) -> Option<String> {
    (text.len() <= LONGEST && !text.chars().any(|c| is_hostile(c) || c == '\n')).then(|| text.to_string())
}

/// An address in a message: what stands before its `@` may be a secret.
fn told(text: &str) -> String {
    let Some((before, after)) = text.rsplit_once('@') else { return quoted(text) };
    let scheme = before.split_once("://").map_or(String::new(), |(scheme, _)| format!("{scheme}://"));
    quoted(&format!("{scheme}…@{after}"))
}

/// Somebody is named before the host: with https that is how tokens are written.
fn names_somebody(rest: &str) -> bool {
    let authority = rest.split('/').next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(user, _)| !user.contains(':'))
}

fn scp_like(text: &str) -> Result<String, Wrong> {
    let Some((user, rest)) = text.split_once('@') else {
        return Err(Wrong::new(format!("found {}", told(text)), REMOTE));
    };
    match rest.split_once(':') {
        Some((host, path)) if word(user) && is_host(host) && !path.is_empty() && !path.starts_with('-') => {
            Ok(text.to_string())
        }
        _ => Err(Wrong::new(format!("found {}", told(text)), REMOTE)),
    }
}

fn host_and_path(text: &str, rest: &str) -> Result<String, Wrong> {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    if user.is_some_and(|user| user.contains(':')) {
        // It would stand in the process list for all to read. What was written is not repeated here.
        return Err(Wrong::new("the address holds a password, for all to read", "ssh with a key"));
    }
    let port = |port: &str| !port.is_empty() && port.len() <= 5 && port.chars().all(|c| c.is_ascii_digit());
    let good = match host.rsplit_once(':') {
        Some((name, number)) if !name.is_empty() && !number.contains(']') => is_host(name) && port(number),
        _ => is_host(host),
    };
    if good && user.is_none_or(word) && !path.is_empty() {
        return Ok(text.to_string());
    }
    Err(Wrong::new(format!("found {}", told(text)), REMOTE))
}

fn word(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('-') && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

fn is_host(text: &str) -> bool {
    let address = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    match address {
        Some(address) => !address.is_empty() && address.chars().all(|c| c.is_ascii_hexdigit() || c == ':' || c == '.'),
        None => word(text),
    }
}

fn flattened(path: &Path) -> PathBuf {
    let mut flat = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                flat.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => flat.push(part),
        }
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_run_nothing_are_remotes() {
        for text in [
            "/srv/git/x.git",
            "file:///srv/git/x.git",
            "https://example.org/x.git",
            "https://example.org:8443/x.git",
            "ssh://git@example.org:22/x.git",
            "ssh://git@[::1]:22/x.git",
            "git://example.org/x.git",
            "git@example.org:you/x.git",
        ] {
            assert_eq!(remote(text).map_err(|wrong| wrong.found).as_deref(), Ok(text));
        }
        for text in [
            "",
            "-oProxyCommand=x",
            "--upload-pack=touch x",
            "--upload-pack=x",
            "ext::sh -c x",
            "ext::x",
            "fd::17",
            "ssh://-oProxyCommand=x/y",
            "ssh://-o@host/x",
            "git@-oProxyCommand=x:y",
            "-git@host:y",
            "git@host:-y",
            "http://example.org/x.git",
            "relative/x.git",
            "../x.git",
            "file://x",
            "https://",
            "https:///x",
            "https://example.org",
            "https://example.org:x/y",
            "https://you:secret@example.org/x.git",
            "https://ghp_token@example.org/x.git",
            "git://you@example.org/x.git",
            "/srv/a b",
            "/srv/a\nb",
            "/srv/a\u{1b}b",
            "javascript:alert(1)",
        ] {
            assert!(remote(text).is_err(), "{text}");
        }
        for text in [
            "https://you:secret@h/x",
            "https://secret@h/x",
            "http://you:secret@h/x",
            "https://you:secret two@h/x",
            "you:secret@h/x",
            "file://you:secret@h/x",
            "-u secret@h",
        ] {
            let found = remote(text).expect_err(text).found;
            assert!(!found.contains("secret"), "{text}: {found}");
        }
    }

    #[test]
    fn branches_are_what_git_takes_and_nothing_that_expands() {
        for text in ["main", "feature/one", "v1.2", "release-2", "ä"] {
            assert!(branch(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "-x",
            "--all",
            "a..b",
            "a b",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[",
            "a\\b",
            "a.lock",
            "a/",
            "/a",
            "a//b",
            ".a",
            "a/.b",
            "a.",
            "@",
            "HEAD",
            "a@{1}",
            "refs/heads/x",
            "#(x)",
            "$(x)",
            "a\n",
            "a;b",
            "`x`",
        ] {
            assert!(branch(text).is_err(), "{text}");
        }
    }

    #[test]
    fn paths_become_absolute_and_plain() {
        let read = |text| path(Path::new("/ws"), text).map_err(|wrong| wrong.found);
        assert_eq!(read("clones/./a/../b/"), Ok(PathBuf::from("/ws/clones/b")));
        assert_eq!(read("../b"), Ok(PathBuf::from("/b")));
        assert_eq!(read("/x y/z"), Ok(PathBuf::from("/x y/z")));
        for text in ["", "a#b", "#(touch x)", "a\nb", "a\u{0}b", "a\u{1b}b", "~/x", "~you/x"] {
            assert!(read(text).is_err(), "{text:?}");
        }
        assert_eq!(inside("a/./b/").map_err(|_| ()), Ok("a/b".to_string()));
        for text in ["..", "a/../b", "/a", "a#", "a\n", "-a", "a:b"] {
            assert!(inside(text).is_err(), "{text}");
        }
    }
}
