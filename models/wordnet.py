"""ImageNet's label tree, made of WordNet's is-a relation.

WordNet is no tree: 303 of the 1,000 classes have an ancestor with several parents, and above all
classes together four synsets have no parent at all. It becomes one in four steps, without chance:

1. Only the classes and what lies above them is kept.
2. Each synset keeps one parent, the one that is farthest below the top by its longest way (so a
   class is described by its most detailed line: a house cat as a feline, not as a domestic animal);
   of equals the one with more classes below it, then the one of smaller id.
3. A synset with a single child left says nothing that the child does not: it is taken out.
4. Of what remains, the nodes at a few depths below the top make the levels. A class that lies
   higher than a level stands for itself there.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from adaptive.errors import ConfigError
from adaptive.labels import LabelTree
from models.datasets.imagenet import class_ids

DEPTHS = (2, 4, 6)
"""With all 1,000 classes these make levels of 7, 84 and 396 nodes: 1.2, 3.9 and 6.8 bits."""

IS_A = ("wordnet_is_a.txt", "wordnet.is_a.txt")
SYNSETS = "LOC_synset_mapping.txt"
HOMES = ("imagenet", "hierarchies", ".")
OBTAIN = (
    "image-net.org gives wordnet.is_a.txt with its class hierarchy, Kaggle's ImageNet challenge "
    "LOC_synset_mapping.txt; lay both into DIR/imagenet"
)

Parents = Mapping[str, tuple[str, ...]]


def imagenet_tree(data_dir: Path, *, depths: Sequence[int] = DEPTHS) -> LabelTree:
    """Make the tree of the classes in a data folder.

    Reads `wordnet_is_a.txt`, and the classes from `LOC_synset_mapping.txt` or else from the folders
    of validation images.

    Raises
    ------
    ConfigError
        Naming the file, if it is missing or damaged, or a class, if WordNet does not know it.
    """
    places = [data_dir / home for home in HOMES]
    relation = next((p / name for p in places for name in IS_A if (p / name).is_file()), None)
    if relation is None:
        raise ConfigError(f"{places[0] / IS_A[0]}: no such file; {OBTAIN}")
    listed = next((p / SYNSETS for p in places if (p / SYNSETS).is_file()), None)
    classes = read_classes(listed) if listed else class_ids(places[0] / "val")
    try:
        return wordnet_tree(read_is_a(relation), classes, depths=depths)
    except ValueError as error:
        raise ConfigError(f"{relation}: {error}") from error


def read_is_a(path: Path) -> Parents:
    """Read lines `parent child` into the parents of each synset, sorted; raises ConfigError."""
    above: defaultdict[str, set[str]] = defaultdict(set)
    for number, line in enumerate(_lines(path), start=1):
        words = line.split()
        if len(words) != 2:
            raise ConfigError(
                f"{path}: line {number} is {line!r:.60}, expected `parent child`; {OBTAIN}"
            )
        above[words[1]].add(words[0])
    return {child: tuple(sorted(found)) for child, found in above.items()}


def read_classes(path: Path) -> tuple[str, ...]:
    """Read the first word of each line, a WordNet id, in the order of the ids."""
    classes = sorted(words[0] for line in _lines(path) if (words := line.split()))
    if not classes:
        raise ConfigError(f"{path}: is empty, expected a line for each class; {OBTAIN}")
    return tuple(classes)


def _lines(path: Path) -> list[str]:
    """Read a text file."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{path}: {reason}, expected a text file; {OBTAIN}") from error


def wordnet_tree(
    parents: Parents, classes: Sequence[str], *, depths: Sequence[int] = DEPTHS
) -> LabelTree:
    """Make a tree of some classes as the module describes; its levels are at these depths.

    Parameters
    ----------
    parents
        The parents of each synset.
    classes
        Synsets that are the leaves, in the order of the network's outputs.
    depths
        Depths below the top that become levels, rising from 1 on.

    Raises
    ------
    ValueError
        If depths do not rise, a class is unknown or lies above another, or the relation has a
        cycle.
    """
    if not depths or list(depths) != sorted(set(depths)) or depths[0] < 1:
        raise ValueError(f"depths is {tuple(depths)}, expected rising numbers from 1 on")
    lines = one_line_each(parents, classes)
    nested = [node for line in lines for node in line if node in set(classes)]
    if nested:
        raise ValueError(f"class {nested[0]} lies above another class, expected leaves only")
    lines = without_single_children(lines, classes)
    # A class that itself lies at a depth stands for itself from there on, as do deeper levels.
    paths = tuple(tuple(line[d - 1] for d in depths if d <= len(line)) for line in lines)
    levels = ("leaf", *(f"depth{depth}" for depth in sorted(depths, reverse=True)))
    return LabelTree(tuple(classes), levels, paths)


def one_line_each(parents: Parents, classes: Iterable[str]) -> list[tuple[str, ...]]:
    """Give each class one line of ancestors, from the top down: steps 1 and 2."""
    classes = tuple(classes)
    ancestors = {name: _above(parents, name) for name in classes}
    depth = _longest_ways(parents, set().union(*ancestors.values(), classes))
    below = Counter(node for found in ancestors.values() for node in found)
    lines = []
    for name in classes:
        line: list[str] = []
        node = name
        while parents.get(node):
            node = min(parents[node], key=lambda p: (-depth[p], -below[p], p))
            line.append(node)
        lines.append(tuple(reversed(line)))
    return lines


def _above(parents: Parents, name: str) -> set[str]:
    """Return every ancestor of a class."""
    if name not in parents:
        raise ValueError(f"class {name} is unknown, expected one with a parent")
    found: set[str] = set()
    waiting = list(parents[name])
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += parents.get(node, ())
    return found


def _longest_ways(parents: Parents, nodes: set[str]) -> dict[str, int]:
    """Return the length of the longest way from the top to each node; all parents are nodes."""
    children: defaultdict[str, list[str]] = defaultdict(list)
    missing = {node: len(parents.get(node, ())) for node in nodes}
    for node in nodes:
        for parent in parents.get(node, ()):
            children[parent].append(node)
    depth = dict.fromkeys(nodes, 0)
    ready = [node for node, count in missing.items() if count == 0]
    done = 0
    while ready:
        node = ready.pop()
        done += 1
        for child in children[node]:
            depth[child] = max(depth[child], depth[node] + 1)
            missing[child] -= 1
            if missing[child] == 0:
                ready.append(child)
    if done < len(nodes):
        stuck = min(node for node, count in missing.items() if count > 0)
        raise ValueError(f"{stuck} lies above or below a cycle, expected none")
    return depth


def without_single_children(
    lines: Sequence[tuple[str, ...]], classes: Sequence[str]
) -> list[tuple[str, ...]]:
    """Take out every node with one child: step 3."""
    children: defaultdict[str, set[str]] = defaultdict(set)
    for line, name in zip(lines, classes, strict=True):
        for parent, child in zip(line, (*line[1:], name), strict=True):
            children[parent].add(child)
    return [tuple(node for node in line if len(children[node]) > 1) for line in lines]
