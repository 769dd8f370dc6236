//! The sixteen colours that a terminal itself defines, for a theme that uses no others: what an agent's pane shows in more colours
//! is shown in the nearest of these. How they look is the terminal's affair; nearness is judged by what xterm makes of them.

use ratatui::style::Color;

/// In the order of their numbers, as xterm shows them.
const OWN: [(Color, [u8; 3]); 16] = [
    (Color::Black, [0x00, 0x00, 0x00]),
    (Color::Red, [0xcd, 0x00, 0x00]),
    (Color::Green, [0x00, 0xcd, 0x00]),
    (Color::Yellow, [0xcd, 0xcd, 0x00]),
    (Color::Blue, [0x00, 0x00, 0xee]),
    (Color::Magenta, [0xcd, 0x00, 0xcd]),
    (Color::Cyan, [0x00, 0xcd, 0xcd]),
    (Color::Gray, [0xe5, 0xe5, 0xe5]),
    (Color::DarkGray, [0x7f, 0x7f, 0x7f]),
    (Color::LightRed, [0xff, 0x00, 0x00]),
    (Color::LightGreen, [0x00, 0xff, 0x00]),
    (Color::LightYellow, [0xff, 0xff, 0x00]),
    (Color::LightBlue, [0x5c, 0x5c, 0xff]),
    (Color::LightMagenta, [0xff, 0x00, 0xff]),
    (Color::LightCyan, [0x00, 0xff, 0xff]),
    (Color::White, [0xff, 0xff, 0xff]),
];
/// The steps of each part of the colours 16 to 231.
const STEPS: [u8; 6] = [0x00, 0x5f, 0x87, 0xaf, 0xd7, 0xff];

/// The nearest of the sixteen; one of them stays what it is, and so does the terminal's default.
pub fn nearest(color: Color) -> Color {
    match color {
        Color::Indexed(index @ 0..=15) => OWN[usize::from(index)].0,
        Color::Indexed(index) => closest(parts(index)),
        Color::Rgb(r, g, b) => closest([r, g, b]),
        own => own,
    }
}

/// Of a colour from 16 on: a cube of six steps a side, then greys.
fn parts(index: u8) -> [u8; 3] {
    match index.checked_sub(232) {
        Some(grey) => [8 + grey * 10; 3],
        None => {
            let at = usize::from(index.saturating_sub(16));
            [STEPS[at / 36], STEPS[at / 6 % 6], STEPS[at % 6]]
        }
    }
}

fn closest(wanted: [u8; 3]) -> Color {
    // The eye tells greens apart better than reds, and those better than blues.
    let weights = [3, 4, 2];
    let far = |own: &[u8; 3]| -> u32 {
        (0..3).map(|part| weights[part] * u32::from(own[part].abs_diff(wanted[part])).pow(2)).sum()
    };
    OWN.iter().min_by_key(|(_, own)| far(own)).map_or(Color::Reset, |(color, _)| *color)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_sixteen_is_its_own_and_others_are_the_nearest() {
        assert_eq!(nearest(Color::Reset), Color::Reset);
        assert_eq!(nearest(Color::Indexed(9)), Color::LightRed);
        for (color, [r, g, b]) in OWN {
            assert_eq!(nearest(Color::Rgb(r, g, b)), color);
            assert_eq!(nearest(color), color);
        }
        let table = [(16, Color::Black), (21, Color::Blue), (46, Color::LightGreen), (160, Color::Red)];
        for (index, color) in
            table.into_iter().chain([(231, Color::White), (236, Color::Black), (245, Color::DarkGray)])
        {
            assert_eq!(nearest(Color::Indexed(index)), color, "{index}");
        }
    }
}
