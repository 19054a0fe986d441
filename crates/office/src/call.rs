//! Opening and closing calls, and what each office states of the telephone line.
//!
//! This telephone line is traffic. The transport underneath is [`crate::line`].

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::place::{PerPlace, Place};
use crate::refusal::Refusal;
use crate::step::StepKind;

/// Opening or closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallKind {
    /// At the start of office hours.
    Opening,
    /// At their end.
    Closing,
}

/// A call on the telephone line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Opening or closing.
    pub kind: CallKind,
    /// The day it opens or closes.
    pub day: Date,
    /// A missed call is a fact worth recording; it opens and closes nothing.
    pub answered: bool,
}

/// What an office declares of the telephone line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineDeclaration {
    /// Cut.
    Cut,
    /// Restored.
    Restored,
}

/// What an office last stated of the telephone line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Statement {
    /// Nothing yet, or a call was answered since.
    #[default]
    Nothing,
    /// Its last call was not answered.
    Unanswered,
    /// It declared the line cut.
    Cut,
    /// It declared the line restored.
    Restored,
}

/// Whether a day has been opened and closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DayState {
    /// An opening call stands.
    Open,
    /// A closing call stands.
    Closed,
}

/// The calls of both offices, folded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    days: BTreeMap<Date, DayState>,
    statements: PerPlace<Statement>,
}

impl Calls {
    /// Whether `day` is open or closed; `None` before its opening call.
    pub fn day(&self, day: Date) -> Option<DayState> {
        self.days.get(&day).copied()
    }

    /// What `place` last stated.
    pub fn statement(&self, place: Place) -> Statement {
        self.statements[place]
    }

    /// The line is cut while either office says so.
    pub fn is_cut(&self) -> bool {
        Place::BOTH
            .iter()
            .any(|place| self.statements[*place] == Statement::Cut)
    }

    pub(crate) fn check_declaration(
        &self,
        place: Place,
        declaration: LineDeclaration,
    ) -> Result<(), Refusal> {
        let allowed = match (self.statements[place], declaration) {
            (Statement::Cut, LineDeclaration::Restored) => return Ok(()),
            (Statement::Cut, LineDeclaration::Cut) => "declare it restored",
            (_, LineDeclaration::Cut) => return Ok(()),
            (_, LineDeclaration::Restored) => "declare it cut",
        };
        Err(Refusal::IllegalStep {
            subject: format!("the telephone line as the {place} office states it"),
            state: format!("{:?}", self.statements[place]).to_lowercase(),
            step: StepKind::LineDeclared,
            allowed: allowed.to_owned(),
        })
    }

    pub(crate) fn call(&mut self, place: Place, call: &Call) {
        if !call.answered {
            if self.statements[place] != Statement::Cut {
                self.statements[place] = Statement::Unanswered;
            }
            return;
        }
        if self.statements[place] == Statement::Unanswered {
            self.statements[place] = Statement::Nothing;
        }
        let stands = match call.kind {
            CallKind::Opening => DayState::Open,
            CallKind::Closing => DayState::Closed,
        };
        let day = self.days.entry(call.day).or_insert(stands);
        // CLOSED stands over OPEN, in whichever order the two ledgers hold the calls.
        *day = (*day).max(stands);
    }

    pub(crate) fn declare(&mut self, place: Place, declaration: LineDeclaration) {
        self.statements[place] = match declaration {
            LineDeclaration::Cut => Statement::Cut,
            LineDeclaration::Restored => Statement::Restored,
        };
    }
}
