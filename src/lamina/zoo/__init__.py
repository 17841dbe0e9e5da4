"""`lm.zoo`: networks of the literature, one file each, with the names and arguments of Keras.

lm.zoo.ResNet50(weights=None, classes=10)
"""

from typing import TYPE_CHECKING

from lamina import namespaces

if TYPE_CHECKING:
    from lamina.zoo.alexnet import AlexNet as AlexNet
    from lamina.zoo.bert import BERT as BERT
    from lamina.zoo.bert import BERTLarge as BERTLarge
    from lamina.zoo.bert import MiniLM as MiniLM
    from lamina.zoo.catalog import Entry as Entry
    from lamina.zoo.catalog import list as list
    from lamina.zoo.convnext import ConvNeXtBase as ConvNeXtBase
    from lamina.zoo.convnext import ConvNeXtLarge as ConvNeXtLarge
    from lamina.zoo.convnext import ConvNeXtSmall as ConvNeXtSmall
    from lamina.zoo.convnext import ConvNeXtTiny as ConvNeXtTiny
    from lamina.zoo.convnext import ConvNeXtXLarge as ConvNeXtXLarge
    from lamina.zoo.counting import Costs as Costs
    from lamina.zoo.counting import costs as costs
    from lamina.zoo.densenet import DenseNet121 as DenseNet121
    from lamina.zoo.densenet import DenseNet169 as DenseNet169
    from lamina.zoo.densenet import DenseNet201 as DenseNet201
    from lamina.zoo.detection import Detections as Detections
    from lamina.zoo.detection import Detector as Detector
    from lamina.zoo.efficientnet import EfficientNetB0 as EfficientNetB0
    from lamina.zoo.efficientnet import EfficientNetB1 as EfficientNetB1
    from lamina.zoo.efficientnet import EfficientNetB2 as EfficientNetB2
    from lamina.zoo.efficientnet import EfficientNetB3 as EfficientNetB3
    from lamina.zoo.efficientnet import EfficientNetB4 as EfficientNetB4
    from lamina.zoo.efficientnet import EfficientNetB5 as EfficientNetB5
    from lamina.zoo.efficientnet import EfficientNetB6 as EfficientNetB6
    from lamina.zoo.efficientnet import EfficientNetB7 as EfficientNetB7
    from lamina.zoo.efficientnet_lite import EfficientNetLite0 as EfficientNetLite0
    from lamina.zoo.efficientnet_v2 import EfficientNetV2B0 as EfficientNetV2B0
    from lamina.zoo.efficientnet_v2 import EfficientNetV2B1 as EfficientNetV2B1
    from lamina.zoo.efficientnet_v2 import EfficientNetV2B2 as EfficientNetV2B2
    from lamina.zoo.efficientnet_v2 import EfficientNetV2B3 as EfficientNetV2B3
    from lamina.zoo.efficientnet_v2 import EfficientNetV2L as EfficientNetV2L
    from lamina.zoo.efficientnet_v2 import EfficientNetV2M as EfficientNetV2M
    from lamina.zoo.efficientnet_v2 import EfficientNetV2S as EfficientNetV2S
    from lamina.zoo.googlenet import GoogLeNet as GoogLeNet
    from lamina.zoo.gpt2 import GPT2 as GPT2
    from lamina.zoo.gpt2 import GPT2XL as GPT2XL
    from lamina.zoo.gpt2 import GPT2Large as GPT2Large
    from lamina.zoo.gpt2 import GPT2Medium as GPT2Medium
    from lamina.zoo.inception_resnet_v2 import InceptionResNetV2 as InceptionResNetV2
    from lamina.zoo.inception_v3 import InceptionV3 as InceptionV3
    from lamina.zoo.lenet import LeNet5 as LeNet5
    from lamina.zoo.mobilenet import MobileNet as MobileNet
    from lamina.zoo.mobilenet_v2 import MobileNetV2 as MobileNetV2
    from lamina.zoo.mobilenet_v3 import MobileNetV3Large as MobileNetV3Large
    from lamina.zoo.mobilenet_v3 import MobileNetV3Small as MobileNetV3Small
    from lamina.zoo.nasnet import NASNetLarge as NASNetLarge
    from lamina.zoo.nasnet import NASNetMobile as NASNetMobile
    from lamina.zoo.resnet import ResNet18 as ResNet18
    from lamina.zoo.resnet import ResNet34 as ResNet34
    from lamina.zoo.resnet import ResNet50 as ResNet50
    from lamina.zoo.resnet import ResNet101 as ResNet101
    from lamina.zoo.resnet import ResNet152 as ResNet152
    from lamina.zoo.resnet_v2 import ResNet50V2 as ResNet50V2
    from lamina.zoo.resnet_v2 import ResNet101V2 as ResNet101V2
    from lamina.zoo.resnet_v2 import ResNet152V2 as ResNet152V2
    from lamina.zoo.resnext import ResNeXt50 as ResNeXt50
    from lamina.zoo.resnext import ResNeXt101 as ResNeXt101
    from lamina.zoo.resnext import ResNeXt101_32x8d as ResNeXt101_32x8d
    from lamina.zoo.resnext import ResNeXt101_64x4d as ResNeXt101_64x4d
    from lamina.zoo.squeezenet import SqueezeNet as SqueezeNet
    from lamina.zoo.ssdlite import SSDLite as SSDLite
    from lamina.zoo.transfer import fine_tune as fine_tune
    from lamina.zoo.transfer import freeze as freeze
    from lamina.zoo.transfer import replace_head as replace_head
    from lamina.zoo.unet import UNet as UNet
    from lamina.zoo.vgg import VGG11 as VGG11
    from lamina.zoo.vgg import VGG13 as VGG13
    from lamina.zoo.vgg import VGG16 as VGG16
    from lamina.zoo.vgg import VGG19 as VGG19
    from lamina.zoo.vit import ViTB16 as ViTB16
    from lamina.zoo.vit import ViTB32 as ViTB32
    from lamina.zoo.vit import ViTL16 as ViTL16
    from lamina.zoo.vit import ViTS16 as ViTS16
    from lamina.zoo.vit import ViTTi16 as ViTTi16
    from lamina.zoo.xception import Xception as Xception
    from lamina.zoo.yolo import YOLO as YOLO

