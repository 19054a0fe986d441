//! `liaison import` of what other people's systems write, with all that is wrong with it; and what goes out again.

use std::fs;

use serde_json::Value;

use crate::records::Desk;

const NAMED: &str = "--header --time time:rfc3339 --from from --to to --south-when 'from =~ /^s/'";
const HEADER: &str = "time,from,to,subject\n";

/// A row a day, from South.
fn rows(count: u32, subject: &str) -> String {
    let row = |day| format!("2024-03-{day:02}T10:00:00+09:00,s{day},n{day},{subject}\n");
    (1..=count).map(row).collect::<Vec<_>>().concat()
}

#[test]
fn what_is_replaced_goes_once_the_new_ledgers_are_whole() {
    let desk = Desk::new();
    desk.write("good.csv", &format!("{HEADER}{}", rows(3, "a")));
    desk.write(
        "bad.csv",
        &format!("{HEADER}{}", rows(1, "a").replace("2024", "soon")),
    );
    desk.json(&format!("import good.csv {NAMED} --out o"));
    let tally = desk.json("tally o");
    for wrong in [
        "bad.csv --header --time time:rfc3339 --from from --to to --south-when '1 == 1'",
        "bad.csv --strict --header --time time:rfc3339 --from from --to to --south-when '1 == 1'",
        "good.csv --header --time when:rfc3339 --from from --to to --south-when '1 == 1'",
        "good.csv",
    ] {
        desk.refused(&format!("import {wrong} --out o --force"));
        assert_eq!(desk.json("tally o"), tally, "{wrong}");
    }
    desk.write("good.csv", &format!("{HEADER}{}", rows(2, "b")));
    desk.json(&format!("import good.csv {NAMED} --out o --force"));
    assert_eq!(desk.json("tally o")["documents"], 2);
    let names: Vec<_> = fs::read_dir(desk.path(""))
        .expect("it lists")
        .flatten()
        .collect();
    assert_eq!(names.len(), 3, "nothing is left beside them: {names:?}");
}

#[test]
fn text_is_read_in_the_encoding_that_is_named_or_marked() {
    let desk = Desk::new();
    // 개성 in CP949.
    let mut cp949 = HEADER.as_bytes().to_vec();
    cp949.extend(b"2024-03-01T10:00:00+09:00,s,n,\xb0\xb3\xbc\xba\n");
    fs::write(desk.path("cp949.csv"), &cp949).expect("there is room");
    let text = format!("{HEADER}2024-03-01T10:00:00+09:00,s,n,개성\n");
    let utf16: Vec<u8> = format!("\u{feff}{text}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    fs::write(desk.path("utf16.csv"), utf16).expect("there is room");
    let (_, error) = desk.refused(&format!("import cp949.csv {NAMED} --out o"));
    assert!(error.contains("--encoding, such as cp949"), "{error}");
    for (file, name) in [
        ("cp949.csv --encoding cp949", "EUC-KR"),
        ("utf16.csv", "UTF-16LE"),
    ] {
        let told = desk.json(&format!(
            "import {file} {NAMED} --subject subject --out o --force"
        ));
        assert_eq!(
            (&told["documents"], &told["encoding"]),
            (&1.into(), &name.into())
        );
        let shown = desk.run("ledger show o/south --limit 3");
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(shown.contains("개성"), "{file}: {shown}");
    }
}

#[test]
fn most_rows_skipped_is_a_failure_that_says_so() {
    let desk = Desk::new();
    let text = format!(
        "{HEADER}{}{}",
        rows(2, "a"),
        rows(3, "b").replace("2024", "soon")
    );
    desk.write("rows.csv", &text);
    let output = desk.run(&format!("import rows.csv {NAMED} --out o"));
    assert_eq!(output.status.code(), Some(99));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("most rows were skipped, 3 of 5; o holds the others; check the columns and the rule, the first: rows.csv:4:1:"),
        "{error}"
    );
    assert_eq!(desk.json("tally o")["documents"], 2);
    let text = format!(
        "{HEADER}{}{}",
        rows(2, "a"),
        rows(2, "b").replace("2024", "soon")
    );
    desk.write("rows.csv", &text);
    desk.json(&format!("import rows.csv {NAMED} --out o --force"));
}

