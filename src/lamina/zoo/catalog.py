"""The networks of the zoo in a table: costs, paper, published accuracy, license of the weights."""

from __future__ import annotations

import builtins
from typing import NamedTuple

from lamina.errors import unknown_name
from lamina.zoo.measured import COSTS

TOP1 = "top-1 {}%"
TOP5 = "top-5 {}%"
NONE = ""


class Entry(NamedTuple):
    """One network of the zoo.

    Args:
        name: name in `lm.zoo`.
        parameters: number of elements of all weights.
        flops: floating-point operations of a forward pass of one sample, see `Costs`.
        bytes: memory of a training step with one sample, see `Costs`.
        paper: authors and year.
        accuracy: published figure, on ImageNet if no other data set is named.
        license: license of the published weights; empty if Lamina knows of none.

    Example:
        >>> import lamina as lm
        >>> lm.zoo.list("LeNet5")[0].parameters
        61706
    """

    name: str
    parameters: int
    flops: int
    bytes: int
    paper: str
    accuracy: str
    license: str


Row = tuple[str, str, str]
_EFFICIENT, _EFFICIENT2 = "Tan and Le 2019, arXiv:1905.11946", "Tan and Le 2021, arXiv:2104.00298"
_HE, _HE2 = "He et al. 2015, arXiv:1512.03385", "He et al. 2016, arXiv:1603.05027"
_VGG, _DENSE = "Simonyan and Zisserman 2014, arXiv:1409.1556", "Huang et al. 2017, arXiv:1608.06993"
_NEXT, _XIE = "Liu et al. 2022, arXiv:2201.03545", "Xie et al. 2017, arXiv:1611.05431"
_VIT, _GPT = "Dosovitskiy et al. 2021, arXiv:2010.11929", "Radford et al. 2019"
_DEIT, _BERT = "Touvron et al. 2021, arXiv:2012.12877", "Devlin et al. 2019, arXiv:1810.04805"
_V3, _NAS = "Howard et al. 2019, arXiv:1905.02244", "Zoph et al. 2018, arXiv:1707.07012"
ROWS: dict[str, Row] = {
    "LeNet5": ("LeCun et al. 1998", "MNIST 99.05%", NONE),
    "AlexNet": ("Krizhevsky 2014, arXiv:1404.5997", TOP5.format(81.8), "BSD-3-Clause"),
    "VGG11": (_VGG, TOP5.format(89.6), "BSD-3-Clause"),
    "VGG13": (_VGG, TOP5.format(90.1), "BSD-3-Clause"),
    "VGG16": (_VGG, TOP5.format(91.2), "CC BY 4.0"),
    "VGG19": (_VGG, TOP5.format("91.0"), "CC BY 4.0"),
    "GoogLeNet": ("Szegedy et al. 2015, arXiv:1409.4842", TOP5.format(89.9), NONE),
    "InceptionV3": ("Szegedy et al. 2016, arXiv:1512.00567", TOP5.format(94.4), "Apache-2.0"),
    "InceptionResNetV2": ("Szegedy et al. 2017, arXiv:1602.07261", TOP5.format(95.1), "Apache-2.0"),
    "Xception": ("Chollet 2017, arXiv:1610.02357", TOP1.format("79.0"), "MIT"),
    "ResNet18": (_HE, TOP1.format(72.1), "BSD-3-Clause"),
    "ResNet34": (_HE, TOP5.format(92.5), "BSD-3-Clause"),
    "ResNet50": (_HE, TOP5.format(93.3), "MIT"),
    "ResNet101": (_HE, TOP5.format("94.0"), "MIT"),
    "ResNet152": (_HE, TOP5.format(94.3), "MIT"),
    "ResNet50V2": (_HE2, TOP1.format(75.6), NONE),
    "ResNet101V2": (_HE2, TOP1.format("77.0"), NONE),
    "ResNet152V2": (_HE2, TOP1.format(77.8), NONE),
    "ResNeXt50": (_XIE, TOP1.format(77.8), "BSD-3-Clause"),
    "ResNeXt101": (_XIE, TOP1.format(78.8), NONE),
    "ResNeXt101_32x8d": (_XIE, TOP1.format(79.3), "BSD-3-Clause"),
    "ResNeXt101_64x4d": (_XIE, TOP1.format(79.6), "BSD-3-Clause"),
    "SqueezeNet": ("Iandola et al. 2016, arXiv:1602.07360", TOP1.format(57.5), "BSD-3-Clause"),
    "DenseNet121": (_DENSE, TOP1.format("75.0"), "BSD-3-Clause"),
    "DenseNet169": (_DENSE, TOP1.format(76.2), "BSD-3-Clause"),
    "DenseNet201": (_DENSE, TOP1.format(77.4), "BSD-3-Clause"),
    "NASNetMobile": (_NAS, TOP1.format("74.0"), "Apache-2.0"),
    "NASNetLarge": (_NAS, TOP1.format(82.7), "Apache-2.0"),
    "MobileNet": ("Howard et al. 2017, arXiv:1704.04861", TOP1.format(70.6), "Apache-2.0"),
    "MobileNetV2": ("Sandler et al. 2018, arXiv:1801.04381", TOP1.format("72.0"), "Apache-2.0"),
    "MobileNetV3Small": (_V3, TOP1.format(67.4), "Apache-2.0"),
    "MobileNetV3Large": (_V3, TOP1.format(75.2), "Apache-2.0"),
    "EfficientNetB0": (_EFFICIENT, TOP1.format(77.1), "Apache-2.0"),
    "EfficientNetB1": (_EFFICIENT, TOP1.format(79.1), "Apache-2.0"),
    "EfficientNetB2": (_EFFICIENT, TOP1.format(80.1), "Apache-2.0"),
    "EfficientNetB3": (_EFFICIENT, TOP1.format(81.6), "Apache-2.0"),
    "EfficientNetB4": (_EFFICIENT, TOP1.format(82.9), "Apache-2.0"),
    "EfficientNetB5": (_EFFICIENT, TOP1.format(83.6), "Apache-2.0"),
    "EfficientNetB6": (_EFFICIENT, TOP1.format("84.0"), "Apache-2.0"),
    "EfficientNetB7": (_EFFICIENT, TOP1.format(84.3), "Apache-2.0"),
    "EfficientNetLite0": ("Liu 2020", TOP1.format(75.1), "Apache-2.0"),
    "EfficientNetV2B0": (_EFFICIENT2, TOP1.format(78.7), "Apache-2.0"),
    "EfficientNetV2B1": (_EFFICIENT2, TOP1.format(79.8), "Apache-2.0"),
    "EfficientNetV2B2": (_EFFICIENT2, TOP1.format(80.5), "Apache-2.0"),
    "EfficientNetV2B3": (_EFFICIENT2, TOP1.format(82.1), "Apache-2.0"),
    "EfficientNetV2S": (_EFFICIENT2, TOP1.format(83.9), "Apache-2.0"),
    "EfficientNetV2M": (_EFFICIENT2, TOP1.format(85.1), "Apache-2.0"),
    "EfficientNetV2L": (_EFFICIENT2, TOP1.format(85.7), "Apache-2.0"),
    "ConvNeXtTiny": (_NEXT, TOP1.format(82.1), "MIT"),
    "ConvNeXtSmall": (_NEXT, TOP1.format(83.1), "MIT"),
    "ConvNeXtBase": (_NEXT, TOP1.format(83.8), "MIT"),
    "ConvNeXtLarge": (_NEXT, TOP1.format(84.3), "MIT"),
    "ConvNeXtXLarge": (_NEXT, f"{TOP1.format('87.0')}, ImageNet-21k before", "MIT"),
    "ViTTi16": (_DEIT, TOP1.format(72.2), "Apache-2.0"),
    "ViTS16": (_DEIT, TOP1.format(79.8), "Apache-2.0"),
    "ViTB16": (_VIT, f"{TOP1.format('84.0')}, ImageNet-21k before", "BSD-3-Clause"),
    "ViTB32": (_VIT, f"{TOP1.format(81.3)}, ImageNet-21k before", "BSD-3-Clause"),
    "ViTL16": (_VIT, f"{TOP1.format(85.2)}, ImageNet-21k before", "BSD-3-Clause"),
    "UNet": ("Ronneberger et al. 2015, arXiv:1505.04597", "PhC-U373 IoU 0.92", NONE),
    "SSDLite": (_V3, "COCO mAP 22.0", "BSD-3-Clause"),
    "YOLO": ("Redmon and Farhadi 2017, arXiv:1612.08242", "VOC 2007 mAP 57.1", NONE),
    "GPT2": (_GPT, "WikiText-103 perplexity 37.5", "MIT"),
    "GPT2Medium": (_GPT, "WikiText-103 perplexity 26.4", "MIT"),
    "GPT2Large": (_GPT, "WikiText-103 perplexity 22.1", "MIT"),
    "GPT2XL": (_GPT, "WikiText-103 perplexity 17.5", "MIT"),
    "BERT": (_BERT, "GLUE 79.6", "Apache-2.0"),
    "BERTLarge": (_BERT, "GLUE 82.1", "Apache-2.0"),
    "MiniLM": ("Wang et al. 2020, arXiv:2002.10957", NONE, "Apache-2.0"),
}


