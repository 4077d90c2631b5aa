import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.boxes import overlapping

from fastnlp.plots.labels import place_boxes

places = st.tuples(st.floats(0, 300), st.floats(0, 200))
extents = st.tuples(st.floats(4, 80), st.floats(6, 14))


@settings(max_examples=60)
@given(st.lists(st.tuples(places, extents), min_size=1, max_size=25), st.lists(places, max_size=10))
def test_boxes_never_overlap_nor_leave_the_frame(labels, obstacles):
    anchors, sizes = (np.array(part, np.float64) for part in zip(*labels, strict=True))
    more = np.array(obstacles, np.float64).reshape(-1, 2)
    corners = place_boxes(anchors, sizes, (0, 0, 300, 200), gap=3, obstacles=more)
    placed = np.isfinite(corners[:, 0])
    low, high = corners[placed], corners[placed] + sizes[placed]
    assert (low >= 0).all() and (high <= [300, 200]).all()
    assert not overlapping(np.concatenate([low, high], axis=1).tolist())
    # A box lies beside its point, never over it.
    inside = ((anchors[placed] > low + 1e-6) & (anchors[placed] < high - 1e-6)).all(axis=1)
    assert not inside.any()


def test_crowded_points_all_get_a_place_where_there_is_room():
    anchors = np.random.default_rng(5).normal([400, 300], 25, size=(60, 2))
    sizes = np.tile([50.0, 12.0], (60, 1))
    corners = place_boxes(anchors, sizes, (0, 0, 800, 600), gap=4)
    assert np.isfinite(corners).all()


def test_without_room_the_first_are_placed():
    anchors = np.full((5, 2), [20.0, 10.0])
    corners = place_boxes(anchors, np.tile([30.0, 8.0], (5, 1)), (0, 0, 60, 20), gap=2)
    placed = np.isfinite(corners[:, 0])
    assert placed[0] and not placed.all()


def test_a_lonely_label_stands_to_the_right_and_keeps_off_points_there():
    corner = place_boxes(np.array([[50.0, 50.0]]), np.array([[20.0, 10.0]]), (0, 0, 200, 100), gap=4)
    assert corner.tolist() == [[54, 45]]
    blocked = np.array([[60.0, 50.0]])
    corner = place_boxes(
        np.array([[50.0, 50.0]]), np.array([[20.0, 10.0]]), (0, 0, 200, 100), gap=4, obstacles=blocked
    )
    assert not (corner[0] < blocked[0]).all() or not (corner[0] + [20, 10] > blocked[0]).all()


def test_no_labels_are_no_boxes():
    assert place_boxes(np.empty((0, 2)), np.empty((0, 2)), (0, 0, 1, 1), gap=1).shape == (0, 2)


def test_a_larger_mark_keeps_its_label_away():
    one, size = np.array([[50.0, 50.0]]), np.array([[20.0, 10.0]])
    assert place_boxes(one, size, (0, 0, 200, 100), gap=4, radii=np.array([9.0]))[0, 0] == pytest.approx(63)
