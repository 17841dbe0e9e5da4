"""Trained models of pages and sounds: rapidocr reads rendered lines, basic-pitch finds the notes of
a chord."""

import sys
from pathlib import Path

import numpy as np
import pytest

import lamina as lm

sys.path.insert(0, str(Path(__file__).parents[1]))

from packages import difference, file_of, runtime_of

# ---- rapidocr: where lines of text are, and what they say ----------------------------------------
LINES = ["Deep learning", "in 3 lines: 42%", "Hello, World!"]


def page():
    """Lines on white, as the network is given them: (1, 3, height, width) from -1 to 1."""
    drawing, fonts = pytest.importorskip("PIL.ImageDraw"), pytest.importorskip("PIL.ImageFont")
    images = pytest.importorskip("PIL.Image")
    paper = images.new("RGB", (320, 192), "white")
    pen = drawing.Draw(paper)
    for k, line in enumerate(LINES):
        pen.text((16, 16 + 58 * k), line, fill="black", font=fonts.load_default(30))
    return paper, (np.asarray(paper, np.float32) / 127.5 - 1).transpose(2, 0, 1)[None]


def rows_of(score):
    """Stretches of rows in which the detection network sees text, with a margin."""
    is_text = (score > 0.3).any(1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_text.astype(int), [0]])))
    margin = 6  # the network is trained with shrunken boxes
    return [(max(0, a - margin), b + margin) for a, b in edges.reshape(-1, 2)]


def line_image(paper, top, bottom):
    """A line, 48 pixels high and 320 wide."""
    part = paper.crop((0, top, paper.width, bottom))
    width = min(320, round(48 * part.width / part.height))
    scaled = np.asarray(part.resize((width, 48)), np.float32) / 127.5 - 1
    found = np.zeros((3, 48, 320), np.float32)
    found[:, :, :width] = scaled.transpose(2, 0, 1)
    return found


def text_of(probabilities, characters):
    """The best character of each column, repetitions and blanks left out (CTC)."""
    best = probabilities.argmax(-1)
    kept = best[np.concatenate([[True], best[1:] != best[:-1]]) & (best != 0)]
    return "".join(characters[k] for k in kept).strip()


def test_rapidocr_finds_and_reads_rendered_lines():
    package = "rapidocr-onnxruntime"
    detection, recognition = (
        file_of(package, f"ch_PP-OCRv4_{name}_infer.onnx") for name in ("det", "rec")
    )
    session = runtime_of(recognition)
    listed = session.get_modelmeta().custom_metadata_map["character"].splitlines()
    characters = ["", *listed, " "]
    paper, image = page()
    score = lm.onnx.load(detection)(image).numpy()
    expected = runtime_of(detection).run(None, {"x": image})[0]
    # ONNX Runtime's sigmoid is constant below -18, which the next layers see
    assert difference(score, expected) < 0.05
    rows = rows_of(score[0, 0])
    assert rows == rows_of(expected[0, 0]) and len(rows) == len(LINES)
    lines = np.stack([line_image(paper, *each) for each in rows])
    found = lm.onnx.load(recognition)(lines).numpy()
    assert difference(found, session.run(None, {"x": lines})[0]) < 1e-3
    assert [text_of(each, characters) for each in found] == LINES


# ---- basic-pitch: 88 notes every 12 milliseconds -------------------------------------------------
RATE, SAMPLES, HOP = 22050, 43844, 256
LOWEST, SHORTEST = 21, 11  # a number of MIDI, frames


def chord(numbers):
    """Two seconds of notes with eight harmonics that decay, after 0.3 seconds of silence."""
    time = np.arange(SAMPLES) / RATE - 0.3
    found = np.zeros(SAMPLES)
    for number in numbers:
        frequency = 440 * 2 ** ((number - 69) / 12)
        harmonics = sum(np.sin(2 * np.pi * k * frequency * time) / k**1.5 for k in range(1, 9))
        found += harmonics * np.exp(-2 * time) * (time > 0)
    return (0.2 * found).astype("float32")[None, :, None]


@pytest.mark.parametrize("numbers", [[60, 64, 67], [57], [45, 52, 60, 64]], ids=["C", "A", "four"])
def test_basic_pitch_finds_the_notes_of_a_chord(numbers):
    path, sound = file_of("basic-pitch", "nmp.onnx"), chord(numbers)
    model = lm.onnx.load(path)
    found = model.predict(sound, verbose=0)
    expected = runtime_of(path).run(None, {"serving_default_input_2:0": sound})
    for a, b in zip(found, expected, strict=True):
        assert difference(a, b) < 1e-3
    onsets, notes = found[0][0] > 0.5, found[1][0] > 0.5  # (172 frames, 88 notes)
    lasting = np.flatnonzero(notes.sum(0) >= SHORTEST)
    assert [LOWEST + note for note in lasting] == numbers
    begins = onsets[:, lasting].argmax(0) * HOP / RATE
    assert np.abs(begins - 0.3).max() < 0.05  # seconds
