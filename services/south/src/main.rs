//! The South office.

fn main() -> std::process::ExitCode {
    service::main(office::Place::South)
}
