//! The command lines of the tmux verbs we use, and no others: an allow-list in the form of functions. Arguments are put
//! in order by the `tmux_interface` builders and printed by [`super::quote`]; targets are ids (`%n`, `$n`) only.
//!
//! Left out on purpose: `run-shell` and `wait-for` (they block the client's queue), `respawn-pane`, `select-layout` and
//! `refresh-client` (each has ended a server), anything with `%output`. `pipe-pane` is used for output only.

use tmux_interface::{
    CapturePane, ClientFlags, CopyMode, DeleteBuffer, DisplayMessage, IfShell, KillSession, ListPanes, NewSession,
    PasteBuffer, PipePane, SendKeys, SetBuffer, SetOption, ShowBuffer, TmuxCommand,
};

use super::quote::{self, Unquotable};

/// Our own session, in which the control client sits. Agent names begin with a letter, so none can have this name.
pub const ANCHOR: &str = "_flightdeck";
/// What runs in the anchor: nothing, for ever.
pub const ANCHOR_PROCESS: [&str; 3] = ["tail", "-f", "/dev/null"];
/// First word of a refusal by [`guarded`].
pub const REFUSED: &str = "fd-refused";
/// The word after a guarded command that ran.
pub const ACTED: &str = "fd-acted";

/// The buffer that a picture of a pane goes through; of one connection at a time, as all of it is.
const PRINTED: &str = "fd-printed";
/// Session option with the owner tag, for the guard before a session is ended.
const OWNER: &str = "@fd_owner";
/// Pane option with the same tag: the agent's own pane stays known when people split its window or move it.
const OWNED_PANE: &str = "@fd_pane";
/// True when typing into the pane would go wrong, or when there is no such pane.
const UNSAFE: &str =
    "#{?pane_id,#{||:#{pane_dead},#{||:#{pane_in_mode},#{||:#{pane_input_off},#{pane_synchronized}}}},1}";
/// The states behind a refusal, in the order of [`super::inject`].
const STATES: &str = "#{pane_id},#{pane_dead},#{pane_in_mode},#{pane_input_off},#{pane_synchronized}";
/// What a new session answers: session, pane, process.
const BORN: &str = "#{session_id},#{pane_id},#{pane_pid}";
/// See [`list_owned`].
const OWNED: &str = concat!(
    "#{session_id},#{pane_id},#{pane_pid},#{pane_dead},#{pane_dead_status},#{pane_dead_signal},#{pane_pipe},",
    "#{@fd_pane}"
);
/// See [`list_marks`]. `window_activity` moves when a spinner rewrites one cell and nothing else does.
const MARKS: &str = concat!(
    "#{pane_id} #{cursor_x},#{cursor_y},#{history_size},#{history_bytes},#{alternate_on},#{pane_width},#{pane_height},",
    "#{pane_dead},#{pane_in_mode},#{pane_input_off},#{pane_synchronized},#{window_activity}"
);
/// See [`flags`].
const FLAGS: &str = concat!(
    "#{pane_id},#{cursor_x},#{cursor_y},#{pane_dead},#{pane_in_mode},#{pane_input_off},#{pane_synchronized},",
    "#{pane_width},#{pane_title}"
);
/// See [`facts`].
const FACTS: &str = concat!(
    "#{pane_id},#{pane_width},#{pane_height},#{cursor_x},#{cursor_y},#{cursor_flag},#{history_size},#{pane_dead},",
    "#{pane_in_mode}"
);
/// See [`server`].
const SERVER: &str = "#{pid},#{start_time},#{version},#{session_name}";
/// See [`ending`].
const ENDING: &str = "#{pane_id},#{pane_dead},#{pane_dead_status},#{pane_dead_signal},#{pane_pid}";

/// One line for a control client.
pub type Line = Result<String, Unquotable>;
/// Lines for a control client that print something of a pane.
pub type Printed = Result<[String; 4], Unquotable>;

