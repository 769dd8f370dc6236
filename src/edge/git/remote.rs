//! What the configured remote is: a folder on this machine, or an address on the network. The configuration has checked
//! it already; it is refused here once more, because it becomes an argument of git (fault G14).

use std::path::PathBuf;

/// The watched repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Remote {
    /// Read in place.
    Folder(PathBuf),
    /// Read through our own mirror.
    Network(String),
}

const SCHEMES: [&str; 6] = ["https", "ssh", "http", "git", "git+ssh", "ssh+git"];

impl Remote {
    /// An absolute path, `file://`, a URL of a known scheme, or `host:path`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let refused = |why| Err(format!("the remote `{}` is not read: {why}", text.escape_default()));
        if text.starts_with('-') || text.chars().any(char::is_control) {
            return refused("it looks like an option, or holds control characters");
        }
        if text.starts_with('/') {
            return Ok(Remote::Folder(PathBuf::from(text)));
        }
        let word = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_'));
        match text.split_once(':') {
            Some((scheme, rest)) if word(scheme) && rest.starts_with(':') => refused("it names a program to be run"),
            Some(("file", rest)) => match rest.strip_prefix("//localhost").or(rest.strip_prefix("//")) {
                Some(path) if path.starts_with('/') => Ok(Remote::Folder(PathBuf::from(decoded(path)))),
                _ => refused("expected file:///absolute/path"),
            },
            Some((scheme, rest)) if rest.starts_with("//") && !SCHEMES.contains(&scheme) => {
                refused("expected https, ssh, http, git or file before `://`")
            }
            Some((host, path)) if !host.is_empty() && !path.is_empty() => Ok(Remote::Network(text.to_string())),
            _ => refused("expected a URL, host:path, or an absolute path"),
        }
    }
}

/// `text` without the user and password part of `url`, which git likes to quote in its errors.
pub(super) fn without_secrets(text: &str, url: &str) -> String {
    let user = url.split_once("://").and_then(|(_, rest)| rest.split_once('@')).map(|(user, _)| user);
    match user.filter(|user| !user.is_empty() && !user.contains('/')) {
        Some(user) => text.replace(&format!("{user}@"), "***@"),
        None => text.to_string(),
    }
}

/// `%20` and the like, as git reads file URLs.
fn decoded(path: &str) -> std::ffi::OsString {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten();
        let escaped = escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_helpers_and_unknown_schemes_are_refused() {
        for text in [
            "--upload-pack=touch /tmp/x",
            "-oProxyCommand=touch x:y",
            "ext::sh -c touch% x",
            "fd::17",
            "gopher://a/b",
            "file://host/x",
            "relative/path",
            "",
            ":x",
            "https://a/\u{1b}[2J",
        ] {
            assert!(Remote::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn usual_remotes_are_told_apart() {
        for text in ["https://a/b.git", "ssh://git@h:22/x", "git@host:a/b.git", "git://h/x", "host:x", "git@[::1]:x"] {
            assert_eq!(Remote::parse(text), Ok(Remote::Network(text.to_string())));
        }
        assert_eq!(Remote::parse("/srv/a b.git"), Ok(Remote::Folder("/srv/a b.git".into())));
        assert_eq!(Remote::parse("file:///srv/a%20b.git"), Ok(Remote::Folder("/srv/a b.git".into())));
        assert_eq!(Remote::parse("file://localhost/srv/100%"), Ok(Remote::Folder("/srv/100%".into())));
    }

    #[test]
    fn a_token_in_the_url_stays_out_of_messages() {
        let url = "https://me:token@host/x.git";
        assert_eq!(without_secrets(&format!("can't read '{url}'"), url), "can't read 'https://***@host/x.git'");
        assert_eq!(without_secrets("can't read /x@y", "/x@y"), "can't read /x@y");
    }
}
