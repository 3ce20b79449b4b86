"""The play has what the demo promises, its truth is right, and filming it is repeatable. No photo is needed."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.arrays import U8
from pipeline.demo.cutout import FACE_PX, cut_out
from pipeline.demo.lobby import paint_lobby
from pipeline.demo.play import BIDEN, ENROLLED, OBAMA, PLAY
from pipeline.demo.scene import Scene, record
from pipeline.demo.script import Appearance, Figure, Script, Visit, Waypoint, outline_at

GAP_S = 2.0
BODY = (230, 30, 40)
OUTSIDE = (20, 60, 240)

DOLL = Figure(
    "doll.png",
    (100, 200),
    (0.35, 0.1, 0.65, 0.3),
    ((0.3, 0.05), (0.7, 0.05), (0.7, 0.35), (0.9, 0.4), (0.9, 1.0), (0.1, 1.0), (0.1, 0.4), (0.3, 0.35)),
)
SECOND = Figure("second.png", DOLL.size_px, DOLL.face, DOLL.outline)


def doll_photo() -> U8:
    """A red doll on blue, with a little noise as photos have."""
    photo = np.empty((200, 100, 3), np.float64)
    photo[:] = OUTSIDE
    photo[10:70, 30:70] = BODY
    photo[80:, 10:90] = BODY
    photo[70:80, 20:80] = BODY
    noisy = photo + np.random.default_rng(3).normal(0, 4, photo.shape)
    return np.asarray(np.clip(noisy, 0, 255), dtype=np.uint8)


PHOTOS = {"doll.png": doll_photo(), "second.png": doll_photo()}


def stage(
    *appearances: Appearance, pillar: tuple[float, float] | None = None, duration_s: float = 4.0
) -> Script:
    return Script(320, 180, 10, duration_s, (DOLL, SECOND), appearances, pillar, seed=1)


def standing(photo: str, person: str | None, x: float, **changes: bool) -> Appearance:
    return Appearance(photo, person, (Waypoint(0.0, x, 70, 40), Waypoint(4.0, x, 70, 40)), **changes)


def walking(photo: str, person: str | None, x0: float, x1: float) -> Appearance:
    return Appearance(photo, person, (Waypoint(0.0, x0, 70, 40), Waypoint(4.0, x1, 70, 40)), sway_deg=0.0)


def red(frame: U8) -> int:
    """Pixels of the doll."""
    pixels = frame.astype(int)
    return int(((pixels[..., 0] - pixels[..., 1] > 100) & (pixels[..., 0] - pixels[..., 2] > 100)).sum())


def red_columns(frame: U8) -> tuple[int, int]:
    pixels = frame.astype(int)
    columns = np.flatnonzero((pixels[..., 0] - pixels[..., 2] > 100).any(axis=0))
    return int(columns.min()), int(columns.max())


class TestPlay:
    """The demo's own script."""

    def test_it_is_twenty_seconds_of_720p(self) -> None:
        assert (PLAY.width, PLAY.height, PLAY.rate, PLAY.frames) == (1280, 720, 25, 500)

    def test_who_comes_in_which_order(self) -> None:
        visits = PLAY.visits(GAP_S)
        assert [visit.person for visit in visits] == [OBAMA, BIDEN, None, OBAMA, OBAMA]
        assert all(visit.to_s - visit.from_s > 1.5 for visit in visits)

    def test_a_stretch_of_three_seconds_shows_nobody(self) -> None:
        empty = [not PLAY.who_at(index / PLAY.rate) for index in range(PLAY.frames)]
        longest = max(len(run) for run in "".join("x" if e else " " for e in empty).split())
        assert longest >= 3 * PLAY.rate

    def test_it_begins_and_ends_with_nobody_in_view(self) -> None:
        assert PLAY.who_at(0.0) == ()
        assert PLAY.who_at(PLAY.duration_s - 1 / PLAY.rate) == ()

    def test_two_paths_cross_and_one_hides_the_other(self) -> None:
        times = [index / PLAY.rate for index in range(PLAY.frames)]
        faces = [{face.person: face.box for face in PLAY.seen_at(time)} for time in times]
        both = [index for index, seen in enumerate(faces) if {OBAMA, BIDEN} <= set(seen)]
        side = [faces[index][OBAMA][0] < faces[index][BIDEN][0] for index in both]
        assert side[0]
        assert not side[-1]
        hidden = [index for index in range(both[0], both[-1]) if BIDEN not in faces[index]]
        assert 3 <= len(hidden) <= PLAY.rate

    def test_faces_are_80_to_200_pixels_high(self) -> None:
        heights = [
            face.box[3] - face.box[1]
            for index in range(PLAY.frames)
            for face in PLAY.seen_at(index / PLAY.rate)
        ]
        assert min(heights) >= 80
        assert max(heights) <= 200

    def test_somebody_comes_nearer(self) -> None:
        nearest = [max(point.face_px for point in appearance.path) for appearance in PLAY.appearances]
        farthest = [min(point.face_px for point in appearance.path) for appearance in PLAY.appearances]
        assert max(near / far for near, far in zip(nearest, farthest, strict=True)) > 1.1

    def test_nobody_ends_above_the_lower_edge_of_the_picture(self) -> None:
        for appearance in PLAY.appearances:
            figure = PLAY.figure(appearance.photo)
            for index in range(PLAY.frames):
                pose = appearance.pose_at(index / PLAY.rate)
                if pose is None:
                    continue
                tallest_tilt = 0.032 * PLAY.height
                ends = np.array([y >= 1.0 for _, y in figure.outline])
                floor = outline_at(figure, appearance.mirrored, pose)[ends, 1].min()
                assert floor >= PLAY.height + tallest_tilt, (appearance.photo, index)

    def test_the_enrolled_photo_is_another_than_the_shown_where_there_is_another(self) -> None:
        shown = {appearance.photo for appearance in PLAY.appearances if appearance.person == OBAMA}
        assert shown.isdisjoint(photo for person, photo in ENROLLED if person == OBAMA)
        assert all(a.mirrored for a in PLAY.appearances if a.photo in {photo for _, photo in ENROLLED})


