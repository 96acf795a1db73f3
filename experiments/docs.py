"""Tables in the documentation, written by the runs they come from."""

import re
from collections.abc import Sequence
from pathlib import Path

from adaptive.errors import ConfigError


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a table in Markdown: first column left, the others right."""
    marks = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, marks, *rows])


def console_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a table for a terminal: first column left, the others right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        ).rstrip()
        for row in [header, *rows]
    )


def replace_block(path: Path, name: str, content: str) -> None:
    """Put content between a file's markers ``<!-- name -->`` and ``<!-- /name -->``.

    Raises
    ------
    ConfigError
        If the file cannot be read or written, or does not hold the two markers once each.
    """
    try:
        text = path.read_text(encoding="utf-8")
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if len(pattern.findall(text)) != 1:
            raise ConfigError(
                f"{path}: expected the markers <!-- {name} --> and <!-- /{name} --> once, each on "
                "a line of its own"
            )
        changed = pattern.sub(lambda found: f"{found[1]}{content}\n{found[2]}", text)
        partial = path.with_name(path.name + ".partial")
        partial.write_text(changed, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot rewrite its table: {error.strerror}") from error
