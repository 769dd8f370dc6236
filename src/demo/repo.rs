//! The demo agent's work in its git clone, by the system's git: small files, commits with handoff subjects, pushes that
//! win their races. Needs no configuration of git and reads none but the clone's own.
//!
//! What to do next is always read from the clone, never remembered: an agent that died goes on where its commits end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::edge::{clock, spawn};
use crate::pilot::id::PhaseId;

/// One git command may take this long.
const GIT_LIMIT: Duration = Duration::from_secs(20);
/// A push that others were faster with is tried again this often.
const PUSH_TRIES: u32 = 8;
/// Another git of this clone holds its lock for a moment; after this many looks the lock is a dead one's. One that was killed may
/// have held several.
const LOCK_TRIES: u32 = 10;
const LOCKS: u32 = 4;
const LOCK_PAUSE: Duration = Duration::from_millis(100);
/// Subjects read back from the branch: more than a demo will ever have.
const SUBJECTS: &str = "-n1000";

/// Something to do in the clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Job {
    Pull,
    Push,
    Commit(String),
    Done { phase: String },
    Build { phase: String, agent: String },
    Review,
}

/// What to say afterwards, a line each.
pub(super) type Said = Vec<String>;

/// Does it. What git complains about is said, not raised: an agent goes on.
pub(super) async fn run(job: Job) -> Said {
    let done = match job {
        Job::Pull => pull().await.map(|()| vec!["pulled".to_string()]),
        Job::Push => push().await.map(|()| vec!["pushed".to_string()]),
        Job::Commit(subject) => commit(&subject).await.map(|()| vec![format!("committed {subject}")]),
        Job::Done { phase } => done(&phase).await,
        Job::Build { phase, agent } => build(&phase, &agent).await,
        Job::Review => review().await,
    };
    done.unwrap_or_else(|why| vec![why])
}

/// The builder's next thing: claim the phase; after its review, end it.
async fn build(phase: &str, agent: &str) -> Result<Said, String> {
    named(phase)?;
    pull().await?;
    let subjects = subjects().await?;
    let has = |prefix: &str| subjects.iter().any(|subject| gate_of(subject, prefix) == Some(phase));
    let status = format!("STATUS-{phase}.md");
    let ended = std::fs::read_to_string(&status).is_ok_and(|text| text.lines().any(|line| line == "## DONE"));
    if ended {
        push().await?;
        return Ok(vec![format!("phase {phase} is done already")]);
    }
    if has("review") {
        return done(phase).await;
    }
    if has("claim") {
        push().await?;
        return Ok(vec![format!("phase {phase} is claimed and waits for its review")]);
    }
    write("src", &format!("phase_{phase}.txt"), &format!("what phase {phase} asks for, built by {agent}\n"))?;
    write("", &format!("BACKLOG-{phase}.md"), &format!("# Backlog of {phase}\n\n- [x] build it\n- [ ] review\n"))?;
    write("", &status, &format!("# Status of {phase}\n\nBuilt, waits for review.\n"))?;
    write("", &format!("JOURNAL-{phase}.md"), &format!("# Journal of {phase}\n\nBuilt it in one go.\n"))?;
    commit(&format!("claim({phase}): ready for review")).await?;
    push().await?;
    Ok(vec![format!("built phase {phase} and pushed claim({phase})")])
}

/// The adversary's next thing: every claim without a review gets one.
async fn review() -> Result<Said, String> {
    pull().await?;
    let subjects = subjects().await?;
    let reviewed = |gate: &str| subjects.iter().any(|subject| gate_of(subject, "review") == Some(gate));
    let mut said = Vec::new();
    let mut open: Vec<&str> = subjects.iter().rev().filter_map(|subject| gate_of(subject, "claim")).collect();
    open.retain(|gate| !reviewed(gate));
    open.dedup();
    for gate in open {
        write("", &format!("REVIEW-{gate}.md"), &format!("# Review of {gate}\n\nRead all of it. Pass.\n"))?;
        commit(&format!("review({gate}): pass")).await?;
        said.push(format!("reviewed and pushed review({gate})"));
    }
    push().await?;
    if said.is_empty() {
        said.push("nothing waits for a review".to_string());
    }
    Ok(said)
}

async fn done(phase: &str) -> Result<Said, String> {
    named(phase)?;
    let file = format!("STATUS-{phase}.md");
    append(&file, "\n## DONE\n")?;
    commit(&format!("status({phase}): done")).await?;
    push().await?;
    Ok(vec![format!("phase {phase} is done and pushed")])
}

/// The phase becomes part of a file's name.
fn named(phase: &str) -> Result<(), String> {
    PhaseId::parse(phase).map(|_| ()).ok_or_else(|| "I was given no phase".to_string())
}

