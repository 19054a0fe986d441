//! The South office.

fn main() -> std::process::ExitCode {
    server::main(office::Place::South)
}
