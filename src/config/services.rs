//! Services: programs that agents need, which are kept running and never spoken to. And who attaches to the server of one.

use crate::pilot::id::AgentId;

use super::fleet::Member;
use super::launch::attaches;
use super::model::{Backend, Channel, Kind, Role};
use super::problem::quoted;
use super::raw::{Report, Table, Written};
use super::tables::Backends;
use super::values;

/// What only somebody has who is spoken to.
const SPOKEN_TO: [&str; 6] = ["prompt", "pinged_by", "resume", "deliver", "compact_at", "budget"];

/// Whether a backend is a server that agents attach to, and nothing else.
pub fn is_server(backend: &Backend) -> bool {
    backend.channel == Channel::OpenCodeServer
}

/// What can't be said of a service, and who has to be one; asked when all keys are taken.
pub fn check(kind: Kind, role: Role, backend: Option<&Backend>, table: &Table<'_>, report: &mut Report<'_>) {
    let mut refuse = |name: &str, found: String, expected: &str| {
        let key = format!("{}.{name}", table.key);
        report.add(table.place_of(name), &key, found).expected = expected.to_string();
    };
    if kind != Kind::Service {
        if let Some(server) = backend.filter(|backend| is_server(backend)) {
            let found = format!("the backend {} is a server that nobody can speak to", quoted(&server.name));
            refuse("kind", found, "\"service\"");
        }
        return;
    }
    if role != Role::Other {
        refuse("role", format!("a service that is the {}", role.word()), "\"other\"");
    }
    for name in SPOKEN_TO.into_iter().filter(|name| table.took(name)) {
        refuse(name, "found for a service, which nobody speaks to".to_string(), "nothing, or another kind");
    }
}

/// An agent's `attach`, as written.
pub fn attach(table: &mut Table<'_>, report: &mut Report<'_>) -> Option<Written<AgentId>> {
    table.get(report, "attach", values::checked("the name of a service", AgentId::parse))
}

/// Finds for each agent that attaches the service that it means: the one it names, or the only one there is.
pub fn settle(members: &mut [Member], backends: &Backends, report: &mut Report<'_>) {
    let server = |member: &Member| {
        member.agent.kind == Kind::Service && backends.get(&member.agent.backend).is_some_and(is_server)
    };
    let servers: Vec<AgentId> =
        members.iter().filter(|member| server(member)).map(|member| member.agent.id.clone()).collect();
    let names: Vec<&str> = servers.iter().map(AgentId::as_str).collect();
    for member in members {
        // Of a backend that is wrong itself nothing can be said.
        let Some(backend) = backends.get(&member.agent.backend) else { continue };
        match (&member.attach, attaches(backend)) {
            (Some(attach), false) => {
                let found = format!("the backend {} attaches to nothing", quoted(&backend.name));
                report.refuse(attach, found, "nothing, or a backend that does, such as \"opencode-attached\"");
            }
            (Some(attach), true) if !servers.contains(&attach.value) => {
                let wrong = values::unknown("service", attach.value.as_str(), &names);
                report.refuse(attach, wrong.found, wrong.expected);
            }
            (Some(attach), true) => member.agent.attach = Some(attach.value.clone()),
            (None, true) if servers.len() == 1 => member.agent.attach = servers.first().cloned(),
            (None, true) => {
                let found = format!("{} services to attach to, and no `attach`", servers.len());
                report.refuse(
                    &member.table,
                    found,
                    "an agent with the backend \"opencode-server\", and `attach` with its name where there are several",
                );
            }
            (None, false) => {}
        }
    }
}
