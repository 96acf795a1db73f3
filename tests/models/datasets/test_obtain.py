import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from datasets import SMALL10, SMALL_MNIST, write_cifar, write_idx
from servers import Site, serving

from adaptive.errors import ConfigError
from models.datasets import obtain
from models.datasets.download import Source
from models.datasets.obtain import Download, unpack

MEMBERS = (*SMALL10.train, SMALL10.test, SMALL10.meta)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site()) as running:
        yield running


def offer(site: Site, name: str, content: bytes) -> Source:
    site.files[name] = content
    return Source(f"{site.base}/{name}", hashlib.md5(content).hexdigest(), len(content))


def tar_of(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def cifar_tar(tmp_path: Path) -> bytes:
    write_cifar(tmp_path / "made", SMALL10)
    folder = tmp_path / "made" / SMALL10.folder
    return tar_of({f"{SMALL10.folder}/{p.name}": p.read_bytes() for p in folder.iterdir()})


def test_an_archive_becomes_a_folder_that_loads(site: Site, tmp_path: Path) -> None:
    download = Download((offer(site, "c.tar.gz", cifar_tar(tmp_path)),), SMALL10.folder, MEMBERS)
    home, shares = tmp_path / "new" / "data", []
    assert not download.complete(home)
    download.get(home, progress=shares.append)
    assert download.complete(home)
    assert shares[-1] == 1.0
    assert [path.name for path in home.iterdir()] == [SMALL10.folder]
    assert len(SMALL10.load(home, "test")) == 20


def test_idx_files_stay_zipped_and_load(site: Site, tmp_path: Path) -> None:
    write_idx(tmp_path / "made", SMALL_MNIST)
    made = sorted((tmp_path / "made" / "mnist").iterdir())
    sources = tuple(offer(site, path.name, path.read_bytes()) for path in made)
    download, shares = Download(sources, "mnist"), []
    download.get(tmp_path / "data", progress=shares.append)
    assert download.complete(tmp_path / "data")
    assert len(SMALL_MNIST.load(tmp_path / "data", "train")) == 25
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)


def test_files_that_a_user_unzipped_count_as_there(tmp_path: Path) -> None:
    write_idx(tmp_path, SMALL_MNIST, zipped=False)
    assert obtain.mnist().complete(tmp_path)
    assert not obtain.fashion_mnist().complete(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (tar_of({f"{SMALL10.folder}/data_batch_1": b"x"}), "has no member"),
        (tar_of({"other": b"x"}), "has no member"),
        (b"not a tar", "cannot be unpacked"),
        (tar_of({f"{SMALL10.folder}/{name}": bytes(9999) for name in MEMBERS})[:-40], "unpacked"),
    ],
    # A name made of the content would hold the time of compression: other in each process.
    ids=["one member", "other members", "no archive", "cut short"],
)
def test_a_wrong_archive_leaves_nothing(tmp_path: Path, content: bytes, message: str) -> None:
    archive, home = tmp_path / "a.tar.gz", tmp_path / "home"
    archive.write_bytes(content)
    home.mkdir()
    with pytest.raises(ConfigError, match=message):
        unpack(archive, home, SMALL10.folder, members=MEMBERS)
    assert list(home.iterdir()) == []


def test_a_member_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("f/test")
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
    (tmp_path / "a.tar").write_bytes(buffer.getvalue())
    with pytest.raises(ConfigError, match="has no member f/test that is a file"):
        unpack(tmp_path / "a.tar", tmp_path, "f", members=("test",))


def test_paths_that_lead_elsewhere_are_never_followed(tmp_path: Path) -> None:
    members = {"../escaped": b"x", "/tmp/escaped": b"x", "f/test": b"good"}
    (tmp_path / "a.tar.gz").write_bytes(tar_of(members))
    home = tmp_path / "home"
    home.mkdir()
    unpack(tmp_path / "a.tar.gz", home, "f", members=("test",))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.gz", "home"]
    assert (home / "f" / "test").read_bytes() == b"good"


def test_a_folder_that_is_not_whole_is_left_to_its_owner(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "a.tar.gz").write_bytes(tar_of({"f/test": b"x"}))
    with pytest.raises(ConfigError, match="is there but not whole; remove it"):
        unpack(tmp_path / "a.tar.gz", tmp_path, "f", members=("test",))


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="expected a folder to write"):
        obtain.mnist().get(tmp_path / "file", progress=lambda _share: None)


def test_the_published_sums_are_whole() -> None:
    downloads = [obtain.cifar10(), obtain.cifar100(), obtain.mnist(), obtain.fashion_mnist()]
    sources = [source for download in downloads for source in download.sources]
    assert len({source.md5 for source in sources}) == 10
    assert all(len(source.md5) == 32 and int(source.md5, 16) for source in sources)


def test_an_archive_among_other_sources_cannot_be() -> None:
    source = Source("http://host/a", "0" * 32, 1)
    with pytest.raises(ValueError, match="expected some, or one archive"):
        Download((source, source), "f", ("test",))
    with pytest.raises(ValueError, match="expected some"):
        Download((), "f")
