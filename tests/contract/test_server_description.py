"""
The embedded server under requests that schemathesis makes of the service's description, valid and invalid.

The session `clients` of nox runs it, because it needs schemathesis and some minutes.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import anyio
import attrs
import description
import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from aai_async.server import LocalServer, ScriptedEngine, SpeechRequest

schemathesis = pytest.importorskip("schemathesis", reason="`nox -s clients` installs schemathesis")

from schemathesis.checks import CHECKS, load_all_checks  # noqa: E402 - it is an optional package
from schemathesis.core.failures import FailureGroup  # noqa: E402

# A thousand requests of one operation take minutes on a busy machine.
pytestmark = pytest.mark.timeout(1200)

MOST_REQUESTS: Final = 5000
EXAMPLES: Final = 60
"""Random requests for each operation, in addition to those that cover each keyword of the description."""

HANG_SECONDS: Final = 30
AUDIO: Final = Path(__file__).parents[1] / "data" / "two_speakers.mp3"
AUTHORIZATION: Final = {"Authorization": "0123456789abcdef0123456789abcdef"}
NEVER_ENDS: Final = 9
"""The number of expected speakers of a job that stays in progress."""


class Difference(NamedTuple):
    """A failure that schemathesis reports and that is intended."""

    operation: str
    """A pattern for the whole operation, such as `GET /v2/transcript`."""

    status: int
    failure: str
    """The name of schemathesis' failure."""

    message: str
    """A pattern that occurs in its message."""

    reason: str


ONE: Final = re.escape("/v2/transcript/{transcript_id}")
DIFFERENCES: Final = (
    Difference(
        f"(GET|DELETE) {ONE}",
        200,
        "JsonSchemaError",
        r"\('metadata' was unexpected",
        "The SDKs of 2026 have `metadata`; here it also names the engine that ran.",
    ),
    Difference(
        f"(GET|DELETE) {ONE}",
        200,
        "JsonSchemaError",
        r"null is not|\('speaker_count', 'cluster_id' were unexpected|'cluster_id', 'speaker_count'",
        "A deleted transcript is the description's own example of one, which its schema does not allow.",
    ),
    Difference(
        f"GET {ONE}/(sentences|paragraphs)",
        200,
        "JsonSchemaError",
        r"\('speech_model_used' was unexpected",
        "The SDKs of 2026 have `speech_model_used` in both.",
    ),
    Difference(
        f"GET {ONE}/redacted-audio",
        202,
        "UndefinedStatusCode",
        "",
        "The vendor's SDK for Python waits while the status is 202.",
    ),
    Difference(
        f"GET {ONE}/" + re.escape("{subtitle_format}"),
        404,
        "UndefinedContentType",
        "text/plain",
        "The service answers an unknown path in plain text.",
    ),
    Difference(
        "GET .*|POST /v2/transcript",
        200,
        "AcceptedNegativeData",
        "additionalProperties|unexpected propert",
        "Names that the server does not know are accepted, as the service of a later date accepts them.",
    ),
)

schema = schemathesis.openapi.from_dict(
    description.document(),
    config=schemathesis.Config.from_dict(
        {
            "seed": 17,
            "generation": {"max-examples": EXAMPLES},
            # A schema cannot state which ids exist, or which combinations the documentation forbids.
            "checks": {"positive_data_acceptance": {"enabled": False}},
        }
    ),
)
load_all_checks()
REPLY_CHECKS: Final = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]
)
"""The checks of a request that was changed after schemathesis made it, so it may be valid or not."""


@attrs.define
class Requests:
    """Middleware that counts the requests."""

    app: ASGIApp = attrs.field(init=False)
    count: int = 0

    def around(self, app: ASGIApp) -> Requests:
        self.app = app
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.count += scope["type"] == "http"
        await self.app(scope, receive, send)


