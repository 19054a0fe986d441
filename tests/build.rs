//! Compiles the yardstick's service, without protoc.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=relay/relay.proto");
    let mut compiler = protox::Compiler::new(["relay"])?;
    compiler
        .include_source_info(true)
        .include_imports(true)
        .open_file("relay.proto")?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("relay.bin"), compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure()
        .bytes(".")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
