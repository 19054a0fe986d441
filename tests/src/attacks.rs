//! Whoever is not let in: what they are told, what the office's log says of it, and that nothing has changed.

mod matrix;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use hyper_util::rt::TokioIo;
use identity::{Bundle, Directory, Holder, LIFE_DAYS, Tls};
use jiff::{SignedDuration, Timestamp};
use office::Place;
use office::authority::Role;
use office::line::{VERSION_MAX, VERSION_MIN};
use protocol::pb::ledger::entry::Note;
use protocol::pb::line::line_service_client::LineServiceClient;
use protocol::pb::line::{self as pb, carry_request};
use protocol::pb::office as office_pb;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::{WantsClientCert, WebPkiServerVerifier};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use crate::harness::{
    Clients, Pair, document, liaison, refused, send, sending, try_send, until, within,
};

#[expect(
    clippy::disallowed_methods,
    reason = "certificates are dated by the world's clock"
)]
fn in_days(days: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(24 * days)
}

fn holder(place: Place, role: Role) -> Holder {
    let name = "kim".to_owned();
    match role {
        Role::Server => Holder::server(place),
        role => Holder { place, role, name },
    }
}

fn read(file: &Path) -> Arc<Tls> {
    let bundle = Bundle::read(file).expect("an identity");
    Arc::new(Tls::of(&bundle).expect("it can be used"))
}

/// What somebody whom the pair's authority knows speaks with.
fn issued(pair: &Pair, holder: &Holder) -> Arc<Tls> {
    issued_at(pair, holder, LIFE_DAYS, in_days(0))
}

fn issued_at(pair: &Pair, holder: &Holder, days: u32, at: Timestamp) -> Arc<Tls> {
    tests::secured::issued(&pair.identities(), holder, days, at).expect("it is issued")
}

/// A certificate and a key in PEM, and trust in the pair's own authority.
fn forged(pair: &Pair, certificate_and_key: &str) -> Arc<Tls> {
    let trust = fs::read_to_string(pair.identities().join("trust.pem")).expect("there is one");
    let file = pair.path("forged.pem");
    fs::write(&file, format!("{certificate_and_key}\n{trust}")).expect("room");
    read(&file)
}

/// The peer's, of another pair's authority.
fn of_another_domain(pair: &Pair, held: &Holder) -> Arc<Tls> {
    let other = Directory::at(pair.path("other"));
    other
        .make_what_is_missing(in_days(0))
        .expect("it can be made");
    tests::secured::issued(other.path(), held, LIFE_DAYS, in_days(0)).expect("it is issued");
    let text = fs::read_to_string(other.file(held)).expect("there is one");
    forged(pair, &text)
}

/// A certificate that the pair's authority signed, and that names both offices. Nothing of ours speaks with it.
fn of_two_names(pair: &Pair) -> ClientConfig {
    let directory = Directory::at(pair.identities());
    let domain = directory.domain().expect("there is an authority");
    let authority = fs::read_to_string(pair.identities().join("authority.pem")).expect("its key");
    let begin = authority.find("-----BEGIN PRIVATE KEY").expect("its key");
    let authority = KeyPair::from_pem(&authority[begin..]).expect("a key");
    let mut issuer = CertificateParams::default();
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, format!("Liaison {domain}"));
    issuer.distinguished_name = called;
    let mut params = CertificateParams::default();
    params.subject_alt_names = ["south", "north"]
        .map(|place| format!("spiffe://{domain}/office/{place}/server/{place}"))
        .map(|uri| SanType::URI(uri.try_into().expect("ASCII")))
        .to_vec();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().expect("a key");
    let signed = params.signed_by(&key, &Issuer::new(issuer, authority));
    let chain = vec![signed.expect("it is signed").der().clone()];
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = knowing(pair).with_client_auth_cert(chain, key);
    config.expect("a key of its own")
}

/// Somebody who knows the pair's offices.
fn knowing(pair: &Pair) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let trust = fs::read(pair.identities().join("trust.pem")).expect("there is one");
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(&trust) {
        roots.add(root.expect("PEM")).expect("an authority");
    }
    let verifier = WebPkiServerVerifier::builder(Arc::new(roots)).build();
    ClientConfig::builder().with_webpki_verifier(verifier.expect("roots"))
}

/// TLS with South, as `config` has it. The client is through before the office has looked.
async fn shaken(pair: &Pair, config: ClientConfig) -> TlsStream<TcpStream> {
    let tcp = TcpStream::connect(pair.process(Place::South).address).await;
    let name = ServerName::try_from("localhost").expect("a name");
    let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp.expect("it listens"));
    tls.await.expect("the office is known")
}