#[test]
fn what_is_not_read_is_named_with_the_way_out() {
    let desk = Desk::new();
    for (name, text, part) in [
        (
            "log.mxml",
            "<WorkflowLog/>",
            "log.mxml is an MXML log, which is not read; convert it to XES",
        ),
        (
            "log.sqlite",
            "SQLite format 3\0",
            "is a SQLite database, which is not read; an OCEL in it is written as JSON",
        ),
        ("rows.xlsx", "PK\u{3}\u{4}", "save the sheet as CSV"),
    ] {
        desk.write(name, text);
        let (code, error) = desk.refused(&format!("import {name} --south-when '1 == 1'"));
        assert!(code == 2 && error.contains(part), "{error}");
    }
}

#[test]
fn local_times_are_where_the_flags_say() {
    let desk = Desk::new();
    desk.write(
        "rows.csv",
        "time,way\n2024-03-31 01:59:59,out\n2024-03-31 03:00:00,in\n",
    );
    let line = "import rows.csv --header --time 'time:%Y-%m-%d %H:%M:%S' --south-when 'way == \"out\"' --out o --force";
    for (flag, first, last) in [
        ("", "2024-03-30T16:59:59Z", "2024-03-30T18:00:00Z"),
        (
            "--utc-offset -07:00",
            "2024-03-31T08:59:59Z",
            "2024-03-31T10:00:00Z",
        ),
        (
            "--time-zone Europe/Berlin",
            "2024-03-31T00:59:59Z",
            "2024-03-31T01:00:00Z",
        ),
    ] {
        let told = desk.json(&format!("{line} {flag}"));
        assert_eq!(
            (&told["first"], &told["last"]),
            (&first.into(), &last.into()),
            "{flag}"
        );
        assert_eq!(told["local_times"], 2);
    }
    let (code, error) = desk.refused(&format!("{line} --time-zone Mars/Olympus"));
    assert!(code == 2 && error.contains("knows no time zone"), "{error}");
}

#[test]
fn a_calendar_without_meetings_and_a_diagram_that_is_too_long_are_told() {
    let desk = Desk::new();
    desk.write(
        "rows.csv",
        &format!("{HEADER}{}", rows(28, &"x".repeat(60)).repeat(40)),
    );
    desk.json(&format!(
        "import rows.csv {NAMED} --subject subject --out o"
    ));
    let note = |line: &str| String::from_utf8_lossy(&desk.run(line).stderr).into_owned();
    let told = note("ledger export o/south --format ics");
    assert!(
        told.contains("the calendar is empty: the ledger has no meeting"),
        "{told}"
    );
    let told = note("ledger export o/south --format mermaid");
    assert!(
        told.contains("more than Mermaid draws by default (50,000, its maxTextSize)"),
        "{told}"
    );
    let told = note("ledger export o/south --format mermaid --first 200");
    assert_eq!(told, "");
}