@attrs.define
class Service:
    """The server with transcripts in each state."""

    base_url: str
    upload_url: str
    known: Iterator[str]
    """Ids of transcripts in each state, in turn."""

    deletable: Iterator[str]
    """Ids of transcripts that only the operation DELETE is asked for."""

    operations: set[str] = attrs.field(factory=set[str])
    met: set[Difference] = attrs.field(factory=set[Difference])

    def ask(self, case: Any, checks: Any = None) -> None:
        """
        Send a request and check its reply.

        Raises:
            FailureGroup: The reply is not the described one, and the difference is not a written one.
            requests.Timeout: There was no reply.
        """
        reply = case.call(base_url=self.base_url, headers=AUTHORIZATION, timeout=HANG_SECONDS)
        self.operations.add(case.operation.label)
        try:
            case.validate_response(reply, checks=checks, headers=AUTHORIZATION)
        except FailureGroup as group:
            unwritten = []
            for failure in group.exceptions:
                written = _written(case.operation.label, reply.status_code, failure)
                self.met.update(written)
                if not written:
                    unwritten.append(failure)
            if unwritten:
                raise FailureGroup(unwritten) from None


def _written(operation: str, status: int, failure: Any) -> list[Difference]:
    return [
        one
        for one in DIFFERENCES
        if re.fullmatch(one.operation, operation)
        and (one.status, one.failure) == (status, type(failure).__name__)
        and re.search(one.message, failure.message)
    ]


async def _answer(request: SpeechRequest) -> str:
    if request.speakers_expected == NEVER_ENDS:
        await anyio.sleep_forever()
    return "My number is 555-123-4567. How are you today?"


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    requests = Requests()
    server = LocalServer(
        engine=ScriptedEngine(_answer),
        key=AUTHORIZATION["Authorization"],
        parallel_jobs=2,
        middleware=requests.around,
    )
    with server, httpx.Client(base_url=server.base_url, headers=AUTHORIZATION, trust_env=False) as http:
        service = _with_transcripts(http)
        yield service
    assert requests.count <= MOST_REQUESTS
    if len(service.operations) == len(schema):
        assert [one.reason for one in DIFFERENCES if one not in service.met] == [], "differences not met"


def _with_transcripts(http: httpx.Client) -> Service:
    masked = {"redact_pii": True, "redact_pii_audio": True, "redact_pii_policies": ["phone_number"]}
    held = _submitted(http, speaker_labels=True, speakers_expected=NEVER_ENDS, **masked)
    ids = [
        held,
        _ended(http, _submitted(http, speaker_labels=True)),
        _ended(http, _submitted(http, multichannel=True, language_detection=True)),
        _ended(http, _submitted(http, **masked, redact_pii_sub="hash")),
        _ended(http, _submitted(http, audio_url="http://127.0.0.1:9/absent.mp3")),
        _ended(http, _submitted(http)),
    ]
    assert http.delete(f"/v2/transcript/{ids[-1]}").status_code == 200
    _until(lambda: http.get(f"/v2/transcript/{ids[3]}/redacted-audio").status_code == 200)
    deletable = [held, *(_ended(http, _submitted(http)) for _ in range(3))]
    return Service(
        str(http.base_url), _uploaded(http), known=itertools.cycle(ids), deletable=itertools.cycle(deletable)
    )


def _uploaded(http: httpx.Client) -> str:
    return str(http.post("/v2/upload", content=AUDIO.read_bytes()).json()["upload_url"])


def _submitted(http: httpx.Client, **options: object) -> str:
    reply = http.post("/v2/transcript", json={"audio_url": _uploaded(http), **options})
    assert reply.status_code == 200, reply.text
    return str(reply.json()["id"])


def _ended(http: httpx.Client, transcript_id: str) -> str:
    _until(
        lambda: http.get(f"/v2/transcript/{transcript_id}").json()["status"] not in ("queued", "processing")
    )
    return transcript_id


def _until(is_done: Any) -> None:
    end = time.monotonic() + HANG_SECONDS
    while not is_done():
        assert time.monotonic() < end
        time.sleep(0.02)


@schema.parametrize()
def test_each_reply_is_one_that_the_description_has(case: Any, service: Service) -> None:
    """
    No 500, no hang, no undescribed status, header or body, and no accepted nonsense, save for `DIFFERENCES`.

    Random ids and URLs name nothing, so the request is repeated with those of a transcript and of an upload.
    """
    service.ask(case)
    if isinstance(case.path_parameters.get("transcript_id"), str):
        case.path_parameters["transcript_id"] = next(
            service.deletable if case.method == "DELETE" else service.known
        )
        service.ask(case, REPLY_CHECKS)
    if case.operation.label == "POST /v2/transcript" and isinstance(case.body, dict):
        case.body["audio_url"] = service.upload_url
        service.ask(case, REPLY_CHECKS)
