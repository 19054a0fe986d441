//! `liaison tally`: the counts, from ledgers on disk or from running offices.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use clap::{Args, ValueEnum};
use formats::Teller;
use jiff::tz::TimeZone;
use ledger::{Entry, Reader};
use office::tally::By;
use office::{Place, Tally};
use protocol::pb::ledger as pb;
use protocol::pb::office::GetOfficeRequest;
use serde_json::{Value, json};
use words::style::{FAINT, HEADING, styled};
use words::{labels, tally, time};

use crate::source::{self, Named, Range, Source};
use crate::zone;
use command::connect::{Connection, Offices, block_on};
use command::failure::Failure;
use command::output::note;
use command::settings::{OfficesArgs, Settings};

const EXAMPLES: &str = "\
A LEDGER is a directory, a directory with south/ and north/ inside, or a running office: south, north, or its \
address. Both ledgers of one pair are one record: they are checked against each other and printed once, never \
added up (exit code 99 if they differ). Without any the offices that are up are counted.

Examples:
  liaison tally                                     (while `liaison up` runs)
  liaison simulate kaesong-2018
  liaison tally liaison-data/kaesong-2018-1
  liaison tally liaison-data/kaesong-2018-1 --by week
  liaison tally liaison-data/CollegeMsg --by day --time-zone America/Los_Angeles
  liaison tally north --by kind --output json

JSON: {\"contacts\": {\"total\", \"meetings\": {\"total\", \"government_officials\", \"working_level\", \"chiefs\"}, \
\"consultations\": {\"regular\", \"on_demand\"}, \"unspecified\"}, \"documents\", \"calls\", \"exchanges\"}, with --by \
also \"by\" and \"rows\": [{\"key\", \"tally\"}], and \"zone\" if days are not those at UTC+9. Of several records an array of {\"ledger\", \"tally\"}.";

/// Count the exchanges in ledgers
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TallyArgs {
    /// What to count [default: the offices that are up]
    #[arg(value_name = "LEDGER", value_parser = source::parse)]
    ledgers: Vec<Named>,

    /// Break the counts down
    #[arg(long, value_enum)]
    by: Option<ByWord>,

    #[command(flatten)]
    offices: OfficesArgs,
}

/// By what counts are broken down, as the flag takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ByWord {
    /// Calendar day of the author
    Day,
    /// Week, named by its Monday
    Week,
    /// Kind of contact, documents, calls
    Kind,
    /// The office that sent, proposed, recorded or called
    Office,
}

type Rows = Vec<tally::Row>;

/// While the line is busy one office is ahead: so often, and after so long each, both are asked once more.
const BUSY_TRIES: u32 = 20;
const BUSY: Duration = Duration::from_millis(50);

/// One record: what one ledger, or a pair that agrees, comes to.
#[derive(Debug, Clone)]
struct Told {
    ledger: String,
    tally: pb::Tally,
    rows: Rows,
    /// Whose days the rows are, if not those at the offices.
    zone: Option<String>,
    /// Whose ledger, if it was read from disk.
    reader: Option<Reader>,
}

impl TallyArgs {
    /// Counts.
    pub fn run(self, settings: &Settings) -> Result<(), Failure> {
        let offices = settings.offices(&self.offices)?;
        let told = if self.ledgers.is_empty() {
            vec![running(&offices, self.by)?]
        } else {
            self.records(&offices)?
        };
        settings.output.print(
            || {
                let width = settings.output.width();
                let many = told.len() > 1;
                let told = told.iter();
                told.map(|one| render(one, self.by, many, width)).collect()
            },
            || to_json(&told, self.by),
        )
    }

    /// The ledgers of one argument.
    fn tell(&self, named: &Named, offices: &Offices) -> Result<Vec<Told>, Failure> {
        match named {
            Named::Directory(path) => {
                let zone = zone::of(&self.offices.zone, named)?;
                crate::labels::heed(path);
                let ledgers = source::ledgers_in(path)?;
                let ledgers = ledgers.iter();
                ledgers
                    .map(|ledger| from_disk(ledger, self.by, &zone))
                    .collect()
            }
            running => Ok(vec![block_on(from_office(running, offices, self.by))?]),
        }
    }