#[test]
fn days_are_those_of_the_ledger_or_of_the_zone_that_is_named() {
    let desk = Desk::new();
    // Three moments around the change of clocks in Berlin, at 2024-03-31 01:00 UTC.
    let times = [
        "2024-03-30T22:30:00Z",
        "2024-03-30T23:30:00Z",
        "2024-03-31T21:30:00Z",
        "2024-03-31T22:30:00Z",
    ];
    let rows = times.map(|time| format!("{time},s,n,a\n")).concat();
    desk.write("rows.csv", &format!("{HEADER}{rows}"));
    desk.json(&format!("import rows.csv {NAMED} --out seoul"));
    desk.json(&format!(
        "import rows.csv {NAMED} --time-zone Europe/Berlin --out berlin"
    ));
    let days = |line: &str| -> Vec<(String, u64)> {
        let told = desk.json(&format!("tally {line} --by day"));
        let rows = told["rows"].as_array().expect("a list").clone();
        let row = |row: &Value| {
            let documents = row["tally"]["documents"].as_u64().expect("a number");
            (
                row["key"].as_str().expect("a day")[5..].to_owned(),
                documents,
            )
        };
        rows.iter().map(row).collect()
    };
    let told = |days: &[(&str, u64)]| -> Vec<(String, u64)> {
        days.iter()
            .map(|(day, count)| ((*day).to_owned(), *count))
            .collect()
    };
    let seoul = told(&[("03-31", 2), ("04-01", 2)]);
    let berlin = told(&[("03-30", 1), ("03-31", 2), ("04-01", 1)]);
    assert_eq!(days("seoul"), seoul);
    assert_eq!(days("berlin"), berlin);
    assert_eq!(days("seoul --time-zone Europe/Berlin"), berlin);
    assert_eq!(days("berlin --utc-offset +09:00"), seoul);
    assert_eq!(
        days("berlin --utc-offset -01:30"),
        told(&[("03-30", 2), ("03-31", 2)])
    );
    assert!(
        !desk.path("seoul/south/time-zone").exists(),
        "nothing is new in a ledger at UTC+9"
    );
    // What is made of it keeps it.
    desk.json("ledger backup berlin --out copy");
    desk.json("ledger cut berlin --from 2024-03-31 --until 2024-04-01 --out cut");
    assert_eq!(days("copy"), berlin);
    assert_eq!(days("cut"), told(&[("03-31", 2)]));
    let text = |line: &str| String::from_utf8_lossy(&desk.run(line).stdout).into_owned();
    let shown = text("ledger show berlin/south --from 2024-04-01");
    assert!(
        shown.starts_with("Mon 2024-04-01\n") && shown.contains("  00:30:00  →"),
        "{shown}"
    );
    assert!(text("tally berlin --by week").ends_with("\ndays at Europe/Berlin\n"));
    let diagram = text("ledger export berlin/south --format mermaid");
    assert!(
        diagram.contains("Sat 2024-03-30") && diagram.contains(": 23:30 "),
        "{diagram}"
    );
    let csv = text("ledger export berlin/north --format csv");
    assert!(
        csv.lines()
            .nth(1)
            .expect("a row")
            .contains(",document,2024-03-30,south,"),
        "{csv}"
    );
}

#[test]
fn a_scenario_at_another_offset_has_its_own_days() {
    let desk = Desk::new();
    let text = desk.run("scenario show workshop").stdout;
    let text = String::from_utf8(text).expect("it is text");
    desk.write(
        "west.toml",
        &text.replace("utc_offset = \"+09:00\"", "utc_offset = \"-07:00\""),
    );
    let days = |ledger: &str| desk.json(&format!("tally {ledger} --by day"))["rows"].clone();
    desk.json("simulate workshop --out east");
    desk.json("simulate west.toml --out west");
    assert_eq!(days("west"), days("east"));
    let replayed = desk.json("replay west --simulated --verify --out again");
    assert_eq!(replayed["verified"]["differences"], serde_json::json!([]));
    assert_eq!(days("again"), days("west"));
}

