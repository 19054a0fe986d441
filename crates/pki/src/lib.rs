//! `liaison pki`: who the offices and their people are.
//!
//! **The decision.** The commands do what [`identity::Directory`] does, one each; what is printed says what to do next.
//!
//! **The invariant.** No key is printed to a terminal, but in a bundle that is asked for.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use command::failure::Failure;
use command::flags::OfficeWord;
use command::output::Output;
use command::settings::Settings;
use command::system::now;
use identity::{Addresses, Directory, Holder, IdentityError, Issued, LIFE_DAYS};
use jiff::Timestamp;
use office::authority::Role;
use serde_json::json;
use words::table::Table;

const EXAMPLES: &str = "\
`liaison up`, `south` and `north` make what they need on one machine by themselves. For a second machine:

Examples:
  liaison pki issue north server --dns north.example --ip 192.0.2.7
  liaison pki bundle north server --out north.pem    (carry it there: north --identity north.pem --listen 192.0.2.7:50052)
  liaison pki issue south officer kim
  liaison send --identity liaison-data/identities/south-officer-kim.pem --subject Notice --text 'The river rises.'
  liaison pki show
  liaison pki revoke south officer kim               (offices on this machine take it up at once)
  liaison pki bundle --trust --out trust.pem         (lay it beside north.pem on the other machine: it lists the revoked)
  liaison pki renew

Roles: server (the office itself), officer (everything), clerk (sends, calls, reads), observer (reads), controller \
(reads at both offices, declares the telephone cut or restored).";

/// Issue, show, renew and revoke identities, and carry them to another machine
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PkiArgs {
    /// Where the identities of the pair are
    #[arg(
        long,
        global = true,
        env = "LIAISON_IDENTITIES",
        value_name = "DIR",
        default_value = "liaison-data/identities",
        hide_env_values = true
    )]
    identities: PathBuf,

    #[command(subcommand)]
    command: PkiCommand,
}

