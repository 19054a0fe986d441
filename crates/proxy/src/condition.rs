//! What a proxy does to its connections right now. Pure: commands and schedules change it, connections watch it.

use std::fmt;

use crate::command::Command;
use crate::fate::Rules;
use crate::quantity::Odds;
use crate::way::{PerWay, Way};

/// The condition that a proxy is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    cut: PerWay<bool>,
    scheduled_cut: PerWay<bool>,
    half_open: bool,
    half_open_some: Option<Odds>,
    refusing: bool,
    rules: PerWay<Rules>,
    to: String,
    resets: u64,
}

impl Condition {
    /// Open, towards the service at `to`.
    pub(crate) fn open(to: String, rules: Rules, half_open_some: Option<Odds>) -> Self {
        Self {
            cut: PerWay::default(),
            scheduled_cut: PerWay::default(),
            half_open: false,
            half_open_some,
            refusing: false,
            rules: PerWay {
                up: rules,
                down: rules,
            },
            to,
            resets: 0,
        }
    }

    /// Does what a command says. Status and quit change nothing.
    pub(crate) fn apply(&mut self, command: &Command) {
        match command {
            Command::Cut(ways) => self.cut.set(*ways, |cut| *cut = true),
            Command::Restore => {
                self.cut = PerWay::default();
                self.scheduled_cut = PerWay::default();
                self.half_open = false;
                self.refusing = false;
            }
            Command::Delay(ways, delay) => self.rules.set(*ways, |rules| rules.delay = *delay),
            Command::Jitter(ways, jitter) => self.rules.set(*ways, |rules| rules.jitter = *jitter),
            Command::Trickle(ways, trickle) => {
                self.rules.set(*ways, |rules| rules.trickle = *trickle);
            }
            Command::ResetChunks(ways, odds) => self.rules.set(*ways, |rules| rules.reset = *odds),
            Command::ResetNow => self.resets += 1,
            Command::HalfOpen => self.half_open = true,
            Command::HalfOpenSome(odds) => self.half_open_some = *odds,
            Command::Refuse => self.refusing = true,
            Command::To(address) => self.to.clone_from(address),
            Command::Status | Command::Quit => {}
        }
    }

    /// A schedule cuts a way, or restores it. What a command has cut stays cut.
    pub(crate) fn apply_schedule(&mut self, way: Way, cut: bool) {
        self.scheduled_cut[way] = cut;
    }

    pub(crate) fn is_cut(&self, way: Way) -> bool {
        self.cut[way] || self.scheduled_cut[way]
    }

    /// Whether a connection can come about: that takes both ways.
    pub(crate) fn is_cut_at_all(&self) -> bool {
        Way::BOTH.into_iter().any(|way| self.is_cut(way))
    }

    pub(crate) fn is_half_open(&self) -> bool {
        self.half_open
    }

    pub(crate) fn half_open_some(&self) -> Option<Odds> {
        self.half_open_some
    }

    pub(crate) fn is_refusing(&self) -> bool {
        self.refusing
    }

    pub(crate) fn rules(&self, way: Way) -> &Rules {
        &self.rules[way]
    }

    pub(crate) fn to(&self) -> &str {
        &self.to
    }

    /// How often all connections have been reset by command.
    pub(crate) fn resets(&self) -> u64 {
        self.resets
    }
}

/// `up=open down=cut …`, for the answer to `status`.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for way in Way::BOTH {
            let state = if self.is_cut(way) { "cut" } else { "open" };
            write!(f, "{way}={state} ")?;
        }
        let yes_no = |flag| if flag { "yes" } else { "no" };
        write!(f, "half-open={} ", yes_no(self.half_open))?;
        if let Some(odds) = self.half_open_some {
            write!(f, "half-open-some={odds} ")?;
        }
        write!(f, "refusing={}", yes_no(self.refusing))?;
        for way in Way::BOTH {
            let rules = &self.rules[way];
            let jitter = rules.jitter.map(crate::quantity::write_duration);
            write_rule(f, "delay", way, rules.delay.as_ref())?;
            write_rule(f, "jitter", way, jitter.as_ref())?;
            write_rule(f, "reset", way, rules.reset.as_ref())?;
            write_rule(f, "trickle", way, rules.trickle.as_ref())?;
        }
        write!(f, " to={}", self.to)
    }
}

fn write_rule(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    way: Way,
    rule: Option<&impl fmt::Display>,
) -> fmt::Result {
    rule.map_or(Ok(()), |rule| write!(f, " {name}-{way}={rule}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &[&str]) -> Condition {
        let mut condition = Condition::open("127.0.0.1:1".to_owned(), Rules::default(), None);
        for line in lines {
            condition.apply(&line.parse().expect("a command"));
        }
        condition
    }

    #[test]
    fn restore_ends_cut_half_open_and_refuse_and_leaves_the_rules() {
        let condition = told(&["cut up", "half-open", "refuse", "delay down 5ms", "restore"]);
        let rest = "up=open down=open half-open=no refusing=no delay-down=5ms to=127.0.0.1:1";
        assert_eq!(condition.to_string(), rest);
    }

    #[test]
    fn a_cut_by_command_outlasts_a_scheduled_one() {
        let mut condition = told(&["cut up"]);
        condition.apply_schedule(Way::Up, true);
        condition.apply_schedule(Way::Up, false);
        assert!(condition.is_cut(Way::Up) && !condition.is_cut(Way::Down));
        assert!(condition.is_cut_at_all());
    }

    #[test]
    fn restore_ends_the_scheduled_cut_that_is_on() {
        let mut condition = told(&[]);
        condition.apply_schedule(Way::Down, true);
        condition.apply(&Command::Restore);
        assert!(!condition.is_cut_at_all());
    }
}
