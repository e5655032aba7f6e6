"""
Recognition in a child process: words with Whisper, then the speakers of the words.

The settings follow measurements: int8, one beam and batches cut by voice activity drop the fewest words of
long recordings and add none in silence. This module loads large libraries; only the child imports it.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from aai_async.server import weights
from aai_async.server.diarization.encoder import SpeakerEncoder
from aai_async.server.diarization.filterbank import Floats
from aai_async.server.diarization.speakers import SpeakerCount, tell_apart
from aai_async.server.engine import EngineError, Recognition, RecognizedWord, SpeakerEmbedding, SpeechRequest
from aai_async.server.engines.channels import interleave
from aai_async.server.engines.coverage import lost, warnings_about, with_found, without_words
from aai_async.server.engines.language import choose_language
from aai_async.server.engines.loops import Chunk, looped
from aai_async.server.engines.onsets import from_onsets
from aai_async.server.engines.protocol import WorkerSettings
from aai_async.server.engines.seams import in_own_part
from aai_async.server.engines.short_chunks import shortened
from aai_async.server.engines.words import Piece, Span, join_pieces, lay_out, within_sound
from aai_async.server.sound import sections
from aai_async.server.sound.buffers import release
from aai_async.server.sound.decoding import RATE, Samples, decode

faster_whisper: Any = import_module("faster_whisper")  # it ships no types

# Four at once took 13 % less time on two cores, and 100 MB more for each of the three with "base".
_BATCH = 1

_MOST_PASSES = 20
"""How often speech without words is recognised again. Each pass may find one of several equal sentences."""

_CLIP = 30
"""Length in seconds up to which a recording without words is tried again with silence around it."""

_MARGIN = 0.5
"""
That silence before and behind a clip, in seconds.

Without it, the voice activity detection misses clips of one word: 8 of 110 prompts in Russian. With it,
sentences have slightly more errors.
"""

_SHORT_CLIP = 2
"""Length in seconds up to which the voice activity detection gets a lower threshold in such a trial."""

_THRESHOLD = 0.3
"""
That threshold: a spoken syllable of half a second may stay below the usual one (0.5).

