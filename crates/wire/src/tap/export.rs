//! `liaison tap export`: a recording as pcapng, whoever recorded it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use command::failure::Failure;
use command::file_out::FileOut;
use command::output::note;
use command::settings::Settings;
use tap::{Blanking, Bounds, Passed, Passing, Recorder, Synthesis, Told};
use words::figures;

use super::show;
use crate::schemas::SchemaArgs;
use crate::secrets::Redactions;

const EXAMPLES: &str = "\
Examples:
  liaison tap export capture.pcap calls.pcapng
  liaison tap export grpcgo_binarylog.txt calls.pcapng
  liaison tap export calls.pcapng shared.pcapng --redact document.body

What `liaison tap --record` writes is pcapng already. Of a binary log, which has messages alone, frames of HTTP/2 are \
made up around them. authorization, proxy-authorization, cookie and set-cookie are blanked here as everywhere.";

/// Write a recording as pcapng
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ExportArgs {
    /// The recording
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Where to
    #[arg(value_name = "OUT")]
    out: PathBuf,

    /// Blank a field, such as document.body, 3.1, or metadata.x-api-key; may be repeated
    #[arg(long, value_name = "PATH")]
    redact: Vec<String>,

    /// Write over a file that is there
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    schema: SchemaArgs,
}

impl ExportArgs {
    pub(super) fn run(self, _: &Settings) -> Result<(), Failure> {
        use std::io::Write as _;

        let mut redactions = Redactions::of(&self.redact).map_err(Failure::Usage)?;
        redactions.know(&self.schema.known()?);
        let failed = |error: std::io::Error| {
            Failure::Failed(format!("failed to write {}: {error}", self.out.display()))
        };
        // When it began is known once it is read.
        let began = show::read_recording(&self.file, Bounds::default(), |_| Ok(()))?.began();
        let (out, mut file) = FileOut::begin(&self.out, self.force).map_err(failed)?;
        let mut recorder = Recorder::new(began.unwrap_or_default());
        let (mut blanking, mut bytes, mut count) = (Blanking::default(), Vec::new(), 0_u64);
        let mut synthesis = Synthesis::default();
        let mut is_capture = false;
        let mut record = |passed: Passed<'_>| {
            blanking.take(passed, &redactions, |passed| {
                recorder.take(passed, &mut bytes);
            });
            count += bytes.len() as u64;
            let written = file.write_all(&bytes);
            bytes.clear();
            written.map_err(failed)
        };
        show::read_recording(&self.file, Bounds::default(), |told| match told {
            Told::Passed(passed) => {
                is_capture = true;
                record(passed)
            }
            Told::Event(..) | Told::Over(..) if is_capture => Ok(()),
            Told::Over(..) => Ok(()),
            Told::Event(connection, event) => {
                let mut said = Vec::new();
                let begins = synthesis.take(connection, &event, &mut said);
                let pass = |what| Passed {
                    connection,
                    at: event.at,
                    what,
                };
                if begins {
                    let port = 1_024 + u16::try_from(connection % 60_000).unwrap_or_default();
                    let client = SocketAddr::from(([127, 0, 0, 1], port));
                    let server = SocketAddr::from(([127, 0, 0, 2], 443));
                    record(pass(Passing::Opened(client, server)))?;
                }
                for (from, bytes) in &said {
                    record(pass(Passing::Bytes(*from, bytes)))?;
                }
                Ok(())
            }
        })?;
        drop(file);
        out.settle().map_err(failed)?;
        note(&format!(
            "wrote {} to {}",
            figures::bytes(count),
            self.out.display()
        ));
        Ok(())
    }
}