    /// The records named: two ledgers of one pair are one.
    fn records(&self, offices: &Offices) -> Result<Vec<Told>, Failure> {
        let each: Vec<Vec<Told>> = self
            .ledgers
            .iter()
            .map(|named| self.tell(named, offices))
            .collect::<Result<_, _>>()?;
        let two_of_a_pair = each.len() == 2
            && each.iter().all(|ledgers| ledgers.len() == 1)
            && are_a_pair(&self.ledgers, &each[0][0], &each[1][0]);
        if two_of_a_pair {
            let pair = each.into_iter().flatten().collect();
            return Ok(vec![one_record(pair)?]);
        }
        each.into_iter().map(one_record).collect()
    }
}

/// The record of the offices that are up: of both, once what one has told has come to the other, or of the one that is.
fn running(offices: &Offices, by: Option<ByWord>) -> Result<Told, Failure> {
    let [south, north] = Place::BOTH.map(Named::Office);
    block_on(async {
        let mut tries = BUSY_TRIES;
        loop {
            let (one, other) = tokio::join!(
                from_office(&south, offices, by),
                from_office(&north, offices, by)
            );
            let pair = match (one, other) {
                (Ok(one), Ok(other)) => vec![one, other],
                (Ok(one), Err(away)) | (Err(away), Ok(one)) => {
                    note(&format!(
                        "only the {} office is counted: {away}",
                        one.ledger
                    ));
                    return Ok(one);
                }
                (Err(failure), Err(_)) => return Err(failure),
            };
            // Differences of offices that are not at rest are no disagreement.
            let first = pair.first().cloned();
            match (one_record(pair), first) {
                (Err(Failure::Disagreed(_)), _) if tries > 0 => tries -= 1,
                (Err(Failure::Disagreed(_)), Some(one)) if !at_rest(offices).await? => {
                    note(
                        "the line is not at rest, and the north office counts others: this is the south office's tally",
                    );
                    return Ok(one);
                }
                (told, _) => return told,
            }
            tokio::time::sleep(BUSY).await;
        }
    })
}

/// Whether each office has all that the other has.
async fn at_rest(offices: &Offices) -> Result<bool, Failure> {
    let marks = async |place| {
        let connection = offices.dial(place).await?;
        let asked = connection.request(GetOfficeRequest {});
        let told = connection.office().get_office(asked).await;
        let office = connection.answer("read the office's state", told)?;
        Ok::<_, Failure>(office.marks.unwrap_or_default())
    };
    let (south, north) = (marks(Place::South).await?, marks(Place::North).await?);
    Ok(south.appended == north.received && north.appended == south.received)
}

/// Whether two single ledgers are the two sides of one line.
fn are_a_pair(named: &[Named], one: &Told, other: &Told) -> bool {
    match (&one.reader, &other.reader) {
        (Some(one), Some(other)) => one.place() != other.place(),
        // Running offices that are named by their words, and addresses, are the two of a pair.
        _ => named[0] != named[1],
    }
}

fn from_disk(path: &Path, by: Option<ByWord>, zone: &TimeZone) -> Result<Told, Failure> {
    let reader = source::read(path)?;
    let tally = if zone::is_office_time(zone) {
        ledger::tally(&reader)?
    } else {
        ledger::tally_in(&reader, zone)?
    };
    let rows = by.map_or_else(BTreeMap::new, |by| {
        tally.by(|count| by.of_rules().key(count))
    });
    let rows = rows
        .iter()
        .map(|(key, tally)| (key.clone(), protocol::tally_to_pb(tally)));
    Ok(Told {
        ledger: path.display().to_string(),
        tally: protocol::tally_to_pb(&tally),
        rows: in_order(by, rows.collect()),
        zone: (!zone::is_office_time(zone)).then(|| time::zone_words(zone)),
        reader: Some(reader),
    })
}

