//! A tap between a client and a service.

use std::io::Write as _;
use std::sync::Arc;

use command::failure::Failure;
use command::output::{Output, note};
use proxy::{Config, Proxy};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use transcript::Known;

use super::TapArgs;
use super::looking::{Looking, Watching};
use crate::flags::LookingOn;
use crate::schemas::{self, SchemaArgs};
use crate::secrets::Redactions;

pub(super) fn run(args: &TapArgs, output: Output) -> Result<(), Failure> {
    let to = args.to.clone().unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("failed to start: {error}")))?;
    let ends = args.tls.ends(&to)?;
    let tls = args.tls.towards_service();
    runtime.block_on(async {
        let asked = || schemas::asked(&to, tls.as_ref());
        let known = known(&args.looking, &args.schema, &asked).await?;
        let config = Config {
            listen: args.listen.clone(),
            insecure_bind: args.insecure_bind,
            ..Config::to(to.clone())
        };
        let failed = |error: proxy::ProxyError| Failure::Failed(error.to_string());
        let (proxy, control) = Proxy::bind(&config).await.map_err(failed)?;
        let looking = Looking::begin(&args.looking, known, output)?;
        listening(&proxy.address().to_string(), output)?;
        let asking = ask_beside(
            &args.looking,
            &args.schema,
            looking.watching(),
            to.clone(),
            tls.clone(),
        );
        let mut proxy = proxy.looked_on_by(Arc::new(looking.watching()));
        if let Some(ends) = ends {
            proxy = proxy.between(ends);
        }
        proxy.run(asked_to_stop()?).await;
        asking.abort();
        let _ = asking.await;
        drop(control);
        looking.end()
    })
}

/// What is known before anything is looked at. Where fields to be blanked are named, the target's schema has to be.
pub(crate) async fn known<F>(
    looking: &LookingOn,
    schema: &SchemaArgs,
    asked: &dyn Fn() -> F,
) -> Result<Known, Failure>
where
    F: Future<Output = Result<template::Schema, String>>,
{
    let mut known = schema.known()?;
    let redactions = Redactions::of(&looking.redact).map_err(Failure::Usage)?;
    if redactions.needs_names() && !schema.is_given() {
        let schema = asked().await.map_err(|why| {
            Failure::Failed(format!(
                "--redact names fields, and which these are is not known: {why}; give --proto or --descriptor-set, or the \
                 numbers of the fields, such as 1.3"
            ))
        })?;
        known.add(schema);
    }
    Ok(known)
}

/// Asks the target for its schema while calls pass already.
fn ask_beside(
    looking: &LookingOn,
    schema: &SchemaArgs,
    watching: Watching,
    to: String,
    tls: Option<load::transport::Tls>,
) -> tokio::task::JoinHandle<()> {
    let redactions = Redactions::of(&looking.redact).unwrap_or_default();
    let is_asked = !schema.is_given() && !redactions.needs_names();
    tokio::spawn(async move {
        if !is_asked {
            return;
        }
        // What it takes is not sent between threads.
        let asked = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = runtime.map_err(|error| error.to_string())?;
            runtime.block_on(schemas::asked(&to, tls.as_ref()))
        });
        match asked.await {
            Ok(Ok(schema)) => watching.know(schema),
            Ok(Err(why)) => note(&format!(
                "the service does not say what its messages are ({why}): their fields have numbers; --proto or \
                 --descriptor-set give them names"
            )),
            Err(_) => {}
        }
    })
}

/// Says where it listens.
fn listening(address: &str, output: Output) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let line = if output.is_json() {
        json!({"event": "listening", "address": address}).to_string()
    } else {
        format!("listening {address}")
    };
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(Failure::Output)
}

fn asked_to_stop() -> Result<impl Future<Output = ()>, Failure> {
    let failed =
        |error: std::io::Error| Failure::Failed(format!("failed to wait for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
