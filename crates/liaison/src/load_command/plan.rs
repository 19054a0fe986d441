//! What is called: a plan that is shipped, a file, or one method.

use std::path::Path;
use std::sync::Arc;

use http::uri::Authority;
use load::transport::{Endpoint, Tls};
use load::{Plan, Single, schema};
use office::Place;
use template::{Csv, Schema};

use super::arguments::RunArgs;
use command::connect::{Address, Offices};
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
    let plan = Arc::new(plan);
    if !plan.is_for_offices {
        let target = args.target.as_ref().ok_or_else(|| {
            Failure::Usage(format!(
                "the plan {} does not say at which office each step is (at = \"sender\", …), so it needs a --target",
                plan.name
            ))
        })?;
        let endpoint = endpoint(target, tls(args))?;
        return Ok(Meant {
            plan,
            targets: vec![endpoint],
            offices: None,
        });
    }
    if let Some(target) = &args.target {
        return Err(Failure::Usage(format!(
            "the plan {} is for a pair of offices: give --south and --north in place of --target {target}",
            plan.name
        )));
    }
    let offices = settings.offices(&args.offices)?;
    let mut targets = Vec::new();
    for place in Place::BOTH {
        targets.push(endpoint(&offices.addresses[place], None)?);
    }
    Ok(Meant {
        plan,
        targets,
        offices: Some(offices),
    })
}

fn endpoint(address: &Address, tls: Option<Tls>) -> Result<Endpoint, Failure> {
    let authority: Authority = address
        .to_string()
        .parse()
        .map_err(|error| Failure::Usage(format!("{address} is not an address: {error}")))?;
    Endpoint::new(authority, tls.as_ref()).map_err(|error| Failure::Usage(error.to_string()))
}

fn tls(args: &RunArgs) -> Option<Tls> {
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
            reflected(args, &Plan::calls(&text)).await?
        }
        None => schema::of_offices(),
    };
    let beside = path.parent().unwrap_or(Path::new("")).to_owned();
    let files = |file: &str| std::fs::read_to_string(beside.join(file));
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
    let schema = match declared(args)? {
        Some(schema) => schema,
        None => reflected(args, &[call.to_owned()]).await?,
    };
    let method = schema
        .method(call)
        .map_err(|error| Failure::Failed(error.to_string()))?;
    let data = match &args.data {
        None => "{}".to_owned(),
        Some(text) => match text.strip_prefix('@') {
            Some(path) => read(Path::new(path), "--data")?,
            None => text.clone(),
        },
    };
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
        messages: args.messages.unwrap_or(1),
        every: args.every.unwrap_or_default(),
        csv,
        ..Single::default()
    };
    Plan::single(method, &data, single).map_err(|error| Failure::Failed(error.to_string()))
}

/// The methods as files declare them.
fn declared(args: &RunArgs) -> Result<Option<Schema>, Failure> {
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
async fn reflected(args: &RunArgs, calls: &[String]) -> Result<Schema, Failure> {
    let Some(target) = &args.target else {
        return Err(Failure::Usage("--call needs a --target".to_owned()));
    };
    if args.tls {
        return Err(Failure::Usage(
            "over TLS the methods are not asked for: give --proto or --descriptor-set".to_owned(),
        ));
    }
    let timeout = std::time::Duration::from_secs(10);
    let connection =
        command::connect::dial(format!("the target ({target})"), target, timeout).await?;
    let symbols: Vec<_> = calls
        .iter()
        .map(|call| {
            call.trim_start_matches('/')
                .split('/')
                .next()
                .unwrap_or(call)
                .to_owned()
        })
        .collect();
    schema::by_reflection(connection.channel(), &symbols)
        .await
        .map_err(|error| Failure::Failed(error.to_string()))
}

fn read(path: &Path, what: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::Failed(format!("failed to read {what} {}: {error}", path.display()))
    })
}
