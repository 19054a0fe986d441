//! What the tap tells, held against what a real implementation of HTTP/2 makes of the same bytes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use h2::{client, server};
use http::{HeaderMap, Request, Response};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use tap::{Blanker, Bounds, Conversation, Event, Field, Head, HeadKind, Side, What};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

/// Conversations by a real client, and such that we write ourselves.
const CONVERSATIONS: u64 = 10_000;

/// What passed between the two, in the order in which it did.
type Wire = Arc<Mutex<Vec<(Side, Vec<u8>)>>>;

/// What one side was told on a stream, by whoever tells it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Heard {
    fields: Vec<(String, String)>,
    data: Vec<u8>,
    trailers: Vec<(String, String)>,
    reset: Option<u32>,
}

struct Draw(ChaCha8Rng);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn message(&mut self) -> Vec<u8> {
        let len = if self.one_in(50) {
            70_000
        } else {
            self.below(300)
        } as usize;
        let mut message = vec![0];
        message.extend((len as u32).to_be_bytes());
        message.resize(5 + len, self.below(256) as u8);
        message
    }

    fn value(&mut self) -> String {
        let len = 1 + self.below(40);
        (0..len)
            .map(|_| char::from(b' ' + 1 + self.below(94) as u8))
            .collect()
    }
}

