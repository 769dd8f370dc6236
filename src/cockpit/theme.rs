//! Colours. A theme gives every part of the screen its style; with `NO_COLOR` there are only bold, dim, underlined and reversed.

use ratatui::style::{Color, Modifier, Style};

use crate::config::model::ThemeName;

use super::tint::Tint;

/// The styles of one theme.
#[derive(Clone, Debug)]
pub struct Theme {
    pub text: Style,
    pub dim: Style,
    pub strong: Style,
    pub accent: Style,
    pub border: Style,
    pub border_focus: Style,
    pub title: Style,
    pub selected: Style,
    pub selected_away: Style,
    pub bar: Style,
    pub key: Style,
    pub good: Style,
    pub warn: Style,
    pub bad: Style,
    pub banner: Style,
    pub alarm: Style,
    pub stale: Style,
    tints: [Style; 10],
    /// The pane is shown in its own colours.
    pub colours: bool,
    /// In the nearest of the sixteen that the terminal defines.
    pub sixteen: bool,
}

/// The colours that a theme is made of.
struct Palette {
    text: Color,
    dim: Color,
    accent: Color,
    border: Color,
    selected: Color,
    selected_away: Color,
    bar: Color,
    good: Color,
    warn: Color,
    bad: Color,
    on_alarm: Color,
    tints: [Color; 10],
}

