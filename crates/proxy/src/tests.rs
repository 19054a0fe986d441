//! The proxy over real sockets. Nothing here sleeps to be in step: every test awaits an event.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::{Config, Control, Proxy, ProxyError};

/// A running proxy, and the service behind it.
struct Running {
    address: SocketAddr,
    service: TcpListener,
    control: Control,
    stop: oneshot::Sender<()>,
    done: JoinHandle<()>,
}

impl Running {
    async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let service = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let to = service.local_addr().expect("bound").to_string();
        let mut config = Config::to(to);
        change(&mut config);
        let (proxy, control) = Proxy::bind(&config).await.expect("a proxy");
        let address = proxy.address();
        let (stop, stopped) = oneshot::channel();
        let done = tokio::spawn(proxy.run(async {
            let _ = stopped.await;
        }));
        Self {
            address,
            service,
            control,
            stop,
            done,
        }
    }

    async fn tell(&self, line: &str) -> String {
        let answer = self.control.obey(line).await;
        answer.expect("an answer").line
    }

    async fn ok(&self, line: &str) {
        assert_eq!(self.tell(line).await, "ok", "{line}");
    }

    async fn dial(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("it listens")
    }

    /// A connection, and its other end at the service.
    async fn pair(&self) -> (TcpStream, TcpStream) {
        let client = self.dial().await;
        let (server, _) = soon(self.service.accept()).await.expect("carried");
        (client, server)
    }
}

/// Fails a test that would hang.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), future)
        .await
        .expect("it comes in time")
}

async fn read(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    soon(stream.read_exact(&mut bytes)).await.expect("bytes");
    bytes
}

/// Everything until the connection ends, and how it ends.
async fn rest(stream: &mut TcpStream) -> (Vec<u8>, io::Result<()>) {
    let mut bytes = Vec::new();
    let end = soon(stream.read_to_end(&mut bytes)).await.map(drop);
    (bytes, end)
}

/// Nothing arrives for as long as something else takes: a byte there and back on a connection of its own.
async fn is_silent(stream: &mut TcpStream) {
    let mut byte = [0];
    let other = async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        for _ in 0..50 {
            let (mut there, (mut here, _)) =
                tokio::try_join!(TcpStream::connect(address), listener.accept()).expect("loopback");
            there.write_all(b"x").await.expect("loopback");
            here.read_exact(&mut [0]).await.expect("loopback");
        }
    };
    tokio::select! {
        biased;
        got = stream.read(&mut byte) => panic!("got {got:?}"),
        () = other => {}
    }
}

fn is_reset(end: io::Result<()>) -> bool {
    matches!(end, Err(error) if error.kind() == io::ErrorKind::ConnectionReset)
}

#[tokio::test]
async fn bytes_pass_both_ways_and_so_does_the_end() {
    let running = Running::start(|_| {}).await;
    let (mut client, mut server) = running.pair().await;
    let long: Vec<u8> = (0..3_000_000_u32).map(|number| number as u8).collect();
    let send = async {
        client.write_all(&long).await.expect("room");
        client.shutdown().await.expect("open");
        rest(&mut client).await
    };
    let serve = async {
        let (got, end) = rest(&mut server).await;
        end.expect("an orderly end");
        server.write_all(b"thanks").await.expect("room");
        drop(server);
        got
    };
    let ((answer, end), got) = tokio::join!(send, serve);
    assert!(got == long, "all bytes, in order");
    assert_eq!(answer, b"thanks");
    end.expect("an orderly end");
}

#[tokio::test]
async fn a_cut_one_way_holds_that_way_only_and_loses_nothing() {
    let running = Running::start(|_| {}).await;
    let (mut client, mut server) = running.pair().await;
    running.ok("cut up").await;
    client.write_all(b"held").await.expect("room");
    server.write_all(b"down").await.expect("room");
    assert_eq!(read(&mut client, 4).await, b"down");
    is_silent(&mut server).await;
    running.ok("restore").await;
    assert_eq!(read(&mut server, 4).await, b"held");
}

