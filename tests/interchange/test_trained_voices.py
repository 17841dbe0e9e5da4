"""Trained models of voices: silero-vad finds speech, Resemblyzer recognizes speakers."""

import sys
from pathlib import Path

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L

sys.path.insert(0, str(Path(__file__).parents[1]))

from packages import difference, file_of, members, runtime_of, wave

FRAME, CONTEXT = 512, 64  # samples; each frame begins with the last ones of the frame before


# ---- silero-vad: the probability of speech every 32 milliseconds ---------------------------------
def magnitudes(x):
    """The absolute values of 129 frequencies from their real and imaginary parts."""
    return lm.sqrt(lm.square(x[..., :129]) + lm.square(x[..., 129:]))


def voice_detector():
    """The network of the file, in layers: (batch, frames, 576) -> (batch, frames, 1)."""
    frame = [
        L.Input((CONTEXT + FRAME,)),
        L.Lambda(lambda x: lm.pad(x, [(0, 0), (0, CONTEXT)], mode="reflect")[..., None]),
        L.Conv1D(258, 256, strides=128, use_bias=False, name="stft_conv"),
        L.Lambda(magnitudes),
    ]
    sizes = [("conv1", 128, 1), ("conv2", 64, 2), ("conv3", 64, 2), ("conv4", 128, 1)]
    for name, filters, stride in sizes:
        frame += [L.ZeroPadding1D(1), L.Conv1D(filters, 3, stride, activation="relu", name=name)]
    return lm.Sequential(
        [
            L.Input((None, CONTEXT + FRAME)),
            L.TimeDistributed(lm.Sequential([*frame, L.Flatten()], name="frame"), name="each"),
            L.LSTM(128, return_sequences=True, name="lstm_cell"),
            L.ReLU(),
            L.Conv1D(1, 1, padding="causal", activation="sigmoid", name="final_conv"),
        ]
    )


LAYERS = {f"each/frame/{n}": n for n in ("stft_conv", "conv1", "conv2", "conv3", "conv4")}
LAYERS |= {name: name for name in ("lstm_cell", "final_conv")}


def loaded_detector(path):
    model = voice_detector()
    report = lm.interchange.load(model, path, mapping=LAYERS)
    assert report.missing == report.unexpected == []
    return model


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """The layers with the weights of an ONNX file, which has them under PyTorch's names."""
    onnx = pytest.importorskip("onnx")
    path = tmp_path_factory.mktemp("weights") / "weights.npz"
    graph = onnx.load(file_of("silero-vad", "silero_vad_16k_op15.onnx")).graph
    names = {"stft.forward_basis_buffer": "stft_conv.weight", "decoder.decoder.2": "final_conv",
             "decoder.rnn": "lstm_cell", ".reparam_conv": "", "model.": "",
             **{f"encoder.{k}": f"conv{k + 1}" for k in range(4)}}  # fmt: skip
    arrays = {}
    for each in graph.initializer:
        name = each.name
        for old, new in names.items():
            name = name.replace(old, new)
        arrays[name] = onnx.numpy_helper.to_array(each)
    np.savez(path, **arrays)
    return loaded_detector(path)


