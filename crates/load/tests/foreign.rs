//! Servers that are not ours, as their bytes are: what they may do within HTTP/2 and gRPC, and fails no call.

use std::cell::Cell;
use std::io::Read as _;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use http::uri::PathAndQuery;
use http::{HeaderMap, Response};
use load::transport::{Attempts, Blame, Endpoint, Failed, Pool, PoolLimits, Request};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, sleep};
use tonic::Code;

const DEADLINE: Duration = Duration::from_secs(20);

/// What a server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    /// Ends each connection gently after so long, as one with a longest age does.
    EndsAfter(Duration),
    /// Takes so many streams at once, and refuses one in so many all the same.
    Refuses { streams: u32, one_in: u64 },
    /// Answers a stream that has nothing in it in its headers alone.
    EndsInHeaders,
    /// Compresses its answers.
    Packs(&'static str),
}

#[derive(Debug)]
struct Server {
    does: Does,
    asked: AtomicU64,
    answered: AtomicU64,
    connections: AtomicU64,
}

async fn serve(does: Does) -> (Arc<Server>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let server = Arc::new(Server {
        does,
        asked: AtomicU64::new(0),
        answered: AtomicU64::new(0),
        connections: AtomicU64::new(0),
    });
    let serving = Arc::clone(&server);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            serving.connections.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(connection(Arc::clone(&serving), stream));
        }
    });
    (server, address)
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin>(server: Arc<Server>, stream: S) {
    let mut builder = h2::server::Builder::new();
    if let Does::Refuses { streams, .. } = server.does {
        builder.max_concurrent_streams(streams);
    }
    let Ok(mut connection) = builder.handshake(stream).await else {
        return;
    };
    let end = match server.does {
        Does::EndsAfter(age) => age,
        _ => Duration::MAX / 4,
    };
    let mut ending = Box::pin(sleep(end));
    let mut is_ending = false;
    loop {
        let asked = tokio::select! {
            () = &mut ending, if !is_ending => {
                connection.graceful_shutdown();
                is_ending = true;
                continue;
            }
            asked = connection.accept() => asked,
        };
        let Some(Ok((_, respond))) = asked else {
            return;
        };
        tokio::spawn(answer(Arc::clone(&server), respond));
    }
}

async fn answer(server: Arc<Server>, mut respond: SendResponse<Bytes>) {
    let number = server.asked.fetch_add(1, Ordering::Relaxed);
    let mut head = Response::builder().header("content-type", "application/grpc");
    let mut message = b"\0\0\0\0\x05hello".to_vec();
    match server.does {
        Does::Refuses { one_in, .. } if number % one_in == 1 => {
            return respond.send_reset(h2::Reason::REFUSED_STREAM);
        }
        Does::EndsInHeaders => {
            let head = head.header("grpc-status", "0").body(()).expect("a head");
            respond.send_response(head, true).expect("it is open");
            return;
        }
        Does::Packs(encoding) => {
            head = head.header("grpc-encoding", encoding);
            let level = flate2::Compression::default();
            let mut packed = Vec::new();
            let plain = &b"hello"[..];
            let read = match encoding {
                "gzip" => flate2::read::GzEncoder::new(plain, level).read_to_end(&mut packed),
                _ => flate2::read::ZlibEncoder::new(plain, level).read_to_end(&mut packed),
            };
            read.expect("it is memory");
            message = [&[1, 0, 0, 0, packed.len() as u8][..], &packed].concat();
        }
        _ => sleep(Duration::from_millis(5)).await,
    }
    let Ok(mut body) = respond.send_response(head.body(()).expect("a head"), false) else {
        return;
    };
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().expect("a value"));
    let _ = body.send_data(message.into(), false);
    if body.send_trailers(trailers).is_ok() {
        server.answered.fetch_add(1, Ordering::Relaxed);
    }
}

async fn pool(address: &str) -> Result<Rc<Pool>, Failed> {
    let endpoint = Endpoint::new(address.parse().expect("a target"), None, None).expect("no TLS");
    let limits = PoolLimits {
        connections: 1,
        connections_max: 8,
        message_bytes_max: 1_024,
    };
    Pool::connect(endpoint, limits).await
}

