"""
The policy for submissions: the default models and the handling of unknown names.

The service adds models, parameters and values with every release. By default an unknown name is recorded,
echoed and logged once, because a later version of the service may accept it. A strict server refuses it, to
find typing errors.
"""

import difflib
import logging
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from aai_async.server.api_errors import RefusalError

_log: Final = logging.getLogger(__name__)

DEFAULT_MODELS: Final = ("assemblyai-stt-3-7", "universal-2")
"""
The models of a submission that names none, unless `SubmissionPolicy` sets others.

The service decides it by account. The first is the default of accounts made since 17 November 2026, and of
most others from 8 December 2026 on (documentation, "Speech model versions and deprecations"). The second is
what the migration guide recommends beside it, for the languages that the first does not support.
"""

_MOST_LOGGED: Final = 200
"""Maximum number of different messages that a server logs: clients choose the names, and memory is finite."""

_ALIKE: Final = 0.75
"""Minimum similarity of two names, by `difflib`, for one to be suggested as the correct spelling."""

_LONGEST_NAME: Final = 100
"""Maximum number of characters shown of a client's name."""


def _check_models(_policy: object, _field: object, models: Sequence[str]) -> None:
    if isinstance(models, str) or not models:
        raise ValueError(f"speech_models must be a list of at least one model, not {models!r}")


@attrs.define(kw_only=True)
class SubmissionPolicy:
    """The submission policy of one server; it can be changed while the server runs."""

    strict: bool = False
    """Whether an unknown name is refused with status 400."""

    speech_models: Sequence[str] = attrs.field(default=DEFAULT_MODELS, validator=_check_models)
    """The models of a submission that names none. At the service, the account decides."""

    webhooks_to_any_host: bool = False
    """Whether a webhook may be on another host, because its notifications stay in this process."""

    _logged: set[str] = attrs.field(factory=set[str], init=False, repr=False)

    def check_name(
        self, kind: str, name: str, known: Iterable[str], *, served: str, refusal: str, inside: str = ""
    ) -> None:
        """
        Log or refuse a name if it is unknown.

        Args:
            kind: The kind of name, such as `parameter`.
            name: The name; it is logged, so it must not be a secret.
            known: The known names.
            served: The log text on how an unknown name is served.
            refusal: The beginning of a strict server's error, before the name and a suggestion.
            inside: The name of the object that contains the name, if any.

        Raises:
            RefusalError: Status 400: the name is unknown and the server is strict.
        """
        known = tuple(known)
        if name in known:
            return
        prefix = f"{inside}." if inside else ""
        named = f"{kind} {shown(prefix + name)}"
        if not self.strict and not self._is_new(named):
            # Finding a similar name is slow, and a submission may have thousands of names.
            return
        alike = difflib.get_close_matches(name[:_LONGEST_NAME], known, 1, _ALIKE)
        hint = f" Did you mean {prefix + alike[0]!r}?" if alike else ""
        if self.strict:
            raise RefusalError(400, f"{refusal} Unknown {named}.{hint}")
        _log.warning("The %s is unknown to this server: %s.%s", named, served, hint)

    def log_once(self, message: str) -> None:
        """Log a warning, unless this server already logged the same one."""
        if self._is_new(message):
            _log.warning("%s", message)

    def _is_new(self, subject: str) -> bool:
        """Whether this server has not yet logged the subject and has not reached the maximum."""
        if subject in self._logged or len(self._logged) >= _MOST_LOGGED:
            return False
        self._logged.add(subject)
        return True


def shown(name: str) -> str:
    """Quote a client's name on one line, truncated."""
    return repr(name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…")
