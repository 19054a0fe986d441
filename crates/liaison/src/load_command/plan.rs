//! What is called: a plan that is shipped, a file, or one method.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use load::schema::{SourceError, Wanted};
use load::transport::{Endpoint, FaultyTarget, Target, Tls};
use load::{Plan, Single, schema};
use office::Place;
use template::{Csv, Schema};
use words::Refused;

use super::arguments::RunArgs;
use command::connect::Offices;
use command::failure::Failure;
use command::settings::Settings;

/// What is called, and where.
pub(super) struct Meant {
    pub(super) plan: Arc<Plan>,
    /// South and North, or the one target.
    pub(super) targets: Vec<Endpoint>,
    /// The pair, if it is one.
    pub(super) offices: Option<Offices>,
}

/// Finds out what the arguments mean; asks the target for its methods where nothing else tells them.
pub(super) async fn meant(args: &RunArgs, settings: &Settings) -> Result<Meant, Failure> {
    let plan = match (&args.plan, &args.call) {
        (_, Some(call)) => single(args, call).await?,
        (Some(name), None) => named(args, name).await?,
        (None, None) => {
            let text = "name a plan, such as kaesong-2018, or a method by --target and --call";
            return Err(Failure::Usage(text.to_owned()));
        }
    };
    let mut plan = plan;
    for (name, text) in metadata(args)? {
        plan.add_metadata(&name, &text)
            .map_err(|error| Failure::Usage(format!("-H: {error}")))?;
    }
    let plan = Arc::new(plan);
    if !plan.is_for_offices {
        let target = args.target.as_ref().ok_or_else(|| {
            Failure::Usage(format!(
                "the plan {} does not say at which office each step is (at = \"sender\", …), so it needs a --target",
                plan.name
            ))
        })?;
        let endpoint = endpoint(args, target)?;
        return Ok(Meant {
            plan,
            targets: vec![endpoint],
            offices: None,
        });
    }
    if let Some(target) = &args.target {
        return Err(Failure::Usage(format!(
            "the plan {} is for a pair of offices: give --south and --north in place of --target {}",
            plan.name,
            target.written()
        )));
    }
    let offices = settings.offices(&args.offices)?;
    let mut targets = Vec::new();
    for place in Place::BOTH {
        let address = offices.addresses[place].to_string();
        let target: Target = address
            .parse()
            .map_err(|error: FaultyTarget| Failure::Usage(error.to_string()))?;
        let may = offices.manner.may_dial(&address, place).await;
        may.map_err(|error| Failure::Usage(error.to_string()))?;
        let identity = offices.manner.identities[place].as_ref();
        let office = Endpoint::of_office(target, place, identity);
        targets.push(office.map_err(|error| Failure::Usage(error.to_string()))?);
    }
    Ok(Meant {
        plan,
        targets,
        offices: Some(offices),
    })
}

pub(super) fn endpoint(args: &RunArgs, target: &Target) -> Result<Endpoint, Failure> {
    if args.offices.names_identity() {
        return Err(Failure::Usage(
            "--identity is for the offices; to --target TLS is spoken with --tls, and an office's is such a target with --ca \
             trust.pem --cert FILE --key FILE, where both are the file of `liaison pki`"
                .to_owned(),
        ));
    }
    let tls = tls(args);
    Endpoint::new(target.clone(), args.authority.clone(), tls.as_ref())
        .map_err(|error| Failure::Usage(error.to_string()))
}

/// What -H says: keys, in lower case as they are sent, and texts.
pub(super) fn metadata(args: &RunArgs) -> Result<Vec<(String, String)>, Failure> {
    let each = args.metadata.iter().map(|text| {
        let split = text
            .split_once(':')
            .filter(|(name, _)| !name.trim().is_empty());
        let (name, value) = split.ok_or_else(|| {
            Failure::Usage(format!("{text:?} is no metadata; write it as 'key: value'"))
        })?;
        Ok((name.trim().to_lowercase(), value.trim().to_owned()))
    });
    each.collect()
}

pub(super) fn tls(args: &RunArgs) -> Option<Tls> {
    args.tls.then(|| Tls {
        ca: args.ca.clone(),
        server_name: args.server_name.clone(),
        identity: args.cert.clone().zip(args.key.clone()),
    })
}

async fn named(args: &RunArgs, name: &str) -> Result<Plan, Failure> {
    let shipped = load::shipped().iter().find(|(shipped, _)| *shipped == name);
    let path = Path::new(name);
    let (label, text) = match shipped {
        Some((label, text)) => ((*label).to_owned() + ".toml", (*text).to_owned()),
        None => (
            name.to_owned(),
            read(path, "the plan").map_err(|failure| no_plan(name, failure))?,
        ),
    };
    let schema = match declared(args)? {
        Some(schema) => schema,
        None if args.target.is_some() && shipped.is_none() => {
            reflected(args, &Plan::calls(&text), types_in(&text)).await?
        }
        None => schema::of_offices(),
    };
    let beside = path.parent().unwrap_or(Path::new("")).to_owned();
    let files = |file: &str| std::fs::read_to_string(beside.join(file)).map(without_mark);
    Plan::parse(&label, &text, &schema, &files).map_err(|error| Failure::Failed(error.to_string()))
}

