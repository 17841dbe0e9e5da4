"""Hashes of bytes that are the same everywhere and always: FarmHash64 and SipHash-2-4.

They are the ones that TensorFlow's string hashing is defined by, so that numbers made by a Hashing
layer there are the same here. Everything is arithmetic modulo 2^64.

Sources: G. Pike, "FarmHash" (Google 2014), its Fingerprint64; J.-P. Aumasson and D. J. Bernstein,
"SipHash: a fast short-input PRF" (INDOCRYPT 2012).
"""

from __future__ import annotations

MASK = (1 << 64) - 1
K0, K1, K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def _rotate_right(x: int, by: int) -> int:
    return (x >> by | x << (64 - by)) & MASK


def _rotate_left(x: int, by: int) -> int:
    return _rotate_right(x, 64 - by)


def _word(data: bytes, at: int, size: int = 8) -> int:
    return int.from_bytes(data[at : at + size], "little")


# ---- FarmHash64 --------------------------------------------------------------------------------
def farmhash64(data: bytes) -> int:
    """FarmHash's Fingerprint64, 0 to 2^64 - 1."""
    size = len(data)
    if size <= 16:
        return _up_to_16(data, size)
    if size <= 32:
        return _up_to_32(data, size)
    if size <= 64:
        return _up_to_64(data, size)
    return _longer(data, size)


def _shift_mix(x: int) -> int:
    return x ^ x >> 47


def _mixed(u: int, v: int, factor: int) -> int:
    """Combine two words into one, as Murmur does."""
    a = _shift_mix((u ^ v) * factor & MASK)
    b = _shift_mix((v ^ a) * factor & MASK)
    return b * factor & MASK


def _up_to_16(data: bytes, size: int) -> int:
    factor = K2 + size * 2 & MASK
    if size >= 8:
        a, b = _word(data, 0) + K2 & MASK, _word(data, size - 8)
        c = _rotate_right(b, 37) * factor + a & MASK
        d = (_rotate_right(a, 25) + b) * factor & MASK
        return _mixed(c, d, factor)
    if size >= 4:
        return _mixed(size + (_word(data, 0, 4) << 3), _word(data, size - 4, 4), factor)
    if size:
        y = data[0] + (data[size >> 1] << 8)
        z = size + (data[-1] << 2)
        return _shift_mix((y * K2 ^ z * K0) & MASK) * K2 & MASK
    return K2


def _up_to_32(data: bytes, size: int) -> int:
    factor = K2 + size * 2 & MASK
    a, b = _word(data, 0) * K1 & MASK, _word(data, 8)
    c, d = _word(data, size - 8) * factor & MASK, _word(data, size - 16) * K2 & MASK
    u = _rotate_right(a + b & MASK, 43) + _rotate_right(c, 30) + d & MASK
    return _mixed(u, a + _rotate_right(b + K2 & MASK, 18) + c & MASK, factor)


def _up_to_64(data: bytes, size: int) -> int:
    factor = K2 + size * 2 & MASK
    a, b = _word(data, 0) * K2 & MASK, _word(data, 8)
    c, d = _word(data, size - 8) * factor & MASK, _word(data, size - 16) * K2 & MASK
    y = _rotate_right(a + b & MASK, 43) + _rotate_right(c, 30) + d & MASK
    z = _mixed(y, a + _rotate_right(b + K2 & MASK, 18) + c & MASK, factor)
    e, f = _word(data, 16) * factor & MASK, _word(data, 24)
    g = (y + _word(data, size - 32)) * factor & MASK
    h = (z + _word(data, size - 24)) * factor & MASK
    u = _rotate_right(e + f & MASK, 43) + _rotate_right(g, 30) + h & MASK
    return _mixed(u, e + _rotate_right(f + a & MASK, 18) + g & MASK, factor)


