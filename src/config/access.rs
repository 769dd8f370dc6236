//! `[access]` of a backend: what its program needs to work on an account, as data. Which providers it can speak to, where its
//! logins and conversations lie, which variables would go before them, and how a tiny real call is made.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

/// What a backend's program needs to work on an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Providers whose models it can run; empty: any.
    pub providers: Vec<String>,
    /// Providers whose subscriptions it can use; `None`: any.
    pub subscriptions: Option<Vec<String>>,
    /// Variables that lead it to another home, each with hole `{home}`; empty: it has one home only.
    pub home: BTreeMap<String, String>,
    /// Its home where no variable leads elsewhere, from the user's; empty: nobody told.
    pub usual_home: String,
    /// Variables that carry a credential: none but the account's own reaches the program.
    pub keys: Vec<String>,
    /// Where a conversation lies in its home, with holes `{folder}` (the working directory, each letter that is no letter of ASCII
    /// and no digit as `-`) and `{conversation}`; empty: nobody told.
    pub transcript: String,
    /// Files in an agent's folder that its program goes by: whoever may push to the repository may write them.
    pub settings: Vec<String>,
    /// Files in its home that must be whole, JSON or TOML by their names.
    pub files: Vec<String>,
    /// The same in the user's own folder, where no variable leads the program elsewhere.
    pub usual_files: Vec<String>,
    /// The command by which a person logs in.
    pub login: String,
    /// The argv of a tiny real call that answers in Claude Code's JSON; empty: there is none.
    pub probe: Vec<String>,
}

/// The same as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawAccess {
    pub providers: Option<Vec<String>>,
    pub subscriptions: Option<Vec<String>>,
    pub home: Option<BTreeMap<String, String>>,
    pub usual_home: Option<String>,
    pub keys: Option<Vec<String>>,
    pub transcript: Option<String>,
    pub settings: Option<Vec<String>>,
    pub files: Option<Vec<String>>,
    pub usual_files: Option<Vec<String>>,
    pub login: Option<String>,
    pub probe: Option<Vec<String>>,
}

impl Access {
    /// Whether its program can run models of this provider, and use a subscription of it where that is meant.
    pub fn serves(&self, provider: &str, subscription: bool) -> bool {
        let any = self.providers.is_empty() || self.providers.iter().any(|served| served == provider);
        let flat = self.subscriptions.as_ref().is_none_or(|served| served.iter().any(|served| served == provider));
        any && (flat || !subscription)
    }

    /// The variables that lead the program to this home.
    pub fn home_variables(&self, home: &Path) -> BTreeMap<String, String> {
        let home = home.to_string_lossy();
        self.home.iter().map(|(name, value)| (name.clone(), value.replace("{home}", &home))).collect()
    }

    /// Where a conversation lies, from the program's home; `None`: nobody told.
    pub fn transcript_of(&self, dir: &Path, conversation: &str) -> Option<String> {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        // A name that leads out of the folder is none.
        let named = conversation.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        let folder: String = dir.to_string_lossy().chars().map(plain).collect();
        (named && !self.transcript.is_empty() && !conversation.is_empty())
            .then(|| self.transcript.replace("{folder}", &folder).replace("{conversation}", conversation))
    }

    /// Whether there is anything to look at before a start.
    pub fn is_vetted(&self) -> bool {
        !(self.settings.is_empty() && self.files.is_empty() && self.usual_files.is_empty())
    }

    /// What a person types to log in where the program looks for its login.
    pub fn login_at(&self, home: Option<&Path>) -> String {
        let variables = home.map(|home| self.home_variables(home)).unwrap_or_default();
        let before: String = variables.iter().map(|(name, value)| format!("{name}={value} ")).collect();
        if self.login.is_empty() { "log in by its own means".to_string() } else { format!("`{before}{}`", self.login) }
    }
}

impl RawAccess {
    pub(super) fn over(self, base: RawAccess) -> RawAccess {
        RawAccess {
            providers: self.providers.or(base.providers),
            subscriptions: self.subscriptions.or(base.subscriptions),
            home: self.home.or(base.home),
            usual_home: self.usual_home.or(base.usual_home),
            keys: self.keys.or(base.keys),
            transcript: self.transcript.or(base.transcript),
            settings: self.settings.or(base.settings),
            files: self.files.or(base.files),
            usual_files: self.usual_files.or(base.usual_files),
            login: self.login.or(base.login),
            probe: self.probe.or(base.probe),
        }
    }
}

impl From<RawAccess> for Access {
    fn from(raw: RawAccess) -> Access {
        Access {
            providers: raw.providers.unwrap_or_default(),
            subscriptions: raw.subscriptions,
            home: raw.home.unwrap_or_default(),
            usual_home: raw.usual_home.unwrap_or_default(),
            keys: raw.keys.unwrap_or_default(),
            transcript: raw.transcript.unwrap_or_default(),
            settings: raw.settings.unwrap_or_default(),
            files: raw.files.unwrap_or_default(),
            usual_files: raw.usual_files.unwrap_or_default(),
            login: raw.login.unwrap_or_default(),
            probe: raw.probe.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_lies_where_its_folder_and_name_say_and_a_name_that_leads_elsewhere_is_none() {
        let access = Access { transcript: "projects/{folder}/{conversation}.jsonl".to_string(), ..Access::default() };
        let at = |name| access.transcript_of(Path::new("/w/my.repo_1"), name);
        assert_eq!(at("c-1").as_deref(), Some("projects/-w-my-repo-1/c-1.jsonl"));
        for name in ["", "../x", "a/b", "a.b", "a b"] {
            assert_eq!(at(name), None, "{name}");
        }
        assert_eq!(Access::default().transcript_of(Path::new("/w"), "c-1"), None);
    }
}