Tones, beeps, clicks and noise stay below it, too. In longer recordings, cries of animals do not.
"""

_LAST_TEXT = "<|endoftext|>"
"""The token after the last text token."""


@attrs.define
class _Findings:
    """The findings during the recognition of a recording; all its channels have one language."""

    language: str | None
    confidence: float | None = None
    speech: float = 0.0
    """Seconds of speech, in all channels together."""

    missed: list[Span] = attrs.field(factory=list[Span])
    """Parts of the speech without words, in seconds from the start of the file."""


class Recognizer:
    """
    A loaded Whisper model, and a speaker encoder once it is needed.

    Raises:
        WeightsError: Weights are missing or damaged.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        # Its warnings concern options that are not used here.
        logging.getLogger("faster_whisper").setLevel(logging.ERROR)
        model = load_model(settings)
        self._languages = frozenset(model.supported_languages)
        self._pipeline = faster_whisper.BatchedInferencePipeline(model)
        self._pipeline.forward = partial(shortened, self._pipeline.forward)

    def recognize(self, request: SpeechRequest) -> Recognition:
        """
        Transcribe one recording.

        Raises:
            EngineError: The recording cannot be transcribed.
            WeightsError: The speaker encoder is missing or damaged.
        """
        findings = _Findings(self._whisper_code(request.language_code))
        sound = decode(
            request.audio,
            track=request.audio_track,
            apart=request.multichannel,
            start=request.audio_start_from,
            end=request.audio_end_at,
        )
        channels = sound.channels
        window = sections.window(channels[0], request.audio_start_from, request.audio_end_at)
        heard = [self._words(samples, window, findings, request) for samples in channels]
        words = interleave([one for one, _ in heard]) if request.multichannel else heard[0][0]
        listened = (window.stop - window.start) * len(channels) / RATE
        return Recognition(
            words=words,
            language_code=request.language_code or (findings.language if words else None),
            language_confidence=findings.confidence if words else None,
            audio_duration=len(channels[0]) / RATE,
            audio_track=sound.track,
            audio_tracks=sound.tracks,
            audio_warnings=(*sound.warnings, *warnings_about(findings.missed)),
            audio_channels=len(channels) if request.multichannel else None,
            speech_share=round(min(findings.speech / listened, 1.0), 4),
            engine=self._settings.name,
            embeddings=_embeddings([found for _, found in heard], request) if self._settings.voices else {},
        )

    @cached_property
    def _encoder(self) -> SpeakerEncoder:
        paths = weights.find_speaker_encoder(self._settings.weights)
        return SpeakerEncoder(weights.read_speaker_encoder(paths), threads=self._settings.threads)

    @cached_property
    def _numerals(self) -> tuple[int, ...]:
        """The tokens with digits or symbols; if they are suppressed, Whisper writes numbers as words."""
        tokenizer = self._pipeline.model.hf_tokenizer
        texts = ((token, tokenizer.decode([token])) for token in range(tokenizer.token_to_id(_LAST_TEXT)))
        return tuple(token for token, text in texts if any(map(_is_numeral, text)))

    def _whisper_code(self, code: str | None) -> str | None:
        """Return the language without its region, such as in ``en_us``, because Whisper has no regions."""
        if code is None:
            if not self._pipeline.model.model.is_multilingual:
                raise EngineError(f"{self._settings.name} knows English only and cannot detect the language.")
            return None
        language = code.replace("-", "_").partition("_")[0]
        if language not in self._languages:
            raise EngineError(f"{self._settings.name} cannot transcribe the language {code!r}.")
        return language

    def _words(
        self, samples: Samples, window: slice, findings: _Findings, request: SpeechRequest
    ) -> tuple[tuple[RecognizedWord, ...], Mapping[str, SpeakerEmbedding]]:
        known = len(findings.missed)
        pieces = list[Piece]()
        for section in sections.sections(samples, window):
            pieces += self._pieces(_floats(samples[section]), section.start / RATE, findings, request)
            release(samples)
        length = (window.stop - window.start) / RATE
        if not pieces and length <= _CLIP:
            del findings.missed[known:]
            sound = np.pad(_floats(samples[window]), round(_MARGIN * RATE))
            threshold = _THRESHOLD if length <= _SHORT_CLIP else None
            pieces = [*self._pieces(sound, window.start / RATE - _MARGIN, findings, request, threshold)]
        pieces = within_sound(pieces, sections.sounding(samples, window))
        words = lay_out(pieces, window.start * 1000 // RATE, window.stop * 1000 // RATE)
        if not request.speaker_labels:
            return words, {}
        return tell_apart(words, samples, self._encoder, _speaker_count(request))

    def _pieces(
        self,
        sound: Floats,
        offset: float,
        findings: _Findings,
        request: SpeechRequest,
        threshold: float | None = None,
    ) -> Iterator[Piece]:
        segments, info = self._transcribe(sound, findings.language, request, threshold=threshold)
        if not info.duration_after_vad:
            return
        findings.speech += info.duration_after_vad
        if findings.language is None:
            code, findings.confidence = choose_language(dict(info.all_language_probs), request)
            findings.language = self._whisper_code(code)
            if findings.language != info.language:
                segments, _ = self._transcribe(sound, findings.language, request, threshold=threshold)
        speech = [
            (clip["start"] / RATE, clip["end"] / RATE) for clip in info.transcription_options.clip_timestamps
        ]
        words = [*_words_of(self._without_loops([*segments], speech, sound, findings, request))]
        words = self._completed(words, speech, sound, findings, request)
        findings.missed += [(start + offset, end + offset) for start, end in lost(speech, words)]
        placed = in_own_part(join_pieces(words, findings.language or ""), speech, sound)
        for word in from_onsets(placed, speech, sound):
            yield attrs.evolve(word, start=word.start + offset, end=word.end + offset)

    def _without_loops(
        self,
        segments: Sequence[Any],  # of faster_whisper.transcribe.Segment, untyped
        speech: Sequence[Span],
        sound: Floats,
        findings: _Findings,
        request: SpeechRequest,
    ) -> Iterator[Any]:
        """Recognise chunks that became a loop again, with more beams and no repetition of four tokens."""
        chunks = [
            Chunk(segment.seek / 100, len(segment.words or ()), segment.compression_ratio)
            for segment in segments
        ]
        loops = dict(looped(chunks, speech))
        for number, segment in enumerate(segments):
            if number not in loops:
                yield segment
            else:
                yield from self._transcribe(sound, findings.language, request, loops[number], repeats=False)[
                    0
                ]

    def _completed(
        self,
        words: list[Piece],
        speech: Sequence[Span],
        sound: Floats,
        findings: _Findings,
        request: SpeechRequest,
    ) -> list[Piece]:
        """Recognise speech without words again, each part by itself, until nothing more is found."""
        vain = set[Span]()
        for _ in range(_MOST_PASSES):
            clips = [clip for clip in without_words(speech, words) if clip not in vain]
            if not clips:
                break
            segments, _ = self._transcribe(sound, findings.language, request, clips)
            found = [*_words_of(filter(_is_credible, segments))]
            vain.update(
                clip
                for clip in clips
                if not any(clip[0] <= word.end and word.start <= clip[1] for word in found)
            )
            if found:
                words = with_found(words, found)
        return words

    def _transcribe(
        self,
        sound: Floats,
        language: str | None,
        request: SpeechRequest,
        clips: Sequence[Span] = (),
        threshold: float | None = None,
        *,
        repeats: bool = True,
    ) -> Any:  # untyped there
        """
        Find the speech and, if needed, its language; iterating over the segments recognises them.

        With clips, recognise these parts alone. The threshold is that of the voice activity detection.
        Without repeats, no four tokens occur twice in a chunk, at five times the work.
        """
        return self._pipeline.transcribe(
            sound,
            language=language,
            beam_size=1 if repeats else 5,
            no_repeat_ngram_size=0 if repeats else 4,
            batch_size=_BATCH,
            word_timestamps=True,
            vad_parameters=None if threshold is None else {"threshold": threshold},
            clip_timestamps=[{"start": start, "end": end} for start, end in clips] or None,
            hotwords=", ".join(request.keyterms) or None,
            # -1 stands for the tokens that the library suppresses by default.
            suppress_tokens=[-1] if request.numerals else [-1, *self._numerals],
        )


def load_model(settings: WorkerSettings) -> Any:  # faster_whisper.WhisperModel
    """
    Load a Whisper model.

    Raises:
        WeightsError: Weights are missing or damaged.
    """
    options = {"device": "cpu", "compute_type": "int8", "cpu_threads": settings.threads}
    found = weights.find_model(
        settings.model, directory=settings.weights, allow_download=settings.allow_download
    )
    if found.directory is not None:
        return faster_whisper.WhisperModel(str(found.directory), **options)
    if not found.files:
        fetched = Path(faster_whisper.download_model(found.name))
        weights.verify_fetched(found.name, fetched)
        return faster_whisper.WhisperModel(str(fetched), **options)
    files = found.verified()
    places = {path.parent for pieces in files.values() for path in pieces}
    if len(places) == 1 and all(pieces[0].name == name for name, pieces in files.items()):
        return faster_whisper.WhisperModel(str(places.pop()), **options)
    contents = {name: _Joined(pieces) for name, pieces in files.items()}
    # The tokenizer's library does not accept a file-like object.
    tokenizer = {"tokenizer.json": contents.pop("tokenizer.json").read()}
    return faster_whisper.WhisperModel(found.name, files={**contents, **tokenizer}, **options)


@attrs.frozen
class _Joined:
    """
    A file in pieces that is read as one file.

    CTranslate2 calls `read`, which avoids a copy of the whole file during loading.
    """

    pieces: tuple[Path, ...]

    def read(self) -> bytes:
        """Return the whole content."""
        return b"".join(path.read_bytes() for path in self.pieces)


def _words_of(segments: Iterable[Any]) -> Iterator[Piece]:  # of faster_whisper.transcribe.Segment, untyped
    for segment in segments:
        for word in segment.words or ():
            yield Piece(word.word, word.start, word.end, float(word.probability))


def _is_credible(segment: Any) -> bool:  # faster_whisper.transcribe.Segment, untyped
    """Whether a part that had no words at first is speech, by Whisper's own limits."""
    return bool(
        segment.no_speech_prob < 0.6 and segment.avg_logprob > -1.0 and segment.compression_ratio < 2.4
    )


def _is_numeral(sign: str) -> bool:
    return sign.isdigit() or sign in "%$£€¥"


def _floats(samples: Samples) -> Floats:
    return samples.astype(np.float32) / 32768.0


def _embeddings(
    channels: Sequence[Mapping[str, SpeakerEmbedding]], request: SpeechRequest
) -> Mapping[str, SpeakerEmbedding]:
    """Return the embeddings by the labels of the words, which have the number of a separate channel."""
    return {
        f"{number if request.multichannel else ''}{label}": embedding
        for number, found in enumerate(channels, start=1)
        for label, embedding in found.items()
    }


def _speaker_count(request: SpeechRequest) -> SpeakerCount:
    if request.speakers_expected is not None:
        return SpeakerCount(fewest=request.speakers_expected, most=request.speakers_expected)
    return SpeakerCount(fewest=request.min_speakers, most=request.max_speakers)