def list(name: str | None = None) -> builtins.list[Entry]:
    """Return the networks of the zoo with their costs, papers, accuracies and licenses.

    Args:
        name: name of a network, or the beginning of several; None lists all.

    Raises:
        UnknownNameError: no network has a name that begins so.

    Example:
        >>> import lamina as lm
        >>> [entry.name for entry in lm.zoo.list("MobileNetV3")]
        ['MobileNetV3Small', 'MobileNetV3Large']
    """
    wanted = (name or "").lower()
    exact = [each for each in ROWS if each.lower() == wanted]
    found = exact or [each for each in ROWS if each.lower().startswith(wanted)]
    if not found:
        raise unknown_name("network", name, ROWS)
    return [Entry(each, *COSTS[each], *ROWS[each]) for each in found]


def as_table(entries: builtins.list[Entry]) -> builtins.list[builtins.list[str]]:
    """Return the cells of a table of networks, headings first.

    Args:
        entries: networks, as `list` returns them.
    """
    heads = ["network", "parameters", "GFLOP", "MB a step", "paper", "accuracy", "weights"]
    rows = [
        [
            entry.name,
            f"{entry.parameters:,}",
            f"{entry.flops / 1e9:.3g}",
            f"{entry.bytes / 1e6:,.0f}",
            *entry[4:],
        ]
        for entry in entries
    ]
    return [heads, *rows]
