"""Settings of the documentation: Sphinx, with pages in Markdown (MyST) and a reference from docstrings."""

from __future__ import annotations

import sys
from pathlib import Path

import aai_async

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "aai_async"
copyright = ""  # noqa: A001 - Sphinx wants this name
version = release = aai_async.__version__

extensions = ["myst_parser", "sphinx_copybutton", "accessible", "pictures", "reference"]
exclude_patterns = ["_ext", "_static"]

nitpicky = True
# Type variables: what is passed is what comes back.
nitpick_ignore_regex = [("py:class", r"aai_async\.ray\._\w+\.\w+T")]
default_role = "code"
show_warning_types = True

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_use_type_comments = False
# Names of vocabularies instead of their hundred words; `reference/types.md` lists the words.
autodoc_type_aliases = {
    name: name
    for name in (
        "AudioQuality",
        "Effort",
        "LanguageCode",
        "PIIPolicy",
        "PIISubstitution",
        "SpeechModel",
        "SummaryModel",
        "SummaryType",
    )
}
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = "aai_async"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_use_index = False
html_domain_indices = False
html_show_sourcelink = False
# A summary is fetched from the page, which a browser forbids where the site is opened from the disk.
html_show_search_summary = False
html_show_copyright = False
