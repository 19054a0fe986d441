//! Colours, as many as there are; and what stands for them where there are none.

use std::ffi::OsStr;

use ratatui_core::style::{Color, Modifier, Style};

/// What the terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Palette {
    /// No colours, or none wanted.
    Plain,
    /// The eight of old.
    Basic,
    /// 256.
    Indexed,
    /// All of them.
    True,
}

/// From dark to light, so that it reads the same in grey: matplotlib's `inferno`, without its darkest part.
const TRUE_RAMP: [(u8, u8, u8); 9] = [
    (66, 10, 104),
    (106, 23, 110),
    (147, 38, 103),
    (188, 55, 84),
    (221, 81, 58),
    (243, 120, 25),
    (252, 165, 10),
    (246, 215, 70),
    (252, 255, 164),
];
/// The nearest to it that 256 colours have, each lighter than the one before.
const INDEXED_RAMP: [u8; 10] = [53, 89, 125, 161, 202, 208, 214, 220, 227, 229];
/// What stays of an empty bucket: the strip looks the same on dark and on light terminals.
const TRUE_EMPTY: Color = Color::Rgb(24, 22, 32);
const INDEXED_EMPTY: Color = Color::Indexed(234);

impl Palette {
    /// What the environment promises, by its variables `NO_COLOR` (which wins), `COLORTERM` and `TERM`.
    pub fn of(no_color: &OsStr, color_term: &OsStr, term: &OsStr) -> Self {
        let term = term.to_string_lossy();
        if !no_color.is_empty() || term.starts_with("vt") {
            Self::Plain
        } else if color_term == "truecolor" || color_term == "24bit" || term.ends_with("-direct") {
            Self::True
        } else if term.contains("256") || term.contains("kitty") || term.contains("alacritty") {
            Self::Indexed
        } else {
            Self::Basic
        }
    }

    /// Whether a cell can show two shares, one in its upper and one in its lower half.
    pub(super) fn has_ramp(self) -> bool {
        matches!(self, Self::Indexed | Self::True)
    }

    /// Shares of a second's calls that the legend tells apart: of colours themselves, of shades where each ends.
    pub(super) fn legend(self) -> [(f64, &'static str); 4] {
        if self.has_ramp() {
            [
                (0.001, "0.1 %"),
                (0.01, "1 %"),
                (0.1, "10 %"),
                (1.0, "100 %"),
            ]
        } else {
            [
                (0.01, "<1 %"),
                (0.1, "<10 %"),
                (0.5, "<50 %"),
                (2.0, "more"),
            ]
        }
    }

    /// The colour of a share (0 to 1) of a second's calls.
    pub(super) fn ramp(self, share: f64) -> Color {
        if share <= 0.0 {
            return if self == Self::True {
                TRUE_EMPTY
            } else {
                INDEXED_EMPTY
            };
        }
        let strength = strength(share);
        if self == Self::True {
            let place = strength * (TRUE_RAMP.len() - 1) as f64;
            let below = (place as usize).min(TRUE_RAMP.len() - 2);
            let (from, to) = (TRUE_RAMP[below], TRUE_RAMP[below + 1]);
            let mix = |from: u8, to: u8| {
                let (from, to) = (f64::from(from), f64::from(to));
                (from + (to - from) * (place - below as f64)).round() as u8
            };
            Color::Rgb(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
        } else {
            let place = (strength * INDEXED_RAMP.len() as f64) as usize;
            Color::Indexed(INDEXED_RAMP[place.min(INDEXED_RAMP.len() - 1)])
        }
    }

    /// The letter that stands for a share where colours cannot.
    pub(super) fn shade(share: f64) -> &'static str {
        match share {
            ..=0.0 => " ",
            ..0.01 => "░",
            ..0.1 => "▒",
            ..0.5 => "▓",
            _ => "█",
        }
    }

    /// What is in order.
    pub(super) fn good(self) -> Style {
        self.coloured(2)
    }

    /// What is not.
    pub(super) fn bad(self) -> Style {
        self.coloured(1).add_modifier(Modifier::BOLD)
    }

    /// What may turn out not to be.
    pub(super) fn doubtful(self) -> Style {
        self.coloured(3).add_modifier(Modifier::BOLD)
    }

    /// Rates.
    pub(super) fn rate(self) -> Style {
        self.coloured(6)
    }

    /// Latencies.
    pub(super) fn latency(self) -> Style {
        self.coloured(5)
    }

    fn coloured(self, index: u8) -> Style {
        if self == Self::Plain {
            Style::new()
        } else {
            Style::new().fg(Color::Indexed(index))
        }
    }
}

/// What stands in the background.
pub(super) const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
/// What stands out.
pub(super) const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);
/// What must not be overlooked.
pub(super) const REVERSED: Style = Style::new()
    .add_modifier(Modifier::BOLD)
    .add_modifier(Modifier::REVERSED);

/// How strongly a share shows, from 0 to 1. One call in a thousand is what a tail is made of: on a straight scale it
/// would not be seen.
fn strength(share: f64) -> f64 {
    share.clamp(0.0, 1.0).cbrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_which_colours_there_are() {
        for (no_color, color_term, term, palette) in [
            ("1", "truecolor", "xterm-256color", Palette::Plain),
            ("", "truecolor", "xterm-256color", Palette::True),
            ("", "", "tmux-256color", Palette::Indexed),
            ("", "", "linux", Palette::Basic),
            ("", "", "vt100", Palette::Plain),
        ] {
            let seen = Palette::of(no_color.as_ref(), color_term.as_ref(), term.as_ref());
            assert_eq!(seen, palette, "{no_color} {color_term} {term}");
        }
    }

    #[test]
    fn a_larger_share_is_lighter() {
        let light = |share| match Palette::True.ramp(share) {
            Color::Rgb(red, green, blue) => {
                f64::from(red) * 0.3 + f64::from(green) * 0.59 + f64::from(blue) * 0.11
            }
            _ => 0.0,
        };
        for percent in 0..100 {
            let (less, more) = (f64::from(percent) / 100.0, f64::from(percent + 1) / 100.0);
            assert!(light(less) < light(more), "{percent} %");
        }
        assert_eq!(Palette::Indexed.ramp(1.0), Color::Indexed(229));
        assert_eq!(Palette::shade(0.0005), "░");
    }
}
