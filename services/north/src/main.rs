//! The North office.

fn main() -> std::process::ExitCode {
    server::main(office::Place::North)
}
