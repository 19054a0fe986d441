//! `liaison load --schedule tap:FILE`: what was recorded, made again.

mod arguments;
mod told;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use load::Remaking;
use load::transport::Endpoint;
use remake::{Correlate, Ignored, Script, Taking};
use replay::Speed;
use tap::{Bounds, Call, Calls, Passing, Told};
use transcript::{FieldName, Known};
use words::figures;

pub(crate) use arguments::RemakeArgs;

use self::told::Telling;
use super::arguments::RunArgs;
use super::plan;
use command::failure::Failure;
use command::output::note;
use command::progress::Progress;
use command::settings::Settings;
use command::system;

/// Bytes of messages kept of one call; a longer one cannot be made again.
const CALL_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of messages kept of all calls.
const ALL_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// How long a call may take beyond what it took, where neither it nor --deadline says.
const DEADLINE: Duration = Duration::from_secs(30);

/// Makes the calls of `file` again.
pub(super) async fn run(args: &RunArgs, file: &str, settings: &Settings) -> Result<(), Failure> {
    args.check_recording()?;
    let again = &args.remade;
    let path = PathBuf::from(file);
    let recorded = Recorded::read(&path)?;
    let metadata = plan::metadata(args)?;
    let metadata = metadata
        .into_iter()
        .map(|(name, value)| (name, value.into_bytes()));
    let taking = Taking {
        known: known(args).await?,
        metadata: metadata.collect(),
        only: again.only.clone(),
    };
    let mut script = Script::default();
    for call in &recorded.calls {
        let server = recorded.servers.get(&call.connection);
        let server = server.map(ToString::to_string);
        script.take(call, server.as_deref(), &taking);
    }
    script.settle();
    let endpoints = sent_to(args, &mut script)?;
    if script.calls.is_empty() {
        let found = figures::count(recorded.calls.len() as u64, "call", "calls");
        return Err(Failure::Failed(format!(
            "{file} has {found}, and none that can be made again{}",
            told::why_left_out(&script)
        )));
    }
    again.check_names(&script)?;
    script.correlate(&again.correlate()?);
    if !script.blanked.is_empty() {
        note(&format!(
            "blanked in the recording, and left out: {}; -H 'NAME: VALUE' gives it back",
            script.blanked.join(", ")
        ));
    }
    let remaking = Remaking {
        endpoints,
        speed: args.speed.unwrap_or(Speed::Times(1.0)),
        rekeyed: again.rekey.clone(),
        deadline: args.deadline.unwrap_or(DEADLINE),
        message_bytes_max: args.message_max,
        keeps_answers: again.compare,
        drawn: system::fresh_bytes,
    };
    let script = Rc::new(script);
    let progress = RefCell::new(Progress::start());
    let all = figures::count(script.calls.len() as u64, "call", "calls");
    let speed = remaking.speed;
    let play = remaking.play(Rc::clone(&script), move |done| {
        let told = || format!("{} of {all} made again", figures::thousands(done));
        progress.borrow_mut().tell(told);
    });
    let remade = tokio::select! {
        remade = play => remade,
        _ = tokio::signal::ctrl_c() => return Err(Failure::Interrupted),
    };
    let ignored = Ignored(again.ignore.clone());
    Telling::new(
        &path,
        &script,
        &remade,
        speed,
        again.compare.then_some(&ignored),
    )
    .tell(settings.output)
}

/// What a recording holds.
struct Recorded {
    calls: Vec<Call>,
    /// Where each connection led.
    servers: BTreeMap<u64, SocketAddr>,
}

impl Recorded {
    fn read(path: &Path) -> Result<Self, Failure> {
        let mut calls = Calls::new(Some(CALL_BYTES_MAX));
        let (mut over, mut servers, mut bytes) = (Vec::new(), BTreeMap::new(), 0_u64);
        wire::read_recording(path, Bounds::default(), |told| {
            let ended = match told {
                Told::Passed(passed) => {
                    if let Passing::Opened(_, server) = passed.what {
                        servers.insert(passed.connection, server);
                    }
                    Vec::new()
                }
                Told::Event(connection, event) => {
                    calls.take(connection, &event).ended.into_iter().collect()
                }
                Told::Over(connection, at) => calls.close(connection, at),
            };
            for call in ended {
                bytes += call.counts.iter().map(|(_, bytes)| bytes).sum::<u64>();
                over.push(*call);
            }
            if bytes > ALL_BYTES_MAX {
                return Err(Failure::Failed(format!(
                    "{} holds more than {} of messages, and all of a recording is kept while it is made again: record less \
                     at a time",
                    path.display(),
                    figures::bytes(ALL_BYTES_MAX)
                )));
            }
            Ok(())
        })?;
        over.extend(calls.left().into_iter().map(|call| *call));
        Ok(Self {
            calls: over,
            servers,
        })
    }
}