/// South alone, and how many entries its ledger has.
async fn south() -> (Pair, usize) {
    let mut pair = Pair::idle(&[]).await;
    pair.start_office(Place::South).await;
    let entries = pair.clients(Place::South).entries().await.len();
    (pair, entries)
}

/// What somebody with this identity is told who says to South that he is North.
async fn carry(pair: &Pair, tls: Arc<Tls>) -> Status {
    carry_over(tests::secured::channel(
        pair.process(Place::South).address,
        tls,
    ))
    .await
}

async fn carry_over(channel: Channel) -> Status {
    let mut line = LineServiceClient::new(channel);
    let mark = pb::Mark {
        sequence: 0,
        hash: Bytes::from_static(&[0; 32]),
    };
    let hello = pb::Hello {
        place: office_pb::Place::North.into(),
        epoch: 1,
        version_min: VERSION_MIN,
        version_max: VERSION_MAX,
        appended: Some(mark.clone()),
        received: Some(mark),
        restoring: false,
    };
    let hello = pb::CarryRequest {
        message: Some(carry_request::Message::Hello(hello)),
    };
    let hello = tokio_stream::iter([hello]);
    match within("an answer", line.carry(hello)).await {
        Err(status) => status,
        Ok(answer) => match within("an end", answer.into_inner().message()).await {
            Err(status) => status,
            Ok(said) => panic!("the line was opened: {said:?}"),
        },
    }
}

async fn nothing_has_changed(pair: &Pair, entries: usize) {
    let south = pair.clients(Place::South);
    assert_eq!(south.entries().await.len(), entries);
    let office = south.office().await;
    assert_eq!(office.connection(), office_pb::Connection::Dialling);
    assert_eq!(south.tally().await.documents, 0);
}

async fn log_says(pair: &Pair, what: &str) {
    until(&format!("a line of the log: {what}"), async || {
        let log = pair.process(Place::South).log();
        log.contains(what).then_some(())
    })
    .await;
}

/// Whoever TLS itself does not let in gets an alert, and the log says why.
#[tokio::test]
async fn the_line_is_closed_to_whom_tls_does_not_let_in() {
    let (pair, entries) = south().await;
    let north = holder(Place::North, Role::Server);
    let over = issued_at(&pair, &north, 1, in_days(-2));
    for (tls, why) in [
        (of_another_domain(&pair, &north), "of another authority"),
        (over, "is over"),
    ] {
        let status = carry(&pair, tls).await;
        assert!(
            status.details().is_empty(),
            "an office answered: {status:?}"
        );
        log_says(&pair, why).await;
    }
    nothing_has_changed(&pair, entries).await;
}

/// Whoever has a certificate of the authority's that is not the peer's is told which would be.
#[tokio::test]
async fn the_line_is_closed_to_whoever_is_not_the_peer() {
    let (pair, entries) = south().await;
    for (tls, why) in [
        (
            issued(&pair, &holder(Place::North, Role::Officer)),
            (Code::PermissionDenied, "NOT_PERMITTED"),
        ),
        (
            issued(&pair, &holder(Place::North, Role::Controller)),
            (Code::PermissionDenied, "NOT_PERMITTED"),
        ),
        (
            issued(&pair, &holder(Place::South, Role::Officer)),
            (Code::PermissionDenied, "NOT_PERMITTED"),
        ),
        (
            read(&Directory::at(pair.identities()).file(&Holder::server(Place::South))),
            (Code::PermissionDenied, "NOT_PERMITTED"),
        ),
    ] {
        let name = tls.own().name.to_string();
        let status = carry(&pair, tls).await;
        assert_eq!(refused(&status).why(), why, "{name}: {status:?}");
    }
    let two = shaken(&pair, of_two_names(&pair)).await;
    let mut two = Some(TokioIo::new(two));
    let connector = tower::service_fn(move |_: http::Uri| {
        let io = two.take();
        async move { io.ok_or(std::io::Error::from(std::io::ErrorKind::NotConnected)) }
    });
    let channel = Endpoint::from_static("http://office").connect_with_connector_lazy(connector);
    let status = carry_over(channel).await;
    assert_eq!(
        refused(&status).why(),
        (Code::Unauthenticated, "NO_IDENTITY")
    );
    nothing_has_changed(&pair, entries).await;
}