fn no_plan(name: &str, failure: Failure) -> Failure {
    if Path::new(name).exists() || name.contains(['/', '.']) {
        return failure;
    }
    let shipped: Vec<_> = load::shipped().iter().map(|(name, _)| *name).collect();
    let hint = if scenario::shipped_text(name).is_some() {
        format!("; {name} is a scenario: its rhythm is --schedule scenario:{name}")
    } else {
        String::new()
    };
    Failure::Usage(format!(
        "there is no plan {name:?}; those that are shipped are {}, or name a TOML file{hint}",
        shipped.join(", ")
    ))
}

async fn single(args: &RunArgs, call: &str) -> Result<Plan, Failure> {
    let data = match &args.data {
        None => "{}".to_owned(),
        Some(text) => match text.strip_prefix('@') {
            Some("-") => from_stdin()?,
            Some(path) => read(Path::new(path), "--data")?,
            None => text.clone(),
        },
    };
    let schema = match declared(args)? {
        Some(schema) => schema,
        None => reflected(args, &[call.to_owned()], types_in(&data)).await?,
    };
    let method = schema
        .method(call)
        .map_err(|error| Failure::Failed(error.to_string()))?;
    let data = serde_json::from_str(&data)
        .map_err(|error| Failure::Failed(format!("--data is no JSON: {error}")))?;
    let csv = match &args.csv {
        None => None,
        Some(path) => {
            let csv = Csv::parse(&read(path, "--csv")?).map_err(|mistake| {
                Failure::Failed(format!(
                    "--csv {}: {}; {}",
                    path.display(),
                    mistake.message,
                    mistake.remedy
                ))
            })?;
            Some(Arc::new(csv))
        }
    };
    let single = Single {
        messages: args.messages,
        stream_for: args.stream_for,
        every: args.every.unwrap_or_default(),
        csv,
        ..Single::default()
    };
    Plan::single(method, &data, single).map_err(|error| Failure::Failed(error.to_string()))
}

/// The methods as files declare them.
pub(super) fn declared(args: &RunArgs) -> Result<Option<Schema>, Failure> {
    if let Some(path) = &args.descriptor_set {
        let bytes = std::fs::read(path).map_err(|error| {
            Failure::Failed(format!("failed to read {}: {error}", path.display()))
        })?;
        let name = path.display().to_string();
        return Schema::of_descriptor_set(&name, &bytes)
            .map(Some)
            .map_err(|error| Failure::Failed(error.to_string()));
    }
    if args.proto.is_empty() {
        return Ok(None);
    }
    schema::of_protos(&args.proto, &args.import_path)
        .map(Some)
        .map_err(|error| Failure::Failed(error.to_string()))
}

/// The methods as the target tells them.
async fn reflected(
    args: &RunArgs,
    calls: &[String],
    types: Vec<String>,
) -> Result<Schema, Failure> {
    let Some(target) = &args.target else {
        return Err(Failure::Usage("--call needs a --target".to_owned()));
    };
    let symbols = calls.iter().map(|call| {
        let call = call.trim_start_matches('/');
        call.split('/').next().unwrap_or(call).to_owned()
    });
    let mut wanted = Wanted {
        symbols: symbols.collect(),
        types,
        metadata: Vec::new(),
    };
    for (name, text) in metadata(args)? {
        // What changes from call to call is no answer to who is asking.
        if let (Ok(name), Ok(value)) = (name.parse(), text.parse())
            && !text.contains("{{")
        {
            wanted.metadata.push((name, value));
        }
    }
    let asked = schema::by_reflection(endpoint(args, target)?, &wanted).await;
    asked.map_err(|error| match error {
        SourceError::Unreachable { message } => {
            let named = format!("the target ({target})");
            Failure::Refused(Box::new(Refused::unreachable_target(&named, message)))
        }
        other => Failure::Failed(other.to_string()),
    })
}

/// The messages that `text` names where only a name tells what they are: of each `Any`.
fn types_in(text: &str) -> Vec<String> {
    let named = text
        .split("type.googleapis.com/")
        .skip(1)
        .filter_map(|rest| {
            let is_of_name =
                |letter: char| letter.is_alphanumeric() || letter == '.' || letter == '_';
            let end = rest
                .find(|letter| !is_of_name(letter))
                .unwrap_or(rest.len());
            let name = rest[..end].to_owned();
            (!name.is_empty() && !name.starts_with("google.protobuf.")).then_some(name)
        });
    named.collect::<BTreeSet<_>>().into_iter().collect()
}

fn from_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().lock().read_to_string(&mut text);
    read.map_err(|error| Failure::Failed(format!("failed to read --data from stdin: {error}")))?;
    Ok(without_mark(text))
}

/// Some editors begin a file with a mark of the order of its bytes.
fn without_mark(text: String) -> String {
    match text.strip_prefix('\u{feff}') {
        Some(bare) => bare.to_owned(),
        None => text,
    }
}

fn read(path: &Path, what: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map(without_mark)
        .map_err(|error| {
            Failure::Failed(format!("failed to read {what} {}: {error}", path.display()))
        })
}