#[tokio::test]
async fn a_cut_holds_new_connections_and_forgets_those_whose_caller_gave_up() {
    let running = Running::start(|_| {}).await;
    running.ok("cut").await;
    let mut gave_up = running.dial().await;
    gave_up.write_all(b"stale").await.expect("room");
    drop(gave_up);
    let mut waits = running.dial().await;
    waits.write_all(b"fresh").await.expect("room");
    // The first has gone once the proxy counts one connection out of two.
    soon(async {
        loop {
            let status = running.tell("status").await;
            if status.contains(" connections=1 accepted=2") {
                break;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    running.ok("restore").await;
    let (mut server, _) = soon(running.service.accept()).await.expect("carried");
    assert_eq!(read(&mut server, 5).await, b"fresh");
}

#[tokio::test]
async fn a_cut_passes_back_pressure_on() {
    let running = Running::start(|_| {}).await;
    let (client, _server) = running.pair().await;
    running.ok("cut").await;
    // The kernel's buffers and the proxy's megabyte fill up; then the sender has to wait.
    let mut sent = 0_usize;
    let chunk = vec![7; 65_536];
    loop {
        match client.try_write(&chunk) {
            Ok(len) => sent += len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let room = timeout(Duration::from_millis(300), client.writable()).await;
                if room.is_err() {
                    break;
                }
            }
            Err(error) => panic!("{error}"),
        }
        assert!(sent < 64 * 1024 * 1024, "the sender is never held back");
    }
}

#[tokio::test]
async fn a_reset_in_mid_frame_carries_less_than_the_chunk() {
    let running = Running::start(|it| it.seed = 3).await;
    let (mut client, mut server) = running.pair().await;
    client.write_all(b"whole").await.expect("room");
    assert_eq!(read(&mut server, 5).await, b"whole");
    running.ok("reset up 1/1").await;
    client.write_all(&[1; 1_000]).await.expect("room");
    let (got, end) = rest(&mut server).await;
    assert!(got.len() < 1_000, "{} bytes", got.len());
    assert!(is_reset(end));
    assert!(is_reset(rest(&mut client).await.1));
}

#[tokio::test]
async fn a_reset_by_command_takes_every_connection_and_none_to_come() {
    let running = Running::start(|_| {}).await;
    let (mut client, mut server) = running.pair().await;
    running.ok("reset").await;
    assert!(is_reset(rest(&mut client).await.1));
    assert!(is_reset(rest(&mut server).await.1));
    let (mut client, mut server) = running.pair().await;
    client.write_all(b"again").await.expect("room");
    assert_eq!(read(&mut server, 5).await, b"again");
}

#[tokio::test]
async fn one_seed_tears_at_the_same_byte() {
    let mut lens = Vec::new();
    for _ in 0..2 {
        let running = Running::start(|it| {
            it.seed = 11;
            it.rules.reset = "1/1".parse().ok();
        })
        .await;
        let (mut client, mut server) = running.pair().await;
        client.write_all(&[1; 1_000]).await.expect("room");
        lens.push(rest(&mut server).await.0.len());
    }
    assert_eq!(lens[0], lens[1]);
}

#[tokio::test]
async fn half_open_takes_everything_and_gives_nothing_until_restored() {
    let running = Running::start(|_| {}).await;
    let (mut client, mut server) = running.pair().await;
    running.ok("half-open").await;
    let mut newcomer = running.dial().await;
    // More than any buffer holds: it is taken and dropped.
    soon(client.write_all(&vec![1; 16 * 1024 * 1024]))
        .await
        .expect("it is taken");
    soon(newcomer.write_all(&vec![1; 16 * 1024 * 1024]))
        .await
        .expect("it is taken");
    is_silent(&mut server).await;
    running.ok("restore").await;
    assert!(is_reset(rest(&mut client).await.1), "bytes are missing");
    assert!(is_reset(rest(&mut newcomer).await.1), "bytes are missing");
    let (mut client, mut server) = running.pair().await;
    client.write_all(b"again").await.expect("room");
    assert_eq!(read(&mut server, 5).await, b"again");
}

#[tokio::test]
async fn some_connections_are_half_open_by_their_fate() {
    let running = Running::start(|it| it.half_open = "1/1".parse().ok()).await;
    let mut client = running.dial().await;
    soon(client.write_all(&vec![1; 16 * 1024 * 1024]))
        .await
        .expect("it is taken");
    assert!(
        running
            .tell("status")
            .await
            .contains(" half-open-some=1/1 ")
    );
    running.ok("half-open off").await;
    let (mut carried, mut server) = running.pair().await;
    carried.write_all(b"through").await.expect("room");
    assert_eq!(read(&mut server, 7).await, b"through");
}

#[tokio::test]
async fn refuse_stops_listening_and_restore_listens_at_the_same_address() {
    let running = Running::start(|_| {}).await;
    let (mut client, mut server) = running.pair().await;
    running.ok("refuse").await;
    let error = TcpStream::connect(running.address)
        .await
        .expect_err("refused");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    client.write_all(b"still").await.expect("room");
    assert_eq!(read(&mut server, 5).await, b"still");
    running.ok("restore").await;
    running.pair().await;
}

#[tokio::test]
async fn delays_keep_order_and_trickles_keep_pieces_small() {
    let running = Running::start(|it| {
        it.rules.delay = "1ms..20ms".parse().ok();
        it.rules.jitter = Some(Duration::from_millis(5));
        it.rules.trickle = "100B/1ms".parse().ok();
    })
    .await;
    let (mut client, mut server) = running.pair().await;
    let begun = tokio::time::Instant::now();
    for number in 0..20_u8 {
        client.write_all(&[number; 10]).await.expect("room");
    }
    let got = read(&mut server, 200).await;
    assert!(
        begun.elapsed() >= Duration::from_millis(1),
        "each chunk is delayed"
    );
    assert!(got.is_sorted(), "in order");
}

#[tokio::test]
async fn a_schedule_cuts_and_restores_by_itself() {
    let running = Running::start(|it| it.cut_down = "5ms..5ms".parse().ok()).await;
    let (mut client, mut server) = running.pair().await;
    for wanted in ["down=cut", "down=open", "down=cut"] {
        soon(async {
            while !running.tell("status").await.contains(wanted) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    server.write_all(b"after the cut").await.expect("room");
    assert_eq!(read(&mut client, 13).await, b"after the cut");
}

#[tokio::test]
async fn a_caller_is_reset_if_the_service_does_not_accept_and_can_be_sent_elsewhere() {
    let running = Running::start(|_| {}).await;
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let gone_address = gone.local_addr().expect("bound");
    drop(gone);
    running.ok(&format!("to {gone_address}")).await;
    let mut client = running.dial().await;
    assert!(is_reset(rest(&mut client).await.1));
    let address = elsewhere.local_addr().expect("bound");
    running.ok(&format!("to {address}")).await;
    let mut client = running.dial().await;
    client.write_all(b"x").await.expect("room");
    let (mut server, _) = soon(elsewhere.accept()).await.expect("carried");
    assert_eq!(read(&mut server, 1).await, b"x");
}

#[tokio::test]
async fn no_more_connections_are_carried_than_allowed() {
    let running = Running::start(|it| it.connections_max = 1).await;
    let (first, mut first_server) = running.pair().await;
    let mut second = running.dial().await;
    second
        .write_all(b"second")
        .await
        .expect("the kernel's room");
    is_silent(&mut first_server).await;
    assert!(running.tell("status").await.contains(" accepted=1 "));
    drop((first, first_server));
    let (mut server, _) = soon(running.service.accept()).await.expect("carried now");
    assert_eq!(read(&mut server, 6).await, b"second");
}

#[tokio::test]
async fn the_control_socket_answers_each_line_and_hangs_up_on_strangers() {
    let running = Running::start(|_| {}).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let serving = tokio::spawn(running.control.clone().serve(listener));

    let mut stranger = TcpStream::connect(address).await.expect("it listens");
    let request = b"POST / HTTP/1.1\r\nHost: x\r\n\r\nquit\n";
    stranger.write_all(request).await.expect("room");
    let (answer, _) = rest(&mut stranger).await;
    assert!(answer.starts_with(b"error: ") || answer.is_empty());

    let mut controller = TcpStream::connect(address).await.expect("it listens");
    controller
        .write_all(b"cut up\ncutt\nstatus\nquit\n")
        .await
        .expect("room");
    let (answers, _) = rest(&mut controller).await;
    let answers = String::from_utf8(answers).expect("text");
    let lines: Vec<&str> = answers.lines().collect();
    assert_eq!(lines.len(), 4, "{answers}");
    assert_eq!(lines[0], "ok");
    assert!(
        lines[1].starts_with("error: `cutt` is not a command"),
        "{answers}"
    );
    assert!(lines[2].starts_with("ok up=cut down=open "), "{answers}");
    assert_eq!(lines[3], "ok");
    soon(running.done).await.expect("it quits");
    serving.abort();
}

#[tokio::test]
async fn shutdown_ends_it_whatever_it_carries() {
    let running = Running::start(|it| it.rules.delay = "1h".parse().ok()).await;
    let (mut client, _server) = running.pair().await;
    client.write_all(b"never mind").await.expect("room");
    running.stop.send(()).expect("it runs");
    soon(running.done).await.expect("it stops");
}

#[tokio::test]
async fn only_loopback_is_listened_on_unless_it_is_meant() {
    let everywhere = Config {
        listen: "0.0.0.0:0".to_owned(),
        ..Config::to("127.0.0.1:1")
    };
    let refused = Proxy::bind(&everywhere).await;
    assert!(matches!(refused, Err(ProxyError::NotLoopback { .. })));
    let meant = Config {
        insecure_bind: true,
        ..everywhere
    };
    let meant = Proxy::bind(&meant).await;
    assert!(meant.is_ok());
}
