"""Arrays from the files of weights of PyTorch, NumPy and Hugging Face.

The files in torch_files/ were written by PyTorch 2.13; the arrays below are what they hold.
"""

import collections
import importlib.util
import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

import hostile
import lamina as lm
from lamina.errors import FileFormatError
from lamina.saving import safetensors

FILES = Path(__file__).parent / "torch_files"
BASE = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
TENSORS = {
    "base": BASE,
    "shared": BASE[1],
    "transposed": BASE.transpose(2, 0, 1),
    "strided": BASE[:, 1:, ::2],
    "expanded": np.full(3, 1.5, np.float32),
    "scalar": np.float32(2.5),
    "empty": np.zeros((0, 3), np.float32),
    "half": np.arange(6, dtype=np.float16) / 4,
    "bfloat16": np.arange(6, dtype=np.float32) - np.float32(2.5),
    "bool": np.array([True, False, True]),
    "int64": np.arange(-2, 3),
    "int8": np.arange(-2, 3, dtype=np.int8),
    "uint8": np.arange(3, dtype=np.uint8),
    "float64": np.arange(3) / 3,
    "complex64": np.array([1 + 2j, 3 - 1j], np.complex64),
    "parameter": np.ones(2, np.float32),
    "nested.list.0": np.ones(1, np.float32),
    "nested.list.1.a": np.zeros(2, np.float32),
}