/// Arguments of the process that becomes the control client. `-N`: it never starts a server.
pub fn control_argv(socket: &str) -> Vec<String> {
    let flags = ClientFlags { no_output: Some(true), ignore_size: Some(true), ..ClientFlags::default() };
    let session = NewSession::new().attach().flags(flags).session_name(ANCHOR).width(80).height(24);
    let mut argv: Vec<String> = ["-S", socket, "-N", "-u", "-C"].map(str::to_string).to_vec();
    argv.extend(words(&params(session.build(), &ANCHOR_PROCESS)));
    argv
}

/// Arguments of the process that starts a server: neutral config, and the anchor as its first session.
pub fn start_argv(socket: &str, conf: &str) -> Vec<String> {
    let session = NewSession::new().detached().session_name(ANCHOR).width(80).height(24);
    let mut argv: Vec<String> = ["-S", socket, "-u", "-f", conf].map(str::to_string).to_vec();
    argv.extend(words(&params(session.build(), &ANCHOR_PROCESS)));
    argv
}

/// Arguments of a process that asks a server who it is, and never starts one.
pub fn ask_argv(socket: &str) -> Vec<String> {
    let mut argv: Vec<String> = ["-S", socket, "-N", "-u"].map(str::to_string).to_vec();
    argv.extend(words(&DisplayMessage::new().print().message(SERVER).build()));
    argv
}

/// Arguments of a terminal client for people: `tmux -S … attach-session -t $n`.
pub fn attach_argv(socket: &str, session: &str) -> Vec<String> {
    ["-S", socket, "-N", "-u", "attach-session", "-t", session].map(str::to_string).to_vec()
}

/// Prints `token`: the end of a request's replies.
pub fn fence(token: &str) -> Line {
    line(&DisplayMessage::new().print().message(token).build())
}

/// Who answers: pid, start time, version, the session we sit in.
pub fn server() -> Line {
    line(&DisplayMessage::new().print().message(SERVER).build())
}

/// The id of the session with exactly this name.
pub fn session_id(name: &str) -> Line {
    line(&DisplayMessage::new().print().target_pane(format!("={name}:")).message("#{session_id}").build())
}

/// All panes: session, pane, pid, dead, status, signal, piped, owner tag (empty for foreign ones).
pub fn list_owned() -> Line {
    line(&ListPanes::new().all().format(OWNED).build())
}

/// All panes: id, then a text that differs when the pane may show something else.
pub fn list_marks() -> Line {
    line(&ListPanes::new().all().format(MARKS).build())
}

/// Id (empty when there is no such pane), cursor and mode of a pane.
pub fn flags(pane: &str) -> Line {
    line(&DisplayMessage::new().print().target_pane(pane).message(FLAGS).build())
}

/// Id, dead, status, signal and process of a pane.
pub fn ending(pane: &str) -> Line {
    line(&DisplayMessage::new().print().target_pane(pane).message(ENDING).build())
}

/// The visible lines of a pane, by way of a buffer.
pub fn screen(pane: &str) -> Printed {
    printed(CapturePane::new().target_pane(pane))
}

/// Id (empty when there is no such pane), size, cursor, whether that shows, history and mode of a pane.
pub fn facts(pane: &str) -> Line {
    line(&DisplayMessage::new().print().target_pane(pane).message(FACTS).build())
}

/// The visible lines of a pane with their colours, and with the blanks at their ends, which may be coloured.
pub fn coloured(pane: &str) -> Printed {
    printed(CapturePane::new().escape_sequences().trailing_spaces().target_pane(pane))
}

/// The visible lines and as many lines of history, wrapped lines joined.
pub fn history(pane: &str, lines: usize) -> Printed {
    printed(CapturePane::new().join().start_line(format!("-{lines}")).target_pane(pane))
}

/// Prints what a pane shows by way of a buffer, in four lines; [`super::print::body`] takes their replies. `capture-pane -p` would be
/// one, but tmux up to 3.5 keeps what it prints to a control client for ever (tmux/tmux#4590): 5 kB a look. A backslash behind the
/// rest tells whether this tmux escapes what it shows of a buffer: up to 3.3 it does.
fn printed(capture: CapturePane<'_>) -> Printed {
    let capture = line(&capture.buffer_name(PRINTED).build())?;
    let show = line(&ShowBuffer::new().buffer_name(PRINTED).build())?;
    Ok([capture, extend_buffer(PRINTED, "\\")?, show, delete_buffer(PRINTED)?])
}

