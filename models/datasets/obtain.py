"""Putting a data set in its place: fetched, checked, unpacked, and whole or not there at all."""

import shutil
import tarfile
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from adaptive.errors import ConfigError
from models.datasets.download import Progress, Source, fetch

_CIFAR = "https://www.cs.toronto.edu/~kriz"
_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist"
_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Download:
    """What to fetch and where its files belong.

    Parameters
    ----------
    sources
        Files on servers.
    folder
        Folder in the data folder that the files are in afterwards.
    members
        Files to unpack from a tar archive, the only source; where empty, sources stay as they are.
    """

    sources: tuple[Source, ...]
    folder: str
    members: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.sources or (self.members and len(self.sources) != 1):
            raise ValueError(f"sources is {self.sources}, expected some, or one archive")

    def complete(self, data_dir: Path) -> bool:
        """Tell whether every file is in its place, in whichever form the readers accept."""
        names = self.members or tuple(source.name.removesuffix(".gz") for source in self.sources)
        places = [data_dir / self.folder / name for name in names]
        return all(p.exists() or p.with_name(f"{p.name}.gz").exists() for p in places)

    def get(self, data_dir: Path, *, progress: Progress) -> None:
        """Fetch what is missing.

        Raises
        ------
        ConfigError
            Naming the address or the file that is at fault.
        """
        home = data_dir if self.members else data_dir / self.folder
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{home}: {error.strerror}, expected a folder to write") from error
        done, total = 0, sum(source.size for source in self.sources)
        for source in self.sources:
            share = _Share(progress, done / total, source.size / total)
            path = fetch(source, home, progress=share)
            done += source.size
            if self.members:
                unpack(path, data_dir, self.folder, members=self.members)
                path.unlink()


@dataclass(frozen=True, slots=True)
class _Share:
    """Tells a whole how far one of its parts has come."""

    progress: Progress
    before: float
    share: float

    def __call__(self, part: float) -> None:
        self.progress(self.before + self.share * part)


def unpack(archive: Path, home: Path, folder: str, *, members: tuple[str, ...]) -> None:
    """Copy files of one folder out of a tar archive; all of them, or none.

    Only the named members are read, so no other path in the archive is ever followed.

    Raises
    ------
    ConfigError
        Naming the archive and the member, if it is missing or damaged, or the folder, if it is
        there already.
    """
    if (home / folder).exists():
        raise ConfigError(f"{home / folder}: is there but not whole; remove it and try again")
    with tempfile.TemporaryDirectory(dir=home, prefix=f".{folder}.") as temporary:
        whole = Path(temporary) / folder
        whole.mkdir()
        try:
            with tarfile.open(archive) as tar:
                for name in members:
                    _copy_member(tar, f"{folder}/{name}", whole / name)
        except KeyError as error:
            raise ConfigError(f"{archive}: has no member {error.args[0]}") from error
        except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
            raise ConfigError(f"{archive}: cannot be unpacked: {error}") from error
        whole.replace(home / folder)


def _copy_member(tar: tarfile.TarFile, name: str, target: Path) -> None:
    """Write one file of an archive; raises KeyError if there is no such file."""
    source = tar.extractfile(name)
    if source is None:
        raise KeyError(f"{name} that is a file")
    with source, target.open("wb") as file:
        shutil.copyfileobj(source, file)


def _idx(home: str, folder: str, sums: dict[str, tuple[str, int]]) -> Download:
    """Describe four idx files in one place."""
    sources = tuple(Source(f"{home}/{name}.gz", md5, size) for name, (md5, size) in sums.items())
    return Download(sources, folder)


def cifar10() -> Download:
    """Return where CIFAR-10 is published, with the md5 sum its page states."""
    url = f"{_CIFAR}/cifar-10-python.tar.gz"
    batches = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta")
    source = Source(url, "c58f30108f718f92721af3b95e74349a", 170_498_071)
    return Download((source,), "cifar-10-batches-py", batches)


def cifar100() -> Download:
    """Return where CIFAR-100 is published, with the md5 sum its page states."""
    url = f"{_CIFAR}/cifar-100-python.tar.gz"
    source = Source(url, "eb9058c3a382ffc7106e4002c42a8d85", 169_001_437)
    return Download((source,), "cifar-100-python", ("train", "test", "meta"))


def mnist() -> Download:
    """Return a public copy of MNIST; its own page no longer gives it. Sums as its users state."""
    return _idx(
        _MNIST,
        "mnist",
        {
            "train-images-idx3-ubyte": ("f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
            "train-labels-idx1-ubyte": ("d53e105ee54ea40749a09fcbcd1e9432", 28_881),
            "t10k-images-idx3-ubyte": ("9fb629c4189551a2d022fa330f9573f3", 1_648_877),
            "t10k-labels-idx1-ubyte": ("ec29112dd5afa0611ce80d1b7f02629c", 4_542),
        },
    )


def fashion_mnist() -> Download:
    """Return where Fashion-MNIST is published, with the md5 sums its page states."""
    return _idx(
        _FASHION,
        "fashion-mnist",
        {
            "train-images-idx3-ubyte": ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
            "train-labels-idx1-ubyte": ("25c81989df183df01b3e8a0aad5dffbe", 29_515),
            "t10k-images-idx3-ubyte": ("bef4ecab320f06d8554ea6380940ec79", 4_422_102),
            "t10k-labels-idx1-ubyte": ("bb300cfdad3c16e7a12a480ee83cd310", 5_148),
        },
    )
