use std::time::Duration;

use crate::cockpit::keys::Keys;
use crate::cockpit::theme::Theme;
use crate::cockpit::update::update;
use crate::config::model::ThemeName;
use crate::edge::link::Heard;
use crate::edge::store::screens::KeptScreen;
use crate::pilot::record::{AgentState, Illness};
use crate::pilot::view::View;

use super::*;
use crate::cockpit::happening::Happening;

const NOW: Time = Time(1_795_225_128_123);

fn picture(agents: &[&str]) -> View {
    let agents: Vec<serde_json::Value> = agents
        .iter()
        .map(|id| {
            serde_json::json!({
                "id": id, "role": "builder", "backend": "demo", "wish": "running", "state": {"state": "working"},
                "since": NOW, "evidence": [], "next": null, "incarnation": 1, "pid": null, "session": null,
                "pane": null, "phase": null, "restarts_today": 0, "waiting_messages": 0, "last_line": ""
            })
        })
        .collect();
    serde_json::from_value(serde_json::json!({
        "at": NOW, "project": "calc", "epoch": 1, "engine_pid": 1, "engine_since": NOW, "seq": 4, "paused": false,
        "emergency_stop": false, "tmux": "up",
        "watch": {"remote": null, "branch": "main", "head": null, "broken": null},
        "phase": {"current": null, "sequence": [], "complete": false, "blocked": null},
        "agents": agents, "outbox": [], "alerts": []
    }))
    .expect("a picture")
}

/// Half an hour of work, ten minutes of waiting, then held.
fn past(name: &str) -> Lanes {
    let agent = AgentId::parse(name).expect("a name");
    let state = |state| Record::StateChanged { agent: agent.clone(), state, why: "so it was".to_string() };
    let mut lanes = Lanes::after(0);
    let told = [
        (50, state(AgentState::Working)),
        (20, state(AgentState::Waiting { until: NOW })),
        (10, Record::Found { agent: agent.clone(), illness: Illness::Stalled, evidence: Vec::new() }),
        (10, state(AgentState::Held { cause: "crash loop".to_string() })),
    ];
    for (seq, (minutes, record)) in (1..).zip(told) {
        lanes.push(Stamp { seq, at: NOW - Duration::from_secs(minutes * 60) }, &record);
    }
    lanes
}

/// A cockpit that shows the recorder of one builder, with all that there is to know.
fn cockpit(size: (u16, u16), plain: bool) -> Model {
    let settings = crate::config::model::Cockpit {
        theme: ThemeName::Dark,
        mouse: true,
        clock: true,
        keys: std::collections::BTreeMap::new(),
    };
    let mut model = Model::new(settings, Keys::default(), Theme::new(ThemeName::Dark, plain), "calc".to_string());
    update(&mut model, NOW, Happening::Resized(size.0, size.1));
    update(&mut model, NOW, Happening::Connected { version: String::new() });
    (model.panel, model.zoomed) = (Panel::Recorder, true);
    let errands = update(&mut model, NOW, Happening::Heard(Heard::View(Box::new(picture(&["builder", "critic"])))));
    let stretch = Stretch { before: 5, after: 0 };
    assert!(errands.contains(&Errand::Look(Question::Past(stretch))), "{errands:?}");
    assert!(model.recorder.found(stretch, Ok(Past { lanes: past("builder"), complete: true })));
    model
}

fn drawn(model: &Model) -> Vec<String> {
    let area = Rect::new(0, 0, model.size.0, model.size.1);
    let mut buffer = Buffer::empty(area);
    let inside = layout::inside(layout::areas(model).panel);
    draw(model, inside, &mut buffer);
    let row = |y: u16| (0..area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_string();
    (0..area.height).map(row).collect()
}

#[test]
fn it_fits_into_any_place() {
    let mut model = cockpit((100, 30), false);
    for (width, height) in (1..70).step_by(3).flat_map(|width| (1..40).map(move |height| (width, height))) {
        model.size = (width, height);
        for open in [false, true] {
            model.recorder.open = open;
            drawn(&model);
        }
    }
}

#[test]
fn without_colours_a_lane_is_its_states_own_signs() {
    let rows = drawn(&cockpit((60, 12), true));
    let lane = rows.iter().find(|row| row.contains("builder")).expect("its lane");
    let signs: String = lane.chars().filter(|c| "●◷■!".contains(*c)).collect();
    let order = signs.trim_start_matches('■');
    assert!(order.starts_with("●") && order.contains("●◷") && order.ends_with("■"), "{lane}");
}

#[test]
fn the_cursor_goes_from_event_to_event_and_asks_what_was_said_there() {
    let mut model = cockpit((80, 30), false);
    assert!(act(&mut model, Action::EarlierMark));
    assert_eq!(model.recorder.gaze.cursor(), Some(NOW - Duration::from_secs(600)));
    let errands = wants(&mut model);
    let [Errand::Look(Question::Moment(moment))] = errands.as_slice() else { panic!("{errands:?}") };
    assert_eq!((moment.agent.as_str(), moment.seqs.as_slice()), ("builder", &[3, 4][..]));
    assert_eq!(wants(&mut model), [], "a cursor that rests asks nothing");
    let told = Told { records: vec![(Stamp { seq: 3, at: NOW }, "builder: it had stalled".to_string())], screen: None };
    assert!(model.recorder.told(moment.clone(), told));
    assert!(drawn(&model).iter().any(|row| row.contains("it had stalled")));
    assert!(act(&mut model, Action::LaterMark));
    assert_eq!(model.recorder.gaze.cursor(), None, "after the last event comes the present");
}

#[test]
fn an_agent_without_a_record_is_drawn_from_the_present() {
    let model = cockpit((80, 30), false);
    let critic = AgentId::parse("critic").expect("a name");
    assert_eq!(chart::tint_at(&model, &critic, NOW), Some(crate::cockpit::tint::Tint::Working));
    assert_eq!(chart::tint_at(&model, &critic, NOW - Duration::from_secs(60)), None);
}

#[test]
fn a_click_selects_the_lane_and_moves_the_cursor() {
    let mut model = cockpit((80, 30), false);
    let area = layout::areas(&model).panel;
    let place = place(&model);
    click(&mut model, area, Position::new(place.chart.x + 5, place.chart.y + place.tall));
    assert_eq!(model.fleet.selected.as_ref().map(AgentId::as_str), Some("critic"));
    let window = model.recorder.gaze.window(place.chart.width, NOW);
    assert_eq!(window.cursor, 5);
}

#[test]
fn what_is_told_at_the_cursor_is_copied_with_the_whole_screen() {
    let mut model = cockpit((80, 20), false);
    act(&mut model, Action::EarlierMark);
    let [Errand::Look(Question::Moment(moment))] = &wants(&mut model)[..] else { panic!("a moment") };
    let lines = (0..40).map(|line| format!("line {line}   ")).chain([String::new()]).collect();
    let records = vec![(Stamp { seq: 3, at: NOW }, "builder: it had stalled".to_string())];
    let told = Told { records, screen: Some(KeptScreen { at: NOW, lines }) };
    assert!(model.recorder.told(moment.clone(), told));
    let text = plain(&model).expect("an agent is selected");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("builder ■ held"), "{text}");
    assert_eq!(
        lines[1..4],
        ["2026-11-21 01:38:48  builder: it had stalled", "its screen at 2026-11-21 01:38:48", "line 0"]
    );
    assert_eq!(lines.last(), Some(&"line 39"));
}