/// Fills a named buffer.
pub fn set_buffer(name: &str, text: &str) -> Line {
    line(&params(SetBuffer::new().buffer_name(name).build(), &["--", text]))
}

/// Adds to a named buffer.
pub fn extend_buffer(name: &str, text: &str) -> Line {
    line(&params(SetBuffer::new().append().buffer_name(name).build(), &["--", text]))
}

/// Drops a named buffer.
pub fn delete_buffer(name: &str) -> Line {
    line(&DeleteBuffer::new().buffer_name(name).build())
}

/// Pastes and drops a buffer, bracketed where the program asked for it, without touching line ends.
pub fn paste(pane: &str, buffer: &str) -> Line {
    line(&PasteBuffer::new().delete().bracket_codes().no_replacement().buffer_name(buffer).target_pane(pane).build())
}

/// Presses a key by its tmux name.
pub fn press(pane: &str, key: &str) -> Line {
    line(&params(SendKeys::new().target_pane(pane).build(), &["--", key]))
}

/// Leaves copy mode and the like; harmless outside of one.
pub fn leave_mode(pane: &str) -> Line {
    line(&CopyMode::new().cancel().target_pane(pane).build())
}

/// Runs `act` only while the pane lives, takes input, is in no mode and not synchronised, decided and done in one step
/// of the server. Prints [`ACTED`], or [`REFUSED`] and the states. On tmux 3.3a a paste into a dead pane ends the
/// server (faults V1, T2).
pub fn guarded(pane: &str, act: &str) -> Line {
    guarded_by(pane, UNSAFE, "0", act)
}

/// The same, and only while the cursor stands where it stood in a picture, in column and row: a program that took something
/// in since has moved it.
pub fn guarded_at(pane: &str, (column, row): (u16, u16), act: &str) -> Line {
    let moved = format!("#{{!=:#{{cursor_x}}/#{{cursor_y}},{column}/{row}}}");
    guarded_by(pane, &format!("#{{||:{UNSAFE},{moved}}}"), &moved, act)
}

fn guarded_by(pane: &str, stops: &str, moved: &str, act: &str) -> Line {
    let states = DisplayMessage::new().print().target_pane(pane).message(format!("{REFUSED},{STATES},{moved}")).build();
    let acted = line(&DisplayMessage::new().print().message(ACTED).build())?;
    branch(pane, stops, &line(&states)?, &sequence(&[act.to_string(), acted]))
}

/// Ends a session if it carries this owner tag, in one step of the server.
pub fn kill_owned(session: &str, tag: &str) -> Line {
    let kill = line(&KillSession::new().target_session(session).build())?;
    let acted = line(&DisplayMessage::new().print().message(ACTED).build())?;
    let refused =
        line(&DisplayMessage::new().print().target_pane(format!("{session}:")).message("#{@fd_owner}").build())?;
    let ours = format!("#{{==:#{{{OWNER}}},{tag}}}");
    branch(&format!("{session}:"), &ours, &sequence(&[kill, acted]), &refused)
}

/// What a new agent's session is made of.
#[derive(Clone, Copy, Debug)]
pub struct NewAgent<'a> {
    /// Name of the session: the agent's id, safe by its grammar.
    pub name: &'a str,
    pub tag: &'a str,
    pub cwd: &'a str,
    pub argv: &'a [String],
    pub size: (u16, u16),
    pub history: u32,
}