/// Plain text is nobody's to open the line with, on loopback too; and TLS without a certificate is an alert.
#[tokio::test]
async fn the_line_is_closed_to_whoever_shows_no_certificate() {
    let (pair, entries) = south().await;
    let mut plain = pair.clients(Place::South).line;
    let status = plain.carry(tokio_stream::iter([])).await.map(drop);
    let status = status.expect_err("it is nobody's");
    assert_eq!(
        refused(&status).why(),
        (Code::Unauthenticated, "NO_IDENTITY")
    );

    let mut tls = shaken(&pair, knowing(&pair).with_no_client_auth()).await;
    let _ = tls.write_all(callers::PREFACE).await;
    let read = within("an alert", tls.read_to_end(&mut Vec::new())).await;
    let alert = read.expect_err("nothing is said to nobody").to_string();
    assert!(alert.contains("CertificateRequired"), "{alert}");
    log_says(&pair, "certificate").await;
    nothing_has_changed(&pair, entries).await;
}

#[tokio::test]
async fn whoever_is_revoked_while_connected_is_let_go_and_does_not_come_back() {
    let (pair, entries) = south().await;
    let kim = holder(Place::South, Role::Officer);
    let tls = issued(&pair, &kim);
    let address = pair.process(Place::South).address;
    let mut one = Clients::over(tests::secured::channel(address, Arc::clone(&tls))).offices;
    one.get_office(office_pb::GetOfficeRequest {})
        .await
        .expect("kim is let in");
    let directory = Directory::at(pair.identities());
    directory.revoke(&kim, in_days(0)).expect("revoked");
    log_says(&pair, "revoked").await;
    until("the end of kim's calls", async || {
        let asked = one.get_office(office_pb::GetOfficeRequest {}).await;
        asked.err()
    })
    .await;
    let channel = tests::secured::channel(address, tls);
    let again = send_by(Clients::over(channel)).await;
    assert!(again.details().is_empty(), "an office answered: {again:?}");
    // What the command says is why, and not that a call was cancelled.
    let (south, file) = (address.to_string(), directory.file(&kim));
    let file = file.display().to_string();
    let status = [
        "ledger",
        "show",
        "south",
        "--south",
        &south,
        "--identity",
        &file,
    ];
    let ran = liaison(&pair.path(""), &status).await;
    assert!(ran.stderr.contains("is revoked"), "{ran:?}");
    nothing_has_changed(&pair, entries).await;
}

async fn send_by(mut clients: Clients) -> Status {
    let sent = clients.documents.send_document(sending(document("news")));
    let sent = within("an answer", sent).await;
    sent.map(drop).expect_err("it is not taken")
}

#[tokio::test]
async fn an_officer_of_the_other_office_sends_nothing_here() {
    let (pair, entries) = south().await;
    let tls = issued(&pair, &holder(Place::North, Role::Officer));
    let channel = tests::secured::channel(pair.process(Place::South).address, tls);
    let status = send_by(Clients::over(channel)).await;
    assert_eq!(
        refused(&status).why(),
        (Code::PermissionDenied, "NOT_PERMITTED")
    );
    nothing_has_changed(&pair, entries).await;
}

/// A request belongs to whoever has made it: another who sends it, word for word, learns nothing of its receipt, after a restart too.
#[tokio::test]
async fn the_same_request_of_another_identity_is_a_conflict() {
    let (mut pair, _) = south().await;
    let [kim, lee] = ["kim", "lee"].map(|name| {
        let name = name.to_owned();
        let officer = holder(Place::South, Role::Officer);
        issued(&pair, &Holder { name, ..officer })
    });
    let request = sending(document("news"));
    let mut first = None;
    for started_again in [false, true] {
        if started_again {
            pair.stop(Place::South).await;
            pair.start_office(Place::South).await;
        }
        let address = pair.process(Place::South).address;
        let by = |tls: &Arc<Tls>| Clients::over(tests::secured::channel(address, Arc::clone(tls)));
        let receipt = try_send(&by(&kim), request.clone()).await;
        let receipt = receipt.expect("it is kim's own");
        let name = first.get_or_insert(receipt.name.clone());
        assert_eq!(&receipt.name, name, "the same request is the same document");
        let appended = Clients::of(address).marks().await.appended;
        for other in [by(&lee), Clients::of(address)] {
            let status = try_send(&other, request.clone()).await;
            let status = refused(&status.expect_err("it is kim's"));
            assert_eq!(status.why(), (Code::AlreadyExists, "IDEMPOTENCY_CONFLICT"));
        }
        assert_eq!(Clients::of(address).marks().await.appended, appended);
    }
}

