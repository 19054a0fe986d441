//! The North office.

fn main() -> std::process::ExitCode {
    service::main(office::Place::North)
}