/// A session with one pane, its tags and what must be set before its process can end, as one sequence: where a step
/// fails (the name is taken) tmux drops the rest. After [`BEFORE_BORN`] replies comes `$session,%pane,pid`.
pub fn new_agent(agent: &NewAgent<'_>) -> Line {
    let exact = format!("={}:", agent.name);
    let keep = SetOption::new().global().window().option("remain-on-exit").value("on").build();
    let history = SetOption::new().global().option("history-limit").value(agent.history.to_string()).build();
    let session = NewSession::new()
        .detached()
        .print()
        .start_directory(agent.cwd)
        .format(BORN)
        .session_name(agent.name)
        .width(usize::from(agent.size.0))
        .height(usize::from(agent.size.1))
        .build();
    let argv: Vec<&str> = agent.argv.iter().map(String::as_str).collect();
    let owner = SetOption::new().target_pane(exact.as_str()).option(OWNER).value(agent.tag).build();
    let pane = SetOption::new().pane().target_pane(exact.as_str()).option(OWNED_PANE).value(agent.tag).build();
    let commands = [keep, history, params(session, &argv), owner, pane];
    Ok(sequence(&commands.iter().map(line).collect::<Result<Vec<_>, _>>()?))
}

/// How many replies of [`new_agent`] come before that of its session.
pub const BEFORE_BORN: usize = 2;

/// Gives the pane's output to a shell command, unless somebody already takes it; prints [`ACTED`] when it did.
/// The words of `command` come from [`quote::pipe_word`].
pub fn tap(pane: &str, command: &str) -> Line {
    let pipe = line(&PipePane::new().stdin().target_pane(pane).shell_command(command).build())?;
    let acted = line(&DisplayMessage::new().print().message(ACTED).build())?;
    let refused = line(&DisplayMessage::new().print().message(REFUSED).build())?;
    branch(pane, "#{?pane_id,#{||:#{pane_pipe},#{pane_dead}},1}", &refused, &sequence(&[pipe, acted]))
}

/// Several commands in one line: nothing of another client comes between them, and an error ends it.
pub fn sequence(lines: &[String]) -> String {
    lines.join(" ; ")
}

fn branch(target: &str, condition: &str, yes: &str, no: &str) -> Line {
    let choice = IfShell::new().not_execute().target_pane(target).shell_command(condition).command(yes).build();
    line(&params(choice, &[no]))
}

