//! Compiles the yardstick's service, without protoc.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=relay/relay.proto");
    let descriptors = protox::compile(["relay.proto"], ["relay"])?;
    tonic_prost_build::configure()
        .bytes(".")
        .compile_fds(descriptors)?;
    Ok(())
}
