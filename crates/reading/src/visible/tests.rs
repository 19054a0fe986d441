use proptest::prelude::*;

use super::*;

/// One range of each kind that must never be seen raw.
const HIDDEN: &[(&str, u32, u32)] = &[
    ("C0", 0, 0x1f),
    ("DEL and C1", 0x7f, 0x9f),
    ("soft hyphen", 0xad, 0xad),
    ("grapheme joiner", 0x34f, 0x34f),
    ("Arabic letter mark", 0x61c, 0x61c),
    ("Hangul fillers", 0x115f, 0x1160),
    ("Khmer inherent vowels", 0x17b4, 0x17b5),
    ("Mongolian selectors and separator", 0x180b, 0x180f),
    (
        "zero-width spaces, joiners, directional marks",
        0x200b,
        0x200f,
    ),
    ("line and paragraph separator", 0x2028, 0x2029),
    ("embeddings and overrides", 0x202a, 0x202e),
    ("word joiner, invisible operators, isolates", 0x2060, 0x206f),
    ("Hangul filler", 0x3164, 0x3164),
    ("private use", 0xe000, 0xf8ff),
    ("variation selectors", 0xfe00, 0xfe0f),
    ("byte order mark", 0xfeff, 0xfeff),
    ("halfwidth Hangul filler", 0xffa0, 0xffa0),
    ("unassigned specials", 0xfff0, 0xfff8),
    ("interlinear annotation", 0xfff9, 0xfffb),
    ("noncharacters", 0xfffe, 0xffff),
    ("noncharacters in the Arabic block", 0xfdd0, 0xfdef),
    ("unassigned", 0x378, 0x379),
    ("hieroglyph format controls", 0x13430, 0x1343f),
    ("shorthand format controls", 0x1bca0, 0x1bca3),
    ("musical beams", 0x1d173, 0x1d17a),
    ("more noncharacters", 0x1fffe, 0x1ffff),
    ("tags", 0xe0000, 0xe007f),
    ("more variation selectors", 0xe0100, 0xe01ef),
    ("private use planes", 0xf0000, 0x10_ffff),
];

fn is_bad(letter: char) -> bool {
    let number = u32::from(letter);
    HIDDEN
        .iter()
        .any(|(_, first, last)| (*first..=*last).contains(&number))
}

#[test]
fn every_kind_that_hides_or_steers_is_written_out() {
    for (what, first, last) in HIDDEN {
        for letter in (*first..=*last).filter_map(char::from_u32) {
            // The planes are long: their ends say enough.
            if u32::from(letter) > first + 300 && u32::from(letter) + 300 < *last {
                continue;
            }
            let text = format!("a{letter}b");
            let shown = format!("a‹U+{:04X}›b", u32::from(letter));
            assert_eq!(line(&text), shown, "{what}");
            assert!(is_hidden(letter), "{what}");
            let encoded = serde_json_like(&text);
            assert!(
                json(&encoded).chars().all(|letter| !is_bad(letter)),
                "{what}"
            );
        }
    }
}

/// What a serializer writes: it escapes C0 and nothing else.
fn serde_json_like(text: &str) -> String {
    let mut encoded = String::from("\"");
    for letter in text.chars() {
        if u32::from(letter) < 0x20 {
            escape(&mut encoded, letter);
        } else {
            encoded.push(letter);
        }
    }
    encoded + "\""
}

#[test]
fn an_escape_sequence_is_shown_as_what_it_is() {
    assert_eq!(line("\u{1b}[31mred\u{9b}2J"), "‹U+001B›[31mred‹U+009B›2J");
    assert_eq!(line("\u{1b}]0;title\u{7}"), "‹U+001B›]0;title‹U+0007›");
}

#[test]
fn ordinary_scripts_stay_as_they_are() {
    for text in [
        "Flood warning: the river rises, at 10:00 (UTC+9).",
        "남북공동연락사무소 — 전통문 제17호",
        // The same in parts, as some systems write file names.
        "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}",
        "板門店　会談",
        "Réunion à l'été, cafe\u{301}",
        "פגישה, اجتماع, сове́щание",
        "หนังสือแจ้งเตือนน้ำท่วม",
        "बाढ़ की चेतावनी",
        "Thông báo lũ lụt, tie\u{302}\u{301}ng",
        "🌊📞🇰🇷👋🏽",
        "1\u{a0}000 km, 5\u{202f}%",
        "…“quotes” ‹and› «more» \u{fffd}",
        "",
    ] {
        assert_eq!(line(text), text);
        assert!(matches!(line(text), Cow::Borrowed(_)));
        assert_eq!(json(text), text);
    }
}