#[derive(Debug, Subcommand)]
enum PkiCommand {
    /// Make an authority, where there is none
    #[command(after_help = "Example:\n  liaison pki init --domain river.example")]
    Init {
        /// What both offices and their people have in common [default: drawn]
        #[arg(long)]
        domain: Option<String>,
    },
    /// Issue a certificate, in place of one that they may have
    #[command(
        after_help = "Examples:\n  liaison pki issue south officer kim\n  liaison pki issue north server --dns north.example --ip 192.0.2.7"
    )]
    Issue {
        #[command(flatten)]
        holder: HolderArgs,
        /// A name by which a server is reached; may be repeated
        #[arg(long, value_name = "NAME")]
        dns: Vec<String>,
        /// An address at which a server is reached; may be repeated
        #[arg(long, value_name = "ADDRESS")]
        ip: Vec<IpAddr>,
        /// How long it holds
        #[arg(long, default_value_t = LIFE_DAYS, value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: u32,
    },
    /// List what was issued, and how it stands
    #[command(after_help = "Examples:\n  liaison pki show\n  liaison pki show --output json")]
    Show,
    /// Issue anew what ends within 30 days, and the list of the revoked
    #[command(after_help = "Examples:\n  liaison pki renew\n  liaison pki renew --all --days 30")]
    Renew {
        /// All that holds, not only what ends soon
        #[arg(long)]
        all: bool,
        /// How long it holds
        #[arg(long, default_value_t = LIFE_DAYS, value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: u32,
    },
    /// Revoke what somebody has: from here on they are refused
    #[command(after_help = "Example:\n  liaison pki revoke south officer kim")]
    Revoke {
        #[command(flatten)]
        holder: HolderArgs,
    },
    /// Put all that somebody needs on another machine into one file
    #[command(
        after_help = "Examples:\n  liaison pki bundle north server --out north.pem\n  liaison pki bundle --trust --out trust.pem"
    )]
    Bundle {
        /// Whom to trust alone: for a machine that has its own bundle
        #[arg(long, conflicts_with_all = ["office", "role", "name"])]
        trust: bool,
        /// The office
        #[arg(value_enum, required_unless_present = "trust")]
        office: Option<OfficeWord>,
        /// What they are to it
        #[arg(required_unless_present = "trust")]
        role: Option<Role>,
        /// What they are called [default of a server: the office]
        name: Option<String>,
        /// The file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(Debug, Args)]
struct HolderArgs {
    /// The office
    #[arg(value_enum)]
    office: OfficeWord,
    /// server, officer, clerk, observer or controller
    role: Role,
    /// What they are called [default of a server: the office]
    name: Option<String>,
}

impl HolderArgs {
    fn holder(self) -> Result<Holder, Failure> {
        holder(self.office, self.role, self.name)
    }
}

fn holder(office: OfficeWord, role: Role, name: Option<String>) -> Result<Holder, Failure> {
    let place = office.place();
    let name = match (name, role) {
        (Some(name), _) => name,
        (None, Role::Server) => place.word().to_owned(),
        (None, _) => {
            return Err(Failure::Usage(format!(
                "say what the {role} is called, such as `liaison pki issue {place} {role} kim`"
            )));
        }
    };
    Ok(Holder { place, role, name })
}

fn failed(error: IdentityError) -> Failure {
    Failure::Failed(error.to_string())
}

impl PkiArgs {
    /// Does it, and prints what came of it.
    pub fn run(self, settings: &Settings) -> Result<(), Failure> {
        let directory = Directory::at(self.identities);
        let output = settings.output;
        match self.command {
            PkiCommand::Init { domain } => begin(&directory, domain.as_deref(), output),
            PkiCommand::Issue {
                holder,
                dns,
                ip,
                days,
            } => {
                let holder = holder.holder()?;
                let addresses = addresses(&holder, dns, ip)?;
                let file = directory.issue(&holder, addresses, days, now());
                let file = file.map_err(failed)?.display().to_string();
                output.print(
                    || format!("issued for {days} days: {file}\n"),
                    || json!({"file": file, "days": days}),
                )
            }
            PkiCommand::Show => {
                let issued = directory.issued().map_err(failed)?;
                output.print(|| table(&issued).render(output.width()), || listed(&issued))
            }
            PkiCommand::Renew { all, days } => renew(&directory, all, days, output),
            PkiCommand::Revoke { holder } => revoke(&directory, &holder.holder()?, output),
            PkiCommand::Bundle {
                office,
                role,
                name,
                out,
                ..
            } => {
                let holder = office
                    .zip(role)
                    .map(|(office, role)| holder(office, role, name));
                bundle(&directory, holder.transpose()?.as_ref(), &out, output)
            }
        }
    }
}

fn begin(directory: &Directory, domain: Option<&str>, output: Output) -> Result<(), Failure> {
    let domain = directory.begin(domain, now()).map_err(failed)?;
    let path = directory.path().display().to_string();
    output.print(
        || {
            format!(
                "an authority for {domain} is in {path}; its key stays there\n\nnext:\n  liaison pki issue south server \
                 --identities {path}\n"
            )
        },
        || json!({"domain": domain, "identities": path}),
    )
}

fn renew(directory: &Directory, all: bool, days: u32, output: Output) -> Result<(), Failure> {
    let renewed = directory.renew(all, days, now()).map_err(failed)?;
    let names: Vec<String> = renewed.iter().map(ToString::to_string).collect();
    output.print(
        || {
            let mut told = String::new();
            for name in &names {
                let _ = writeln!(told, "renewed {name}");
            }
            told + "the list of the revoked is made anew\n"
        },
        || json!({"renewed": names}),
    )
}

fn revoke(directory: &Directory, holder: &Holder, output: Output) -> Result<(), Failure> {
    let revoked = directory.revoke(holder, now()).map_err(failed)?;
    let stem = holder.stem();
    output.print(
        || {
            format!(
                "revoked {revoked} of {stem}; offices that use {} take it up at once\n\nfor other machines:\n  liaison pki \
                 bundle --trust --out trust.pem    (and lay it beside their identity)\n",
                directory.path().display()
            )
        },
        || json!({"holder": stem, "revoked": revoked}),
    )
}

fn bundle(
    directory: &Directory,
    holder: Option<&Holder>,
    out: &Path,
    output: Output,
) -> Result<(), Failure> {
    let text = directory.bundle(holder).map_err(failed)?;
    write_new(out, &text)?;
    let shown = out.display().to_string();
    output.print(
        || match holder {
            Some(_) => {
                format!("{shown} holds a private key: carry it over a way that nobody reads\n")
            }
            None => format!("{shown} says whom to trust; it holds no key\n"),
        },
        || json!({"file": shown}),
    )
}

/// Servers are reached by an address; on this machine if none is said.
fn addresses(holder: &Holder, dns: Vec<String>, ip: Vec<IpAddr>) -> Result<Addresses, Failure> {
    let given = !dns.is_empty() || !ip.is_empty();
    match (holder.role, given) {
        (Role::Server, true) => Ok(Addresses {
            names: dns,
            ips: ip,
        }),
        (Role::Server, false) => Ok(Addresses::loopback()),
        (_, false) => Ok(Addresses::default()),
        (role, true) => Err(Failure::Usage(format!(
            "--dns and --ip say where a server is reached, and {role} is none; leave them out"
        ))),
    }
}

/// A file that was not there before, and that nobody else reads.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        Failure::Failed(format!(
            "failed to write {}: {error}; a file that is there is not replaced",
            path.display()
        ))
    })
}

fn table(issued: &[Issued]) -> Table {
    let mut table = Table::new(&["name", "stands", "until", "serial"]);
    let at: Timestamp = now();
    for issued in issued {
        table.row(vec![
            issued.name.to_string(),
            issued.standing(at).word().to_owned(),
            issued.not_after.strftime("%F").to_string(),
            issued.serial.clone(),
        ]);
    }
    table
}

fn listed(issued: &[Issued]) -> serde_json::Value {
    let at: Timestamp = now();
    issued
        .iter()
        .map(|issued| {
            json!({
                "name": issued.name.to_string(),
                "standing": issued.standing(at).word(),
                "until": issued.not_after.to_string(),
                "revoked_at": issued.revoked_at.map(|at| at.to_string()),
                "serial": issued.serial,
            })
        })
        .collect()
}