const fn rgb(hex: u32) -> Color {
    Color::Rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const DARK: Palette = Palette {
    text: rgb(0xd7dae0),
    dim: rgb(0x7d8594),
    accent: rgb(0x6cb6ff),
    border: rgb(0x3d4450),
    selected: rgb(0x2b3a52),
    selected_away: rgb(0x262b33),
    bar: rgb(0x1e2228),
    good: rgb(0x7ee787),
    warn: rgb(0xe3b341),
    bad: rgb(0xff7b72),
    on_alarm: rgb(0x14161a),
    tints: [
        rgb(0x56d364),
        rgb(0x6cb6ff),
        rgb(0x8b949e),
        rgb(0xb392f0),
        rgb(0xe3b341),
        rgb(0xff9d4d),
        rgb(0xff6ec7),
        rgb(0xff7b72),
        rgb(0xc9d16a),
        rgb(0x686b6f),
    ],
};

const LIGHT: Palette = Palette {
    text: rgb(0x1f2328),
    dim: rgb(0x6b7280),
    accent: rgb(0x0757b5),
    border: rgb(0xc2c8d0),
    selected: rgb(0xcfe3fb),
    selected_away: rgb(0xe6eaef),
    bar: rgb(0xeaeef2),
    good: rgb(0x116329),
    warn: rgb(0x8a5a00),
    bad: rgb(0xb3141d),
    on_alarm: rgb(0xffffff),
    tints: [
        rgb(0x1a7f37),
        rgb(0x0757b5),
        rgb(0x6b7280),
        rgb(0x7040c0),
        rgb(0x8a5a00),
        rgb(0xb84300),
        rgb(0xa3107c),
        rgb(0xb3141d),
        rgb(0x5f6a00),
        rgb(0x7f8793),
    ],
};

const CONTRAST: Palette = Palette {
    text: rgb(0xffffff),
    dim: rgb(0xd0d0d0),
    accent: rgb(0x00ffff),
    border: rgb(0xffffff),
    selected: rgb(0x0000a0),
    selected_away: rgb(0x303030),
    bar: rgb(0x000000),
    good: rgb(0x00ff00),
    warn: rgb(0xffff00),
    bad: rgb(0xff6060),
    on_alarm: rgb(0x000000),
    tints: [
        rgb(0x00ff00),
        rgb(0x00ffff),
        rgb(0xffffff),
        rgb(0xff80ff),
        rgb(0xffff00),
        rgb(0xffa040),
        rgb(0xff40ff),
        rgb(0xff6060),
        rgb(0xffff80),
        rgb(0xb0b0b0),
    ],
};

const SIXTEEN: Palette = Palette {
    text: Color::Reset,
    dim: Color::DarkGray,
    accent: Color::Cyan,
    border: Color::DarkGray,
    selected: Color::Blue,
    selected_away: Color::DarkGray,
    bar: Color::Reset,
    good: Color::Green,
    warn: Color::Yellow,
    bad: Color::Red,
    on_alarm: Color::Black,
    tints: [
        Color::Green,
        Color::Cyan,
        Color::Gray,
        Color::Magenta,
        Color::Yellow,
        Color::LightYellow,
        Color::LightMagenta,
        Color::Red,
        Color::LightCyan,
        Color::DarkGray,
    ],
};

impl Theme {
    /// The theme of that name. `plain`: no colours at all, whatever the name (`NO_COLOR`).
    pub fn new(name: ThemeName, plain: bool) -> Self {
        match name {
            _ if plain => Theme::plain(),
            ThemeName::Dark => Theme::of(&DARK),
            ThemeName::Light => Theme::of(&LIGHT),
            ThemeName::Contrast => Theme::of(&CONTRAST),
            ThemeName::Sixteen => Theme::sixteen(),
        }
    }

    /// The style of a state.
    pub fn tint(&self, tint: Tint) -> Style {
        self.tints[tint as usize]
    }

    fn of(palette: &Palette) -> Self {
        let fg = |color: Color| Style::new().fg(color);
        Theme {
            text: fg(palette.text),
            dim: fg(palette.dim),
            strong: fg(palette.text).add_modifier(Modifier::BOLD),
            accent: fg(palette.accent),
            border: fg(palette.border),
            border_focus: fg(palette.accent),
            title: fg(palette.accent).add_modifier(Modifier::BOLD),
            selected: Style::new().bg(palette.selected),
            selected_away: Style::new().bg(palette.selected_away),
            bar: fg(palette.dim).bg(palette.bar),
            key: fg(palette.accent).bg(palette.bar).add_modifier(Modifier::BOLD),
            good: fg(palette.good),
            warn: fg(palette.warn),
            bad: fg(palette.bad),
            banner: fg(palette.on_alarm).bg(palette.warn).add_modifier(Modifier::BOLD),
            alarm: fg(palette.on_alarm).bg(palette.bad).add_modifier(Modifier::BOLD),
            stale: fg(palette.dim),
            tints: palette.tints.map(fg),
            colours: true,
            sixteen: false,
        }
    }

    /// Nobody knows how the terminal's own colours look, nor whether its ground is dark: what is selected is turned around, and what
    /// is less important is a dim form of the usual, so that no two of them can be the same.
    fn sixteen() -> Self {
        let (reversed, dim) = (Modifier::REVERSED, Style::new().fg(Color::Reset).add_modifier(Modifier::DIM));
        Theme {
            dim,
            selected: Style::new().add_modifier(reversed),
            selected_away: Style::new().add_modifier(Modifier::UNDERLINED),
            bar: dim,
            stale: dim,
            sixteen: true,
            ..Theme::of(&SIXTEEN)
        }
    }

    fn plain() -> Self {
        let (plain, bold) = (Style::new(), Style::new().add_modifier(Modifier::BOLD));
        let (dim, reversed) = (Style::new().add_modifier(Modifier::DIM), Style::new().add_modifier(Modifier::REVERSED));
        let mut tints = [plain; 10];
        for loud in [Tint::Asks, Tint::Held, Tint::Down] {
            tints[loud as usize] = bold;
        }
        tints[Tint::Rests as usize] = dim;
        Theme {
            text: plain,
            dim,
            strong: bold,
            accent: bold,
            border: dim,
            border_focus: bold,
            title: bold,
            selected: reversed,
            selected_away: Style::new().add_modifier(Modifier::UNDERLINED),
            bar: plain,
            key: bold,
            good: plain,
            warn: bold,
            bad: bold,
            banner: reversed,
            alarm: reversed.add_modifier(Modifier::BOLD),
            stale: dim,
            tints,
            colours: false,
            sixteen: false,
        }
    }
}