class TestTruth:
    """Who can be seen, from paths alone."""

    def test_a_face_is_seen_while_its_centre_is_in_the_picture(self) -> None:
        script = stage(walking("doll.png", "Ann", -160.0, 480.0))
        assert script.visits(0.5) == (Visit("Ann", 1.0, 2.9),)

    def test_who_is_in_front_hides_who_is_behind(self) -> None:
        script = stage(standing("doll.png", "Ann", 100), standing("second.png", "Bob", 100))
        assert script.who_at(1.0) == ("Bob",)

    def test_a_pillar_hides_those_behind_it_only(self) -> None:
        behind = standing("doll.png", "Ann", 100, behind_pillar=True)
        front = standing("second.png", "Bob", 100)
        assert stage(behind, pillar=(80, 120)).who_at(1.0) == ()
        assert stage(behind, pillar=(200, 240)).who_at(1.0) == ("Ann",)
        assert stage(front, pillar=(80, 120)).who_at(1.0) == ("Bob",)

    def test_a_short_absence_does_not_end_a_visit(self) -> None:
        first = Appearance("doll.png", "Ann", (Waypoint(0.0, 100, 70, 40), Waypoint(1.0, 100, 70, 40)))
        again = Appearance("doll.png", "Ann", (Waypoint(2.5, 100, 70, 40), Waypoint(3.5, 100, 70, 40)))
        script = stage(first, again)
        assert len(script.visits(2.0)) == 1
        assert script.visits(1.0) == (Visit("Ann", 0.0, 1.0), Visit("Ann", 2.5, 3.5))

    def test_paths_are_smooth_and_do_not_overshoot(self) -> None:
        path = (Waypoint(0.0, 0, 70, 40), Waypoint(1.0, 100, 70, 40), Waypoint(3.0, 100, 70, 40))
        appearance = Appearance("doll.png", None, path)
        xs = [pose.x for k in range(31) if (pose := appearance.pose_at(k / 10)) is not None]
        assert (xs[0], xs[-1]) == (0.0, 100.0)
        assert all(0.0 <= a <= b <= 100.0 for a, b in pairwise(xs))
        assert appearance.pose_at(3.01) is None

    def test_times_must_go_forward(self) -> None:
        with pytest.raises(ValueError, match="later ones later"):
            Appearance("doll.png", None, (Waypoint(1.0, 0, 0, 40), Waypoint(1.0, 9, 9, 40)))

    def test_a_photo_without_a_figure_is_named(self) -> None:
        with pytest.raises(ValueError, match=r"no figure for cat\.png; there are doll\.png"):
            stage(standing("cat.png", None, 10))


