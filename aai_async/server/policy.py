"""
How submissions are taken: which models serve where none is named, and what becomes of unknown names.

The service adds models, parameters and values with every release. By default a name that this server does
not know is recorded, echoed and logged once, as the service of next year would take it; a strict server
refuses it, which finds typing errors.
"""

import difflib
import logging
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from aai_async.server.refusal import RefusalError

_log: Final = logging.getLogger(__name__)

DEFAULT_MODELS: Final = ("assemblyai-stt-3-7", "universal-2")
"""
The models of a submission that names none, where `SubmissionPolicy` says nothing else.

The service decides it by account. The first is the default of accounts made since 17 November 2026, and of
most others from 8 December 2026 on (documentation, "Speech model versions and deprecations"). The second is
what the migration guide recommends beside it, for the languages that the first does not know.
"""

_MOST_LOGGED: Final = 200
"""How many different messages a server logs: names come from outside, and memory is finite."""

_ALIKE: Final = 0.75
"""How alike two names must be, by `difflib`, for one to be taken for the other one misspelt."""

_LONGEST_NAME: Final = 100
"""Characters of a name from outside that are shown."""


def _check_models(_policy: object, _field: object, models: Sequence[str]) -> None:
    if isinstance(models, str) or not models:
        raise ValueError(f"speech_models must be a list of at least one model, not {models!r}")


@attrs.define(kw_only=True)
class SubmissionPolicy:
    """How one server takes submissions; it may be changed while the server runs."""

    strict: bool = False
    """Whether a name that the server does not know is refused with status 400."""

    speech_models: Sequence[str] = attrs.field(default=DEFAULT_MODELS, validator=_check_models)
    """The models of a submission that names none. At the service, the account decides."""

    _logged: set[str] = attrs.field(factory=set[str], init=False, repr=False)

    def check_name(
        self, kind: str, name: str, known: Iterable[str], *, served: str, refusal: str, inside: str = ""
    ) -> None:
        """
        Decide on a name that may be unknown.

        Args:
            kind: What it names, such as `parameter`.
            name: The name; it is shown, so it must not be a secret.
            known: The names that the server knows.
            served: What the server does about an unknown name, for the log.
            refusal: What a strict server answers, before the name and what was probably meant.
            inside: The name of the object that has the name in it, if one has.

        Raises:
            RefusalError: 400, the name is unknown and the server is strict.
        """
        known = tuple(known)
        if name in known:
            return
        prefix = f"{inside}." if inside else ""
        named = f"{kind} {shown(prefix + name)}"
        if not self.strict and not self._is_new(named):
            # To find a name that is alike takes a while, and a submission may have thousands of names.
            return
        alike = difflib.get_close_matches(name[:_LONGEST_NAME], known, 1, _ALIKE)
        hint = f" Did you mean {prefix + alike[0]!r}?" if alike else ""
        if self.strict:
            raise RefusalError(400, f"{refusal} Unknown {named}.{hint}")
        _log.warning("The %s is unknown to this server: %s.%s", named, served, hint)

    def log_once(self, message: str) -> None:
        """Log a warning, unless this server has logged the same one before."""
        if self._is_new(message):
            _log.warning("%s", message)

    def _is_new(self, subject: str) -> bool:
        """Whether this server has not logged anything about a subject, and may."""
        if subject in self._logged or len(self._logged) >= _MOST_LOGGED:
            return False
        self._logged.add(subject)
        return True


def shown(name: str) -> str:
    """Quote a name that comes from outside: on one line, and not endless."""
    return repr(name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…")