fn in_order(by: Option<ByWord>, mut rows: Rows) -> Rows {
    if let Some(by) = by {
        by.of_rules().sort(&mut rows);
    }
    rows
}

async fn from_office(
    named: &Named,
    offices: &Offices,
    by: Option<ByWord>,
) -> Result<Told, Failure> {
    let connection = source::dial(named, offices).await?;
    connection.tell_as_there().await;
    let broken_down = by.map_or(pb::TallyBy::Unspecified, ByWord::to_pb);
    let zone = time::clocks();
    let own_days = by.is_some_and(ByWord::is_of_days) && !zone::is_office_time(&zone);
    let request = connection.request(pb::GetTallyRequest {
        by: broken_down.into(),
    });
    let outcome = connection.ledger().get_tally(request).await;
    let answer = connection.answer("read the tally", outcome)?;
    let rows = answer.rows.iter();
    let rows = rows.map(|row| (row.key.clone(), row.tally.unwrap_or_default()));
    let (mut tally, mut rows) = (answer.tally.unwrap_or_default(), rows.collect());
    if let Some(by) = by.filter(|_| own_days) {
        (tally, rows) = counted_in(&zone, by, connection).await?;
    }
    Ok(Told {
        ledger: match named {
            Named::Office(place) => place.to_string(),
            Named::Address(address) => address.to_string(),
            Named::Directory(path) => path.display().to_string(),
        },
        tally,
        rows: in_order(by, rows),
        zone: own_days.then(|| time::zone_words(&zone)),
        reader: None,
    })
}

/// The counts by the days of `zone`. An office counts those at UTC+9, so its entries are counted here.
async fn counted_in(
    zone: &TimeZone,
    by: ByWord,
    office: Connection,
) -> Result<(pb::Tally, Rows), Failure> {
    let (mut teller, mut tally) = (Teller::in_zone(zone.clone()), Tally::default());
    let source = Source::Running(Box::new(office));
    let take = |entry| {
        let entry = Entry::from_pb(entry)
            .map_err(|fault| Failure::Failed(format!("failed to count the ledger: {fault}")))?;
        if let Some(count) = teller.tell(&entry).and_then(|told| told.applied.counted) {
            tally.add(count);
        }
        Ok(())
    };
    source.entries(Range::default(), take).await?;
    let rows = tally.by(|count| by.of_rules().key(count));
    let rows = rows
        .iter()
        .map(|(key, tally)| (key.clone(), protocol::tally_to_pb(tally)));
    Ok((protocol::tally_to_pb(&tally), rows.collect()))
}

/// One record of the ledgers of one pair, once they are found to agree.
fn one_record(mut ledgers: Vec<Told>) -> Result<Told, Failure> {
    let Some(other) = ledgers.pop() else {
        return Err(Failure::Usage("name a ledger".to_owned()));
    };
    let Some(mut one) = ledgers.pop() else {
        return Ok(other);
    };
    let differences = match (&one.reader, &other.reader) {
        (Some(one), Some(other)) => ledger::reconcile(one, other)?.differences,
        _ if one.tally == other.tally => Vec::new(),
        _ => vec![format!(
            "{} counts {} exchanges and {} calls, {} counts {} and {}",
            one.ledger,
            one.tally.exchanges,
            one.tally.calls,
            other.ledger,
            other.tally.exchanges,
            other.tally.calls
        )],
    };
    if let Some(first) = differences.first() {
        return Err(Failure::Disagreed(format!(
            "{} and {} are the two ledgers of one pair, and they differ: {first}\n  While the line is busy one \
             ledger may be ahead; count one of them, or run `liaison ledger reconcile` once it is quiet",
            one.ledger, other.ledger
        )));
    }
    one.ledger = format!("{} and {}", one.ledger, other.ledger);
    Ok(one)
}

impl ByWord {
    const fn of_rules(self) -> By {
        match self {
            Self::Day => By::Day,
            Self::Week => By::Week,
            Self::Kind => By::Kind,
            Self::Office => By::Office,
        }
    }

