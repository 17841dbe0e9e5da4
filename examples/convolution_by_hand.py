"""The lecture's convolution by hand, then with bias, stride, padding and channels.

A kernel slides over an image; at each place, the pixels under it are multiplied element by element
and added up. Every step below checks the arithmetic written next to it.

    python examples/convolution_by_hand.py
"""

import numpy as np

import lamina as lm

IMAGE = np.array(
    [
        [1, 2, 3, 4, 5],
        [6, 7, 8, 9, 10],
        [5, 4, 3, 2, 1],
        [10, 9, 8, 7, 6],
    ],
    np.float32,
)
KERNEL = np.array(
    [
        [1, 0, -1],
        [0, 1, -1],
        [2, 0, 1],
    ],
    np.float32,
)


def by_hand(image: np.ndarray, kernel: np.ndarray, stride: int = 1) -> np.ndarray:
    """The definition: one sum for each place of the kernel. The kernel is not flipped."""
    rows = (image.shape[0] - kernel.shape[0]) // stride + 1
    columns = (image.shape[1] - kernel.shape[1]) // stride + 1
    result = np.zeros((rows, columns), image.dtype)
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            under = image[top : top + kernel.shape[0], left : left + kernel.shape[1]]
            result[i, j] = (under * kernel).sum()
    return result


def conv(image: np.ndarray, kernel: np.ndarray, **how: object) -> np.ndarray:
    """The same by `lm.nn.conv`, which takes batches of images with channels."""
    result = lm.nn.conv(image[None, :, :, None], kernel[:, :, None, None], **how)
    return result.numpy()[0, :, :, 0]


def show(title: str, array: np.ndarray) -> None:
    """The array as whole numbers, a row a line."""
    print(title)
    for row in array:
        print("   ", " ".join(f"{x:4.0f}" for x in row))


def main() -> None:
    """Every step of the lecture, printed and checked."""
    # the top left corner: 1*1 + 0*2 - 1*3 + 0*6 + 1*7 - 1*8 + 2*5 + 0*4 + 1*3 = 10
    plain = conv(IMAGE, KERNEL)
    show("without padding: (4 - 3 + 1, 5 - 3 + 1) = (2, 3)", plain)
    assert plain.tolist() == [[10, 7, 4], [27, 24, 21]]
    assert np.array_equal(plain, by_hand(IMAGE, KERNEL))

    show("with a bias of 1", plain + 1)

    strided = conv(IMAGE, KERNEL, strides=2)
    show("stride 2: every second place, (floor(1 / 2) + 1, floor(2 / 2) + 1) = (1, 2)", strided)
    assert np.array_equal(strided, by_hand(IMAGE, KERNEL, stride=2))

    padded = conv(IMAGE, KERNEL, padding="same")
    show("padding 'same': a border of zeros keeps the size, (4, 5)", padded)
    assert np.array_equal(padded, by_hand(np.pad(IMAGE, 1), KERNEL))

    # two channels: each has its kernel, and the results are added
    image = np.stack([IMAGE, IMAGE[::-1]], axis=-1)
    kernel = np.stack([KERNEL, -KERNEL], axis=-1)
    two = lm.nn.conv(image[None], kernel[..., None]).numpy()[0, :, :, 0]
    show("two channels, added up", two)
    assert np.array_equal(two, by_hand(IMAGE, KERNEL) - by_hand(IMAGE[::-1], KERNEL))

    # the same as a layer: its weights are what training finds
    layer = lm.layers.Conv2D(1, (3, 3))
    layer(IMAGE[None, :, :, None])
    layer.set_weights([KERNEL[:, :, None, None], np.ones(1, np.float32)])
    found = layer(IMAGE[None, :, :, None]).numpy()[0, :, :, 0]
    show("as a layer, with a bias of 1", found)
    assert np.array_equal(found, plain + 1)


if __name__ == "__main__":
    main()
