import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from servers import Site, serving

from adaptive.errors import ConfigError
from models.datasets.download import CHUNK, Source, fetch, md5_of

CONTENT = np.random.default_rng(0).bytes(3 * CHUNK + 17)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site({"data.bin": CONTENT})) as running:
        yield running


def source(site: Site, content: bytes = CONTENT) -> Source:
    md5 = hashlib.md5(content).hexdigest()
    return Source(f"{site.base}/data.bin", md5, len(content))


def get(site: Site, folder: Path, content: bytes = CONTENT) -> list[float]:
    shares: list[float] = []
    assert fetch(source(site, content), folder, progress=shares.append) == folder / "data.bin"
    assert (folder / "data.bin").read_bytes() == content
    assert [path.name for path in folder.iterdir()] == ["data.bin"]
    return shares


def test_a_file_is_fetched_with_rising_progress(site: Site, tmp_path: Path) -> None:
    shares = get(site, tmp_path)
    assert shares == sorted(shares)
    assert len(shares) >= 4
    assert shares[-1] == 1.0


def test_a_file_that_is_there_is_not_asked_for(site: Site, tmp_path: Path) -> None:
    get(site, tmp_path)
    get(site, tmp_path)
    assert site.asked == [None]


def test_a_broken_connection_leaves_the_beginning_and_says_so(site: Site, tmp_path: Path) -> None:
    site.cut = CHUNK + 5
    with pytest.raises(ConfigError, match=f"after {CHUNK + 5} of {len(CONTENT)} bytes; run it"):
        fetch(source(site), tmp_path, progress=lambda _share: None)
    assert not (tmp_path / "data.bin").exists()
    assert (tmp_path / "data.bin.part").read_bytes() == CONTENT[: CHUNK + 5]


def test_an_interrupted_download_goes_on_where_it_stopped(site: Site, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:1000])
    shares = get(site, tmp_path)
    assert site.asked == ["bytes=1000-"]
    assert shares[0] > 1000 / len(CONTENT)


def test_ctrl_c_leaves_what_can_be_resumed(site: Site, tmp_path: Path) -> None:
    def interrupt(share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(source(site), tmp_path, progress=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["data.bin.part"]
    get(site, tmp_path)
    assert site.asked[1] == f"bytes={2 * CHUNK}-"


def test_a_server_without_ranges_sends_it_all_again(site: Site, tmp_path: Path) -> None:
    site.ranges = False
    (tmp_path / "data.bin.part").write_bytes(b"x" * 1000)
    get(site, tmp_path)


def test_a_server_that_answers_another_range_is_not_believed(site: Site, tmp_path: Path) -> None:
    site.shift = 1
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:1000])
    with pytest.raises(ConfigError, match="answered the range 'bytes 1001-"):
        fetch(source(site), tmp_path, progress=lambda _share: None)
    assert (tmp_path / "data.bin.part").read_bytes() == CONTENT[:1000]


@pytest.mark.parametrize("wrong", [CONTENT[:-1] + b"x", CONTENT + b"x", b"x" * len(CONTENT)])
def test_another_file_is_removed(site: Site, tmp_path: Path, wrong: bytes) -> None:
    site.files["data.bin"] = wrong
    with pytest.raises(ConfigError, match=r"md5 is [0-9a-f]{32}, expected [0-9a-f]{32}; removed"):
        fetch(source(site), tmp_path, progress=lambda _share: None)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_beginning_is_found_out_and_not_resumed_for_ever(
    site: Site, tmp_path: Path
) -> None:
    (tmp_path / "data.bin.part").write_bytes(b"x" * 1000)
    with pytest.raises(ConfigError, match="removed"):
        fetch(source(site), tmp_path, progress=lambda _share: None)
    get(site, tmp_path)


def test_a_shorter_file_than_published_says_where_it_ended(site: Site, tmp_path: Path) -> None:
    site.files["data.bin"] = CONTENT[:500]
    with pytest.raises(ConfigError, match=f"ended after 500 of {len(CONTENT)} bytes"):
        fetch(source(site), tmp_path, progress=lambda _share: None)


def test_a_partial_file_that_is_too_long_starts_over(site: Site, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(b"x" * (len(CONTENT) + 1))
    get(site, tmp_path)
    assert site.asked == [None]


def test_a_wrong_file_in_the_place_is_not_overwritten(site: Site, tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(b"mine")
    with pytest.raises(ConfigError, match="remove it and try again"):
        fetch(source(site), tmp_path, progress=lambda _share: None)
    assert (tmp_path / "data.bin").read_bytes() == b"mine"


def test_what_a_server_refuses_is_one_line(site: Site, tmp_path: Path) -> None:
    missing = Source(f"{site.base}/other", "0" * 32, 9)
    with pytest.raises(ConfigError, match="the server answers 404") as caught:
        fetch(missing, tmp_path, progress=lambda _share: None)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_no_server_is_one_line(tmp_path: Path) -> None:
    with serving(Site()) as gone:
        pass
    with pytest.raises(ConfigError, match=r"cannot be fetched: .*refused"):
        fetch(source(gone), tmp_path, progress=lambda _share: None)


def test_the_sum_is_the_published_kind(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert md5_of(tmp_path / "x") == "900150983cd24fb0d6963f7d28e17f72"