fn params<'a>(mut command: TmuxCommand<'a>, more: &[&'a str]) -> TmuxCommand<'a> {
    for param in more {
        command.push_param(*param);
    }
    command
}

fn words(command: &TmuxCommand<'_>) -> Vec<String> {
    command.to_vec().into_iter().map(std::borrow::Cow::into_owned).collect()
}

fn line(command: &TmuxCommand<'_>) -> Line {
    let words = command.to_vec();
    let (verb, arguments) = words.split_first().expect("every builder names its command");
    let mut line = verb.to_string();
    for argument in arguments {
        line.push(' ');
        line.push_str(&quote::argument(argument)?);
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line with its octal escapes read back, so that the expectations below can be read by people.
    fn shown(line: Line) -> String {
        let mut line = line.expect("no NUL");
        while let Some(at) = line.find('\\') {
            let byte = u8::from_str_radix(&line[at + 1..at + 4], 8).expect("octal");
            line.replace_range(at..at + 4, &char::from(byte).to_string());
        }
        line
    }

    fn first(printed: Printed) -> Line {
        printed.map(|[capture, ..]| capture)
    }

    #[test]
    fn every_command_line_is_as_written_here() {
        assert_eq!(screen("%3").expect("no NUL")[1], r#"set-buffer "-a" "-b" "fd-printed" "--" "\134""#);
        let table = [
            (fence("fd:1"), r#"display-message "-p" "fd:1""#),
            (
                list_owned(),
                r##"list-panes "-a" "-F" "#{session_id},#{pane_id},#{pane_pid},#{pane_dead},#{pane_dead_status},#{pane_dead_signal},#{pane_pipe},#{@fd_pane}""##,
            ),
            (first(screen("%3")), r#"capture-pane "-b" "fd-printed" "-t" "%3""#),
            (first(coloured("%3")), r#"capture-pane "-e" "-N" "-b" "fd-printed" "-t" "%3""#),
            (screen("%3").map(|[_, _, show, _]| show), r#"show-buffer "-b" "fd-printed""#),
            (screen("%3").map(|[_, _, _, drop]| drop), r#"delete-buffer "-b" "fd-printed""#),
            (
                facts("%3"),
                r##"display-message "-p" "-t" "%3" "#{pane_id},#{pane_width},#{pane_height},#{cursor_x},#{cursor_y},#{cursor_flag},#{history_size},#{pane_dead},#{pane_in_mode}""##,
            ),
            (first(history("%3", 500)), r#"capture-pane "-J" "-b" "fd-printed" "-S" "-500" "-t" "%3""#),
            (set_buffer("fd-1", "-x;"), r#"set-buffer "-b" "fd-1" "--" "-x;""#),
            (extend_buffer("fd-1", "y"), r#"set-buffer "-a" "-b" "fd-1" "--" "y""#),
            (delete_buffer("fd-1"), r#"delete-buffer "-b" "fd-1""#),
            (paste("%3", "fd-1"), r#"paste-buffer "-d" "-p" "-r" "-b" "fd-1" "-t" "%3""#),
            (press("%3", "Enter"), r#"send-keys "-t" "%3" "--" "Enter""#),
            (leave_mode("%3"), r#"copy-mode "-q" "-t" "%3""#),
            (
                flags("%3"),
                r##"display-message "-p" "-t" "%3" "#{pane_id},#{cursor_x},#{cursor_y},#{pane_dead},#{pane_in_mode},#{pane_input_off},#{pane_synchronized},#{pane_width},#{pane_title}""##,
            ),
        ];
        for (line, expected) in table {
            assert_eq!(shown(line), expected);
        }
    }

    #[test]
    fn an_agent_is_born_with_its_tags_in_one_sequence() {
        let argv = ["/bin/flightdeck".to_string(), "run-agent".to_string(), "/spec;".to_string()];
        let agent =
            NewAgent { name: "builder", tag: "n/builder/1", cwd: "/w", argv: &argv, size: (120, 40), history: 9 };
        let expected = [
            r#"set-option "-g" "-w" "remain-on-exit" "on""#,
            r#"set-option "-g" "history-limit" "9""#,
            concat!(
                r##"new-session "-d" "-P" "-c" "/w" "-F" "#{session_id},#{pane_id},#{pane_pid}" "-s" "builder" "##,
                r#""-x" "120" "-y" "40" "/bin/flightdeck" "run-agent" "/spec;""#
            ),
            r#"set-option "-t" "=builder:" "@fd_owner" "n/builder/1""#,
            r#"set-option "-p" "-t" "=builder:" "@fd_pane" "n/builder/1""#,
        ];
        assert_eq!(shown(new_agent(&agent)), expected.join(" ; "));
    }

    #[test]
    fn processes_get_the_whole_server_address_and_never_start_one_by_accident() {
        let control = control_argv("/w/tmux.sock").join(" ");
        let session = "-s _flightdeck -x 80 -y 24 tail -f /dev/null";
        assert_eq!(control, format!("-S /w/tmux.sock -N -u -C new-session -A -f ignore-size,no-output {session}"));
        assert_eq!(
            start_argv("/w/tmux.sock", "/w/tmux.conf").join(" "),
            format!("-S /w/tmux.sock -u -f /w/tmux.conf new-session -d {session}")
        );
        assert!(ask_argv("/w/tmux.sock").join(" ").starts_with("-S /w/tmux.sock -N -u display-message -p "));
        assert_eq!(attach_argv("/w/tmux.sock", "$3").join(" "), "-S /w/tmux.sock -N -u attach-session -t $3");
    }

    #[test]
    fn a_nul_is_refused_in_every_place_that_takes_text() {
        assert!(set_buffer("fd-1", "a\0").is_err());
        let argv = ["a\0b".to_string()];
        let agent = NewAgent { name: "a", tag: "n/a/1", cwd: "/", argv: &argv, size: (80, 24), history: 1 };
        assert!(new_agent(&agent).is_err());
    }
}