class TestCutout:
    """Silhouettes."""

    def test_the_person_is_kept_and_the_background_is_not(self) -> None:
        level = cut_out(PHOTOS["doll.png"], DOLL).levels[0]
        opaque = level[level[..., 3] > 200][:, :3].astype(int)
        assert (np.abs(opaque - BODY).max(axis=1) < 60).mean() > 0.99
        side = FACE_PX / DOLL.face_height_px
        assert level[round(20 * side), round(50 * side), 3] == 255
        assert level[round(40 * side), round(10 * side), 3] == 0

    def test_a_rough_outline_is_fitted_to_the_pixels(self) -> None:
        rough = Figure("doll.png", DOLL.size_px, DOLL.face, tuple((x, y - 0.008) for x, y in DOLL.outline))
        exact, fitted = (
            cut_out(PHOTOS["doll.png"], figure).levels[0][..., 3] > 128 for figure in (DOLL, rough)
        )
        assert (exact != fitted).mean() < 0.01

    def test_edges_are_soft(self) -> None:
        opacity = cut_out(PHOTOS["doll.png"], DOLL).levels[0][..., 3]
        assert ((opacity > 20) & (opacity < 235)).sum() > 300

    def test_a_figure_cut_off_by_the_photo_is_opaque_up_to_its_edge(self) -> None:
        opacity = cut_out(PHOTOS["doll.png"], DOLL).levels[0][..., 3]
        assert opacity[-1, opacity.shape[1] // 2] == 255


class TestScene:
    """Frames."""

    def test_the_same_script_gives_the_same_frames_in_any_order(self) -> None:
        script = stage(walking("doll.png", None, -60, 380), pillar=(200, 230))
        forward = list(Scene(script, PHOTOS).frames())
        other = Scene(script, PHOTOS)
        assert len(forward) == 40
        for index in (33, 2, 17):
            assert (other.frame(index) == forward[index]).all()

    def test_another_seed_gives_other_noise(self) -> None:
        script = stage()
        other = Script(320, 180, 10, 4.0, (), (), seed=2)
        assert (Scene(script, {}).frame(0) != Scene(other, {}).frame(0)).any()

    def test_people_are_where_the_script_has_them(self) -> None:
        scene = Scene(stage(standing("doll.png", "Ann", 100)), PHOTOS)
        left, right = red_columns(scene.frame(0))
        width = 0.8 * DOLL.size_px[0] * 40 / DOLL.face_height_px
        camera = scene.camera_at(0.0)[0]
        assert (left + right) / 2 == pytest.approx(100 - camera, abs=2)
        assert right - left == pytest.approx(width, rel=0.06)

    def test_a_mirrored_figure_is_mirrored_about_its_face(self) -> None:
        lopsided = Figure("doll.png", DOLL.size_px, (0.1, 0.1, 0.4, 0.3), DOLL.outline)
        path = (Waypoint(0.0, 160, 70, 40), Waypoint(1.0, 160, 70, 40))
        middles = []
        for mirrored in (False, True):
            appearance = Appearance("doll.png", None, path, mirrored=mirrored)
            frame = Scene(Script(320, 180, 10, 1.0, (lopsided,), (appearance,)), PHOTOS).frame(0)
            middles.append(sum(red_columns(frame)) / 2)
        assert middles[0] > 160 + 10
        assert middles[1] < 160 - 10

    def test_the_pillar_covers_who_is_behind_it(self) -> None:
        behind = standing("doll.png", None, 100, behind_pillar=True)
        assert red(Scene(stage(behind), PHOTOS).frame(0)) > 1500
        assert red(Scene(stage(behind, pillar=(20, 190)), PHOTOS).frame(0)) == 0

    def test_light_makes_people_brighter(self) -> None:
        def at(light: float) -> float:
            path = (Waypoint(0.0, 160, 70, 40, light), Waypoint(1.0, 160, 70, 40, light))
            frame = Scene(stage(Appearance("doll.png", None, path)), PHOTOS).frame(0)
            return float(frame[60:80, 150:170, 0].mean())

        assert at(0.6) < 0.7 * at(1.0)

    def test_the_camera_moves_and_the_sensor_is_noisy(self) -> None:
        scene = Scene(stage(), {})
        first, second, later = (scene.frame(index).astype(int) for index in (0, 1, 20))
        assert 0.5 < np.abs(first - second).mean() < 8
        assert np.abs(first - later).mean() > np.abs(first - second).mean()

    def test_the_camera_never_looks_beyond_the_painted_wall(self) -> None:
        scene, lobby = (
            Scene(PLAY, PHOTOS | dict.fromkeys(_photos(), PHOTOS["doll.png"])),
            paint_lobby(1280, 720, 0),
        )
        for index in range(10 * PLAY.frames):
            x, y = scene.camera_at(index / PLAY.rate)
            assert abs(x) < lobby.margin_x
            assert abs(y) < lobby.margin_y

    def test_a_missing_photo_is_named(self) -> None:
        with pytest.raises(ValueError, match=r"photos missing: doll\.png"):
            Scene(stage(standing("doll.png", None, 10)), {})

    def test_recording(self, tmp_path: Path) -> None:
        done: list[int] = []
        path = tmp_path / "camera.mp4"
        script = stage(walking("doll.png", None, -60, 380), duration_s=1.5)
        record(script, PHOTOS, path, done.append)
        with av.open(str(path)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert len(frames) == len(done) == script.frames == 15
        assert np.abs(frames[12].astype(int) - Scene(script, PHOTOS).frame(12)).mean() < 6


def _photos() -> list[str]:
    return [appearance.photo for appearance in PLAY.appearances]