fn request(pool: &Pool) -> Request {
    let path = PathAndQuery::from_static("/echo.Echo/Call");
    Request::new(pool.endpoint(), &path, DEADLINE)
}

/// So many calls, so many at a time, over so long at least.
async fn call(address: &str, at_a_time: usize, each: u64, pause: Duration) -> (u64, Vec<Failed>) {
    let pool = pool(address).await.expect("it listens");
    let mut loops = JoinSet::new();
    // Whoever is free makes the next: until the last, as many are under way as are left.
    let left = Rc::new(Cell::new(at_a_time as u64 * each));
    for _ in 0..at_a_time {
        let (pool, left) = (Rc::clone(&pool), Rc::clone(&left));
        loops.spawn_local(async move {
            let (mut again, mut failed) = (0, Vec::new());
            while let Some(fewer) = left.get().checked_sub(1) {
                left.set(fewer);
                let attempts = Attempts::default();
                let body = Bytes::from_static(b"\0\0\0\0\0");
                let deadline = Instant::now() + DEADLINE;
                let called = pool.unary(&request(&pool), body, deadline, &attempts).await;
                failed.extend(called.err());
                again += attempts.again();
                sleep(pause).await;
            }
            (again, failed)
        });
    }
    let done = loops.join_all().await.into_iter();
    done.fold((0, Vec::new()), |(again, mut all), (more, failed)| {
        all.extend(failed);
        (again + more, all)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_grow_old_fail_no_call() {
    for does in [
        Does::EndsAfter(Duration::from_millis(50)),
        Does::Refuses {
            streams: 5,
            one_in: 3,
        },
    ] {
        let (server, address) = serve(does).await;
        let calling = call(&address, 32, 30, Duration::from_millis(3));
        let (again, failed) = LocalSet::new().run_until(calling).await;
        assert_eq!(failed, [], "{does:?}");
        let answered = server.answered.load(Ordering::Relaxed);
        assert_eq!(answered, 32 * 30, "{does:?}: each is answered once");
        let connections = server.connections.load(Ordering::Relaxed);
        match does {
            Does::Refuses { .. } => assert!(again > 0, "nothing was refused"),
            _ => assert!(connections > 3, "{does:?}: {connections}"),
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let header = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&header[..], payload].concat()
}

/// Takes the first few calls of a connection, says which was the last, answers them only then, and closes; whatever else
/// has come it leaves unread. Its frames are written by hand: no library does this so.
async fn takes_only(most: u32, mut stream: TcpStream) -> std::io::Result<()> {
    const HEADERS: u8 = 1;
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await?;
    stream.write_all(&frame(4, 0, 0, &[])).await?;
    let mut taken = Vec::new();
    while taken.len() < most as usize {
        let mut header = [0; 9];
        stream.read_exact(&mut header).await?;
        let length = u32::from_be_bytes([0, header[0], header[1], header[2]]);
        stream.read_exact(&mut vec![0; length as usize]).await?;
        match header[3] {
            HEADERS => taken.push(u32::from_be_bytes([
                header[5], header[6], header[7], header[8],
            ])),
            4 if header[4] & 1 == 0 => stream.write_all(&frame(4, 1, 0, &[])).await?,
            _ => {}
        }
    }
    let last = taken[taken.len() - 1];
    // More have come by now.
    sleep(Duration::from_millis(10)).await;
    let go_away = [&last.to_be_bytes()[..], &[0; 4], b"max_age"].concat();
    stream.write_all(&frame(7, 0, 0, &go_away)).await?;
    for number in taken {
        // :status 200, content-type; a message of no bytes; grpc-status 0.
        let head = [&[0x88, 0x0f, 0x10, 16][..], b"application/grpc"].concat();
        let status = [&[0x00, 11][..], b"grpc-status", &[1, b'0']].concat();
        let answer = [
            frame(HEADERS, 4, number, &head),
            frame(0, 0, number, &[0; 5]),
            frame(HEADERS, 5, number, &status),
        ];
        stream.write_all(&answer.concat()).await?;
    }
    stream.shutdown().await?;
    // Until the client has closed too: to close with bytes unread is a reset, which takes back what was written.
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_go_away_leaves_unread_is_sent_again_and_what_it_does_not_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(takes_only(7, stream));
        }
    });
    // A multiple of seven, so that the last connection is answered too.
    let calling = call(&address, 21, 10, Duration::ZERO);
    let (again, failed) = LocalSet::new().run_until(calling).await;
    assert_eq!(failed, []);
    assert!(again > 0, "nothing was left unread");
}

#[tokio::test]
async fn an_answer_may_be_compressed_or_nothing_but_headers() {
    let (_, address) = serve(Does::EndsInHeaders).await;
    let stream = async {
        let pool = pool(&address).await.expect("it listens");
        let attempts = Attempts::default();
        let deadline = Instant::now() + DEADLINE;
        let request = request(&pool);
        let opened = pool.open(&request, deadline, &attempts).await;
        let (_sending, mut receiving) = opened.expect("it is open");
        receiving.message().await
    };
    assert_eq!(LocalSet::new().run_until(stream).await, Ok(None));
    for encoding in ["gzip", "deflate"] {
        let (_, address) = serve(Does::Packs(encoding)).await;
        let unary = async {
            let pool = pool(&address).await.expect("it listens");
            let (attempts, deadline) = (Attempts::default(), Instant::now() + DEADLINE);
            let body = Bytes::from_static(b"\0\0\0\0\0");
            let answer = pool.unary(&request(&pool), body, deadline, &attempts).await;
            answer.expect("an answer").message
        };
        assert_eq!(LocalSet::new().run_until(unary).await, "hello");
    }
    // What nobody here can unpack is told by its name.
    let (_, address) = serve(Does::Packs("snappy")).await;
    let (_, failed) = LocalSet::new()
        .run_until(call(&address, 1, 1, Duration::ZERO))
        .await;
    assert_eq!(
        (failed[0].code, failed[0].blame),
        (Code::Internal, Blame::Unknown)
    );
    assert!(failed[0].message.contains("snappy"), "{}", failed[0]);
}

/// Answers whatever comes with these bytes, and closes.
async fn speaks(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut preface = [0; 24];
            let _ = stream.read_exact(&mut preface).await;
            let _ = stream.write_all(bytes).await;
            let _ = TcpStream::shutdown(&mut stream).await;
        }
    });
    address
}

