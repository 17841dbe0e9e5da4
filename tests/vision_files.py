"""Small data sets in the layouts of Pascal VOC, COCO and ILSVRC, as bytes by path."""

import io
import json
import zipfile

import numpy as np
from PIL import Image

KINDS = {"disc": (200, 40, 40), "square": (40, 60, 200)}  # class, color
SIZE = (48, 64)  # rows, columns


def image(pixels, form="PNG", palette=False):
    """The bytes of an image file."""
    buffer = io.BytesIO()
    made = Image.fromarray(pixels)
    if palette:
        made = made.convert("P") if made.mode != "L" else made
        made.putpalette(list(range(256)) * 3)
    made.save(buffer, form)
    return buffer.getvalue()


def scene(seed, size=SIZE):
    """An image of a disc and a square on gray, the boxes (left, top, right, bottom) in pixels, the
    classes, and which pixels belong to which class (1 and 2)."""
    rng = np.random.default_rng(seed)
    rows, columns = size
    pixels = rng.integers(90, 130, (*size, 3)).astype(np.uint8)
    mask = np.zeros(size, np.uint8)
    y, x = np.mgrid[:rows, :columns]
    boxes = []
    for number, (name, color) in enumerate(KINDS.items()):
        half = int(rng.integers(rows // 8, rows // 5))
        middle = columns // 4 + number * columns // 2 + int(rng.integers(-3, 4))
        down = int(rng.integers(half + 1, rows - half - 1))
        far = np.maximum(abs(x - middle), abs(y - down))
        inside = far < half if name == "square" else (x - middle) ** 2 + (y - down) ** 2 < half**2
        pixels[inside], mask[inside] = color, number + 1
        found = np.argwhere(inside)
        (top, left), (bottom, right) = found.min(0), found.max(0) + 1
        boxes.append((int(left), int(top), int(right), int(bottom)))
    return pixels, boxes, list(KINDS), mask


def annotation(boxes, names, difficult=()):
    """The XML file of an image, with VOC's numbers: from 1, both ends included."""
    objects = "".join(
        f"<object><name>{name}</name><difficult>{int(k in difficult)}</difficult><bndbox>"
        f"<xmin>{left + 1}</xmin><ymin>{top + 1}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax>"
        "</bndbox></object>"
        for k, (name, (left, top, right, bottom)) in enumerate(zip(names, boxes, strict=True))
    )
    return f"<annotation><folder>x</folder>{objects}</annotation>".encode()


def voc(count=6, root="VOCdevkit/VOC2012/"):
    """A data set in the layout of Pascal VOC: the last third is "val"; an object is difficult."""
    files, names = {}, [f"2012_{k:06}" for k in range(count)]
    for k, name in enumerate(names):
        pixels, boxes, kinds, mask = scene(k)
        files[f"{root}JPEGImages/{name}.jpg"] = image(pixels, "PNG")
        difficult = (1,) if k == 0 else ()
        files[f"{root}Annotations/{name}.xml"] = annotation(boxes, kinds, difficult)
        files[f"{root}SegmentationClass/{name}.png"] = image(mask, palette=True)
    parts = {"train": names[: -count // 3], "val": names[-count // 3 :]}
    for kind in ("Main", "Segmentation"):
        for part, those in parts.items():
            files[f"{root}ImageSets/{kind}/{part}.txt"] = "\n".join(those).encode()
    return files


def coco(count=4):
    """Images, and the JSON file of their objects, with polygons and runs."""
    files, images, objects = {}, [], []
    for k in range(count):
        pixels, boxes, _, mask = scene(k)
        files[f"images/{k:03}.png"] = image(pixels)
        images.append({"id": 10 + k, "file_name": f"{k:03}.png", "height": 48, "width": 64})
        for kind, (left, top, right, bottom) in enumerate(boxes):
            square = [left, top, right, top, right, bottom, left, bottom]
            inside = (mask == kind + 1).T.ravel()
            changes = np.flatnonzero(np.diff(np.concatenate([[0], inside, [0]]))).tolist()
            runs = np.diff([0, *changes, inside.size]).tolist()
            region = [square] if kind else {"counts": runs, "size": list(SIZE)}
            objects.append(
                {
                    "id": len(objects),
                    "image_id": 10 + k,
                    "category_id": (7, 3)[kind],
                    "bbox": [left, top, right - left, bottom - top],
                    "iscrowd": int(k == 0 and kind == 1),
                    "segmentation": region,
                }
            )
    kinds = [{"id": 7, "name": "disc"}, {"id": 3, "name": "square"}]
    content = {"images": images, "annotations": objects, "categories": kinds}
    files["annotations/instances.json"] = json.dumps(content).encode()
    return files


SYNSETS = {"n00000002": "crane", "n00000005": "red thing", "n00000009": "crane"}


def ilsvrc(each=4):
    """A folder of ILSVRC: the classes differ in their color."""
    files, solution = {}, ["ImageId,PredictionString"]
    data = "ILSVRC/Data/CLS-LOC/"
    rng = np.random.default_rng(0)
    for number, synset in enumerate(SYNSETS):
        for k in range(each):
            pixels = rng.integers(0, 150, (40 + k, 56 - k, 3)).astype(np.uint8)
            pixels[..., number] += 100
            files[f"{data}train/{synset}/{synset}_{k}.JPEG"] = image(pixels, "JPEG")
        name = f"ILSVRC2012_val_{3 - number:08}"
        files[f"{data}val/{name}.JPEG"] = image(pixels, "JPEG")
        solution.append(f"{name},{synset} 1 2 3 4 {synset} 2 3 4 5 ")
    files["LOC_val_solution.csv"] = "\n".join(solution).encode()
    files["LOC_synset_mapping.txt"] = "\n".join(map(" ".join, SYNSETS.items())).encode()
    return files


def put(folder, files):
    """Write files below a folder, and return it."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def zipped(path, files):
    """Write files into a .zip file, and return its path."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path