def _weak(data: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    """Hash 32 bytes and two seeds to two words."""
    w, x, y, z = (_word(data, at + k) for k in (0, 8, 16, 24))
    a = a + w & MASK
    b = _rotate_right(b + a + z & MASK, 21)
    c = a
    a = a + x + y & MASK
    b = b + _rotate_right(a, 44) & MASK
    return a + z & MASK, b + c & MASK


def _longer(data: bytes, size: int) -> int:
    """Hash 64 bytes per iteration, then the last 64, which may overlap."""
    x, y = 81, 81 * K1 + 113 & MASK
    z = _shift_mix(y * K2 + 113 & MASK) * K2 & MASK
    v, w = (0, 0), (0, 0)
    x = x * K2 + _word(data, 0) & MASK
    for at in range(0, (size - 1) // 64 * 64, 64):
        x = _rotate_right(x + y + v[0] + _word(data, at + 8) & MASK, 37) * K1 & MASK
        y = _rotate_right(y + v[1] + _word(data, at + 48) & MASK, 42) * K1 & MASK
        x ^= w[1]
        y = y + v[0] + _word(data, at + 40) & MASK
        z = _rotate_right(z + w[0] & MASK, 33) * K1 & MASK
        v = _weak(data, at, v[1] * K1, x + w[0])
        w = _weak(data, at + 32, z + w[1], y + _word(data, at + 16))
        x, z = z, x
    factor, at = K1 + ((z & 0xFF) << 1) & MASK, size - 64
    first = w[0] + (size - 1 & 63) & MASK
    v = (v[0] + first & MASK, v[1])
    w = (first + v[0] & MASK, w[1])
    x = _rotate_right(x + y + v[0] + _word(data, at + 8) & MASK, 37) * factor & MASK
    y = _rotate_right(y + v[1] + _word(data, at + 48) & MASK, 42) * factor & MASK
    x ^= w[1] * 9 & MASK
    y = y + v[0] * 9 + _word(data, at + 40) & MASK
    z = _rotate_right(z + w[0] & MASK, 33) * factor & MASK
    v = _weak(data, at, v[1] * factor, x + w[0])
    w = _weak(data, at + 32, z + w[1], y + _word(data, at + 16))
    x, z = z, x
    u = _mixed(v[0], w[0], factor) + _shift_mix(y) * K0 + z & MASK
    return _mixed(u, _mixed(v[1], w[1], factor) + x & MASK, factor)


def joined64(first: int, second: int) -> int:
    """Return the fingerprint of two fingerprints, as TensorFlow's crossed columns combine them."""
    factor = 0xC6A4A7935BD1E995
    found = first ^ factor ^ _shift_mix(second * factor & MASK) * factor & MASK
    found = _shift_mix(found * factor & MASK) * factor & MASK
    return _shift_mix(found)


# ---- SipHash-2-4 -------------------------------------------------------------------------------
def siphash64(data: bytes, key: tuple[int, int]) -> int:
    """SipHash-2-4 with a key of two words, 0 to 2^64 - 1."""
    k0, k1 = (k & MASK for k in key)
    v = [
        k0 ^ 0x736F6D6570736575,
        k1 ^ 0x646F72616E646F6D,
        k0 ^ 0x6C7967656E657261,
        k1 ^ 0x7465646279746573,
    ]
    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 0xFF])
    for at in range(0, len(padded), 8):
        word = _word(padded, at)
        v[3] ^= word
        _rounds(v, 2)
        v[0] ^= word
    v[2] ^= 0xFF
    _rounds(v, 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _rounds(v: list[int], count: int) -> None:
    a, b, c, d = v
    for _ in range(count):
        a, c = a + b & MASK, c + d & MASK
        b, d = _rotate_left(b, 13) ^ a, _rotate_left(d, 16) ^ c
        a = _rotate_left(a, 32)
        c, a = c + b & MASK, a + d & MASK
        b, d = _rotate_left(b, 17) ^ c, _rotate_left(d, 21) ^ a
        c = _rotate_left(c, 32)
    v[:] = a, b, c, d
