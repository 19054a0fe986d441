//! Cells of CSV: exact, neutral for a spreadsheet, visible for a terminal.

use std::borrow::Cow;

use reading::visible;

/// How the cells of CSV are written. By default exact: what is read back is what was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cells {
    /// A cell that a spreadsheet would take for a formula gets an apostrophe in front, and every text is quoted, so that
    /// none falls apart where `;` or a tab stands between cells. Numbers stay. It is for spreadsheets, not to be read back.
    pub neutral: bool,
    /// What a terminal would act on is written out ([`visible::line`]).
    pub visible: bool,
}

impl Cells {
    pub(super) fn quotes(self) -> csv::QuoteStyle {
        if self.neutral {
            csv::QuoteStyle::NonNumeric
        } else {
            csv::QuoteStyle::Necessary
        }
    }

    /// The cell as it is written.
    pub(super) fn told(self, cell: &str) -> Cow<'_, str> {
        let told = if self.neutral && is_formula(cell) {
            Cow::Owned(format!("'{cell}"))
        } else {
            Cow::Borrowed(cell)
        };
        if !self.visible {
            return told;
        }
        match visible::line(&told) {
            Cow::Borrowed(_) => told,
            Cow::Owned(shown) => Cow::Owned(shown),
        }
    }
}

/// Whether a spreadsheet may compute it. Some pass over spaces and what is not seen, and take the wide signs for the plain
/// ones.
fn is_formula(cell: &str) -> bool {
    if cell.starts_with(['\t', '\r', '\n']) {
        return true;
    }
    let seen = cell
        .trim_start_matches(|letter: char| letter.is_whitespace() || visible::is_hidden(letter));
    seen.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) && !is_number(cell)
}

fn is_number(cell: &str) -> bool {
    let digits = |letter: char| matches!(letter, '0'..='9' | '.' | '+' | '-' | 'e' | 'E');
    cell.chars().all(digits) && cell.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEUTRAL: Cells = Cells {
        neutral: true,
        visible: false,
    };

    #[test]
    fn what_a_spreadsheet_would_compute_is_text_to_it() {
        for cell in [
            "=cmd|' /C calc'!A0",
            "+1+2",
            "-2+3+cmd",
            "@SUM(A1)",
            "\t=1",
            "\ra",
            "\na",
            " =1",
            "\u{feff}=1",
            "\u{200b}@x",
            "＝1+1",
            "－a",
            "-",
            "+82 2 123",
            "-inf",
            "--1",
        ] {
            assert_eq!(NEUTRAL.told(cell), format!("'{cell}"), "{cell:?}");
            assert_eq!(Cells::default().told(cell), cell);
        }
    }

    #[test]
    fn numbers_and_other_texts_stay() {
        for cell in [
            "-5",
            "+5",
            "-0.25",
            "1e-3",
            "",
            "a=b",
            "2018-09-14",
            "{\"a\":1}",
            "'=1",
            "전통문",
        ] {
            assert_eq!(NEUTRAL.told(cell), cell, "{cell:?}");
        }
    }

    #[test]
    fn a_terminal_is_shown_a_cell_on_one_line() {
        let cells = Cells {
            visible: true,
            ..NEUTRAL
        };
        assert_eq!(cells.told("=a\n\u{202e}"), "'=a‹U+000A›‹U+202E›");
        assert_eq!(cells.told("=a"), "'=a");
        assert_eq!(cells.told("a\u{1b}"), "a‹U+001B›");
    }
}