async fn commit(subject: &str) -> Result<(), String> {
    git(&["add", "--all"]).await?;
    git(&["commit", "--quiet", "--allow-empty", "--message", subject]).await.map(|_| ())
}

/// Takes in what others pushed. A remote without this branch has nothing to take.
async fn pull() -> Result<(), String> {
    if Path::new(".git/rebase-merge").exists() || Path::new(".git/rebase-apply").exists() {
        git(&["rebase", "--abort"]).await?;
    }
    let branch = branch().await?;
    match git(&["pull", "--quiet", "--rebase", "--autostash", "origin", &branch]).await {
        Err(why) if why.contains("couldn't find remote ref") => Ok(()),
        pulled => pulled.map(|_| ()),
    }
}

async fn push() -> Result<(), String> {
    let branch = format!("HEAD:refs/heads/{}", branch().await?);
    let mut last = String::new();
    for attempt in 0..PUSH_TRIES {
        match git(&["push", "--quiet", "origin", &branch]).await {
            Ok(_) => return Ok(()),
            Err(why) => last = why,
        }
        // Two agents that lost to each other must not meet again at the same moment: the pid parts them.
        let apart = u64::from(std::process::id() % 50 + 20) * u64::from(attempt + 1);
        clock::pause(Duration::from_millis(apart)).await;
        pull().await?;
    }
    Err(last)
}

async fn branch() -> Result<String, String> {
    Ok(git(&["symbolic-ref", "--short", "HEAD"]).await?.trim().to_string())
}

/// Subjects of the branch, newest first; none in a clone without a commit.
async fn subjects() -> Result<Vec<String>, String> {
    if git(&["rev-parse", "--verify", "--quiet", "HEAD"]).await.is_err() {
        return Ok(Vec::new());
    }
    Ok(git(&["log", SUBJECTS, "--format=%s"]).await?.lines().map(str::to_string).collect())
}

/// `claim(1a): …` by prefix `claim` is `1a`; only plain ids, since they become part of a file's name.
fn gate_of<'a>(subject: &'a str, prefix: &str) -> Option<&'a str> {
    let (gate, _) = subject.strip_prefix(prefix)?.strip_prefix('(')?.split_once("):")?;
    let plain = gate.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    (plain && !gate.is_empty() && gate.len() <= 32).then_some(gate)
}

/// Runs git; its output, or the last line of its complaint.
async fn git(args: &[&str]) -> Result<String, String> {
    let mut looks = 0;
    loop {
        let mut command = spawn::command("git");
        command.args(["-c", "user.name=demo agent", "-c", "user.email=demo@localhost", "-c", "commit.gpgsign=false"]);
        command.args(["-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", "-c", "maintenance.auto=false"]).args(args);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        // Complaints are compared, so they must come in English.
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_EDITOR", "true").env("LC_ALL", "C");
        // An agent that ends leaves it to its end: killed, it would leave its locks behind.
        command.kill_on_drop(false);
        let output = spawn::output_within(GIT_LIMIT, command).await.map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        if let Some(lock) = lock_of(&complaint).filter(|_| looks <= LOCKS * LOCK_TRIES) {
            if looks % LOCK_TRIES == LOCK_TRIES - 1 {
                // Whoever held it was killed: nobody else works in this clone.
                let _ = std::fs::remove_file(lock);
            }
            looks += 1;
            clock::pause(LOCK_PAUSE).await;
            continue;
        }
        let telling = complaint.lines().find(|line| line.starts_with("fatal:") || line.starts_with("error:"));
        let telling = telling.or(complaint.lines().last()).unwrap_or("it failed without a word");
        return Err(format!("git {}: {telling}", args.first().unwrap_or(&"")));
    }
}

/// The lock of this clone that git found taken, where that is what it complains of. A remote may complain of one of its own.
fn lock_of(complaint: &str) -> Option<PathBuf> {
    let path = Path::new(complaint.split_once("Unable to create '")?.1.split_once('\'')?.0);
    let below = path.strip_prefix(std::env::current_dir().ok()?.join(".git")).ok()?;
    let is_lock = path.extension() == Some("lock".as_ref()) && below.iter().all(|part| part != "..");
    is_lock.then(|| path.to_path_buf())
}

fn write(dir: &str, file: &str, text: &str) -> Result<(), String> {
    let path = Path::new(dir).join(file);
    let made = if dir.is_empty() { Ok(()) } else { std::fs::create_dir_all(dir) };
    made.and_then(|()| std::fs::write(&path, text)).map_err(|error| format!("{}: {error}", path.display()))
}

/// Adds to the end of a file.
pub(super) fn append(file: &str, text: &str) -> Result<(), String> {
    use std::io::Write;
    let opened = std::fs::OpenOptions::new().create(true).append(true).open(file);
    opened.and_then(|mut opened| opened.write_all(text.as_bytes())).map_err(|error| format!("{file}: {error}"))
}