#[tokio::test]
async fn what_speaks_another_protocol_is_told_as_that() {
    for (bytes, said) in [
        (&b"\x15\x03\x01\x00\x02\x02\x46"[..], "speaks TLS"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks HTTP/1"),
        // What Python's http.server answers to a preface of HTTP/2.
        (b"<!DOCTYPE HTML>\n<html lang=\"en\">\n", "speaks HTTP/1"),
        (b"", "does it speak TLS (--tls)?"),
    ] {
        let address = speaks(bytes).await;
        let failed = LocalSet::new().run_until(pool(&address)).await;
        let failed = failed.expect_err("it speaks no HTTP/2");
        assert_eq!(failed.blame, Blame::NotSent);
        assert!(failed.message.contains(said), "{failed}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_target_may_be_a_socket_in_the_file_system() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("echo.sock");
    let listener = tokio::net::UnixListener::bind(&path).expect("a socket");
    let server = Arc::new(Server {
        does: Does::EndsAfter(DEADLINE),
        asked: AtomicU64::new(0),
        answered: AtomicU64::new(0),
        connections: AtomicU64::new(0),
    });
    let serving = Arc::clone(&server);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(Arc::clone(&serving), stream));
        }
    });
    let address = format!("unix://{}", path.display());
    let (_, failed) = LocalSet::new()
        .run_until(call(&address, 2, 3, Duration::ZERO))
        .await;
    assert_eq!(failed, []);
    assert_eq!(server.answered.load(Ordering::Relaxed), 6);
    let missing = format!("unix://{}/none", directory.path().display());
    let failed = LocalSet::new().run_until(pool(&missing)).await;
    let failed = failed.expect_err("there is none").message;
    assert!(failed.contains("No such file"), "{failed}");
}
