"""The safetensors format: read and written as the reference does, and checked to the last bit."""

import json

import numpy as np
import pytest
import safetensors.numpy as reference
from safetensors import deserialize

import lamina as lm
from lamina.saving import safetensors

ARRAYS = {
    "b": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a/kernel": np.arange(4, dtype=np.float64),
    "empty": np.zeros((0, 3), np.float32),
    "scalar": np.array(3, np.int64),
    "flags": np.array([True, False, True]),
    "half": np.array([1.5, -2], np.float16),
    "small": np.arange(5, dtype=np.uint8),
    "turned": np.arange(6, dtype=np.int32).reshape(2, 3).T,
}


def same(a, b):
    return set(a) == set(b) and all(
        a[k].dtype == b[k].dtype and np.array_equal(a[k], b[k]) for k in a
    )


def file_of(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def tensor(shape=(2,), offsets=(0, 8), dtype="F32", **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


WRITE = [lambda arrays: safetensors.write_with_checksum(arrays, {"a": "b"}),
         lambda arrays: safetensors.write(arrays, {})]  # fmt: skip


@pytest.mark.parametrize("write", WRITE, ids=["checksum", "plain"])
def test_files_go_to_the_reference_implementation_and_back(write):
    written = write(ARRAYS)
    assert same(reference.load(written), ARRAYS)
    assert same(safetensors.read(written)[0], ARRAYS)
    in_order = {name: np.array(array, order="C") for name, array in ARRAYS.items()}
    assert same(safetensors.read(reference.save(in_order))[0], ARRAYS)
    assert write(ARRAYS) == write(dict(reversed(ARRAYS.items())))


def test_bfloat16_is_read_as_float32():
    content = file_of({"x": tensor((2,), (0, 4), "BF16")}, b"\x80\x3f\x00\xc0")
    assert safetensors.read(content)[0]["x"].tolist() == [1.0, -2.0]


def test_every_flipped_bit_of_a_file_with_a_checksum_is_found():
    content = safetensors.write_with_checksum({"a": np.ones(3, np.float32)}, {"b": "c"})
    for bit in range(8 * len(content)):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError, match=r"\w{2}"):
            safetensors.read(bytes(changed))


def test_files_without_a_checksum_are_read():
    for metadata in ({}, {"format": "pt"}, {"format": "lamina model 1"}):
        arrays, found = safetensors.read(safetensors.write(ARRAYS, metadata))
        assert same(arrays, ARRAYS) and found == metadata


WRONG = {
    "nothing": b"",
    "seven bytes": b"\x02\0\0\0\0\0\0",
    "no header": (0).to_bytes(8, "little"),
    "header beyond the end": file_of({}, length=99),
    "length of 2^64 - 1": file_of({}, length=2**64 - 1),
    "not UTF-8": file_of(b'{"\xff":1}'),
    "byte order mark": file_of(b"\xef\xbb\xbf{}"),
    "half an object": file_of(b"{"),
    "list": file_of(b"[]"),
    "two objects": file_of(b"{} {}"),
    "leading space": file_of(b" {}"),
    "comment": file_of(b"{/**/}"),
    "trailing comma": file_of(b'{"x":1,}'),
    "deep": file_of(b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "many values": file_of(b'{"x":[' + b"0," * 2_000_000 + b"0]}"),
    "half a surrogate pair": file_of({"\ud800": tensor()}, bytes(8)),
    "name twice": file_of(
        b'{"x":%b,"x":%b}' % (2 * (json.dumps(tensor()).encode(),)), bytes(8)
    ),
    "metadata of numbers": file_of({"__metadata__": {"a": 1}}),
    "metadata in a list": file_of({"__metadata__": ["a"]}),
    "no dtype": file_of({"x": {"shape": [2], "data_offsets": [0, 8]}}, bytes(8)),
    "one field more": file_of({"x": tensor(more=1)}, bytes(8)),
    "tensor is a list": file_of({"x": [1]}),
    "unknown dtype": file_of({"x": tensor(dtype="f32")}, bytes(8)),
    "dtype is a list": file_of({"x": tensor(dtype=["F32"])}, bytes(8)),
    "object dtype": file_of({"x": tensor(dtype="O")}, bytes(8)),
    "wrong size": file_of({"x": tensor((3,))}, bytes(8)),
    "negative extents": file_of({"x": tensor((-1, -2))}, bytes(8)),
    "extent is a float": file_of({"x": tensor((2.0,))}, bytes(8)),
    "extent is true": file_of({"x": tensor((True, 2))}, bytes(8)),
    "extent is null": file_of({"x": tensor((None, 2))}, bytes(8)),
    "shape is a number": file_of({"x": {**tensor(), "shape": 2}}, bytes(8)),
    "200 axes": file_of({"x": tensor((1,) * 200 + (2,))}, bytes(8)),
    "product wraps around": file_of({"x": tensor((4611686018427387905, 4), (0, 16))}, bytes(16)),
    "0 times 2^63": file_of({"x": tensor((0, 2**63, 2**63), (0, 0))}),
    "overlap": file_of({"x": tensor(), "y": tensor(offsets=(4, 12))}, bytes(12)),
    "gap": file_of({"x": tensor(), "y": tensor(offsets=(12, 20))}, bytes(20)),
    "gap in front": file_of({"x": tensor(offsets=(4, 12))}, bytes(12)),
    "bytes at the end": file_of({"x": tensor()}, bytes(12)),
    "data and no tensor": file_of({}, bytes(4)),
    "cut data": file_of({"x": tensor()}, bytes(7)),
    "reversed offsets": file_of({"x": tensor(offsets=(8, 0))}, bytes(8)),
    "negative offsets": file_of({"x": tensor(offsets=(-8, 0))}, bytes(8)),
    "three offsets": file_of({"x": tensor(offsets=(0, 4, 8))}, bytes(8)),
    "offset is a string": file_of({"x": tensor(offsets=("0", 8))}, bytes(8)),
    "offset is huge": file_of({"x": tensor(offsets=(0, 10**30))}, bytes(8)),
    "boolean 2": file_of({"x": tensor((1,), (0, 1), "BOOL")}, b"\x02"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_inconsistent_files_are_refused_with_a_reason(kind):
    with pytest.raises(ValueError, match=r"\w{2}"):
        safetensors.read(WRONG[kind])


def test_weights_of_16_bits_are_written_in_16_bits(tmp_path):
    path = tmp_path / "w.safetensors"
    for dtype, kind in (("bfloat16", "BF16"), ("float16", "F16")):
        model = lm.Sequential([lm.Input((3,)), lm.layers.Dense(2, dtype=dtype)])
        model.save_weights(path)
        tensors = dict(deserialize(path.read_bytes()))
        assert {tensor["dtype"] for tensor in tensors.values()} == {kind}
        again = lm.Sequential([lm.Input((3,)), lm.layers.Dense(2, dtype=dtype)])
        again.load_weights(path)
        for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