def written(tmp_path, content, name="weights.pt"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_all_dtypes_views_and_nests_of_a_torch_file_are_read(form):
    arrays = lm.interchange.read(FILES / f"tensors_{form}.pt")
    assert list(arrays) == list(TENSORS)
    for name, expected in TENSORS.items():
        assert arrays[name].dtype == expected.dtype and arrays[name].shape == expected.shape, name
        np.testing.assert_array_equal(arrays[name], expected, err_msg=name)


def test_both_forms_of_a_state_dict_hold_the_same():
    one, other = (lm.interchange.read(FILES / f"state_dict_{f}.pt") for f in ("zip", "legacy"))
    assert list(one) == list(other) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert all(np.array_equal(one[name], other[name]) for name in one)


# ---- what is refused ---------------------------------------------------------------------------
class Evil:
    """An object whose unpickling makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def zipped(stream, **storages):
    members = {"m/data.pkl": stream, "m/byteorder": b"little"}
    return hostile.archived({**members, **{f"m/data/{k}": v for k, v in storages.items()}})


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_a_global_that_weights_do_not_need_is_named_and_not_called(form, protocol, tmp_path):
    mark = tmp_path / "mark"
    stream = pickle.dumps({"w": Evil(str(mark))}, protocol)
    path = written(tmp_path, zipped(stream) if form == "zip" else stream)
    with pytest.raises(FileFormatError, match=r"(?s)weights\.pt: .*io\.open.*state_dict") as caught:
        lm.interchange.read(path)
    assert "nothing is run" in caught.value.message
    assert not mark.exists()


def test_a_pickle_of_other_objects_is_refused(tmp_path):
    path = written(tmp_path, pickle.dumps([1, 2], 2))
    with pytest.raises(FileFormatError, match=r"a pickle that torch\.save did not write"):
        lm.interchange.read(path)


class Written:
    """Opcodes of a pickle, made by hand."""

    def __init__(self):
        self.opcodes = b"\x80\x02"

    def tensor(self, shape, strides, offset=0, count=4, key=b"0"):
        self.opcodes += b"ctorch._utils\n_rebuild_tensor_v2\n(("
        self.opcodes += b"X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
        self.opcodes += b"U" + bytes([len(key)]) + key + b"U\x03cpu" + self.integer(count) + b"tQ"
        self.opcodes += self.integer(offset) + self.tuple(shape) + self.tuple(strides)
        self.opcodes += b"\x89ccollections\nOrderedDict\n)RtR"
        return self

    @staticmethod
    def integer(value):
        content = value.to_bytes(9, "little", signed=True)
        return b"\x8a\x09" + content

    def tuple(self, values):
        return b"(" + b"".join(map(self.integer, values)) + b"t"

    def content(self, data=bytes(16)):
        opcodes = self.opcodes.replace(b"\x80\x02", b"\x80\x02}U\x01w", 1) + b"s."
        return zipped(opcodes, **{"0": data})


@pytest.mark.parametrize(
    ("shape", "strides", "offset", "message"),
    [
        ((5,), (1,), 0, "ends at element 4 "),
        ((2, 2), (4, 1), 0, "ends at element 5 "),
        ((2,), (1,), 3, "ends at element 4 "),
        ((2,), (1,), -1, "ends at element 0 "),
        ((2,), (-1,), 1, "strides"),
        ((-1,), (1,), 0, "shape"),
        ((1 << 40, 1 << 40), (0, 0), 0, "shape"),
        ((0, 1 << 60), (1, 1), 0, "shape"),
        ((1 << 40,), (0,), 0, "take 4,398,046,511,104 bytes"),
        ((1,) * 65, (1,) * 65, 0, "some integers"),
        ((2,), (1, 1), 0, "other strides than axes"),
    ],
)
def test_views_outside_of_their_storage_or_much_larger_are_refused(
    shape, strides, offset, message, tmp_path
):
    path = written(tmp_path, Written().tensor(shape, strides, offset).content())
    with pytest.raises(FileFormatError, match=f"weights.pt: .*{message}"):
        lm.interchange.read(path)


def test_a_view_within_its_storage_is_read(tmp_path):
    data = np.arange(4, dtype="<f4").tobytes()
    path = written(tmp_path, Written().tensor((2, 2), (1, 2)).content(data))
    assert lm.interchange.read(path)["w"].tolist() == [[0, 2], [1, 3]]


@pytest.mark.parametrize("count", [3, 5, -1, 1 << 61])
def test_a_storage_of_another_size_than_said_is_refused(count, tmp_path):
    path = written(tmp_path, Written().tensor((1,), (1,), count=count).content())
    with pytest.raises(FileFormatError, match="storage"):
        lm.interchange.read(path)


@pytest.mark.parametrize(
    ("opcodes", "message"),
    [
        (b"(lp0\n.", "opcode 0x6c"),
        (b"\x81.", r"opcode 0x81 \(NEWOBJ\)"),
        (b"(S'a'\n.", "opcode 0x53"),
        (b"h\x05.", "damaged at byte 2"),
        (b"K\x01", "damaged at byte 4"),
        (b"K\x01K\x02.", "damaged"),
        (b"X\xff\xff\xff\x7fa.", "damaged at byte 2"),
        (b"\x8a\xff" + bytes(255) + b".", "an integer of 255 bytes"),
        (b"K\x01)R.", "damaged"),
        (b"}]K\x01s.", "a key of type list"),
        (b"}q\x00U\x01ah\x00s.", "in itself"),
    ],
)
def test_opcodes_that_weights_do_not_need_or_that_do_not_fit_are_refused(
    opcodes, message, tmp_path
):
    path = written(tmp_path, zipped(b"\x80\x02" + opcodes))
    with pytest.raises(FileFormatError, match=rf"weights\.pt: .*{message}"):
        lm.interchange.read(path)


def test_lists_that_share_lists_end_in_a_short_time(tmp_path):
    opcodes = b"\x80\x02(]q\x00" + b"".join(
        b"](h" + bytes([k]) + b"h" + bytes([k]) + b"eq" + bytes([k + 1]) for k in range(30)
    )
    path = written(tmp_path, zipped(opcodes + b"t."))
    with pytest.raises(FileFormatError, match="too often"):
        lm.interchange.read(path)


# ---- NumPy, safetensors, folders ----------------------------------------------------------------
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_of_npz_are_read(save, tmp_path):
    save(tmp_path / "a.npz", x=BASE, y=np.asfortranarray(BASE[0]), z=np.arange(3) > 1)
    arrays = lm.interchange.read(tmp_path / "a.npz")
    assert list(arrays) == ["x", "y", "z"]
    np.testing.assert_array_equal(arrays["x"], BASE)
    np.testing.assert_array_equal(arrays["y"], BASE[0])
    assert arrays["z"].tolist() == [False, False, True]


def test_objects_in_npz_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{}], object))
    with pytest.raises(FileFormatError, match=r"a\.npz: x\.npy has the dtype object"):
        lm.interchange.read(tmp_path / "a.npz")


def test_an_archive_that_becomes_much_larger_is_refused(tmp_path):
    content = hostile.archived({"x.npy": bytes(50_000_000)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(FileFormatError, match=r"50,000,000 bytes \(expected at most 64 times"):
        lm.interchange.read(written(tmp_path, content, "a.npz"))


def test_a_shape_of_more_elements_than_the_member_has_is_refused(tmp_path):
    stream = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**12,)}
    np.lib.format.write_array_header_1_0(stream, header)
    content = hostile.archived({"x.npy": stream.getvalue() + bytes(4)})
    with pytest.raises(FileFormatError, match="has 4 bytes"):
        lm.interchange.read(written(tmp_path, content, "a.npz"))


def shards(tmp_path, **places):
    one, two = {"a": np.ones(2, np.float16)}, {"b": np.zeros(3, np.float32)}
    (tmp_path / "m-1.safetensors").write_bytes(safetensors.write(one, {}))
    (tmp_path / "m-2.safetensors").write_bytes(safetensors.write(two, {}))
    index = {"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors", **places}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    return tmp_path


def test_a_hugging_face_folder_of_shards_is_read(tmp_path):
    arrays = lm.interchange.read(shards(tmp_path))
    assert {name: (a.dtype.name, a.shape) for name, a in arrays.items()} == {
        "a": ("float16", (2,)),
        "b": ("float32", (3,)),
    }


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ({"b": "../m-2.safetensors"}, "not a file in the folder"),
        ({"b": "/etc/passwd"}, "not a file in the folder"),
        ({"b": 3}, "not a"),
        ({"c": "m-2.safetensors"}, "does not hold what"),
    ],
)
def test_a_table_of_shards_cannot_name_other_files(places, message, tmp_path):
    with pytest.raises(FileFormatError, match=message):
        lm.interchange.read(shards(tmp_path, **places))


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"PK\x03\x04" + bytes(50)])
def test_other_files_are_refused(content, tmp_path):
    with pytest.raises(FileFormatError, match=r"weights\.pt"):
        lm.interchange.read(written(tmp_path, content))


# ---- files of packages -------------------------------------------------------------------------
Package = collections.namedtuple("Package", "module file count name shape")
PACKAGES = [
    Package("silero_vad", "data/silero_vad_16k.safetensors", 15, "lstm_cell.weight_ih", (512, 128)),
    Package(
        "wordllama", "weights/l2_supercat_256.safetensors", 1, "embedding.weight", (32000, 256)
    ),
    Package("facenet_pytorch", "data/pnet.pt", 13, "conv1.weight", (10, 3, 3, 3)),
    Package("facenet_pytorch", "data/rnet.pt", 16, "dense4.weight", (128, 576)),
    Package("facenet_pytorch", "data/onet.pt", 21, "dense5.weight", (256, 1152)),
    Package("resemblyzer", "pretrained.pt", 48, "model_state.lstm.weight_ih_l0", (1024, 40)),
    Package("lpips", "weights/v0.1/alex.pth", 5, "lin0.model.1.weight", (1, 64, 1, 1)),
]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: f"{p.module}-{Path(p.file).stem}")
def test_pretrained_weights_of_packages_are_read(package):
    found = importlib.util.find_spec(package.module)
    if found is None:
        pytest.skip(f"{package.module} is not installed")
    arrays = lm.interchange.read(Path(found.submodule_search_locations[0]) / package.file)
    assert len(arrays) == package.count
    assert arrays[package.name].shape == package.shape
    assert all(np.isfinite(array).all() for array in arrays.values())
