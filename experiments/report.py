"""One self-contained HTML page from runs: table, pictures, what is real and what is modelled."""

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from experiments.figures import png_bytes

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto;
       padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; display: block;
        overflow-x: auto; }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
img { max-width: 100%; height: auto; }
footer { color: #666; font-size: .85rem; margin-top: 3rem; }
"""


def write_report(
    folder: Path,
    *,
    title: str,
    paragraphs: Sequence[str],
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    pictures: Mapping[str, tuple[str, Figure]],
    footer: str,
) -> Path:
    """Write the pictures as PNG files and a page that carries them all within itself.

    Parameters
    ----------
    folder
        Where to write; made if it is not there. Files of the same names are replaced.
    title, paragraphs
        Heading and text, plain.
    header, rows
        The table.
    pictures
        File stem -> (caption, figure).
    footer
        How to make the page again.

    Returns
    -------
    Path
        The page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shown = []
    for stem, (caption, figure) in pictures.items():
        data = png_bytes(figure)
        _write(folder / f"{stem}.png", data)
        encoded = base64.b64encode(data).decode("ascii")
        alt = html.escape(caption, quote=True)
        shown.append(
            f'<figure><img alt="{alt}" src="data:image/png;base64,{encoded}">'
            f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        )
    text = "\n".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in paragraphs)
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>
<h1>{html.escape(title)}</h1>
{text}
{_table(header, rows)}
{"".join(shown)}
<footer>{html.escape(footer)}</footer>
</body></html>
"""
    path = folder / "index.html"
    _write(path, page.encode())
    return path


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        inside = "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)
        return f"<tr>{inside}</tr>"

    body = "\n".join(line(row, "td") for row in rows)
    return f"<table>\n<thead>{line(header, 'th')}</thead>\n<tbody>\n{body}\n</tbody></table>"


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    partial.replace(path)