def frames_of(sound):
    """A sound in frames with their context: (frames, 576)."""
    sound = sound[: len(sound) // FRAME * FRAME]
    padded = np.concatenate([np.zeros(CONTEXT, np.float32), sound])
    starts = range(0, len(sound), FRAME)
    return np.stack([padded[k : k + CONTEXT + FRAME] for k in starts])


def spoken(count):
    """Words with a second of silence between them, 16,000 samples per second."""
    files = list(members("audio/speech-commands-100.zip", ".wav").values())[::7][:count]
    pause = 1e-4 * np.random.default_rng(0).normal(size=16000).astype("float32")
    return np.concatenate([part for each in files for part in (wave(each), pause)])


def runtime_probabilities(name, frames):
    """ONNX Runtime, frame by frame; it is given its own state back."""
    session, state, found = runtime_of(file_of("silero-vad", name)), np.zeros((2, 1, 128), "f"), []
    for frame in frames:
        inputs = {"input": frame[None], "state": state, "sr": np.array(16000)}
        probability, state = session.run(None, inputs)
        found.append(probability[0, 0])
    return np.array(found)


def torch_probabilities(frames):
    """PyTorch, of the safetensors file, which holds another training than the ONNX files."""
    torch = pytest.importorskip("torch")
    from torch.nn import functional as F

    path = file_of("silero-vad", "silero_vad_16k.safetensors")
    w = {name: torch.tensor(array) for name, array in lm.interchange.read(path).items()}
    cell, state, found = torch.nn.LSTMCell(128, 128), None, []
    parts = {k.removeprefix("lstm_cell."): v for k, v in w.items() if k.startswith("lstm_cell.")}
    cell.load_state_dict(parts)
    for frame in torch.tensor(frames):
        x = F.conv1d(
            F.pad(frame[None, None], (0, 64), "reflect"), w["stft_conv.weight"], stride=128
        )
        x = (x[:, :129] ** 2 + x[:, 129:] ** 2).sqrt()
        for k, stride in ((1, 1), (2, 2), (3, 2), (4, 1)):
            x = F.relu(F.conv1d(x, w[f"conv{k}.weight"], w[f"conv{k}.bias"], stride, 1))
        state = cell(x[..., 0], state)
        last = F.conv1d(F.relu(state[0])[..., None], w["final_conv.weight"], w["final_conv.bias"])
        found.append(torch.sigmoid(last).item())
    return np.array(found)


class TestSileroVad:
    def test_layers_with_the_weights_of_safetensors_give_what_pytorch_gives(self):
        torch = pytest.importorskip("torch")
        frames = frames_of(spoken(2))
        model = loaded_detector(file_of("silero-vad", "silero_vad_16k.safetensors"))
        with torch.no_grad():
            expected = torch_probabilities(frames)
        assert difference(model.predict(frames[None], verbose=0)[0, :, 0], expected) < 1e-5

    def test_layers_with_the_weights_of_onnx_give_what_onnx_runtime_gives(self, detector):
        frames = frames_of(spoken(3))
        found = detector.predict(frames[None], verbose=0)[0, :, 0]
        expected = runtime_probabilities("silero_vad_16k_op15.onnx", frames)
        assert difference(found, expected) < 1e-5

    def test_a_stream_gives_what_the_whole_sound_gives(self, detector):
        frames = frames_of(spoken(1))
        stream = detector.stream()
        found = np.array([np.asarray(stream(frame[None]))[0, 0] for frame in frames])
        whole = detector.predict(frames[None], verbose=0)[0, :, 0]
        np.testing.assert_allclose(found, whole, rtol=1e-4, atol=1e-6)

    @pytest.mark.parametrize("name", ["silero_vad_16k_op15.onnx", "silero_vad.onnx"])
    def test_the_file_read_by_lamina_gives_the_same_with_its_state(self, detector, name):
        frames = frames_of(spoken(1))[:20]
        model, state, found = lm.onnx.load(file_of("silero-vad", name)), np.zeros((2, 1, 128)), []
        for frame in frames:
            inputs = {"input": frame[None], "state": np.asarray(state, "f"), "sr": np.array(16000)}
            probability, state = model(inputs)
            found.append(probability.numpy()[0, 0])
        whole = detector.predict(frames[None], verbose=0)[0, :, 0]
        np.testing.assert_allclose(found, whole, rtol=1e-4, atol=1e-5)

    def test_words_are_speech_and_noise_is_not(self, detector):
        sound = spoken(8)
        found = detector.predict(frames_of(sound)[None], verbose=0)[0, :, 0]
        seconds = len(sound) // 16000
        each = [found[int(k * 31.25) + 4 : int((k + 1) * 31.25)].max() for k in range(seconds)]
        words, pauses = np.array(each[0::2]), np.array(each[1::2])
        assert (words > 0.5).all()
        loud = 0.1 * np.random.default_rng(1).normal(size=32000).astype("float32")
        assert detector.predict(frames_of(loud)[None], verbose=0).max() < 0.5
        assert np.median(pauses) < 0.5


# ---- Resemblyzer: a vector for each speaker ------------------------------------------------------
def speaker_encoder():
    """Three LSTM layers over 160 spectra, a Dense layer with ReLU, length 1."""
    return lm.Sequential(
        [
            L.Input((None, 40)),
            *(L.LSTM(256, return_sequences=k < 2, name=f"lstm.l{k}") for k in range(3)),
            L.Dense(256, "relu", name="linear"),
            L.UnitNormalization(),
        ]
    )


@pytest.fixture(scope="module")
def encoder():
    model = speaker_encoder()
    path = file_of("Resemblyzer", "pretrained.pt")
    report = lm.interchange.load(model, path, prefix="model_state.")
    assert report.missing == [] and report.unexpected == ["similarity_weight", "similarity_bias"]
    return model


def mel_filters(bins=40, size=400, rate=16000):
    """Triangles of equal area on the mel scale of Slaney (1998), which librosa uses."""
    step = np.log(6.4) / 27
    top = 15 + np.log(rate / 2 / 1000) / step
    mel = np.linspace(0, top, bins + 2)
    edges = np.where(mel < 15, mel * 200 / 3, 1000 * np.exp(step * (mel - 15)))  # in hertz
    places = np.linspace(0, rate / 2, size // 2 + 1)[:, None]
    rising = (places - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - places) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2])


