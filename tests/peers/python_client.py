"""A client that shares no code and no file with us: Python's gRPC, types by reflection.

It starts both offices, sends a document, negotiates a meeting through a counter-proposal to a counted close,
reads the tally, meets some refusals with their details, and sees both offices drain. Run it from the project's
root after `cargo build --workspace --bins`.
"""

import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.json_format import MessageToDict, ParseDict
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = ROOT / "target" / ("release" if "--release" in sys.argv else "debug")


class Office:
    """A running office, known by reflection only."""

    def __init__(self, place, listen, peer, data):
        command = [BINARIES / place, "--listen", listen, "--peer", peer, "--data", data]
        command += ["--identities", pathlib.Path(data).parent / "identities", "--admin", "127.0.0.1:0"]
        self.log = pathlib.Path(f"{data}.log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("listening "), f"{place} did not start: {line!r}"
        self.address = line.split()[1]
        self.channel = grpc.insecure_channel(self.address)
        self.pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))

    def call(self, method, request=None):
        service, name = method.rsplit("/", 1)
        found = self.pool.FindServiceByName(service).FindMethodByName(name)
        call = self.channel.unary_unary(
            f"/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=message_factory.GetMessageClass(found.output_type).FromString,
        )
        message = ParseDict(request or {}, message_factory.GetMessageClass(found.input_type)(), descriptor_pool=self.pool)
        answer = call(message, timeout=10)
        return MessageToDict(answer, descriptor_pool=self.pool, always_print_fields_with_no_presence=True)

    def mutate(self, method, **request):
        return self.call(method, {"request_id": str(uuid.uuid4()), **request})

    def refused(self, method, request):
        """The code, and the details by type, of a call that must be refused."""
        try:
            self.call(method, request)
        except grpc.RpcError as error:
            trailers = dict(error.trailing_metadata())
            status = message_factory.GetMessageClass(self.pool.FindMessageTypeByName("google.rpc.Status"))
            details = status.FromString(trailers.get("grpc-status-details-bin", b"")).details
            return error.code().name, sorted(detail.type_url.rsplit(".", 1)[1] for detail in details)
        raise AssertionError(f"{method} was not refused")

    def metrics(self):
        """The metrics by name, as Prometheus's own library for Python reads them."""
        url = re.findall(r"http://\S+/metrics", self.log.read_text())[-1]
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert answer.headers["content-type"].startswith("application/openmetrics-text"), answer.headers
            text = answer.read().decode()
        return {family.name: family for family in text_string_to_metric_families(text)}

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=15)


def until(what, look):
    """Looks again until it holds: the line needs a moment, and says so by state, not by time."""
    deadline = time.monotonic() + 10
    while not look():
        assert time.monotonic() < deadline, f"{what} did not come about in 10 s"
        time.sleep(0.02)


def exchange_document(south, north):
    documents = "liaison.office.v1.DocumentService"
    document = {"form": "DOCUMENT_FORM_NOTICE", "subject": "List of persons entering", "body": "bGlzdA=="}
    request = {"request_id": str(uuid.uuid4()), "document": document, "wait": "WAIT_DELIVERED"}
    receipt = south.call(f"{documents}/SendDocument", request)["receipt"]
    assert receipt["state"] == "DOCUMENT_STATE_DELIVERED", receipt
    again = south.call(f"{documents}/SendDocument", request)["receipt"]
    assert again == receipt, "the same request gives the first answer again"

    name = {"name": receipt["name"]}
    there = north.call(f"{documents}/GetDocument", name)["document"]
    assert there["document"]["body"] == "bGlzdA==", there
    north.mutate(f"{documents}/AcknowledgeDocument", **name, acknowledgement={"text": "received"})
    acknowledged = lambda: south.call(f"{documents}/GetDocument", name)["document"]["state"]
    until("ACKNOWLEDGED at the sender", lambda: acknowledged() == "DOCUMENT_STATE_ACKNOWLEDGED")

    other = {**request, "document": {**document, "subject": "Another"}}
    code, details = south.refused(f"{documents}/SendDocument", other)
    assert code == "ALREADY_EXISTS" and "ErrorInfo" in details, (code, details)


def negotiate_meeting(south, north):
    meetings = "liaison.office.v1.MeetingService"
    terms = {"kind": "CONTACT_KIND_WORKING_LEVEL", "place": "joint liaison office", "topics": ["Roads"]}
    name = south.mutate(f"{meetings}/ProposeMeeting", terms=terms)["meeting"]["name"]
    state = lambda office: office.call(f"{meetings}/GetMeeting", {"name": name})["meeting"]["state"]

    def known(office, wanted):
        try:
            return state(office) == f"MEETING_STATE_{wanted}"
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.NOT_FOUND, error
            return False

    code, details = south.refused(f"{meetings}/CloseMeeting", {"request_id": str(uuid.uuid4()), "name": name})
    assert (code, details) == ("FAILED_PRECONDITION", ["ErrorInfo", "PreconditionFailure"]), (code, details)
    until("the proposal at North", lambda: known(north, "PROPOSED"))
    north.mutate(f"{meetings}/CounterMeeting", name=name, terms={**terms, "topics": ["Railways"]})
    until("the counter-proposal at South", lambda: known(south, "COUNTERED"))
    south.mutate(f"{meetings}/AcceptMeeting", name=name)
    until("the acceptance at North", lambda: known(north, "ACCEPTED"))
    north.mutate(f"{meetings}/ConveneMeeting", name=name)
    until("the convening at South", lambda: known(south, "CONVENED"))
    south.mutate(f"{meetings}/CloseMeeting", name=name)
    until("CLOSED at North", lambda: known(north, "CLOSED"))


