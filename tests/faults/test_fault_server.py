"""The server that breaks on purpose does what it says."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import faults
import pytest
from fault_server import Exchange, Fault, FaultServer

KEY = {"Authorization": "key"}


def connected(server: FaultServer) -> closing[http.client.HTTPConnection]:
    return closing(http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60))


def raw_reply(server: FaultServer, path: str = "/files/masked.mp3") -> bytes:
    """Ask for something, and read until the connection ends."""
    url = urlsplit(server.url)
    with socket.create_connection((url.hostname, url.port), timeout=60) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nauthorization: key\r\nconnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: client.recv(65536), b""))


def asked(
    client: http.client.HTTPConnection, method: str, target: str, body: bytes | Iterable[bytes] | None = None
) -> http.client.HTTPResponse:
    client.request(method, target, body, KEY)
    return client.getresponse()


def said(
    client: http.client.HTTPConnection, method: str, target: str, body: bytes | Iterable[bytes] | None = None
) -> Any:  # JSON
    with asked(client, method, target, body) as reply:
        assert reply.status == 200
        return json.loads(reply.read())


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


def test_a_recording_becomes_a_transcript(server: FaultServer) -> None:
    """What is uploaded and submitted is transcribed, and listed."""
    with connected(server) as client:
        audio_url = said(client, "POST", "/v2/upload", b"audio")["upload_url"]
        order = json.dumps({"audio_url": audio_url, "speaker_labels": True}).encode()
        job = said(client, "POST", "/v2/transcript", order)
        transcript = said(client, "GET", f"/v2/transcript/{job['id']}")
        page = said(client, "GET", "/v2/transcript?limit=5")

    assert (job["status"], server.service.uploads) == ("queued", {audio_url: b"audio"})
    assert (transcript["status"], transcript["text"]) == ("completed", "What was said.")
    assert (transcript["audio_url"], transcript["speaker_labels"]) == (audio_url, True)
    assert [row["id"] for row in page["transcripts"]] == [job["id"]]
    assert [one.id for one in server.service.jobs_of(audio_url)] == [job["id"]]
    assert server.count("POST /v2/*") == 2


def test_the_list_is_paged_from_the_newest_on(server: FaultServer) -> None:
    """Each page leads to the older one, and the last one to none."""
    with connected(server) as client:
        ids = [said(client, "POST", "/v2/transcript", b'{"audio_url": "u"}')["id"] for _ in range(3)]
        first = said(client, "GET", "/v2/transcript?limit=2")
        last = said(client, "GET", first["page_details"]["prev_url"].removeprefix(server.url))

    assert [row["id"] for row in first["transcripts"] + last["transcripts"]] == ids[::-1]
    assert first["page_details"]["prev_url"].endswith(f"limit=2&before_id={ids[1]}")
    assert (first["page_details"]["next_url"], last["page_details"]["prev_url"]) == (None, None)


def test_a_job_may_be_listed_late(server: FaultServer) -> None:
    """A lag of infinity keeps it out of the list for ever."""
    server.service.listing_lag = float("inf")
    with connected(server) as client:
        said(client, "POST", "/v2/transcript", b'{"audio_url": "u"}')
        assert said(client, "GET", "/v2/transcript")["transcripts"] == []


def test_a_job_is_done_after_as_many_looks_as_it_is_told(server: FaultServer) -> None:
    """Only the look that was named finds it completed."""
    server.service.looks_until_done = 3
    with connected(server) as client:
        job = said(client, "POST", "/v2/transcript", b'{"audio_url": "u"}')
        looks = [said(client, "GET", f"/v2/transcript/{job['id']}")["status"] for _ in range(3)]
    assert looks == ["processing", "processing", "completed"]


@pytest.mark.parametrize(
    "part", ["sentences", "paragraphs", "word-search?words=a,b", "redacted-audio", "srt", "vtt"]
)
def test_everything_is_made_of_a_transcript(server: FaultServer, part: str) -> None:
    """Each endpoint of a transcript answers."""
    with connected(server) as client:
        job = said(client, "POST", "/v2/transcript", b'{"audio_url": "u"}')
        with asked(client, "GET", f"/v2/transcript/{job['id']}/{part}") as reply:
            assert (reply.status, bool(reply.read())) == (200, True)


def test_a_transcript_is_deleted_once(server: FaultServer) -> None:
    """The first time gives a tombstone, the second a lookup error."""
    with connected(server) as client:
        job = said(client, "POST", "/v2/transcript", b'{"audio_url": "u"}')
        target = f"/v2/transcript/{job['id']}"
        assert said(client, "DELETE", target)["audio_url"] == "http://deleted_by_user"
        with asked(client, "DELETE", target) as reply:
            assert (reply.status, b"lookup error" in reply.read()) == (400, True)


def test_without_a_key_nothing_is_done(server: FaultServer) -> None:
    """A request without a key is refused."""
    with connected(server) as client:
        client.request("POST", "/v2/upload", b"audio")
        with client.getresponse() as reply:
            assert (reply.status, reply.headers["date"][-3:]) == (401, "GMT")
    assert not server.service.uploads


def test_faults_come_in_order_and_then_no_more(server: FaultServer) -> None:
    """A rule serves its faults one each, the next rule what is left, and then requests are answered."""
    server.on("GET /v2/transcript", faults.status(500), faults.status(502))
    server.on("GET *", faults.status(503))
    with connected(server) as client:
        statuses = []
        for _ in range(4):
            with asked(client, "GET", "/v2/transcript") as reply:
                statuses.append(reply.status)
                reply.read()
    assert statuses == [500, 502, 503, 200]


@pytest.mark.parametrize("processed", [False, True])
def test_a_reset_is_one(server: FaultServer, processed: bool) -> None:
    """The client sees a reset, and the request was carried out if it should be."""
    server.on("POST /v2/transcript", faults.reset_after_body(processed=processed))
    with connected(server) as client:
        with pytest.raises(ConnectionResetError):
            asked(client, "POST", "/v2/transcript", b'{"audio_url": "u"}')
    assert (len(server.service.jobs), server.requests[0].is_whole) == (processed, True)


def test_a_reset_amid_the_body_leaves_a_request_that_is_not_whole(server: FaultServer) -> None:
    """As many bytes were read as it was told."""
    server.on("POST /v2/upload", faults.reset_amid_body(10))
    with connected(server) as client:
        with pytest.raises(ConnectionResetError):
            asked(client, "POST", "/v2/upload", b"a" * 100)
    assert (server.requests[0].body, server.requests[0].is_whole) == (b"a" * 10, False)


def test_a_hanging_client_does_not_keep_the_server() -> None:
    """It stops at once, with connections that hang, that it does not read, and to which it sends for ever."""
    with FaultServer() as server:
        server.on(
            "GET *", faults.hang(), faults.drip_forever(), faults.endless_header(), faults.stop_reading()
        )
        clients = [http.client.HTTPConnection(urlsplit(server.url).netloc) for _ in range(4)]
        for client in clients:
            client.request("GET", "/v2/transcript", headers=KEY)
        wait_until(lambda: len(server.requests) == 4)
        assert server.open_connections == 4
        began = time.monotonic()
    assert time.monotonic() - began < 60
    assert (server.connections, server.open_connections) == (4, 0)
    for client in clients:
        client.close()


def test_the_server_has_a_lifetime() -> None:
    """It stops by itself, and the end of the block finds nothing to do."""
    with FaultServer(lifetime=0.05) as server:
        server.always("GET *", faults.hang())
        with pytest.raises((ConnectionError, http.client.RemoteDisconnected)), connected(server) as client:
            asked(client, "GET", "/v2/transcript")


def test_a_connection_is_used_again(server: FaultServer) -> None:
    """Two requests go over one connection, unless the client asks to end it."""
    with connected(server) as client:
        for _ in range(2):
            said(client, "GET", "/v2/transcript")
    assert [request.connection for request in server.requests] == [1, 1]
    assert raw_reply(server).startswith(b"HTTP/1.1 200 OK\r\n")
    assert server.connections == 2


def test_a_chunked_body_is_read(server: FaultServer) -> None:
    """Its chunks make the upload, however it is framed, and the connection goes on."""
    with connected(server) as client:
        said(client, "POST", "/v2/upload", iter([b"one ", b"two ", b"a" * 200_000]))
        said(client, "POST", "/v2/upload", b"three")
    assert [*server.service.uploads.values()] == [b"one two " + b"a" * 200_000, b"three"]


def test_a_large_body_is_counted_but_not_kept() -> None:
    """Beyond the limit only the size is known."""
    with FaultServer(body_limit=1000) as server, connected(server) as client:
        said(client, "POST", "/v2/upload", b"a" * 1_000_000)
    assert (server.requests[0].size, len(server.requests[0].body) <= 1000) == (1_000_000, True)


def test_a_connection_is_reset_when_it_is_used_again(server: FaultServer) -> None:
    """The next request is received, but not carried out."""
    server.on("GET *", faults.reset_when_reused())
    with connected(server) as client:
        said(client, "GET", "/v2/transcript")
        with pytest.raises(ConnectionResetError):
            asked(client, "POST", "/v2/transcript", b'{"audio_url": "u"}')
    assert (server.count("POST *"), server.service.jobs) == (1, [])


def test_a_server_goes_down_and_comes_up(server: FaultServer) -> None:
    """Meanwhile its connections are cut and new ones are refused; its address stays."""
    with connected(server) as client:
        said(client, "GET", "/v2/transcript")
        server.go_down()
        with pytest.raises((OSError, http.client.HTTPException)):
            said(client, "GET", "/v2/transcript")
    with connected(server) as client, pytest.raises(ConnectionRefusedError):
        said(client, "GET", "/v2/transcript")
    server.come_up()
    with connected(server) as client:
        said(client, "GET", "/v2/transcript")


def test_a_kept_connection_goes_stale(server: FaultServer) -> None:
    """It ends after the reply, without a word."""
    server.on("GET *", faults.stale_keep_alive(0.01))
    with connected(server) as client:
        said(client, "GET", "/v2/transcript")
        assert client.sock.recv(1) == b""


def test_a_reply_is_cut(server: FaultServer) -> None:
    """Half of the body comes, or half of the head, or nothing."""
    whole = raw_reply(server)
    server.on("GET *", faults.cut_body(), faults.close())
    assert raw_reply(server) == whole[:-512]
    assert raw_reply(server) == b""


@pytest.mark.parametrize(
    "fault", [faults.reset_in_reply_head(), faults.reset_in_reply_body(), faults.bad_chunking()]
)
def test_a_broken_reply_is_no_reply(server: FaultServer, fault: Fault) -> None:
    """The client cannot read it."""
    server.on("GET *", fault)
    with connected(server) as client, pytest.raises((OSError, http.client.HTTPException, ValueError)):
        said(client, "GET", "/v2/transcript")


@pytest.mark.parametrize(
    "fault",
    [
        faults.normal(),
        faults.drip(0.0001, part="head"),
        faults.drip(0.0001, part="body"),
        faults.informational(100),
        faults.http_1_0(),
        faults.odd_headers(),
        faults.large_json(1),
    ],
)
def test_an_odd_reply_is_still_the_right_one(server: FaultServer, fault: Fault) -> None:
    """The client reads it as if nothing were odd."""
    server.on("GET *", fault)
    with connected(server) as client:
        assert said(client, "GET", "/v2/transcript")["page_details"]["result_count"] == 0


def test_early_hints_come_before_the_reply(server: FaultServer) -> None:
    """The interim reply has a header of its own and no body."""
    server.on("GET *", faults.informational())
    head, _, rest = raw_reply(server).partition(b"\r\n\r\n")
    assert head == b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload"
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_status_line_is_long(server: FaultServer) -> None:
    """The reason phrase has as many bytes as it was told."""
    server.on("GET *", faults.long_status_line(100_000))
    line, _, _ = raw_reply(server).partition(b"\r\n")
    assert line == b"HTTP/1.1 200 " + b"a" * 100_000


@pytest.mark.parametrize("lingering", [True, False])
def test_an_upload_is_refused_before_its_end(server: FaultServer, lingering: bool) -> None:
    """The server that lingers lets the client see why, the other one breaks the connection."""
    server.on("POST *", faults.early_413(lingering=lingering))
    with connected(server) as client:
        try:
            with asked(client, "POST", "/v2/upload", bytes(20_000_000)) as reply:
                assert reply.status == 413
        except ConnectionError:
            assert not lingering
    wait_until(lambda: not server.open_connections)
    assert (server.requests[0].is_whole, server.service.uploads) == (lingering, {})


def test_a_server_that_stops_reading_blocks_the_client(server: FaultServer) -> None:
    """Only what the kernels hold is sent."""
    server.on("POST *", faults.stop_reading())
    url = urlsplit(server.url)
    with socket.create_connection((url.hostname, url.port), timeout=0.5) as client:
        client.sendall(b"POST /v2/upload HTTP/1.1\r\ncontent-length: 99000000\r\n\r\n")
        with pytest.raises(TimeoutError):
            client.sendall(bytes(99_000_000))
    assert server.requests[0].size == 0


def test_a_bomb_is_small_until_it_is_inflated(server: FaultServer) -> None:
    """A GiB travels as little more than a megabyte, and a nested one as a few kilobytes."""
    assert 1_000_000 < len(faults.compressed_zeros(1024)) < 1_200_000
    server.on("GET *", faults.gzip_bomb(32), faults.gzip_bomb(32, depth=2))
    with connected(server) as client, asked(client, "GET", "/v2/transcript") as reply:
        assert reply.headers["content-encoding"] == "gzip"
        assert gzip.decompress(reply.read()) == bytes(32 * 1024 * 1024)
    with connected(server) as client, asked(client, "GET", "/v2/transcript") as reply:
        assert reply.headers["content-encoding"] == "gzip, gzip"
        assert len(reply.read()) < 5000


def test_a_bomb_inflates_as_one_stream() -> None:
    """A decoder that stops after one gzip member reads all of it."""
    decompressor = zlib.decompressobj(wbits=31)
    assert len(decompressor.decompress(faults.compressed_zeros(3))) == 3 * 1024 * 1024
    assert (decompressor.eof, decompressor.unused_data) == (True, b"")


def test_honest_compression_keeps_the_reply(server: FaultServer) -> None:
    """What was compressed once or twice is the right reply."""
    server.on("GET *", faults.honest_gzip(), faults.nested_gzip())
    with connected(server) as client:
        for depth in (1, 2):
            with asked(client, "GET", "/v2/transcript") as reply:
                body = reply.read()
            for _ in range(depth):
                body = gzip.decompress(body)
            assert b"page_details" in body


@pytest.mark.parametrize(
    ("fault", "status", "header"),
    [
        (faults.redirect("http://evil.test/"), 307, ("location", "http://evil.test/")),
        (faults.html(), 200, ("content-type", "text/html")),
        (faults.reply_json([1], 201), 201, ("content-length", "3")),
        (faults.encoded("br", b"??"), 200, ("content-encoding", "br")),
        (faults.status(429, headers={"Retry-After": "1"}), 429, ("retry-after", "1")),
    ],
)
def test_a_reply_is_replaced(server: FaultServer, fault: Fault, status: int, header: tuple[str, str]) -> None:
    """The client reads what the fault says, over a connection that goes on."""
    server.on("GET *", fault)
    with connected(server) as client:
        with asked(client, "GET", "/v2/transcript") as reply:
            reply.read()
            assert (reply.status, reply.headers[header[0]]) == (status, header[1])
        said(client, "GET", "/v2/transcript")
    assert server.connections == 1


def test_a_bug_in_a_fault_is_raised_at_the_end() -> None:
    """What a fault raises by mistake is not lost."""

    async def hasty(exchange: Exchange) -> None:
        exchange.process()

    with pytest.raises(RuntimeError, match="whole body"), FaultServer() as server:
        server.on("POST *", hasty)
        with connected(server) as client, pytest.raises(ConnectionError):
            asked(client, "POST", "/v2/upload", b"audio")


def test_clients_that_vanish_are_not_spoken_of(
    server: FaultServer, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is printed, logged or left open when clients go away amid everything."""
    server.on("POST *", faults.drip_forever(0.001), faults.endless_header(), faults.hang())
    for _ in range(4):
        with connected(server) as client:
            client.request("POST", "/v2/upload", b"audio", KEY)
    url = urlsplit(server.url)
    with socket.create_connection((url.hostname, url.port)) as half:
        half.sendall(b"POST /v2/upload HTTP/1.1\r\ncontent-length: 100\r\n\r\nhalf")
    wait_until(lambda: server.connections == 5 and not server.open_connections)
    assert (*capfd.readouterr(), caplog.text) == ("", "", "")