/// Carries what one side says to the other, in pieces that are drawn, and keeps it.
async fn carry(
    from: Side,
    mut source: tokio::io::ReadHalf<DuplexStream>,
    mut to: tokio::io::WriteHalf<DuplexStream>,
    wire: Wire,
    seed: u64,
) {
    let mut draw = Draw(ChaCha8Rng::seed_from_u64(seed));
    let mut buffer = BytesMut::new();
    while matches!(source.read_buf(&mut buffer).await, Ok(1..)) {
        while !buffer.is_empty() {
            let count = (1 + draw.below(3_000) as usize).min(buffer.len());
            let piece = buffer.split_to(count);
            wire.lock()
                .expect("it is whole")
                .push((from, piece.to_vec()));
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
    }
    let _ = to.shutdown().await;
}

/// Two ends, and what passes between them.
fn ends(seed: u64) -> (DuplexStream, DuplexStream, Wire) {
    let (client, near) = tokio::io::duplex(1 << 20);
    let (far, server) = tokio::io::duplex(1 << 20);
    let wire = Wire::default();
    let (near_reads, near_writes) = tokio::io::split(near);
    let (far_reads, far_writes) = tokio::io::split(far);
    tokio::spawn(carry(
        Side::Client,
        near_reads,
        far_writes,
        Arc::clone(&wire),
        seed,
    ));
    tokio::spawn(carry(
        Side::Server,
        far_reads,
        near_writes,
        Arc::clone(&wire),
        seed + 1,
    ));
    (client, server, wire)
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let pair = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (
            name.to_string(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    };
    let mut pairs: Vec<_> = headers.iter().map(pair).collect();
    pairs.sort();
    pairs
}

fn told_pairs(fields: &[Field]) -> Vec<(String, String)> {
    let fields = fields.iter().filter(|field| !field.name.starts_with(b":"));
    let mut pairs: Vec<_> = fields
        .map(|field| {
            (
                field.name().to_owned(),
                String::from_utf8_lossy(&field.value).into_owned(),
            )
        })
        .collect();
    pairs.sort();
    pairs
}

/// What the tap makes of what passed: on each stream, what each side was told.
fn tapped(
    wire: &[(Side, Vec<u8>)],
) -> (Vec<Event>, std::collections::BTreeMap<(u32, Side), Heard>) {
    let mut conversation = Conversation::new(Bounds::default());
    let mut events = Vec::new();
    for (from, bytes) in wire {
        conversation.take(*from, Duration::ZERO, bytes, &mut |event| {
            events.push(event);
        });
    }
    let mut heard = std::collections::BTreeMap::<_, Heard>::new();
    for event in &events {
        let heard = heard.entry((event.stream, event.from)).or_default();
        match &event.what {
            What::Head(Head {
                kind: HeadKind::Trailers,
                fields,
            }) => heard.trailers = told_pairs(fields),
            What::Head(Head { fields, .. }) => heard.fields = told_pairs(fields),
            What::Message(message) => {
                heard.data.push(u8::from(message.is_compressed));
                heard.data.extend((message.len as u32).to_be_bytes());
                heard.data.extend_from_slice(&message.bytes);
            }
            What::Reset(code) => heard.reset = Some(*code),
            _ => {}
        }
    }
    (events, heard)
}

/// Reads a body to its end, as the library gives it.
async fn read(body: &mut h2::RecvStream, heard: &mut Heard) {
    while let Some(data) = body.data().await {
        match data {
            Ok(data) => {
                let _ = body.flow_control().release_capacity(data.len());
                heard.data.extend_from_slice(&data);
            }
            Err(error) => {
                heard.reset = error.reason().map(u32::from);
                return;
            }
        }
    }
    if let Ok(Some(trailers)) = body.trailers().await {
        heard.trailers = pairs(&trailers);
    }
}

async fn send(stream: &mut h2::SendStream<Bytes>, mut bytes: Bytes) -> bool {
    while !bytes.is_empty() {
        stream.reserve_capacity(bytes.len());
        let room = match stream.capacity() {
            0 => match std::future::poll_fn(|context| stream.poll_capacity(context)).await {
                Some(Ok(room)) => room,
                _ => return false,
            },
            room => room,
        };
        if stream
            .send_data(bytes.split_to(room.min(bytes.len())), false)
            .is_err()
        {
            return false;
        }
    }
    true
}

async fn send_all(stream: &mut h2::SendStream<Bytes>, messages: Vec<Vec<u8>>) {
    for message in messages {
        if !send(stream, message.into()).await {
            break;
        }
    }
}

/// A server that answers each call as its draw will have it; gives what it heard on each stream.
async fn serve(
    io: DuplexStream,
    seed: u64,
    goes_away: bool,
) -> std::collections::BTreeMap<u32, Heard> {
    let mut builder = server::Builder::new();
    let mut draw = Draw(ChaCha8Rng::seed_from_u64(seed));
    builder.header_table_size([0, 200, 4_096, 20_000][draw.below(4) as usize]);
    builder.initial_window_size([1_000, 65_535, 1 << 20][draw.below(3) as usize]);
    builder.max_frame_size(16_384 + draw.below(20_000) as u32);
    let mut connection = builder
        .handshake::<_, Bytes>(io)
        .await
        .expect("they shake hands");
    let heard = Arc::new(Mutex::new(std::collections::BTreeMap::new()));
    let mut calls = tokio::task::JoinSet::new();
    let mut count = 0;
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        count += 1;
        if goes_away && count == 2 {
            connection.graceful_shutdown();
        }
        let (heard, seed) = (Arc::clone(&heard), draw.below(u64::MAX));
        calls.spawn(async move {
            let mut draw = Draw(ChaCha8Rng::seed_from_u64(seed));
            let mut of_client = Heard {
                fields: pairs(request.headers()),
                ..Heard::default()
            };
            let number = u32::from(respond.stream_id());
            let mut body = request.into_body();
            if draw.one_in(8) {
                respond.send_reset(h2::Reason::ENHANCE_YOUR_CALM);
                return;
            }
            let mut response = Response::builder().header("content-type", "application/grpc");
            for _ in 0..draw.below(4) {
                response = response.header(format!("x-{}", draw.below(5)), draw.value());
            }
            let head = response.body(()).expect("a head");
            let Ok(mut stream) = respond.send_response(head, false) else {
                return;
            };
            let messages: Vec<Vec<u8>> = (0..draw.below(4)).map(|_| draw.message()).collect();
            let answering = send_all(&mut stream, messages);
            tokio::join!(answering, read(&mut body, &mut of_client));
            let mut trailers = HeaderMap::new();
            trailers.insert(
                "grpc-status",
                draw.below(17).to_string().parse().expect("digits"),
            );
            let _ = stream.send_trailers(trailers);
            heard.lock().expect("it is whole").insert(number, of_client);
        });
    }
    while calls.join_next().await.is_some() {}
    Arc::try_unwrap(heard)
        .map(|it| it.into_inner().expect("it is whole"))
        .unwrap_or_default()
}

/// A client of the same library; gives what it heard on each stream.
async fn ask(io: DuplexStream, seed: u64) -> std::collections::BTreeMap<u32, Heard> {
    let mut draw = Draw(ChaCha8Rng::seed_from_u64(seed));
    let mut builder = client::Builder::new();
    builder.header_table_size([0, 200, 4_096][draw.below(3) as usize]);
    builder.initial_window_size([1_000, 65_535, 1 << 20][draw.below(3) as usize]);
    let (sender, connection) = builder
        .handshake::<_, Bytes>(io)
        .await
        .expect("they shake hands");
    tokio::spawn(connection);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..=draw.below(4) {
        let (sender, seed) = (sender.clone(), draw.below(u64::MAX));
        calls.spawn(async move {
            let mut draw = Draw(ChaCha8Rng::seed_from_u64(seed));
            let mut request = Request::post(format!("http://a/s.S/{}", draw.below(3)))
                .header("content-type", "application/grpc")
                .header("authorization", format!("Bearer {}", draw.value()));
            for _ in 0..draw.below(4) {
                request = request.header(format!("x-{}", draw.below(5)), draw.value());
            }
            let mut sender = sender.ready().await.ok()?;
            let head = request.body(()).expect("a head");
            let (answer, mut body) = sender.send_request(head, false).ok()?;
            let number = u32::from(body.stream_id());
            let mut heard = Heard::default();
            let messages: Vec<Vec<u8>> = (0..draw.below(4)).map(|_| draw.message()).collect();
            let gives_up = draw.one_in(10);
            let asking = async {
                send_all(&mut body, messages).await;
                if gives_up {
                    body.send_reset(h2::Reason::CANCEL);
                } else {
                    let _ = body.send_data(Bytes::new(), true);
                }
            };
            let hearing = async {
                match answer.await {
                    Ok(answer) => {
                        heard.fields = pairs(answer.headers());
                        read(&mut answer.into_body(), &mut heard).await;
                    }
                    Err(error) => heard.reset = error.reason().map(u32::from),
                }
            };
            tokio::join!(asking, hearing);
            if gives_up {
                return None;
            }
            Some((number, heard))
        });
    }
    let mut all = std::collections::BTreeMap::new();
    while let Some(done) = calls.join_next().await {
        all.extend(done.expect("it does not panic"));
    }
    all
}

/// Whether it is told of a stream what the library was told; what a reset cuts off is less there.
fn agrees(told: &Heard, heard: &Heard) -> bool {
    if heard.reset.is_some() || told.reset.is_some() {
        // The library hands out pieces of messages, and keeps to itself what comes before a reset that it has read.
        let is_same = told.data.starts_with(&heard.data) || heard.data.starts_with(&told.data);
        return is_same
            && (told.reset == heard.reset || told.reset.is_none() || heard.reset.is_none());
    }
    told.fields == heard.fields && told.data == heard.data && told.trailers == heard.trailers
}

#[tokio::test(flavor = "current_thread", start_paused = true)]
async fn a_real_client_and_a_real_server_hear_what_is_told() {
    for seed in 0..CONVERSATIONS / 2 {
        let (client, server, wire) = ends(seed);
        let serving = tokio::spawn(serve(server, seed, seed % 7 == 0));
        let by_client = ask(client, seed).await;
        let by_server = serving.await.expect("it does not panic");
        let wire = std::mem::take(&mut *wire.lock().expect("it is whole"));
        let (events, told) = tapped(&wire);
        for (number, heard) in by_client {
            let told = told
                .get(&(number, Side::Server))
                .cloned()
                .unwrap_or_default();
            assert!(
                agrees(&told, &heard),
                "{seed}, {number}: {told:?} and not {heard:?}"
            );
        }
        for (number, heard) in by_server {
            let told = &told[&(number, Side::Client)];
            assert!(
                agrees(told, &heard),
                "{seed}, {number}: {told:?} and not {heard:?}"
            );
        }
        let faults = events
            .iter()
            .filter(|it| matches!(it.what, What::Fault(_) | What::Unread(_)));
        assert_eq!(faults.collect::<Vec<_>>(), Vec::<&Event>::new(), "{seed}");
        if seed % 10 == 0 {
            what_is_cut_otherwise_is_told_the_same(&wire, &events, seed);
            what_is_blanked_is_told_the_same_but_for_that(&wire, &events, seed);
        }
    }
}

fn what_is_cut_otherwise_is_told_the_same(wire: &[(Side, Vec<u8>)], events: &[Event], seed: u64) {
    let mut draw = Draw(ChaCha8Rng::seed_from_u64(seed));
    let most = [1, 7, 100][draw.below(3) as usize];
    let cut: Vec<(Side, Vec<u8>)> = wire
        .iter()
        .flat_map(|(from, bytes)| bytes.chunks(most).map(|piece| (*from, piece.to_vec())))
        .collect();
    assert_eq!(tapped(&cut).0, events, "{seed}");
}

fn what_is_blanked_is_told_the_same_but_for_that(
    wire: &[(Side, Vec<u8>)],
    events: &[Event],
    seed: u64,
) {
    let (mut blanker, mut blanked) = (Blanker::default(), Vec::new());
    let mut counts = [0_usize; 2];
    for (from, bytes) in wire {
        let mut out = Vec::new();
        blanker.take(*from, bytes, &(), &mut out);
        counts[*from as usize] += bytes.len();
        blanked.push((*from, out));
    }
    for from in Side::BOTH {
        let mut out = Vec::new();
        blanker.end(from, &mut out);
        blanked.push((from, out));
        let count: usize = blanked
            .iter()
            .filter(|it| it.0 == from)
            .map(|it| it.1.len())
            .sum();
        assert_eq!(count, counts[from as usize], "{seed}: as many bytes");
    }
    let by_stream = |events: &[Event]| {
        let mut events: Vec<Event> = events
            .iter()
            .filter(|it| !matches!(it.what, What::Starved | What::Fed { .. }))
            .cloned()
            .collect();
        events.sort_by_key(|it| it.from);
        events
    };
    let (mut told, mut expected) = (by_stream(&tapped(&blanked).0), by_stream(events));
    let mut secrets = 0;
    for event in told.iter_mut().chain(&mut expected) {
        if let What::Head(head) = &mut event.what {
            for field in head
                .fields
                .iter_mut()
                .filter(|it| it.name == "authorization")
            {
                secrets += 1;
                let is_blank = field.value.iter().all(|it| b"*0<".contains(it));
                let is_blank = is_blank || field.value.starts_with(b"Bearer ");
                assert!(is_blank, "{:?}", field.value);
                field.value = Bytes::from(vec![b'*'; field.value.len()]);
            }
        }
    }
    assert!(secrets > 0);
    assert_eq!(told, expected, "{seed}");
    let bytes: Vec<u8> = blanked.iter().flat_map(|it| it.1.clone()).collect();
    assert!(!bytes.windows(7).any(|it| it == b"Bearer "));
}
