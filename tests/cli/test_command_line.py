"""The command line, as a shell sees it: what it prints where, and its exit status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

import aai_async
import aai_async._cli
from aai_async._command_lines import install_command
from aai_async.server import LocalServer, Recognition, ScriptedEngine

KEY = "0123456789abcdef0123456789abcdef"
AUDIO = str(Path(__file__).parents[1] / "data" / "two_speakers.mp3")

SERVE = [sys.executable, "-m", "aai_async", "serve", "--port", "0", "--engine", "scripted", "--key", KEY]


@pytest.fixture
def anyio_backend() -> str:
    """The command runs in a process of its own, on asyncio."""
    return "asyncio"


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine("What was said.")


@pytest.fixture
async def server(engine: ScriptedEngine) -> AsyncIterator[LocalServer]:
    async with LocalServer(engine=engine, key=KEY) as server:
        yield server


async def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "aai_async", *arguments]
    result = await anyio.run_process(command, check=False, env={**os.environ, **environment})
    return result.returncode, result.stdout.decode(), result.stderr.decode()


async def test_the_text_goes_to_standard_output_and_the_rest_beside_it(server: LocalServer) -> None:
    """So that it can be piped."""
    status, out, err = await run(
        "transcribe", AUDIO, ASSEMBLYAI_API_KEY=KEY, ASSEMBLYAI_BASE_URL=server.base_url
    )
    assert (status, out) == (0, "What was said.\n")
    assert "3 words" in err


async def test_a_recording_is_transcribed_on_this_machine() -> None:
    """The demonstration of the README: no key, real speech, and who said it."""
    status, out, err = await run("transcribe", AUDIO, "--local", "--speaker-labels")
    assert status == 0
    assert [line.partition(": ")[0] for line in out.splitlines()] == [f"Speaker {name}" for name in "ABABA"]
    assert "fellow Americans" in out
    assert "2 speakers" in err
    assert "by whisper-base" in err


async def test_the_newest_model_is_taken_on_this_machine() -> None:
    """And the last line says what ran; an unknown name is logged once, and a warning."""
    status, out, err = await run("transcribe", AUDIO, "--local", "--model", "assemblyai-stt-3-7")
    assert (status, "fellow Americans" in out, "is unknown to this server" in err) == (0, True, False)
    assert err.splitlines()[-1].endswith("by whisper-base")
    status, out, err = await run("transcribe", AUDIO, AUDIO, "--local", "--model", "assemblyai-stt-9")
    assert (status, "fellow Americans" in out) == (0, True)
    unknown = "The speech model 'assemblyai-stt-9' is unknown to this server"
    [logged] = [line for line in err.splitlines() if line.startswith(unknown)]
    assert "Did you mean 'assemblyai-stt-3-7'?" in logged
    assert f"warning: {unknown}; whisper-base ran" in err


@pytest.mark.parametrize(
    ("flags", "remark"),
    [
        (
            ["--model", "universal-3-pro"],
            "--model universal-3-pro is deprecated by the service: use",
        ),
        (["--set", "word_boost=Widget"], "word_boost is deprecated by the service: use --keyterm."),
        (
            ["--model", "assemblyai-stt-3-7", "--language", "sw"],
            "--model contains only 'assemblyai-stt-3-7', which supports 32 languages, perhaps",
        ),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_what_is_doubtful_about_an_option_is_said_once(flags: list[str], remark: str) -> None:
    """In one line, for nobody reads the code that the warning would point to."""
    status, _, err = await run("transcribe", AUDIO, "--dry-run", *flags)
    assert (status, err.count(remark), "DeprecationWarning" in err) == (0, 1, False)


async def test_a_served_server_shows_what_it_warns_about() -> None:
    """`aai-async serve` has no other place for it."""
    async with await anyio.open_process(SERVE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = (await process.stdout.receive()).decode()
        url = line.partition("ASSEMBLYAI_BASE_URL=")[2].split()[0]
        async with aai_async.Client(KEY, base_url=url) as client:
            await client.submit(b"a recording", aai_async.Options(extra={"speaker_lables": True}))
        with anyio.fail_after(30):
            shown = (await process.stderr.receive()).decode()
        process.terminate()
    assert "The parameter 'speaker_lables' is unknown to this server" in shown
    assert "Did you mean 'speaker_labels'?" in shown


@pytest.fixture
def bad_names(tmp_path: Path) -> list[str]:
    """What can be wrong with a name: nothing there, nothing in it, too much, no file, no recording."""
    (tmp_path / "empty.wav").touch()
    with (tmp_path / "large.wav").open("wb") as file:
        file.truncate(2_200_000_001)
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling.mp3").symlink_to("nowhere")
    there = ["typo.mp3", "empty.wav", "large.wav", "pipe.wav", "folder", "dangling.mp3", "*.flac"]
    return [*(str(tmp_path / name) for name in there), "s3://id:secret@bucket/x.mp3"]


@pytest.mark.parametrize("where", ["stdout", "files", "dry run"])
async def test_bad_names_are_all_reported_before_anything_is_sent(
    account: dict[str, str], engine: ScriptedEngine, bad_names: list[str], tmp_path: Path, where: str
) -> None:
    """In one report; nothing was paid for, and no secret is shown."""
    flags = {"stdout": [], "files": ["-o", str(tmp_path / "out")], "dry run": ["--dry-run"]}[where]
    status, out, err = await run("transcribe", AUDIO, *bad_names, *flags, **account)
    assert status == 2
    assert all(Path(name).name.partition("?")[0] in err for name in bad_names[:-1])
    assert "s3://" in err
    assert "secret" not in err
    assert "Traceback" not in err
    assert engine.requests == []
    assert "What was said" not in out
    assert not (tmp_path / "out").exists()


async def test_bad_names_are_left_out_where_that_is_asked_for(
    account: dict[str, str], bad_names: list[str]
) -> None:
    """The others are sent; the exit status says that some were not, and each is a line."""
    status, out, err = await run("transcribe", AUDIO, *bad_names, "--skip-bad", **account)
    assert (status, out) == (3, "What was said.\n"), err
    assert f"{len(bad_names)} names skipped" in err


async def test_a_name_that_is_missing_is_a_line_and_no_traceback() -> None:
    """Nothing was sent."""
    status, out, err = await run("transcribe", "missing.mp3", ASSEMBLYAI_API_KEY=KEY)
    assert (status, out) == (2, "")
    assert "No such file: 'missing.mp3'." in err
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [[""], [" "], [AUDIO, "-o", ""], [AUDIO, "--output-dir="]], ids=repr)
async def test_an_empty_argument_is_an_error_and_not_the_current_folder(
    account: dict[str, str], engine: ScriptedEngine, tmp_path: Path, arguments: list[str]
) -> None:
    """It comes from a variable of the shell that is not set."""
    (tmp_path / "a.mp3").write_bytes(b"sound")
    command = [sys.executable, "-m", "aai_async", "transcribe", *arguments]
    result = await anyio.run_process(command, check=False, env=os.environ | account, cwd=tmp_path)
    assert (result.returncode, result.stdout, engine.requests) == (2, b"", [])
    assert "An argument is empty" in result.stderr.decode()
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp3"]


@pytest.mark.parametrize(
    "flag", ["--speaker-names", "--speaker-labels", "--diarize", "--times", "--multichannel"]
)
async def test_a_number_after_a_flag_without_a_value_is_not_taken_for_a_recording(
    account: dict[str, str], engine: ScriptedEngine, tmp_path: Path, flag: str
) -> None:
    """Also where there is a file of that name; the error says how the number of speakers is given."""
    command = [sys.executable, "-m", "aai_async", "transcribe", AUDIO, flag, "2"]
    (tmp_path / "2").write_bytes(b"sound")
    result = await anyio.run_process(command, check=False, env=os.environ | account, cwd=tmp_path)
    assert (result.returncode, result.stdout, engine.requests) == (2, b"", [])
    assert f"{flag} takes no value" in result.stderr.decode()
    assert ("--speakers-expected 2" in result.stderr.decode()) == (flag != "--times")


@pytest.mark.parametrize("flags", [["--speakers", "2"], ["--num_speakers=2"], ["--speaker-count", "2"]])
async def test_the_number_of_speakers_has_a_flag_that_is_named(flags: list[str]) -> None:
    """Other programs have other names for it; the similar ones here mean something else."""
    status, _, err = await run("transcribe", AUDIO, *flags)
    assert (status, "use --speakers-expected 2." in err) == (2, True)


async def test_what_the_embedded_server_ignores_is_shown(server: LocalServer) -> None:
    """As a warning, as where the service warns."""
    account = {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}
    status, out, err = await run("transcribe", AUDIO, "--set", "mood.valence=1", **account)
    assert (status, out) == (0, "What was said.\n")
    assert "warning: The parameter 'mood' is unknown to this server and was ignored" in err


async def test_a_missing_key_is_exit_status_four() -> None:
    """Nothing that follows would work either."""
    status, _, err = await run("transcribe", AUDIO)
    assert status == 4
    assert "ASSEMBLYAI_API_KEY" in err
    assert "Traceback" not in err


async def test_a_wrong_key_stops_at_the_first_recording(server: LocalServer) -> None:
    """The next one would fare no better."""
    status, out, err = await run(
        "transcribe", AUDIO, AUDIO, ASSEMBLYAI_API_KEY="wrong", ASSEMBLYAI_BASE_URL=server.base_url
    )
    assert (status, out) == (4, "")
    assert err.count("API token missing/invalid") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX signals")
@pytest.mark.parametrize("sent", [[signal.SIGINT, signal.SIGINT], [signal.SIGTERM]], ids=["twice", "term"])
async def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path, sent: list[signal.Signals]) -> None:
    """Neither a process, nor the recording in a temporary file, nor a traceback."""
    command = [sys.executable, "-m", "aai_async", "transcribe", AUDIO, "--local"]
    async with await anyio.open_process(command, env={**os.environ, "TMPDIR": str(tmp_path)}) as process:
        assert process.stderr is not None
        said = await process.stderr.receive()
        await anyio.sleep(1)
        for number in sent:
            process.send_signal(number)
            await anyio.sleep(0.2)
        with anyio.fail_after(60):
            said += b"".join([chunk async for chunk in process.stderr])
            assert await process.wait() == 130
    assert list(tmp_path.glob("aai-async-*")) == []
    assert b"Traceback" not in said


async def test_an_unknown_region_is_told() -> None:
    """Before anything is sent."""
    status, _, err = await run("transcribe", AUDIO, "--region", "mars", ASSEMBLYAI_API_KEY=KEY)
    assert status == 2
    assert "us" in err
    assert "eu" in err


async def test_a_missing_argument_is_a_usage_error() -> None:
    """Exit status two, as everywhere."""
    assert (await run("transcribe"))[0] == 2


async def test_a_recording_without_speech_has_no_subtitles_and_that_is_stated(
    tmp_path: Path,
) -> None:
    """Some readers refuse an empty file."""
    async with LocalServer(engine=ScriptedEngine(""), key=KEY) as server:
        account = {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}
        status, _, err = await run("transcribe", AUDIO, "-f", "srt,txt", "-o", str(tmp_path), **account)
    assert status == 0
    assert (tmp_path / "two_speakers.mp3.srt").read_text() == ""
    assert "two_speakers.mp3: no speech, so the subtitles are empty" in err


async def test_what_was_not_transcribed_is_a_line_of_the_command() -> None:
    """A transcript that is completed but lacks a part of the file does not pass for a whole one."""
    warning = "Only audio track 2 was transcribed because track 1 is silent; audio_track chooses another"
    heard = Recognition(
        words=(), language_code="en", audio_duration=4.0, audio_warnings=(warning,), engine="x"
    )
    async with LocalServer(engine=ScriptedEngine(heard), key=KEY) as server:
        account = {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}
        status, _, err = await run("transcribe", AUDIO, **account)
    assert (status, f"warning: {warning}" in " ".join(err.split())) == (0, True)


async def test_the_embedded_server_runs_until_it_is_told_to_stop() -> None:
    """It prints what to export, and Ctrl-C is an orderly end."""
    async with await anyio.open_process(SERVE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        line = (await process.stdout.receive()).decode().splitlines()[0]
        exported = dict(word.split("=", 1) for word in line.split()[1:])
        assert exported["ASSEMBLYAI_API_KEY"] == KEY
        status, out, _ = await run("transcribe", AUDIO, **exported)
        assert (status, "scripted" in out) == (0, True)
        process.send_signal(signal.SIGINT)
        with anyio.fail_after(60):
            assert await process.wait() == 0


def test_without_its_extra_the_command_names_what_installs_it() -> None:
    """No part of the command is imported before, not even what shows its warnings."""
    code = "import sys; sys.modules['typer'] = None; from aai_async._cli import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, install_command("cli") in done.stderr) == (1, True), done.stderr
    assert "Traceback" not in done.stderr


async def test_without_weights_the_command_says_what_to_install() -> None:
    """Not a traceback about a file."""
    # A path on which the packages with the weights are not found, but all others are.
    code = (
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if 'whisper_base' in name else find(name)\n"
        f"sys.argv = ['aai-async', 'transcribe', {AUDIO!r}, '--local']\n"
        "from aai_async._cli import main; main()"
    )
    result = await anyio.run_process([sys.executable, "-c", code], check=False)
    assert result.returncode != 0
    assert install_command("models") in result.stderr.decode()
    assert b"Traceback" not in result.stderr


@pytest.fixture
def account(server: LocalServer) -> dict[str, str]:
    """What the environment of somebody with a key has."""
    return {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """A folder of recordings, two of the same name and one that is broken."""
    folder = tmp_path / "calls"
    for name in ("a/x.mp3", "b/x.mp3", "y.wav"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    (folder / "broken.mp3").touch()
    return folder


async def test_a_folder_becomes_files_in_several_formats(
    account: dict[str, str], calls: Path, tmp_path: Path
) -> None:
    """The broken one is told, and does not keep the others from their files, which mirror the folder."""
    out = tmp_path / "out"
    status, said, err = await run(
        "transcribe", str(calls), "-r", "-o", str(out), "-f", "txt,srt", "-f", "json", **account
    )
    assert (status, said) == (3, "")
    assert "broken.mp3' is empty" in err
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*.*") if path.name[0] != ".")
    assert written == sorted(
        f"{one}.{kind}" for one in ("a/x.mp3", "b/x.mp3", "y.wav") for kind in ("txt", "srt", "json")
    )
    assert (out / "y.wav.txt").read_text() == "What was said.\n"
    assert json.loads((out / "a/x.mp3.json").read_text())["text"] == "What was said."


async def test_what_is_there_in_all_formats_is_skipped(
    account: dict[str, str], calls: Path, tmp_path: Path, engine: ScriptedEngine
) -> None:
    """What lacks one is written from the journal, not from another job; and so does --force, as it states."""
    (calls / "broken.mp3").unlink()
    order = ["transcribe", str(calls), "-r", "-o", str(tmp_path / "out"), "-f", "txt,vtt"]
    assert (await run(*order, **account))[0] == 0
    (tmp_path / "out" / "y.wav.vtt").unlink()
    status, _, err = await run(*order, **account)
    assert (status, err.count("skipped, ")) == (0, 2)
    assert (tmp_path / "out" / "y.wav.vtt").exists()
    (tmp_path / "out" / "y.wav.txt").write_text("mine")
    assert (await run(*order, **account))[0] == 0
    assert (tmp_path / "out" / "y.wav.txt").read_text() == "mine"
    status, _, err = await run(*order, "--force", **account)
    assert status == 0
    assert "3 results written again without a new job. To transcribe again, and pay again," in err
    assert f"aai-async forget {tmp_path / 'out'} NAME" in err
    assert (tmp_path / "out" / "y.wav.txt").read_text() == "What was said.\n"
    assert len(engine.requests) == 3
    await run("forget", str(tmp_path / "out"), str(calls / "y.wav"), "--yes", **account)
    status, _, err = await run(*order, **account)
    assert (status, len(engine.requests)) == (0, 4)
    assert "without a new job" not in err


async def test_results_on_standard_output_come_in_the_order_of_the_recordings(
    account: dict[str, str], calls: Path
) -> None:
    """Whichever is done first."""
    names = [str(calls / name) for name in ("b/x.mp3", "broken.mp3", "y.wav", "a/x.mp3")]
    status, out, _ = await run("transcribe", *names, "--skip-bad", **account)
    assert status == 3
    assert [line.split()[1] for line in out.splitlines() if line.startswith("==>")] == [
        names[0],
        names[2],
        names[3],
    ]


async def test_steps_and_results_are_lines_of_json(account: dict[str, str], calls: Path) -> None:
    """One for each step, and the numbers of all at the end."""
    status, out, err = await run("transcribe", str(calls), "--jsonl", "--progress", "none", **account)
    lines = [json.loads(line) for line in out.splitlines()]
    of_y = [line["type"] for line in lines if line.get("source", "").endswith("y.wav")]
    assert status == 3
    assert of_y[:2] == ["uploading", "submitted"]
    assert of_y[-1] == "completed"
    (failed,) = (line for line in lines if line["type"] == "failed")
    assert failed["source"].endswith("broken.mp3")
    assert failed["error_type"] == "SourceError"
    assert (lines[-1]["completed"], lines[-1]["failed"], lines[-1]["exit_status"]) == (1, 1, 3)
    assert "completed" not in err


async def test_a_recording_may_come_by_standard_input(account: dict[str, str]) -> None:
    """It is streamed; nothing at all is an error."""
    command = [sys.executable, "-m", "aai_async", "transcribe", "-"]
    environment = os.environ | account
    result = await anyio.run_process(command, input=Path(AUDIO).read_bytes(), env=environment)
    assert result.stdout == b"What was said.\n"
    result = await anyio.run_process(command, input=b"", env=environment, check=False)
    assert (result.returncode, b"is empty" in result.stderr) == (1, True)


async def test_names_may_come_by_standard_input(account: dict[str, str], calls: Path) -> None:
    command = [sys.executable, "-m", "aai_async", "transcribe", "--from-file", "-"]
    listed = f"# of today\n{calls / 'y.wav'}\n\n".encode()
    result = await anyio.run_process(command, input=listed, env=os.environ | account)
    assert result.stdout == b"What was said.\n"


async def test_a_dry_run_sends_nothing(account: dict[str, str], calls: Path, engine: ScriptedEngine) -> None:
    """It says what would be sent, how much that is, and where the results would go; without a key, too."""
    del account["ASSEMBLYAI_API_KEY"]
    order = ["transcribe", AUDIO, str(calls / "y.wav"), "--dry-run", "-o", "out", "--set", "punctuate=false"]
    status, out, err = await run(*order, **account)
    assert status == 0
    assert out.splitlines()[0] == f"{AUDIO}  191 kB  0:00:38  out/two_speakers.mp3.txt"
    assert "2 recordings, 191 kB, 0:00:38 of audio" in err
    assert '{"punctuate":false}' in err
    assert engine.requests == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["*.nothing"], "No file matches"),
        ([AUDIO, "-f", "strt"], "Did you mean 'srt'"),
        ([AUDIO, "-f", "srt,vtt"], "--output-dir"),
        ([AUDIO, "README.md", "-f", "srt"], "--output-dir"),
        ([AUDIO, "-o", AUDIO], "is a file"),
        ([AUDIO, "--speaker-lables"], "--speaker-labels"),
        ([AUDIO, "--set", "speaker_lables=true"], "speaker_labels"),
        ([AUDIO, "--resume"], "--resume found no journal"),
        ([AUDIO, "--local", "--adopt-key"], "needs no key"),
        ([AUDIO, "--audio-track", "2"], "pass --local, or"),
        ([AUDIO, "--audio-track", "2", "--region", "us"], "pass --local, or"),
        ([AUDIO, "--local", "--audio-track", "0"], "--audio-track"),
        ([AUDIO, "--jobs", "0"], "--jobs"),
        (["--from-file", "missing"], "cannot be read"),
        (["--from-file", os.devnull], "No names"),
        ([], "No recordings"),
    ],
)
async def test_what_cannot_be_meant_is_a_usage_error(arguments: list[str], said: str) -> None:
    """Before anything is sent, or even a key is looked for; with what to do."""
    status, out, err = await run("transcribe", *arguments)
    assert (status, out) == (2, "")
    assert said in " ".join(err.replace("│", " ").split())


async def test_an_audio_track_is_chosen_of_an_embedded_server(
    account: dict[str, str], engine: ScriptedEngine
) -> None:
    """The number is sent as the parameter that the embedded server has beyond the service."""
    status, _, _ = await run("transcribe", AUDIO, "--audio-track", "2", **account)
    assert (status, engine.requests[0].audio_track) == (0, 2)


async def test_a_name_like_an_option_is_pointed_out(tmp_path: Path) -> None:
    (tmp_path / "-x.mp3").write_bytes(b"sound")
    command = [sys.executable, "-m", "aai_async", "transcribe", "-x.mp3"]
    result = await anyio.run_process(command, check=False, cwd=tmp_path)
    assert result.returncode == 2
    assert b"'./-x.mp3'" in result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="names elsewhere are text")
async def test_a_name_may_be_anything_that_a_file_may_be_called(
    account: dict[str, str], tmp_path: Path
) -> None:
    """With line breaks, quotes, emoji, bytes that are no text; of the greatest length."""
    names = [b"a\nb'\"\xf0\x9f\x8e\x99.mp3", b"\xff\xfe.mp3", b"x" * 251 + b".mp3"]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(name)
    out = tmp_path / "out"
    status, said, err = await run("transcribe", str(tmp_path), "-o", str(out), "--jsonl", **account)
    assert (status, "Traceback" in err) == (0, False)
    assert len(list(out.glob("*.txt"))) == 3
    assert all(json.loads(line) for line in said.splitlines())


async def test_a_file_that_cannot_be_written_after_all_is_told_and_a_rerun_helps(
    tmp_path: Path, server: LocalServer, engine: ScriptedEngine, account: dict[str, str]
) -> None:
    """The job is done and in the journal, and the other formats are written; only one is not."""
    out = tmp_path / "out"
    (tmp_path / "y.wav").write_bytes(b"sound")
    order = ["transcribe", str(tmp_path / "y.wav"), "-o", str(out), "-f", "srt,txt"]
    engine._script = lambda _: (out / "y.wav.srt").mkdir() or "What was said."  # type: ignore[func-returns-value]
    status, _, err = await run(*order, **account)
    assert status == 5
    assert "y.wav.srt" in err
    assert (out / "y.wav.txt").read_text() == "What was said.\n"
    (out / "y.wav.srt").rmdir()
    assert (await run(*order, **account))[0] == 0
    assert (out / "y.wav.srt").exists()
    assert len(engine.requests) == 1


@pytest.mark.parametrize("obstacle", ["out", "out/.aai-async.names/x"])
async def test_what_is_in_the_way_of_results_is_told_before_anything_is_sent(
    tmp_path: Path, account: dict[str, str], engine: ScriptedEngine, obstacle: str
) -> None:
    """A file in place of the folder, a folder in place of the register."""
    (tmp_path / "y.wav").write_bytes(b"sound")
    (tmp_path / obstacle).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / obstacle).write_bytes(b"in the way")
    order = ["transcribe", str(tmp_path / "y.wav"), "-o", str(tmp_path / "out"), "--no-journal"]
    status, _, err = await run(*order, **account)
    assert status in {2, 5}
    assert "out" in err
    assert "Traceback" not in err
    assert engine.requests == []


async def test_a_pipe_that_nobody_reads_ends_the_run_without_a_traceback(account: dict[str, str]) -> None:
    """As after `| head`."""
    command = f"{sys.executable} -m aai_async transcribe {AUDIO} | true; exit ${{PIPESTATUS[0]}}"
    result = await anyio.run_process(["bash", "-c", command], check=False, env=os.environ | account)
    assert result.returncode == 141
    assert b"Traceback" not in result.stderr
    assert b"BrokenPipe" not in result.stderr


async def test_single_transcripts_are_listed_fetched_searched_and_deleted(account: dict[str, str]) -> None:
    """By their ids, which `list` shows."""
    assert (await run("transcribe", AUDIO, **account))[0] == 0
    status, out, _ = await run("list", **account)
    transcript_id = out.split()[0]
    assert (status, out.split()[1]) == (0, "completed")
    assert json.loads((await run("list", "--json", **account))[1])["id"] == transcript_id
    assert (await run("get", transcript_id, "-f", "srt", **account))[1].startswith("1\n00:00:00,")
    assert (await run("search", transcript_id, "said", **account))[:2] == (
        0,
        "said: 1\n  0:00:01  What was said.\n",
    )
    assert (await run("search", transcript_id, "unsaid", **account))[0] == 1
    _, out, _ = await run("search", transcript_id, "What WAS", "unsaid", **account)
    assert out.splitlines()[-1] == "unsaid: 0"
    assert "WAS: 0" not in out
    assert (await run("delete", transcript_id, **account))[0] == 2
    assert (await run("delete", transcript_id, "--yes", **account))[:2] == (0, f"{transcript_id}\n")
    status, out, err = await run("get", transcript_id, **account)
    assert (status, out, "was deleted" in err) == (1, "", True)
    status, _, err = await run("get", "unknown", **account)
    assert (status, "unknown" in err) == (1, True)


async def test_a_journal_is_shown_and_exported_without_the_service(
    account: dict[str, str], calls: Path, tmp_path: Path
) -> None:
    """Also when the key is gone."""
    journal = str(tmp_path / "calls.db")
    assert (await run("transcribe", str(calls), "-r", "--journal", journal, **account))[0] == 3
    status, out, err = await run("status", journal)
    assert (status, out.startswith("failed"), out.endswith(" is empty.\n")) == (3, True, True)
    assert "3 of 4 completed, 1 failed" in err
    status, out, _ = await run("export", journal, "-o", str(tmp_path / "out"), "-f", "md")
    assert status == 0
    # In the folders of the recordings, from that which all have in common.
    names = ("a/x.mp3.md", "b/x.mp3.md", "y.wav.md")
    assert sorted(out.splitlines()) == [str(tmp_path / "out" / name) for name in names]


async def test_an_unknown_journal_is_told() -> None:
    status, _, err = await run("status", "missing.db")
    assert status == 1
    assert "missing.db" in err


async def test_the_doctor_finds_what_is_missing_and_says_the_mend(account: dict[str, str]) -> None:
    """With the exit status of a set-up that would not work."""
    status, out, _ = await run("doctor", **account)
    assert status == 0
    assert "responds and accepts the key" in out
    assert KEY not in out
    status, out, _ = await run("doctor")
    assert status == 4
    assert "BAD  service: There is no API key" in out
    status, out, _ = await run("doctor", **account | {"ASSEMBLYAI_API_KEY": "wrong"})
    assert (status, "dashboard" in out) == (4, True)
    status, out, _ = await run("doctor", **account | {"ASSEMBLYAI_BASE_URL": "http://127.0.0.1:9"})
    assert (status, out.count("Is `aai-async serve` running?")) == (5, 1), out


async def test_the_version_is_told() -> None:
    assert (await run("--version"))[1].strip() == aai_async.__version__
