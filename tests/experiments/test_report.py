import re
from html.parser import HTMLParser
from pathlib import Path

from matplotlib.figure import Figure

from experiments.figures import png_bytes
from experiments.report import write_report


def figure() -> Figure:
    made = Figure(figsize=(1, 1))
    made.subplots().plot([0, 1])
    return made


def page(folder: Path, title: str = "A title") -> str:
    path = write_report(
        folder,
        title=title,
        paragraphs=["Simulated: x < y & z."],
        header=["governor", "J"],
        rows=[["a", "1"], ["<b>", "2"]],
        pictures={"one": ("First & only", figure())},
        footer="made by a test",
    )
    return path.read_text(encoding="utf-8")


def test_the_page_carries_everything_within_itself(tmp_path: Path) -> None:
    text = page(tmp_path / "new" / "report")
    assert not re.findall(r'(?:src|href)="(?!data:)', text)
    assert "http" not in text


def test_text_is_escaped(tmp_path: Path) -> None:
    text = page(tmp_path, title="<script>")
    assert "<script>" not in text
    assert "x &lt; y &amp; z" in text
    assert "&lt;b&gt;" in text


def test_every_tag_is_closed(tmp_path: Path) -> None:
    class Balance(HTMLParser):
        open_tags: list[str]

        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in {"meta", "img"}:
                self.open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open_tags.pop() == tag

    parser = Balance()
    parser.open_tags = []
    parser.feed(page(tmp_path))
    assert parser.open_tags == []


def test_pictures_are_files_too_and_nothing_else_is_left(tmp_path: Path) -> None:
    page(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "one.png"]
    assert (tmp_path / "one.png").read_bytes() == png_bytes(figure())
