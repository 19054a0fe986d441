//! What is generated from `proto/` is kept in the repository: whoever only builds compiles no compiler of protobuf first.
//!
//! `GENERATE=1 cargo test -p protocol --test generated` writes it anew, without protoc.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const FILES: [&str; 7] = [
    "liaison/office/v1/step.proto",
    "liaison/office/v1/officer.proto",
    "liaison/office/v1/document.proto",
    "liaison/office/v1/meeting.proto",
    "liaison/office/v1/contact.proto",
    "liaison/office/v1/office.proto",
    "liaison/ledger/v1/ledger.proto",
];

/// The requests whose content a ledger keeps: servers see them with the bytes they came in.
const ORIGINALS: [&str; 15] = [
    "SendDocument",
    "SendDocuments",
    "UploadDocument",
    "AcknowledgeDocument",
    "RefuseDocument",
    "ProposeMeeting",
    "CounterMeeting",
    "AcceptMeeting",
    "DeclineMeeting",
    "CancelMeeting",
    "ConveneMeeting",
    "CloseMeeting",
    "RecordContact",
    "ConfirmContact",
    "RecordCall",
];

/// Generates plain clients, and servers that see original bytes.
struct Generator {
    clients: Box<dyn prost_build::ServiceGenerator>,
    servers: Box<dyn prost_build::ServiceGenerator>,
}

impl prost_build::ServiceGenerator for Generator {
    fn generate(&mut self, mut service: prost_build::Service, buf: &mut String) {
        self.clients.generate(service.clone(), buf);
        for method in &mut service.methods {
            if ORIGINALS.contains(&method.proto_name.as_str()) || method.proto_name == "DeclareLine"
            {
                let mut original = String::new();
                let _ = write!(
                    original,
                    "crate::Original::<crate::pb::office::{}>",
                    method.input_type
                );
                method.input_type = original;
            }
        }
        self.servers.generate(service, buf);
    }

    fn finalize(&mut self, buf: &mut String) {
        self.clients.finalize(buf);
        self.servers.finalize(buf);
    }
}

#[test]
fn what_is_kept_is_what_proto_files_say() -> Result<(), Box<dyn Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (root, kept) = (here.join("../../proto"), here.join("src/generated"));
    let made = tempfile::tempdir()?;
    generate(&root, made.path())?;
    let mut count = 0;
    for file in fs::read_dir(made.path())? {
        let name = file?.file_name();
        let (made, kept) = (fs::read(made.path().join(&name))?, kept.join(&name));
        count += 1;
        if std::env::var_os("GENERATE").is_some() {
            fs::write(&kept, &made)?;
        }
        assert!(
            fs::read(&kept)? == made,
            "{} is not what proto/ says: GENERATE=1 cargo test -p protocol --test generated",
            kept.display()
        );
    }
    assert_eq!(count, fs::read_dir(kept)?.count(), "something is left over");
    Ok(())
}

fn generate(root: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut compiler = protox::Compiler::new([root])?;
    compiler.include_imports(true).include_source_info(true);
    compiler
        .open_files(FILES)?
        .open_file("liaison/line/v1/line.proto")?;
    let descriptors = compiler.file_descriptor_set();

    // For reflection: the compiler's own encoding keeps what prost-types cannot hold.
    let mut for_reflection = protox::Compiler::new([root])?;
    for_reflection
        .include_imports(true)
        .include_source_info(false);
    for_reflection
        .open_files(FILES)?
        .open_file("liaison/line/v1/line.proto")?;
    let set = for_reflection.encode_file_descriptor_set();
    fs::write(out.join("descriptors.bin"), set)?;

    let generator = Generator {
        clients: tonic_prost_build::configure()
            .build_server(false)
            .build_transport(false)
            .service_generator(),
        servers: tonic_prost_build::configure()
            .build_client(false)
            .build_transport(false)
            .service_generator(),
    };
    prost_build::Config::new()
        .bytes(["."])
        .extern_path(".google.rpc.Status", "::tonic_types::Status")
        .service_generator(Box::new(generator))
        .out_dir(out)
        .compile_fds(descriptors)?;
    Ok(())
}
