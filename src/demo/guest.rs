//! A real Claude Code as a guest of ours: a home in which every question of a first start is answered, a login that is nobody's,
//! and an environment in which it finds our model server and no other machine. Starts nothing.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::edge::files::{self, FileError};

/// No key of anybody; the program shows and remembers its last 20 characters.
pub const KEY: &str = "sk-ant-fake-000000000000000000000000";

/// How it is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    ApiKey,
    Subscription,
}

/// Makes the home, for work in `project`; and answers the lines of its env file. Both folders are there.
pub fn furnish(home: &Path, project: &Path, login: Login, server: &str) -> Result<String, FileError> {
    let own = home.join(".claude");
    let temporary = home.join("tmp");
    files::private_dir(&own)?;
    files::private_dir(&temporary)?;
    let write = |path: PathBuf, value: &Value| files::write_atomic(&path, value.to_string().as_bytes(), files::PRIVATE);
    write(home.join(".claude.json"), &answered(project))?;
    write(own.join("settings.json"), &json!({ "skipDangerousModePermissionPrompt": true }))?;
    let mut lines = vec![
        ("HOME", shown(home)?),
        // It leaves folders there.
        ("TMPDIR", shown(&temporary)?),
        ("ANTHROPIC_BASE_URL", server.to_string()),
        // What would leave the machine goes to our server, which refuses it.
        ("HTTP_PROXY", server.to_string()),
        ("HTTPS_PROXY", server.to_string()),
        ("NO_PROXY", "127.0.0.1,localhost".to_string()),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".to_string()),
        ("DISABLE_AUTOUPDATER", "1".to_string()),
        // Its ten tries take three minutes.
        ("CLAUDE_CODE_MAX_RETRIES", "1".to_string()),
    ];
    match login {
        Login::ApiKey => lines.push(("ANTHROPIC_API_KEY", KEY.to_string())),
        Login::Subscription => write(own.join(".credentials.json"), &credentials())?,
    }
    Ok(lines.into_iter().map(|(name, value)| format!("{name}=\"{}\"\n", quoted(&value))).collect())
}

/// Answers to every question of a first start.
pub fn answered(project: &Path) -> Value {
    let project_answers = json!({
        "allowedTools": [], "hasTrustDialogAccepted": true, "projectOnboardingSeenCount": 9,
        "hasCompletedProjectOnboarding": true,
    });
    let mut answers = json!({
        "hasCompletedOnboarding": true, "theme": "dark", "lastOnboardingVersion": "99.0.0", "numStartups": 9,
        "hasSeenAutoDefaultNotice": true, "bypassPermissionsModeAccepted": true, "autoUpdates": false,
        "lastReleaseNotesSeen": "99.0.0", "officialMarketplaceAutoInstallAttempted": true,
        "officialMarketplaceAutoInstalled": false,
        "customApiKeyResponses": {"approved": [&KEY[KEY.len() - 20..]], "rejected": []}, "projects": {},
    });
    answers["projects"][project.display().to_string()] = project_answers;
    answers
}

/// A login that works as long as nobody asks the provider.
pub fn credentials() -> Value {
    credentials_of("sk-ant-oat01-fake")
}

/// The same with a token of one's own.
pub fn credentials_of(token: &str) -> Value {
    json!({"claudeAiOauth": {
        "accessToken": token, "refreshToken": "sk-ant-ort01-fake", "expiresAt": 4_102_444_800_000_i64,
        "scopes": ["user:inference", "user:profile"], "subscriptionType": "max",
        "rateLimitTier": "default_claude_max_5x",
    }})
}

fn shown(home: &Path) -> Result<String, FileError> {
    let odd =
        || FileError::Io { path: home.to_path_buf(), cause: io::Error::other("no line of an env file can name it") };
    home.to_str().filter(|text| !text.contains('\n')).map(str::to_string).ok_or_else(odd)
}

fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$").replace('`', "\\`")
}