/// Who sent what an import wrote, and to whom, each with its subject: `south a > b: c`.
fn documents(desk: &Desk) -> Vec<String> {
    let steps = desk.run("ledger export o/south --format jsonl").stdout;
    let steps = String::from_utf8(steps).expect("it is text");
    let told = steps.lines().map(|line| {
        let step: Value = serde_json::from_str(line).expect("it is JSON");
        let text = |pointer: &str| {
            step.pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let office = if text("/direction") == "outbound" {
            "south"
        } else {
            "north"
        };
        let (from, to) = (
            text("/payload/signatory/name"),
            text("/payload/addressee/name"),
        );
        format!("{office} {from} > {to}: {}", text("/payload/subject"))
    });
    told.collect()
}

/// What comes of rows: the JSON, and the documents.
fn import(desk: &Desk, rows: &str, flags: &str) -> (Value, Vec<String>) {
    desk.write("rows.csv", rows);
    let output = desk.run(&format!(
        "import rows.csv --header --time time:unix {flags} --out o --force --output json"
    ));
    let told = serde_json::from_slice(&output.stdout);
    let told = told.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (told, documents(desk))
}

/// What is told of skipped rows.
fn told(imported: &Value) -> Vec<String> {
    let rows = imported["skipped_rows"].as_array().expect("a list").iter();
    rows.map(|row| {
        format!(
            "{}:{}: {}",
            row["line"],
            row["column"],
            row["message"].as_str().expect("text")
        )
    })
    .collect()
}

const SIDES: &str = "--from from --to to --subject about --south-when 'from =~ /^s/'";

#[test]
fn a_quote_that_is_not_closed_takes_no_other_row() {
    let desk = Desk::new();
    for (broken, rows) in [
        ("\"never closed", 4),
        ("\"closed late\ns,n,\"x\",2", 5),
        ("\"he said \"no\", then\",5", 4),
    ] {
        let text = format!("from,to,about,time\ns,n,a,1\ns,n,{broken}\ns,n,b,3\nn,s,\"c\nd\",4\n");
        let (imported, _) = import(&desk, &text, SIDES);
        assert_eq!(
            (&imported["rows"], &imported["unreadable"]),
            (&rows.into(), &1.into()),
            "{imported}"
        );
        assert_eq!(imported["skipped_rows"][0]["line"], 3);
        let strict = desk.run(&format!(
            "import rows.csv --header --time time:unix {SIDES} --out p --strict"
        ));
        assert_eq!(strict.status.code(), Some(1));
    }
}

#[test]
fn a_backslash_before_a_quote_shifts_no_column() {
    let desk = Desk::new();
    let text = "about,from,to,time\n\"he said \\\"no\\\", then\",s,n,1\n\"a \\\", b\",s,n,2\n\"C:\\\",s,n,3\n";
    let (_, found) = import(&desk, text, SIDES);
    assert_eq!(
        found,
        [
            "south s > n: he said \"no\", then",
            "south s > n: a \", b",
            "south s > n: C:\\"
        ]
    );
}

#[test]
fn several_recipients_are_an_exchange_each_or_the_first() {
    let desk = Desk::new();
    let text = "from,to,about,time\ns,\"[\"\"n1\"\",\"\"n2\"\",\"\"s2\"\"]\",a,1\nn1,{},a,2\n[1],s,a,3\ns,[[1]],a,4\n";
    let (imported, found) = import(&desk, text, SIDES);
    assert_eq!(found, ["south s > n1: a", "south s > n2: a"]);
    assert_eq!(
        (&imported["rows"], &imported["further_recipients"]),
        (&4.into(), &2.into())
    );
    assert_eq!(
        (&imported["one_side"], &imported["unreadable"]),
        (&1.into(), &3.into())
    );
    let told = told(&imported);
    assert!(
        told[1].contains("column to: it is an object, and no name"),
        "{told:?}"
    );
    assert!(
        told[2].contains("column from: it is a list, and no name"),
        "{told:?}"
    );
    let (imported, found) = import(&desk, text, &format!("{SIDES} --recipients first"));
    assert_eq!(
        (found, &imported["one_side"]),
        (vec!["south s > n1: a".to_owned()], &0.into())
    );
}

#[test]
fn who_sent_and_to_whom_may_be_left_open() {
    let desk = Desk::new();
    let text = "way,from,to,about,time\nout,,n,a,1\nin,n,,b,2\n";
    let by_way = "--south-when 'way == \"out\"' --subject about";
    let (_, found) = import(&desk, text, &format!("--from from --to to {by_way}"));
    assert_eq!(found, ["south  > n: a", "north n > : b"]);
    let (_, found) = import(&desk, text, by_way);
    assert_eq!(found, ["south  > : a", "north  > : b"]);
    let (imported, _) = import(&desk, text, "--from from --south-when 'from =~ /^s/'");
    let told = told(&imported);
    assert!(
        told[0].starts_with("2:5: column from: it is empty or missing"),
        "{told:?}"
    );
}

#[test]
fn a_file_says_itself_what_stands_between_fields_and_no_row_has_more_than_the_header() {
    let desk = Desk::new();
    let (imported, found) = import(
        &desk,
        "sep=;\nfrom;to;about;time\ns;n;a,b;3\ns;n;c;6;7\n",
        SIDES,
    );
    assert_eq!(found, ["south s > n: a,b"]);
    assert_eq!(told(&imported), ["4:9: the row has 5 fields, the header 4"]);
    desk.write("twice.csv", "from,to,to,time\ns,n,m,4\n");
    let line = "import twice.csv --header --time time:unix --from from --south-when '1 == 1' --out o --force";
    let (_, error) = desk.refused(&format!("{line} --to to"));
    assert!(
        error.contains("the column \"to\" more than once; name one by its number, 2 or 3"),
        "{error}"
    );
    desk.json(&format!("{line} --to 3"));
    assert_eq!(documents(&desk), ["south s > m: line 2"]);
}

#[test]
fn a_log_without_resources_is_taken_by_a_rule_about_another_column() {
    let desk = Desk::new();
    let event = |name: &str, who: &str, time: &str| {
        format!(
            "<event><string key=\"concept:name\" value=\"{name}\"/>{who}<date key=\"time:timestamp\" value=\"{time}\"/></event>"
        )
    };
    // What PM4Py writes of somebody who is not there.
    let events = [
        event("send", "", "2024-03-01T10:00:00.000+0100"),
        event(
            "get",
            "<string key=\"org:resource\" value=\"nan\"/>",
            "2024-03-01T10:00:00.000",
        ),
        event(
            "send",
            "<string key=\"org:resource\" value=\"anna\"/>",
            "2024-03-01T10:00:00Z",
        ),
    ];
    desk.write(
        "log.xes",
        &format!("<log><trace>{}</trace></log>", events.concat()),
    );
    let imported = desk.json("import log.xes --south-when 'concept:name == \"send\"' --out o");
    assert_eq!(
        (&imported["skipped"], &imported["local_times"]),
        (&0.into(), &1.into())
    );
    assert_eq!(
        documents(&desk),
        ["north  > : get", "south  > : send", "south anna > : send"]
    );
    let output = desk.run("import log.xes --south-when 'from == \"anna\"' --out p");
    assert_eq!(output.status.code(), Some(99), "two of three have nobody");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("let another column say who is South"),
        "{error}"
    );
}

#[test]
fn a_meeting_of_another_pair_is_another_event() {
    let desk = Desk::new();
    desk.json("simulate workshop --seed 1 --out one");
    desk.json("simulate workshop --seed 2 --out two");
    let uids = |ledger: &str| -> Vec<String> {
        let calendar = desk
            .run(&format!("ledger export {ledger} --format ics"))
            .stdout;
        let calendar = String::from_utf8(calendar).expect("it is text");
        calendar
            .lines()
            .filter(|line| line.starts_with("UID:"))
            .map(str::to_owned)
            .collect()
    };
    let (one, two) = (uids("one/south"), uids("two/south"));
    assert_eq!(
        one,
        uids("one/north"),
        "both ledgers of a pair hold the same meetings"
    );
    assert!(
        !one.is_empty() && one.iter().all(|uid| !two.contains(uid)),
        "{one:?} {two:?}"
    );
}
