"""`keras.tree`; expected values are those of Keras 3.15."""

import collections

import pytest

from lamina.keras import tree

Point = collections.namedtuple("Point", "x y")
NEST = [
    1,
    {"b": (2, None), "a": [3]},
    Point(4, [5]),
    collections.OrderedDict(z=6, a=7),
    collections.deque([8]),
    collections.defaultdict(list, {"q": 9, "c": 10}),
    [],
]


def test_leaves_are_in_order_with_their_paths():
    assert tree.flatten(NEST) == [1, 3, 2, None, 4, 5, 6, 7, 8, 10, 9]
    paths = [path for path, _ in tree.flatten_with_path(NEST)]
    assert paths[:5] == [(0,), (1, "a", 0), (1, "b", 0), (1, "b", 1), (2, 0)]
    assert paths[5:] == [(2, 1, 0), (3, "z"), (3, "a"), (4, 0), (5, "c"), (5, "q")]
    assert tree.flatten(None) == [None] and tree.flatten([]) == []


def test_nests_are_packed_again_with_their_classes():
    packed = tree.pack_sequence_as(NEST, range(11))
    assert tree.flatten(packed) == list(range(11))
    assert [type(each) for each in packed] == [type(each) for each in NEST]
    assert list(packed[1]) == ["b", "a"] and packed[5].default_factory is list
    with pytest.raises(ValueError, match="has 2 leaves"):
        tree.pack_sequence_as([1, 2], [1])
    with pytest.raises(TypeError, match="sequence of leaves"):
        tree.pack_sequence_as([1, 2], 3)


def test_functions_are_called_for_leaves_of_one_nest_or_several():
    assert tree.map_structure(lambda x, y: (x, y), [1, None], [None, 2]) == [(1, None), (None, 2)]
    assert tree.map_structure(lambda x: x + 1, [1, None], none_is_leaf=False) == [2, None]
    assert tree.map_structure_up_to([None, [None, None]], str, [[1, 1], [2, 2]]) == [
        "[1, 1]", ["2", "2"],
    ]  # fmt: skip
    assert tree.map_shape_structure(lambda s: len(s), {"a": [(None, 2), (3,)]}) == {"a": [2, 1]}
    assert tree.lists_to_tuples([1, {"a": [2]}]) == (1, {"a": (2,)})


@pytest.mark.parametrize(
    ("a", "b"), [([1], (1,)), ({"a": 1}, {"b": 1}), ([1, 2], [1]), (Point(1, 2), (1, 2)), (1, [1])]
)
def test_nests_of_other_structures_are_refused(a, b):
    with pytest.raises(ValueError, match="do not have the same structure"):
        tree.assert_same_structure(a, b)
    with pytest.raises(ValueError, match="do not have the same structure"):
        tree.map_structure(lambda x, y: x, a, b)


def test_paths_are_compared_without_classes():
    tree.assert_same_paths([1, 2], Point(3, 4))
    tree.assert_same_structure({"a": 1}, collections.OrderedDict(a=1))
    with pytest.raises(ValueError, match=r"only in the first: \[\(1,\)\]"):
        tree.assert_same_paths([1, 2], [1])


def test_traverse_visits_nests_before_or_after_their_entries():
    nest, seen = [(1, 2), [3], {"a": 4}], []
    assert tree.traverse(seen.append, nest, top_down=False) == nest
    assert seen == [1, 2, (1, 2), 3, [3], 4, {"a": 4}, nest]
    found = tree.traverse(lambda x: tree.MAP_TO_NONE if x == [3] else None, nest)
    assert found == [(1, 2), None, {"a": 4}]