def mel_spectra(sound):
    """Powers of 25 milliseconds every 10: (frames, 40)."""
    padded = np.pad(sound, 200)
    count = 1 + len(sound) // 160
    frames = np.stack([padded[160 * k : 160 * k + 400] for k in range(count)])
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    return (np.abs(np.fft.rfft(frames * window)) ** 2 @ mel_filters()).astype("float32")


def utterance(files, speaker, first):
    """1.6 seconds of digits, of one volume, at 16,000 samples per second."""
    names = [
        f"{digit}_{speaker}_{index}.wav" for index in (first, first + 1) for digit in range(10)
    ]
    sound = np.concatenate([wave(files[name]) for name in names])
    sound = np.interp(np.arange(2 * len(sound)) / 2, np.arange(len(sound)), sound)
    sound *= 10 ** (-30 / 20) / np.sqrt(np.mean(sound**2))
    spectra = mel_spectra(sound)
    return np.stack([spectra[k : k + 160] for k in range(0, len(spectra) - 160, 80)])


class TestResemblyzer:
    def test_embeddings_are_those_of_pytorch(self, encoder):
        torch = pytest.importorskip("torch")
        path = file_of("Resemblyzer", "pretrained.pt")
        state = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
        lstm = torch.nn.LSTM(40, 256, 3, batch_first=True)
        linear = torch.nn.Linear(256, 256)
        for name, module in (("lstm.", lstm), ("linear.", linear)):
            part = {k.removeprefix(name): v for k, v in state.items() if k.startswith(name)}
            module.load_state_dict(part)
        x = np.abs(np.random.default_rng(0).normal(size=(3, 160, 40))).astype("float32")
        with torch.no_grad():
            last = torch.relu(linear(lstm(torch.tensor(x))[1][0][-1])).numpy()
        expected = last / np.linalg.norm(last, axis=1, keepdims=True)
        assert difference(encoder.predict(x, verbose=0), expected) < 1e-5

    def test_recordings_of_one_speaker_are_nearer_than_those_of_others(self, encoder):
        files = {n.rpartition("/")[2]: c for n, c in members("audio/fsdd-900.zip", ".wav").items()}
        speakers = sorted({name.split("_")[1] for name in files})
        found = []
        for first in (0, 2):
            parts = [encoder.predict(utterance(files, each, first), verbose=0) for each in speakers]
            means = np.stack([part.mean(0) for part in parts])
            found.append(means / np.linalg.norm(means, axis=1, keepdims=True))
        similarity = found[0] @ found[1].T
        np.testing.assert_array_equal(similarity.argmax(1), range(len(speakers)))
        others = similarity[~np.eye(len(speakers), dtype=bool)]
        assert np.diag(similarity).min() > others.max()