_FILES = {
    "catalog": ("Entry", "list"),
    "alexnet": ("AlexNet",),
    "densenet": ("DenseNet121", "DenseNet169", "DenseNet201"),
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
    "efficientnet_lite": ("EfficientNetLite0",),
    "googlenet": ("GoogLeNet",),
    "inception_v3": ("InceptionV3",),
    "lenet": ("LeNet5",),
    "mobilenet": ("MobileNet",),
    "mobilenet_v2": ("MobileNetV2",),
    "mobilenet_v3": ("MobileNetV3Large", "MobileNetV3Small"),
    "resnet": (
        "ResNet18",
        "ResNet34",
        "ResNet50",
        "ResNet101",
        "ResNet152",
    ),
    "resnet_v2": ("ResNet50V2", "ResNet101V2", "ResNet152V2"),
    "squeezenet": ("SqueezeNet",),
    "vgg": ("VGG11", "VGG13", "VGG16", "VGG19"),
    "detection": (
        "Detections",
        "Detector",
    ),
    "ssdlite": ("SSDLite",),
    "yolo": ("YOLO",),
    "bert": (
        "BERT",
        "BERTLarge",
        "MiniLM",
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
    "gpt2": (
        "GPT2",
        "GPT2Medium",
        "GPT2Large",
        "GPT2XL",
    ),
    "inception_resnet_v2": ("InceptionResNetV2",),
    "nasnet": (
        "NASNetMobile",
        "NASNetLarge",
    ),
    "resnext": (
        "ResNeXt50",
        "ResNeXt101",
        "ResNeXt101_32x8d",
        "ResNeXt101_64x4d",
    ),
    "unet": ("UNet",),
    "vit": (
        "ViTTi16",
        "ViTS16",
        "ViTB16",
        "ViTB32",
        "ViTL16",
    ),
    "counting": (
        "Costs",
        "costs",
    ),
    "transfer": (
        "fine_tune",
        "freeze",
        "replace_head",
    ),
    "xception": ("Xception",),
}
__all__ = [name for names in _FILES.values() for name in names]

namespaces.declare(
    __name__,
    lazy={n: f"lamina.zoo.{file}:{n}" for file, names in _FILES.items() for n in names},
)
