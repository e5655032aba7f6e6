"""
Open a table in LibreOffice: `nox -s readers`.

    python tests/formats/spreadsheet.py FOLDER

LibreOffice writes what it has read as HTML into FOLDER. Debian's package is libreoffice-calc-nogui.
"""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
from pathlib import Path

from hostile import NAMES, TEXTS, hostile

from aai_async import formats
from aai_async.formats._spacing import visible


def cells(folder: Path, table: str) -> list[list[str]]:
    """Return the cells that LibreOffice shows of a table in CSV."""
    path = folder / "table.csv"
    path.write_text(table, encoding="utf-8", newline="")
    office = shutil.which("soffice")
    if office is None:
        raise SystemExit("soffice is not installed: apt-get install libreoffice-calc-nogui")
    profile = f"-env:UserInstallation={(folder / 'profile').absolute().as_uri()}"
    # Commas, quotation marks and UTF-8: only the dialog of a desktop takes it from the byte order mark.
    options = ["--headless", "--infilter=CSV:44,34,76,1", "--convert-to", "html", "--outdir", str(folder)]
    command = [office, profile, *options, str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    page = path.with_suffix(".html").read_text(encoding="utf-8")
    rows = re.findall(r"<tr.*?</tr>", page, re.DOTALL)
    return [[_shown(cell) for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)] for row in rows]


def _shown(cell: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", cell.replace("<br>", " "))).split())


def _same(shown: str, text: str) -> bool:
    # A spreadsheet takes 00:00:01,000 for a time, and shows numbers in its own way.
    plain = " ".join(visible(text).split())
    return shown.lstrip("'\ufeff") == plain or bool(re.fullmatch(r"[\d:.,%\s]+", plain))


def main() -> int:
    """Print what LibreOffice shows otherwise; the status is 1 if there is anything."""
    folder = Path(sys.argv[1]).absolute()
    made = hostile(named=True)
    header, *rows = cells(folder, formats.csv(made, rows="words", bom=True))
    found = [] if header[0] == "start" else [f"header: {header}"]
    if len(rows) != len(TEXTS):
        found.append(f"{len(rows)} rows instead of {len(TEXTS)}")
    for at, (row, text) in enumerate(zip(rows, TEXTS, strict=False)):
        if not _same(row[-1], text):
            found.append(f"text {row[-1]!r} instead of {text!r}")
        if not _same(row[2], NAMES[at % len(NAMES)]):
            found.append(f"speaker {row[2]!r} instead of {NAMES[at % len(NAMES)]!r}")
    print("\n".join(found or ["LibreOffice shows all cells as they are."]))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
