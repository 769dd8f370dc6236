//! What an argv says of the server that a program is at the same time. It must be reached from this machine alone, and by those
//! alone who know its password: so its port is one of ours, which comes with one.

use core::net::IpAddr;

use toml::Spanned;

use super::backend::BackendProblem;
use super::model::Channel;

/// The element of such an argv that would open its server to others, and what is expected instead.
pub fn open_door<T: AsRef<str>>(argv: &[T]) -> Option<(usize, &'static str)> {
    let value = |at: usize, name: &str| {
        let word = argv[at].as_ref();
        let joined = word.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
        let next = || argv.get(at + 1).map_or("", AsRef::as_ref);
        joined.map(str::to_string).or_else(|| (word == name).then(|| next().to_string()))
    };
    (0..argv.len()).find_map(|at| {
        if argv[at].as_ref().starts_with("--mdns") {
            return Some((at, "no `--mdns`: its server is for this machine alone"));
        }
        if value(at, "--hostname").is_some_and(|host| !is_loopback(&host)) {
            return Some((at, "`--hostname` with a loopback address, `127.0.0.1`: its server is for this machine alone"));
        }
        let foreign = value(at, "--port").is_some_and(|port| port != super::launch::PORT);
        foreign.then_some((at, "`--port` with `{port}`: a port of its own comes with a password of its own, and a server without one is refused"))
    })
}

/// What is wrong with the argvs of a backend.
pub fn problems(channel: Channel, argvs: [(&str, &Option<Vec<Spanned<String>>>); 3]) -> Vec<BackendProblem> {
    let served = argvs.into_iter().filter(|_| channel.serves());
    let written = served.filter_map(|(key, argv)| Some((key, argv.as_ref()?)));
    let wrong = written.filter_map(|(key, argv)| {
        let words: Vec<&String> = argv.iter().map(Spanned::get_ref).collect();
        let (at, expected) = open_door(&words)?;
        Some(BackendProblem { span: argv[at].span(), key: format!("{key}[{at}]"), expected: expected.to_string() })
    });
    wrong.collect()
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_port_of_ours_on_the_loopback_device_is_no_open_door() {
        let at = |argv: &[&str]| open_door(argv).map(|(at, _)| at);
        for closed in [
            &["opencode"][..],
            &["opencode", "--port", "{port}", "--hostname", "127.0.0.1"],
            &["opencode", "--hostname=::1", "--port={port}"],
            &["opencode", "--hostname", "localhost", "--prompt", "--portable"],
        ] {
            assert_eq!(at(closed), None, "{closed:?}");
        }
        assert_eq!(at(&["opencode", "--hostname", "0.0.0.0"]), Some(1));
        assert_eq!(at(&["opencode", "--hostname=192.168.0.7"]), Some(1));
        assert_eq!(at(&["opencode", "--hostname"]), Some(1));
        assert_eq!(at(&["opencode", "--hostname", "box.example"]), Some(1));
        assert_eq!(at(&["opencode", "x", "--mdns"]), Some(2));
        assert_eq!(at(&["opencode", "--port", "4096"]), Some(1));
        assert_eq!(at(&["opencode", "--port=0"]), Some(1));
    }
}
