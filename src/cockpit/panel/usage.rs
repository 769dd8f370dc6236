//! What each agent has used today: tokens, what they cost, and how much of its budget that is. All of it is the engine's present
//! picture; earlier days are `flightdeck usage`'s affair.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::cockpit::action::Action;
use crate::cockpit::happening::Errand;
use crate::cockpit::layout;
use crate::cockpit::model::Model;
use crate::config::prices::Billing;
use crate::pilot::usage::Used;
use crate::words::usage::{cost, count, tokens};

use super::sheet::{Sheet, Tone};
use super::{copied, inside};

/// Cells of a bar.
const BAR: u64 = 16;

/// An action while it has the focus.
pub(super) fn act(model: &mut Model, action: Action) -> Option<Vec<Errand>> {
    if action == Action::Copy {
        let text = sheet(model).plain();
        return Some(copied(model, Some(text)));
    }
    let place = inside(layout::areas(model).panel);
    model.usage_scroll = sheet(model).go(model.usage_scroll, action, place, &model.theme)?;
    Some(Vec::new())
}

/// Draws it.
pub(crate) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    sheet(model).draw(model.usage_scroll, area, buffer, &model.theme);
}

fn sheet(model: &Model) -> Sheet {
    let mut sheet = Sheet::default();
    let agents = model.view.as_ref().map_or(&[][..], |view| &view.agents);
    let most = agents.iter().map(|agent| agent.used_today.tokens.sum()).max().unwrap_or(0);
    let wide = agents.iter().map(|agent| agent.id.as_str().len()).max().unwrap_or(0);
    sheet.heading("used since midnight UTC");
    for agent in agents {
        let of_budget = agent.budget.as_deref().zip(agent.budget_percent);
        row(&mut sheet, (agent.id.as_str(), wide), &agent.used_today, most, of_budget);
        let gauges = agent.gauges.lines().join("; ");
        if !gauges.is_empty() {
            sheet.point(&format!("  {:wide$} ", ""), &gauges, Tone::Dim);
        }
    }
    let accounts = model.view.as_ref().map_or(&[][..], |view| &view.accounts);
    if !accounts.is_empty() {
        let wide = accounts.iter().map(|account| account.id.as_str().len()).max().unwrap_or(0);
        let most = accounts.iter().map(|account| account.used_today.tokens.sum()).max().unwrap_or(0);
        sheet.heading("by account");
        for account in accounts {
            let of_budget = account.budget.as_deref().zip(account.budget_percent);
            row(&mut sheet, (account.id.as_str(), wide), &account.used_today, most, of_budget);
        }
    }
    sheet.heading("all together");
    for (billing, name) in
        [(Billing::Tokens, "paid"), (Billing::Subscription, "subscription"), (Billing::Unknown, "other")]
    {
        let of = agents.iter().filter(|agent| agent.billing == billing).map(|agent| &agent.used_today);
        let sum = sum(of);
        if sum.tokens.sum() > 0 {
            sheet.field(name, &format!("{}, {}", money(&sum), tokens(&sum.tokens)));
        }
    }
    if most == 0 {
        sheet.point("  ", "nothing is known to have been used; not every program tells", Tone::Dim);
    }
    sheet
}

fn row(sheet: &mut Sheet, (name, wide): (&str, usize), used: &Used, most: u64, of_budget: Option<(&str, u32)>) {
    let all = used.tokens.sum();
    // Of its budget where it has one, else beside the one that used most.
    let percent = of_budget.map(|(_, percent)| u64::from(percent));
    let full = match percent {
        Some(percent) => (percent * BAR).div_ceil(100).min(BAR),
        None => (u128::from(all) * u128::from(BAR)).div_ceil(u128::from(most.max(1))).try_into().unwrap_or(BAR),
    };
    let bar: String = (0..BAR).map(|cell| if cell < full { '█' } else { '·' }).collect();
    let tone = match percent {
        Some(100..) => Tone::Bad,
        Some(80..) => Tone::Warn,
        Some(_) => Tone::Text,
        None if all == 0 => Tone::Dim,
        None => Tone::Text,
    };
    let budget = of_budget.map_or(String::new(), |(budget, percent)| format!(", {percent} % of {budget}"));
    let words = match all {
        0 => "nothing known".to_string(),
        all => format!("{} tokens, {}{budget}", count(all), money(used)),
    };
    sheet.point(&format!("  {name:<wide$} "), &format!("{bar} {words}"), tone);
}

fn money(used: &Used) -> String {
    format!("cost {}", cost(used.cost, used.unpriced, used.tokens.sum()))
}

fn sum<'a>(used: impl Iterator<Item = &'a Used>) -> Used {
    used.fold(Used::default(), |mut sum, used| {
        sum.tokens.add(&used.tokens);
        sum.cost = sum.cost.saturating_add(used.cost);
        sum.unpriced = sum.unpriced.saturating_add(used.unpriced);
        sum
    })
}
