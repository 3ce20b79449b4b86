"""kill -9 in the middle of writing: nothing that was acknowledged is lost, and the gallery opens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.gallery.store import Store
from tests.gallery.people import template

ROOT = Path(__file__).resolve().parents[2]

WRITER = """
import sys
from pathlib import Path
from pipeline.gallery.store import Store
from tests.gallery.people import template

with Store(Path(sys.argv[1])) as store:
    for number in range(int(sys.argv[2]), 1_000_000):
        person = store.enroll(f"Person {number}", [template(number), template(number, 1)]).person
        if number % 5 == 4:
            store.forget(person.id)
        print(number, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [1, 7, 23])
def test_a_killed_writer_loses_nothing_acknowledged(tmp_path: Path, acknowledged: int) -> None:
    first = 0
    for _ in range(2):  # the second writer goes on in the log that the first left behind
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(first)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as writer:
            assert writer.stdout is not None
            for _ in range(acknowledged):
                assert writer.stdout.readline()
            writer.kill()
            # What it wrote between our last line and its death was acknowledged too.
            rest = writer.stdout.read().splitlines()
        last = first + acknowledged - 1 + sum(1 for line in rest if line.isdigit())
        first = check(tmp_path, last)


def check(data: Path, last: int) -> int:
    """Check that people up to `last` are whole; the number to go on with."""
    with Store(data) as store:
        assert store.problems() == ()
        counts = {one.person.name: one.templates for one in store.people()}
        expected = {f"Person {number}": 2 for number in range(last + 1) if number % 5 != 4}
        # One more transaction may have been kept, whole, without its acknowledgement.
        begun = counts.pop(f"Person {last + 1}", None)
        assert counts == expected
        assert begun in (None, 2)
        assert [change.seq for change in store.changes_since(0)] == list(range(1, store.version() + 1))
        for one in store.people():
            number = int(one.person.name.split()[1])
            kept = store.templates_of(one.person.id)
            assert [t.vector.tobytes() for t in kept] == [
                template(number, s).vector.tobytes() for s in (0, 1)
            ]
        if begun is not None and (last + 1) % 5 == 4:
            store.forget(store.find(f"Person {last + 1}").id)  # as the writer was about to
    return last + 1 if begun is None else last + 2
