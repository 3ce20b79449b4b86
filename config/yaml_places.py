"""Where the values of a YAML text stand, and whether its aliases unfold to more than a person writes."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from config.errors import ConfigError

MAX_VALUES = 200_000
"""of one text with its aliases unfolded: a thousand cameras with polygons. A few lines of aliases of aliases unfold
to more than a memory holds ("billion laughs")"""

NULL = "tag:yaml.org,2002:null"


@dataclass(frozen=True, slots=True)
class Places:
    """A composed YAML text: it knows the line of each value."""

    root: yaml.Node | None
    """None: an empty text, or one that is no YAML"""

    @property
    def is_mapping(self) -> bool:
        """Whether the text is keys and values, or nothing."""
        is_nothing = self.root is None or self.root.tag == NULL
        return is_nothing or isinstance(self.root, yaml.MappingNode)

    def line(self, *path: str | int) -> int:
        """The line, from 1, of the value behind these keys and indexes; where it ends before, of what is found."""
        node, line = self.root, 1
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            node, line = found
        return line


def read_places(text: str, name: str) -> Places:
    """The places of a text. Raises ConfigError where aliases unfold to too much, or to themselves.

    A text that is no YAML has no places; who parses it says why.
    """
    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError):
        return Places(None)
    if root is not None:
        try:
            count = _unfolded(root, {})
        except RecursionError as error:
            raise ConfigError(f"{name}: nested too deeply, or an alias that holds itself") from error
        if count > MAX_VALUES:
            raise ConfigError(f"{name}: unfolds to more than {MAX_VALUES} values; write fewer, or no aliases")
    return Places(root)


def _unfolded(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values the node is with its aliases unfolded. Raises RecursionError for one that holds itself."""
    if id(node) not in known:
        inner: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode):
            inner = node.value
        elif isinstance(node, yaml.MappingNode):
            inner = [each for pair in node.value for each in pair]
        known[id(node)] = 1 + sum(_unfolded(each, known) for each in inner)
    return known[id(node)]


def _child(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, int] | None:
    """The value behind one key or index, and its line."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        found = node.value[step]
        return found, found.start_mark.line + 1
    return None