    const fn to_pb(self) -> pb::TallyBy {
        match self {
            Self::Day => pb::TallyBy::Day,
            Self::Week => pb::TallyBy::Week,
            Self::Kind => pb::TallyBy::Kind,
            Self::Office => pb::TallyBy::Office,
        }
    }

    const fn is_of_days(self) -> bool {
        matches!(self, Self::Day | Self::Week)
    }

    const fn heading(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week of",
            Self::Kind => "kind",
            Self::Office => "office",
        }
    }
}

fn render(told: &Told, by: Option<ByWord>, heading: bool, width: usize) -> String {
    let mut text = String::new();
    if heading {
        text.push_str(&styled(HEADING, &told.ledger));
        text.push('\n');
    }
    match by {
        None => text.push_str(&tally::lines(&told.tally)),
        Some(ByWord::Office) => {
            let called = |key: &str| key.parse().map_or_else(|_| key.to_owned(), labels::office);
            let rows = told.rows.iter();
            let rows: Rows = rows.map(|(key, tally)| (called(key), *tally)).collect();
            text.push_str(&tally::table("office", &rows, &told.tally, width));
        }
        Some(ByWord::Kind) => text.push_str(&tally::kinds(&told.rows, &told.tally, width)),
        Some(by) => {
            text.push_str(&tally::table(by.heading(), &told.rows, &told.tally, width));
            if let Some(zone) = told.zone.as_ref().filter(|_| by.is_of_days()) {
                let _ = writeln!(text, "{}", styled(FAINT, &format!("days at {zone}")));
            }
        }
    }
    text
}

fn to_json(told: &[Told], by: Option<ByWord>) -> Value {
    match told {
        [one] => tally_json(one, by),
        many => many
            .iter()
            .map(|told| json!({"ledger": told.ledger, "tally": tally_json(told, by)}))
            .collect(),
    }
}

fn tally_json(told: &Told, by: Option<ByWord>) -> Value {
    let mut tally = tally::to_json(&told.tally);
    if let Some(by) = by {
        let word = by
            .to_possible_value()
            .map(|value| value.get_name().to_owned());
        let rows = told.rows.iter();
        tally["by"] = json!(word);
        if let Some(zone) = told.zone.as_ref().filter(|_| by.is_of_days()) {
            tally["zone"] = json!(zone);
        }
        tally["rows"] = rows
            .map(|(key, tally)| json!({"key": key, "tally": tally::to_json(tally)}))
            .collect();
    }
    tally
}

#[cfg(test)]
mod tests {
    use office::{Count, Counted};

    use super::*;

    fn told(ledger: &str, documents: u64) -> Told {
        let mut tally = Tally::default();
        let day = "2018-09-14".parse().expect("a day");
        for _ in 0..documents {
            tally.add(Count {
                day,
                office: Place::South,
                what: Counted::Document,
            });
        }
        Told {
            ledger: ledger.to_owned(),
            tally: protocol::tally_to_pb(&tally),
            rows: Vec::new(),
            zone: None,
            reader: None,
        }
    }

    #[test]
    fn two_ledgers_of_one_pair_are_one_record() {
        let one = one_record(vec![told("south", 3), told("north", 3)]).expect("they agree");
        assert_eq!(one.tally.documents, 3);
        assert_eq!(one.ledger, "south and north");
    }

    #[test]
    fn two_ledgers_that_differ_are_never_added_up() {
        let error = one_record(vec![told("south", 3), told("north", 2)]).expect_err("they differ");
        assert_eq!(error.exit_code(), 99);
    }

    #[test]
    fn json_is_the_contract() {
        let value = to_json(&[told("south", 1)], None);
        let text = r#"{"contacts":{"total":0,"meetings":{"total":0,"government_officials":0,"working_level":0,
            "chiefs":0},"consultations":{"regular":0,"on_demand":0},"unspecified":0},"documents":1,"calls":0,
            "exchanges":1}"#;
        assert_eq!(
            value,
            serde_json::from_str::<Value>(text).expect("it is JSON")
        );
    }
}
