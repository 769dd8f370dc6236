//! News that cross on their ways: what was taken later counts, whatever arrives last.

use std::sync::Arc;
use std::time::Duration;

use flightdeck::pilot::event::Event;
use flightdeck::pilot::fact::{Look, Screen, Work};
use flightdeck::pilot::id::{AgentId, Incarnation};

use super::play::PACE;
use super::setup::Files;
use super::world::{BEGIN, World};

type Picture = (u64, Arc<Screen>);

#[test]
fn an_older_picture_that_arrives_after_a_newer_one_does_not_replace_it() {
    for looked_first in [true, false] {
        let mut world = World::new(Files::of(&["builder"], &["1a"]), 1, PACE);
        let builder = AgentId::parse("builder").expect("a name");
        world.start_engine();
        world.run(BEGIN + Duration::from_secs(30), &mut |_, _| {});
        let old = picture(&mut world, &builder);
        world.touch(&builder, |body, _| body.draft("a person writes")).expect("it is up");
        let new = picture(&mut world, &builder);
        let (looked, changed) = if looked_first { (&old, &new) } else { (&new, &old) };
        let changed = change(&builder, changed);
        let looked = look(&builder, looked);
        for event in if looked_first { [changed, looked] } else { [looked, changed] } {
            world.feed(event);
        }
        let engine = world.engine.as_ref().expect("it runs");
        let seen = &engine.state.watches[&builder];
        assert_eq!(seen.screen, Some(new.1), "a look came late: {looked_first}");
        let composer = seen.reading.as_ref().and_then(|reading| reading.composer.clone()).expect("a composer");
        assert_eq!(composer.text, "a person writes");
        assert_eq!(world.wrong, [""; 0]);
    }
}

fn picture(world: &mut World, agent: &AgentId) -> Picture {
    (world.picture(), world.bodies[agent].screen())
}

fn change(agent: &AgentId, (taken, screen): &Picture) -> Event {
    let (agent, incarnation, screen) = (agent.clone(), Incarnation(1), Arc::clone(screen));
    Event::ScreenChanged { agent, incarnation, screen, taken: *taken }
}

fn look(agent: &AgentId, (taken, screen): &Picture) -> Event {
    let look = Look { screen: Some(Arc::clone(screen)), work: Some(Work::default()), taken: *taken };
    Event::Looked { agent: agent.clone(), incarnation: Incarnation(1), look }
}
