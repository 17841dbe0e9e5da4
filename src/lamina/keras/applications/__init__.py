"""`keras.applications`: networks of `lamina.zoo` that Keras has too, and their helpers."""

from typing import TYPE_CHECKING

from lamina import namespaces

if TYPE_CHECKING:
    from lamina.keras.applications import convnext as convnext
    from lamina.keras.applications import densenet as densenet
    from lamina.keras.applications import efficientnet as efficientnet
    from lamina.keras.applications import efficientnet_v2 as efficientnet_v2
    from lamina.keras.applications import imagenet_utils as imagenet_utils
    from lamina.keras.applications import inception_resnet_v2 as inception_resnet_v2
    from lamina.keras.applications import inception_v3 as inception_v3
    from lamina.keras.applications import mobilenet as mobilenet
    from lamina.keras.applications import mobilenet_v2 as mobilenet_v2
    from lamina.keras.applications import mobilenet_v3 as mobilenet_v3
    from lamina.keras.applications import nasnet as nasnet
    from lamina.keras.applications import resnet as resnet
    from lamina.keras.applications import resnet50 as resnet50
    from lamina.keras.applications import resnet_v2 as resnet_v2
    from lamina.keras.applications import vgg16 as vgg16
    from lamina.keras.applications import vgg19 as vgg19
    from lamina.keras.applications import xception as xception
    from lamina.zoo.convnext import ConvNeXtBase as ConvNeXtBase
    from lamina.zoo.convnext import ConvNeXtLarge as ConvNeXtLarge
    from lamina.zoo.convnext import ConvNeXtSmall as ConvNeXtSmall
    from lamina.zoo.convnext import ConvNeXtTiny as ConvNeXtTiny
    from lamina.zoo.convnext import ConvNeXtXLarge as ConvNeXtXLarge
    from lamina.zoo.densenet import DenseNet121 as DenseNet121
    from lamina.zoo.densenet import DenseNet169 as DenseNet169
    from lamina.zoo.densenet import DenseNet201 as DenseNet201
    from lamina.zoo.efficientnet import EfficientNetB0 as EfficientNetB0
    from lamina.zoo.efficientnet import EfficientNetB1 as EfficientNetB1
    from lamina.zoo.efficientnet import EfficientNetB2 as EfficientNetB2
    from lamina.zoo.efficientnet import EfficientNetB3 as EfficientNetB3
    from lamina.zoo.efficientnet import EfficientNetB4 as EfficientNetB4
    from lamina.zoo.efficientnet import EfficientNetB5 as EfficientNetB5
    from lamina.zoo.efficientnet import EfficientNetB6 as EfficientNetB6
    from lamina.zoo.efficientnet import EfficientNetB7 as EfficientNetB7
    from lamina.zoo.efficientnet_v2 import EfficientNetV2B0 as EfficientNetV2B0
    from lamina.zoo.efficientnet_v2 import EfficientNetV2B1 as EfficientNetV2B1
    from lamina.zoo.efficientnet_v2 import EfficientNetV2B2 as EfficientNetV2B2
    from lamina.zoo.efficientnet_v2 import EfficientNetV2B3 as EfficientNetV2B3
    from lamina.zoo.efficientnet_v2 import EfficientNetV2L as EfficientNetV2L
    from lamina.zoo.efficientnet_v2 import EfficientNetV2M as EfficientNetV2M
    from lamina.zoo.efficientnet_v2 import EfficientNetV2S as EfficientNetV2S
    from lamina.zoo.inception_resnet_v2 import InceptionResNetV2 as InceptionResNetV2
    from lamina.zoo.inception_v3 import InceptionV3 as InceptionV3
    from lamina.zoo.mobilenet import MobileNet as MobileNet
    from lamina.zoo.mobilenet_v2 import MobileNetV2 as MobileNetV2
    from lamina.zoo.mobilenet_v3 import MobileNetV3Large as MobileNetV3Large
    from lamina.zoo.mobilenet_v3 import MobileNetV3Small as MobileNetV3Small
    from lamina.zoo.nasnet import NASNetLarge as NASNetLarge
    from lamina.zoo.nasnet import NASNetMobile as NASNetMobile
    from lamina.zoo.resnet import ResNet50 as ResNet50
    from lamina.zoo.resnet import ResNet101 as ResNet101
    from lamina.zoo.resnet import ResNet152 as ResNet152
    from lamina.zoo.resnet_v2 import ResNet50V2 as ResNet50V2
    from lamina.zoo.resnet_v2 import ResNet101V2 as ResNet101V2
    from lamina.zoo.resnet_v2 import ResNet152V2 as ResNet152V2
    from lamina.zoo.vgg import VGG16 as VGG16
    from lamina.zoo.vgg import VGG19 as VGG19
    from lamina.zoo.xception import Xception as Xception

_FILES = {
    "densenet": (
        "DenseNet121",
        "DenseNet169",
        "DenseNet201",
    ),
    "efficientnet": (
        "EfficientNetB0",
        "EfficientNetB1",
        "EfficientNetB2",
        "EfficientNetB3",
        "EfficientNetB4",
        "EfficientNetB5",
        "EfficientNetB6",
        "EfficientNetB7",
    ),
    "inception_v3": ("InceptionV3",),
    "mobilenet": ("MobileNet",),
    "mobilenet_v2": ("MobileNetV2",),
    "mobilenet_v3": (
        "MobileNetV3Large",
        "MobileNetV3Small",
    ),
    "resnet": (
        "ResNet50",
        "ResNet101",
        "ResNet152",
    ),
    "resnet_v2": ("ResNet50V2", "ResNet101V2", "ResNet152V2"),
    "vgg": (
        "VGG16",
        "VGG19",
    ),
    "convnext": (
        "ConvNeXtTiny",
        "ConvNeXtSmall",
        "ConvNeXtBase",
        "ConvNeXtLarge",
        "ConvNeXtXLarge",
    ),
    "efficientnet_v2": (
        "EfficientNetV2B0",
        "EfficientNetV2B1",
        "EfficientNetV2B2",
        "EfficientNetV2B3",
        "EfficientNetV2S",
        "EfficientNetV2M",
        "EfficientNetV2L",
    ),
    "inception_resnet_v2": ("InceptionResNetV2",),
    "nasnet": (
        "NASNetMobile",
        "NASNetLarge",
    ),
    "xception": ("Xception",),
}
_MODULES = (
    "convnext",
    "densenet",
    "efficientnet",
    "efficientnet_v2",
    "imagenet_utils",
    "inception_resnet_v2",
    "inception_v3",
    "mobilenet",
    "mobilenet_v2",
    "mobilenet_v3",
    "nasnet",
    "resnet",
    "resnet50",
    "resnet_v2",
    "vgg16",
    "vgg19",
    "xception",
)
__all__ = [*_MODULES, *(name for names in _FILES.values() for name in names)]

namespaces.declare(
    __name__,
    lazy={
        **{name: f"{__name__}.{name}" for name in _MODULES},
        **{n: f"lamina.zoo.{file}:{n}" for file, names in _FILES.items() for n in names},
    },
)
