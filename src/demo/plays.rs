//! The built-in scripts.

/// A built-in script's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Play {
    /// Builds a phase, claims it, and ends it after the review.
    Builder,
    /// Reviews what is claimed.
    Adversary,
    /// Reads the journal and waits.
    Orchestrator,
    /// Runs once and stays open.
    Job,
    /// Answers with what it was told.
    Echo,
}

impl Play {
    /// The play for a role's word.
    pub(super) fn of_role(role: &str) -> Play {
        match role {
            "builder" => Play::Builder,
            "adversary" => Play::Adversary,
            "orchestrator" => Play::Orchestrator,
            "upgrader" => Play::Job,
            _ => Play::Echo,
        }
    }

    /// Its script. The faults of `--faults demo`: a lost Enter in the first phase, a stall of the adversary in the
    /// second, the builder's sudden death in the third; each once.
    pub(super) fn text(self) -> &'static str {
        match self {
            Play::Builder => {
                "on start: faults demo in 1a once swallow swallow 1\n\
                 on *: think 300ms; faults demo in 2 once crash kill; build; wait 5m\n\
                 on wake: think 300ms; build; wait 5m\n"
            }
            Play::Adversary => {
                "on claim(: think 300ms; faults demo in 1b once stall wedge; review; wait 5m\n\
                 on *: think 300ms; review; wait 5m\n\
                 on wake: think 300ms; review; wait 5m\n"
            }
            Play::Orchestrator => {
                "on *: think 300ms; say I have read JOURNAL.md and look after the loops; wait 5m\n\
                 on wake: think 300ms; say the loops run; wait 5m\n"
            }
            Play::Job => {
                "on *: think 300ms; say looked for upgrades; think 300ms; say everything is up to date: the job is done\n"
            }
            Play::Echo => "on *: think 100ms; say you said: {prompt}\n",
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_play_is_a_good_script() {
        for play in Play::value_variants() {
            let script = super::super::script::parse(play.text()).expect("a built-in script is good");
            assert!(!script.rules.is_empty());
        }
    }
}
