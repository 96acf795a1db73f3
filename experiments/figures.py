"""Saving figures: PNG for screens, PDF for papers, equal bytes for equal figures."""

import io

from matplotlib.figure import Figure


def png_bytes(figure: Figure) -> bytes:
    """Render a figure as PNG."""
    return _rendered(figure, "png", {})


def pdf_bytes(figure: Figure) -> bytes:
    """Render a figure as PDF, without the time it was made at."""
    return _rendered(figure, "pdf", {"CreationDate": None})


def _rendered(figure: Figure, kind: str, metadata: dict[str, None]) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format=kind, dpi=110, metadata=metadata)
    return stream.getvalue()
