"""Sightings are held against a script: who is missing, who is too much, who comes at another time."""

from __future__ import annotations

from pipeline.commands.script_check import TOLERANCE_S, compare
from pipeline.commands.sightings import Sighting
from pipeline.demo.script import Visit


def seen(name: str | None, from_s: float, to_s: float) -> Sighting:
    return Sighting(1, "lobby", name, from_s, to_s, 0.5, 1.0, "Ann")


class TestCompare:
    """Against the script."""

    SCRIPT = (Visit("Ann", 1.0, 5.0), Visit("Bob", 2.0, 6.0), Visit(None, 8.0, 9.0))

    def test_as_the_script_has_it(self) -> None:
        found = compare(self.SCRIPT, [seen("Bob", 2.3, 6.4), seen("Ann", 0.8, 5.2), seen(None, 8.1, 9.0)])
        assert (found.right, found.expected, found.differences) == (3, 3, ())

    def test_somebody_not_seen_is_named(self) -> None:
        found = compare(self.SCRIPT, [seen("Ann", 1.0, 5.0), seen("Bob", 2.0, 6.0)])
        assert (found.right, found.differences) == (2, ("not seen: a stranger, 0:08.0 – 0:09.0",))

    def test_a_wrong_name_is_two_differences(self) -> None:
        found = compare(self.SCRIPT, [seen("Ann", 1.0, 5.0), seen("Eve", 2.0, 6.0), seen(None, 8.0, 9.0)])
        assert found.right == 2
        assert found.differences == (
            "not seen: Bob, 0:02.0 – 0:06.0",
            "not in the script: Eve, 0:02.0 – 0:06.0",
        )

    def test_one_person_in_two_sightings_is_a_difference(self) -> None:
        parts = [seen("Ann", 1.0, 2.0), seen("Ann", 3.0, 5.0)]
        found = compare(self.SCRIPT[:1], parts)
        assert found.right == 0
        assert len(found.differences) == 2

    def test_the_right_person_at_another_time_is_not_seen(self) -> None:
        found = compare(self.SCRIPT[:1], [seen("Ann", 12.0, 15.0)])
        assert found.right == 0
        assert len(found.differences) == 2

    def test_times_may_differ_a_little(self) -> None:
        near, far = 5.0 + 0.9 * TOLERANCE_S, 5.0 + 1.1 * TOLERANCE_S
        assert compare(self.SCRIPT[:1], [seen("Ann", 1.0, near)]).right == 1
        late = compare(self.SCRIPT[:1], [seen("Ann", 1.0, far)])
        assert (late.right, len(late.differences)) == (0, 1)

    def test_each_sighting_stands_for_one_visit(self) -> None:
        twice = (Visit("Ann", 1.0, 2.0), Visit("Ann", 1.5, 2.5))
        assert compare(twice, [seen("Ann", 1.0, 2.0)]).right == 1
