"""The fixture of this folder, which is in a module that can be imported."""

from several_runs import service

__all__ = ["service"]