#[test]
fn a_flood_of_marks_is_bounded() {
    let flood = format!("a{}b", "\u{301}".repeat(20));
    let shown = line(&flood);
    assert_eq!(shown.matches('\u{301}').count(), MARKS_MAX as usize);
    assert_eq!(shown.matches("‹U+0301›").count(), 20 - MARKS_MAX as usize);
    let enclosing = format!("a{}", "\u{489}\u{20dd}".repeat(20));
    assert!(line(&enclosing).contains("‹U+20DD›"));
    // Vowels of Hangul have no width: without a bound a cell would have no end.
    let vowels = format!("\u{1100}{}", "\u{1161}".repeat(20));
    assert_eq!(
        line(&vowels).matches('\u{1161}').count(),
        MARKS_MAX as usize
    );
}

#[test]
fn a_mark_that_stands_on_nothing_does_not_stand_on_its_neighbour() {
    assert_eq!(line("\u{338}a"), "‹U+0338›a");
    assert_eq!(line("a \u{338}b"), "a ‹U+0338›b");
    assert_eq!(line("\u{202e}\u{338}"), "‹U+202E›‹U+0338›");
    assert_eq!(lines("a\n\u{338}b"), "a\n‹U+0338›b");
    assert_eq!(json("\"\u{338}a\""), "\"\\u0338a\"");
}

#[test]
fn lines_keep_their_breaks_and_tabs_alone() {
    assert_eq!(line("a\tb\r\nc"), "a‹U+0009›b‹U+000D›‹U+000A›c");
    assert_eq!(lines("a\tb\r\nc\nd\re"), "a\tb\r\nc\nd‹U+000D›e");
    assert_eq!(
        lines("a\u{2028}b\u{85}c\u{b}d\u{c}"),
        "a‹U+2028›b‹U+0085›c‹U+000B›d‹U+000C›"
    );
}

#[test]
fn our_own_colours_stay_and_other_sequences_do_not() {
    let own = "\u{1b}[1mSubject\u{1b}[0m\n\u{1b}[38;5;9mred\u{1b}[39m\n";
    assert_eq!(styled(own), own);
    assert_eq!(
        styled("\u{1b}[1mA\u{1b}[0m\u{1b}[2J\u{1b}[1;1Hx\u{1b}]8;;y\u{7}\u{202e}"),
        "\u{1b}[1mA\u{1b}[0m‹U+001B›[2J‹U+001B›[1;1Hx‹U+001B›]8;;y‹U+0007›‹U+202E›"
    );
    assert_eq!(styled("\u{1b}["), "‹U+001B›[");
    assert_eq!(styled("\u{1b}[1"), "‹U+001B›[1");
    assert_eq!(styled("\u{1b}\u{1b}[0m"), "‹U+001B›\u{1b}[0m");
}

#[test]
fn json_keeps_the_value() {
    assert_eq!(
        json("{\n  \"a\": \"\u{202e}\u{e0041}\u{7f}\u{feff}\"\n}"),
        "{\n  \"a\": \"\\u202e\\udb40\\udc41\\u007f\\ufeff\"\n}"
    );
}

/// Any text, with more of what is bad than chance would have.
fn any_text() -> impl Strategy<Value = String> {
    let bad = (0..HIDDEN.len(), any::<u32>()).prop_map(|(index, at)| {
        let (_, first, last) = HIDDEN[index];
        char::from_u32(first + at % (last - first + 1)).unwrap_or('\u{202e}')
    });
    let mark = prop::sample::select(vec![
        '\u{301}', '\u{338}', '\u{20dd}', '\u{1161}', '\u{e31}',
    ]);
    let letter = prop_oneof![
        bad,
        mark,
        any::<char>(),
        "[ -~]".prop_map(|text| { text.chars().next().unwrap_or(' ') })
    ];
    prop::collection::vec(letter, 0..60).prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn nothing_bad_is_left(text in any_text()) {
        prop_assert!(!line(&text).chars().any(is_bad));
        let kept = |letter: &char| !matches!(letter, '\n' | '\r' | '\t');
        prop_assert!(!lines(&text).chars().filter(kept).any(is_bad));
        prop_assert!(!lines(&text).replace("\r\n", "").contains('\r'));
        prop_assert!(!json(&text).replace('\n', "").chars().any(is_bad));
    }

    #[test]
    fn made_visible_twice_is_made_visible_once(text in any_text()) {
        let once = line(&text).into_owned();
        prop_assert_eq!(&line(&once), &once);
        let once = lines(&text).into_owned();
        prop_assert_eq!(&lines(&once), &once);
        let once = styled(&text).into_owned();
        prop_assert_eq!(&styled(&once), &once);
        let once = json(&text).into_owned();
        prop_assert_eq!(&json(&once), &once);
    }

    #[test]
    fn what_is_seen_stays_in_its_order(text in any_text()) {
        let seen = |text: &str| -> String {
            text.chars().filter(|letter| Kind::of(*letter) == Kind::Seen).collect()
        };
        let mut shown = line(&text).into_owned();
        for letter in text.chars().filter(|letter| Kind::of(*letter) != Kind::Seen) {
            shown = shown.replacen(&format!("‹U+{:04X}›", u32::from(letter)), "", 1);
        }
        prop_assert_eq!(seen(&shown), seen(&text));
    }
}
