//! What a message costs that is made of a template: time each. `cargo bench -p template`.

use std::time::Instant;

use bytes::BytesMut;
use template::{Schema, Scope, Template, Values};

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures the machine's time"
)]
fn main() {
    // `cargo test` runs benchmarks as tests: then a few are enough.
    let counts = if std::env::args().any(|it| it == "--bench") {
        [1_000, 1_000_000_u64]
    } else {
        [10, 1_000]
    };
    let schema = Schema::of_descriptor_set("the offices", protocol::DESCRIPTORS);
    let method = schema.and_then(|it| it.method("liaison.office.v1.DocumentService/SendDocument"));
    let data = serde_json::json!({
        "request_id": "{{request_id}}",
        "document": { "subject": "Load {{sequence}}", "body": "{{bytes 100}}" },
    });
    let input = method.expect("the offices have it").input;
    let template = Template::compile(&input, &data, &Scope::default()).expect("a template");
    let mut values = Values {
        seed: 1,
        ..Values::default()
    };
    let mut out = BytesMut::with_capacity(1 << 16);
    for count in counts {
        let begun = Instant::now();
        for index in 0..count {
            values.index = index;
            out.clear();
            template
                .encode(&values, &mut out)
                .expect("nothing is missing");
        }
        let ns = begun.elapsed().as_secs_f64() * 1e9 / count as f64;
        println!(
            "{count:>9} messages of {} bytes: {ns:.0} ns each",
            out.len()
        );
    }
}
