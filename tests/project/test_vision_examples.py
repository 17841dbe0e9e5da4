"""The examples of detection, segmentation and ImageNet, at a small size on made data."""

import itertools
import runpy

import numpy as np
import pytest

from paths import EXAMPLES

pytest.importorskip("PIL")
import vision_files


def example(name):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def test_imagenet_trains_a_network_of_the_zoo_and_resumes(tmp_path, capsys):
    folder = vision_files.put(tmp_path, vision_files.ilsvrc(each=6))
    names = example("imagenet")
    options = {"epochs": 3, "size": 40, "batch_size": 6, "rate": 0.01, "cosine": True}
    options["checkpoint"] = str(tmp_path / "run")
    found = names["main"](folder, "SqueezeNet", **options)
    assert set(found) >= {"val_top1", "val_top5", "loss"}
    assert np.isfinite(found["loss"]) and found["val_top5"] == 1.0
    assert names["main"](folder, "SqueezeNet", **options) == found
    assert "SqueezeNet: 724,035 weights, 3 classes" in capsys.readouterr().out


def test_the_rate_of_imagenet_rises_and_falls():
    schedule = example("imagenet")["Stepwise"]
    stepwise, cosine = schedule(0.1, 90, 5), schedule(0.1, 90, 10, cosine=True)
    rates = [float(stepwise(step)) for step in (0, 4, 20, 30, 60, 80)]
    np.testing.assert_allclose(rates, [0.1 / 6, 0.5 / 6, 0.1, 0.01, 1e-3, 1e-4], rtol=1e-5)
    rates = [float(cosine(step)) for step in (10, 50, 90)]
    np.testing.assert_allclose(rates, [0.1, 0.05, 0.0], atol=1e-7)


def test_detection_learns_to_find_objects(tmp_path):
    folder = vision_files.put(tmp_path, renamed(vision_files.voc(9)))
    names = example("detection_bccd")
    names["main"].__globals__["BATCH"] = 3
    found = names["main"](2, 2, (64, 64), folder, (0,), str(tmp_path / "boxes.png"))
    assert set(found) == {"disc", "square", "mean"}
    assert all(0 <= values[0] <= 1 for values in found.values())
    assert (tmp_path / "boxes.png").stat().st_size > 1000


def renamed(files):
    """The parts under the names of BCCD."""
    parts = {"train.txt": "trainval.txt", "val.txt": "test.txt"}
    for path in list(files):
        head, _, name = path.rpartition("/")
        if name in parts:
            files[f"{head}/{parts[name]}"] = files.pop(path)
    return files


def test_anchors_are_the_extents_that_boxes_are_like():
    names = example("detection_bccd")
    rng = np.random.default_rng(0)
    extents = np.concatenate([[[32, 64]] * 20, [[128, 96]] * 30]) + rng.uniform(-3, 3, (50, 2))
    corner = rng.uniform(0, 100, (50, 2))
    anchors = names["clustered"](np.concatenate([corner, corner + extents], 1), 2)
    np.testing.assert_allclose(anchors, [[1, 2], [4, 3]], atol=0.1)


def stack_files(count=8, size=64):
    """Slices of cells, bright, with dark membranes between them."""
    files = {}
    for k in range(count):
        rng = np.random.default_rng(k)
        points, (y, x) = rng.uniform(0, size, (6, 2)), np.mgrid[:size, :size]
        far = np.sort([(y - b) ** 2 + (x - a) ** 2 for a, b in points], axis=0) ** 0.5
        inside = far[1] - far[0] > 3
        pixels = np.where(inside, 180, 70) + rng.normal(0, 20, inside.shape)
        files[f"image/{k:02}.png"] = vision_files.image(pixels.clip(0, 255).astype(np.uint8))
        files[f"label/{k:02}.png"] = vision_files.image(np.where(inside, 255, 0).astype(np.uint8))
    return files


def test_segmentation_learns_membranes(tmp_path):
    folder = vision_files.put(tmp_path / "em", stack_files())
    names = example("segmentation_em")
    names["main"].__globals__["HELD_OUT"] = 2
    found = names["main"](12, 4, 1, 32, folder, path=str(tmp_path / "em.png"))
    assert found["pixel error"] < 0.12
    assert 0 <= found["Rand error"] < 0.6
    assert found["mean IoU"] > 0.4
    assert (tmp_path / "em.png").stat().st_size > 10_000


def test_rand_error_of_equal_split_and_joined_cells():
    error = example("segmentation_em")["rand_error"]
    truth = np.ones((4, 9), bool)
    truth[:, 4] = False
    assert error(truth, truth) == 0
    joined = np.ones_like(truth)
    # 2 * 16^2 pairs of pixels belong together, 32^2 are said to
    assert error(joined, truth) == pytest.approx(1 - 2 * 512 / (512 + 1024))
    none = np.zeros_like(truth)  # each pixel by itself: 32 pairs
    assert error(none, truth) == pytest.approx(1 - 2 * 32 / (512 + 32))


def test_components_are_joined_around_corners():
    components = example("segmentation_em")["components"]
    inside = np.array([[1, 0, 1, 0], [1, 1, 1, 0], [0, 0, 0, 1], [1, 0, 1, 1]], bool)
    label = components(inside)
    assert (label[~inside] == -1).all()
    kinds = [label[0, 0], label[0, 2], label[2, 3], label[3, 2], label[3, 0]]
    assert kinds[0] == kinds[1] != kinds[2] == kinds[3] != kinds[4] != kinds[0]


def test_fine_tuning_uses_what_was_learned_before(tmp_path):
    kinds = {"a": (0, 8), "b": (1, 8), "c": (0, 3), "d": (1, 3)}  # channel, width of stripes
    rng, files = np.random.default_rng(0), {}
    for part, (name, (channel, width)) in itertools.product(("train", "test"), kinds.items()):
        for k in range(24):
            pixels = rng.integers(0, 120, (32, 32, 3))
            pixels[:, (np.arange(32) + rng.integers(width)) // width % 2 == 0, channel] += 120
            files[f"{part}/{name}/{k}.png"] = vision_files.image(pixels.astype(np.uint8))
    folder = vision_files.put(tmp_path, files)
    names = example("fine_tuning")
    names["main"].__globals__["BATCH"] = 8
    found = names["main"](6, 24, 6, 4, folder, ("c", "d"), (0,), 12)
    assert set(found) == {"six source classes", "random weights", "frozen features", "fine-tuned"}
    assert found["six source classes"][0] > 0.9
    assert found["fine-tuned"][0] > 0.7