/// Somebody listens where the peer does when it runs, and takes whatever comes: nothing is told DELIVERED.
#[tokio::test]
async fn whoever_squats_on_the_peers_port_gets_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let pair = Pair::idle(&[]).await;
    let process = pair.office_towards(Place::South, &address).await;
    let south = Clients::of(process.address);
    let receipt = send(&south, "to whom?", office_pb::Wait::Recorded).await;
    let own = Directory::at(pair.identities()).file(&Holder::server(Place::South));
    let squatters = [
        of_another_domain(&pair, &holder(Place::North, Role::Server)),
        issued(&pair, &holder(Place::North, Role::Officer)),
        read(&own),
    ];
    let (squatter, mut now) = watch::channel(Arc::clone(&squatters[0]));
    let squatting = tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let tls = Arc::clone(&now.borrow_and_update());
            let Ok((mut stream, _)) = handshake::accept(&tls, tcp).await else {
                continue;
            };
            let mut said = Vec::new();
            let _ = stream.read_to_end(&mut said).await;
            assert!(said.is_empty(), "the office has spoken with a stranger");
        }
    });
    for (tls, why) in squatters.into_iter().zip([
        "of another authority",
        "is no server's",
        "is not the north office",
    ]) {
        squatter.send_replace(tls);
        until(&format!("a line broken with {why:?}"), async || {
            let reason = south.office().await.connection_reason;
            reason.to_lowercase().contains(why).then_some(())
        })
        .await;
    }
    assert!(!squatting.is_finished());
    let found = crate::harness::known(&south, &receipt.name).await;
    assert_eq!(
        found.expect("it is recorded").state(),
        office_pb::DocumentState::Sent
    );
    assert_eq!(south.marks().await.acknowledged, 0);
}

/// Every certificate is made anew again and again: no call fails, and the line goes on.
#[tokio::test]
async fn certificates_that_are_renewed_under_load_fail_no_call() {
    const ROUNDS: usize = 3;
    let pair = Pair::start().await;
    let kim = holder(Place::South, Role::Officer);
    let first = issued(&pair, &kim);
    let address = pair.process(Place::South).address;
    let directory = Directory::at(pair.identities());
    let mut sent = 0;
    let standing = Clients::over(tests::secured::channel(address, first));
    for round in 0..ROUNDS {
        let renewed = directory.renew(true, LIFE_DAYS, in_days(0));
        assert_eq!(renewed.expect("they are renewed").len(), 3);
        let taken_up = "an identity is taken up";
        // Who calls while it is taken up: over a connection that stands, and over new ones.
        until("the new identity", async || {
            let new = Clients::over(tests::secured::channel(
                address,
                read(&directory.file(&kim)),
            ));
            for clients in [&standing, &new] {
                send(clients, "news", office_pb::Wait::Recorded).await;
                sent += 1;
            }
            let log = pair.process(Place::South).log();
            (log.matches(taken_up).count() > round).then_some(())
        })
        .await;
    }
    send(&standing, "the last", office_pb::Wait::Delivered).await;
    pair.quiet().await;
    assert_eq!(pair.finish().await.documents(), sent + 1);
}

/// Each office notes under which certificate the other has opened the line, and notes another once.
#[tokio::test]
async fn another_certificate_of_the_peer_is_noted_once() {
    let mut pair = Pair::start().await;
    let directory = Directory::at(pair.identities());
    let mut shown = Vec::new();
    for (renewed, noted) in [(false, 1), (false, 1), (true, 2)] {
        if renewed {
            directory
                .renew(true, LIFE_DAYS, in_days(0))
                .expect("they are renewed");
        }
        pair.stop(Place::North).await;
        pair.start_office(Place::North).await;
        pair.connected(Place::South).await;
        let north = Holder::server(Place::North);
        shown.push(read(&directory.file(&north)).own().sha256.to_vec());
        shown.dedup();
        let south = pair.clients(Place::South);
        until("the note", async || {
            let entries = south.entries().await;
            let notes = entries.into_iter().filter_map(|entry| match entry.note {
                Some(Note::PeerCertified(certified)) => Some(certified.certificate_sha256.to_vec()),
                _ => None,
            });
            (notes.collect::<Vec<_>>() == shown).then_some(())
        })
        .await;
        assert_eq!(shown.len(), noted);
    }
}

/// Sockets that say nothing take no place of the peer's.
#[tokio::test]
async fn a_thousand_silent_sockets_do_not_keep_the_peer_out() {
    const SILENT: usize = 1_024;
    raise_open_files();
    let mut pair = Pair::idle(&[]).await;
    pair.start_office(Place::South).await;
    let address = pair.process(Place::South).address;
    let mut silent = Vec::with_capacity(SILENT);
    for _ in 0..SILENT {
        silent.push(
            within("a connection", TcpStream::connect(address))
                .await
                .expect("a socket"),
        );
    }
    pair.start_office(Place::North).await;
    for place in Place::BOTH {
        pair.connected(place).await;
    }
    send(
        &pair.clients(Place::North),
        "all the same",
        office_pb::Wait::Delivered,
    )
    .await;
    drop(silent);
    pair.quiet().await;
    pair.finish().await;
}

fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, Rlimit { current, ..limit });
}