/// What the messages are: as files declare it, or as the targets tell it.
async fn known(args: &RunArgs) -> Result<Known, Failure> {
    let mut known = Known::default();
    if let Some(schema) = plan::declared(args)? {
        known.add(schema);
    } else {
        let redirected = args.remade.redirect.iter().map(|to| &to.target);
        for target in args.target.iter().chain(redirected) {
            match wire::asked(target.written(), plan::tls(args).as_ref()).await {
                Ok(schema) => known.add(schema),
                Err(why) => note(&format!(
                    "{target} does not say what its messages are ({why}): their fields have numbers; --proto or \
                     --descriptor-set give them names"
                )),
            }
        }
    }
    known.add(load::schema::of_offices());
    Ok(known)
}

/// Where each call goes; those that go nowhere are left out.
fn sent_to(args: &RunArgs, script: &mut Script) -> Result<Vec<Endpoint>, Failure> {
    let again = &args.remade;
    if args.target.is_none() && again.redirect.is_empty() {
        return Err(Failure::Usage(
            "where to? give --target HOST:PORT, or --redirect RECORDED=TARGET for each server of the recording".to_owned(),
        ));
    }
    let default = args
        .target
        .as_ref()
        .map(|target| plan::endpoint(args, target));
    let default = default.transpose()?;
    let mut redirected = BTreeMap::new();
    for redirect in &again.redirect {
        let endpoint = plan::endpoint(args, &redirect.target)?;
        redirected.insert(redirect.recorded.clone(), endpoint);
    }
    let servers: Vec<String> = script
        .calls
        .iter()
        .filter_map(|call| call.server.clone())
        .collect();
    if let Some(unknown) = redirected.keys().find(|it| !servers.contains(it)) {
        let mut servers = servers.clone();
        servers.sort();
        servers.dedup();
        return Err(Failure::Usage(format!(
            "no connection of the recording led to {unknown}; they led to {}",
            servers.join(", ")
        )));
    }
    let mut endpoints = Vec::new();
    let calls = std::mem::take(&mut script.calls);
    for call in calls {
        let of_it = call
            .server
            .as_ref()
            .and_then(|server| redirected.get(server));
        match of_it.or(default.as_ref()) {
            Some(endpoint) => {
                endpoints.push(endpoint.clone());
                script.calls.push(call);
            }
            None => script.left_out.push(remake::LeftOut {
                number: call.number,
                path: Some(call.path),
                why: "its server has no target".to_owned(),
            }),
        }
    }
    Ok(endpoints)
}

impl RemakeArgs {
    /// # Errors
    /// A field is named that no message of the recording has: nothing would be done to it, without a word.
    fn check_names(&self, script: &Script) -> Result<(), Failure> {
        let sent = |field: &FieldName| match field {
            FieldName::Metadata(name) => {
                let mut all = script.calls.iter().flat_map(|call| &call.metadata);
                all.any(|(of, _)| of == name)
            }
            field @ FieldName::Field(_) => {
                let mut all = script.calls.iter();
                all.any(|call| field.numbers(call.input.as_ref()).is_some())
            }
        };
        let answered = |field: &FieldName| {
            let mut all = script.calls.iter();
            all.any(|call| field.numbers(call.output.as_ref()).is_some())
        };
        if let Some(rekey) = self.rekey.iter().find(|rekey| !sent(&rekey.field)) {
            let text = format!(
                "--rekey {}: no request of the recording has such a field",
                rekey.field
            );
            return Err(Failure::Usage(text));
        }
        if let Some(field) = self.ignore.iter().find(|field| !answered(field)) {
            let text = format!("--ignore {field}: no answer of the recording has such a field");
            return Err(Failure::Usage(text));
        }
        if let Correlate::Fields(fields) = self.correlate()?
            && let Some(field) = fields.iter().find(|field| !answered(field))
        {
            let text = format!("--correlate {field}: no answer of the recording has such a field");
            return Err(Failure::Usage(text));
        }
        Ok(())
    }

    fn correlate(&self) -> Result<Correlate, Failure> {
        let mut fields = Vec::new();
        for written in &self.correlate {
            if written == "auto" {
                return Ok(Correlate::Auto);
            }
            let field = written.parse();
            fields.push(field.map_err(|error| Failure::Usage(format!("--correlate {error}")))?);
        }
        Ok(if fields.is_empty() {
            Correlate::Nothing
        } else {
            Correlate::Fields(fields)
        })
    }
}