def meet_refusals(south):
    documents = "liaison.office.v1.DocumentService"
    code, details = south.refused(f"{documents}/SendDocument", {"request_id": "17", "document": {}})
    assert (code, details) == ("INVALID_ARGUMENT", ["BadRequest", "ErrorInfo"]), (code, details)
    code, details = south.refused(f"{documents}/GetDocument", {"name": "offices/north/documents/99"})
    assert (code, details) == ("NOT_FOUND", ["ErrorInfo", "ResourceInfo"]), (code, details)


def show_certificates(south, identities):
    """Over TLS: who may what is the certificate's to say, and whoever shows none is let go."""

    def issued(role, name):
        command = [BINARIES / "liaison", "pki", "issue", "south", role, name, "--identities", identities]
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
        return (identities / f"south-{role}-{name}.pem").read_bytes()

    def by(pem):
        # A file of ours holds the certificate and its key; grpcio takes what it looks for out of each.
        trust = (identities / "trust.pem").read_bytes()
        credentials = grpc.ssl_channel_credentials(trust, pem, pem) if pem else grpc.ssl_channel_credentials(trust)
        south.channel = grpc.secure_channel(south.address, credentials)

    plain, documents = south.channel, "liaison.office.v1.DocumentService"
    try:
        by(issued("officer", "kim"))
        document = {"form": "DOCUMENT_FORM_MESSAGE", "subject": "By kim", "body": "a2lt"}
        south.mutate(f"{documents}/SendDocument", document=document)
        by(issued("observer", "lee"))
        south.call("liaison.office.v1.OfficeService/GetOffice")
        request = {"request_id": str(uuid.uuid4()), "document": document}
        code, details = south.refused(f"{documents}/SendDocument", request)
        assert (code, details) == ("PERMISSION_DENIED", ["ErrorInfo"]), (code, details)
        by(None)
        code, details = south.refused(f"{documents}/SendDocument", request)
        assert (code, details) == ("UNAVAILABLE", []), (code, details)
    finally:
        south.channel = plain


def read_metrics(south):
    """What was done before is counted, and in the form that its name promises."""
    metrics = south.metrics()
    document = {"grpc_service": "liaison.office.v1.DocumentService", "grpc_method": "SendDocument"}
    ended = {
        sample.labels["grpc_code"]: sample.value
        for sample in metrics["grpc_server_handled"].samples
        if document.items() <= sample.labels.items()
    }
    assert ended == {"OK": 2, "AlreadyExists": 1, "InvalidArgument": 1}, ended
    refused = {sample.labels["reason"]: sample.value for sample in metrics["liaison_refusals"].samples}
    assert refused["IDEMPOTENCY_CONFLICT"] == 1, refused
    assert metrics["liaison_sync_seconds"].type == "histogram" and metrics["liaison_sync_seconds"].unit == "seconds"
    (line,) = metrics["liaison_line_up"].samples
    assert line.value == 1, line


def main():
    with tempfile.TemporaryDirectory() as directory:
        # North is started with a port of its choice; South dials it, and North finds South by restart.
        north = Office("north", "127.0.0.1:0", "127.0.0.1:9", f"{directory}/north")
        offices = [north]
        try:
            north_address = north.address
            south = Office("south", "127.0.0.1:0", north_address, f"{directory}/south")
            offices.append(south)
            south_address = south.address
            assert north.stop() == 0, "a drained office exits with 0"
            offices[0] = north = Office("north", north_address, south_address, f"{directory}/north")

            exchange_document(south, north)
            negotiate_meeting(south, north)
            meet_refusals(south)
            tally = "liaison.ledger.v1.LedgerService/GetTally"
            until("equal tallies", lambda: south.call(tally)["tally"] == north.call(tally)["tally"])
            counted = south.call(tally)["tally"]
            assert counted["documents"] == "1" and counted["contacts"]["meetings"]["workingLevel"] == "1", counted
            health = south.call("grpc.health.v1.Health/Check", {"service": "liaison.office.v1.DocumentService"})
            assert health["status"] == "SERVING", health
            read_metrics(south)
            show_certificates(south, pathlib.Path(directory) / "identities")
            for office in offices:
                assert office.stop() == 0, "a drained office exits with 0"
        finally:
            for office in offices:
                office.process.kill()
    print("a Python client sent a document, negotiated a meeting, read the tally, and showed certificates: all by reflection")


main()
