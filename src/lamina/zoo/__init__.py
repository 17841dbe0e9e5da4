"""`lm.zoo`: networks of the literature, one file each, with the names and arguments of Keras.

lm.zoo.ResNet50(weights=None, classes=10)
"""

from typing import TYPE_CHECKING

from lamina import namespaces

if TYPE_CHECKING:
    from lamina.zoo.alexnet import AlexNet as AlexNet
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
    from lamina.zoo.googlenet import GoogLeNet as GoogLeNet
    from lamina.zoo.inception_v3 import InceptionV3 as InceptionV3
    from lamina.zoo.lenet import LeNet5 as LeNet5
    from lamina.zoo.mobilenet import MobileNet as MobileNet
    from lamina.zoo.mobilenet_v2 import MobileNetV2 as MobileNetV2
    from lamina.zoo.mobilenet_v3 import MobileNetV3Large as MobileNetV3Large
    from lamina.zoo.mobilenet_v3 import MobileNetV3Small as MobileNetV3Small
    from lamina.zoo.resnet import ResNet18 as ResNet18
    from lamina.zoo.resnet import ResNet34 as ResNet34
    from lamina.zoo.resnet import ResNet50 as ResNet50
    from lamina.zoo.resnet import ResNet101 as ResNet101
    from lamina.zoo.resnet import ResNet152 as ResNet152
    from lamina.zoo.resnet_v2 import ResNet50V2 as ResNet50V2
    from lamina.zoo.resnet_v2 import ResNet101V2 as ResNet101V2
    from lamina.zoo.resnet_v2 import ResNet152V2 as ResNet152V2
    from lamina.zoo.squeezenet import SqueezeNet as SqueezeNet
    from lamina.zoo.ssdlite import SSDLite as SSDLite
    from lamina.zoo.vgg import VGG11 as VGG11
    from lamina.zoo.vgg import VGG13 as VGG13
    from lamina.zoo.vgg import VGG16 as VGG16
    from lamina.zoo.vgg import VGG19 as VGG19
    from lamina.zoo.xception import Xception as Xception
    from lamina.zoo.yolo import YOLO as YOLO

_FILES = {
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
    "ssdlite": (
        "SSDLite",
        "SSDLoss",
    ),
    "yolo": (
        "YOLO",
        "YOLOLoss",
    ),
    "xception": ("Xception",),
}
__all__ = [name for names in _FILES.values() for name in names]

namespaces.declare(
    __name__,
    lazy={n: f"lamina.zoo.{file}:{n}" for file, names in _FILES.items() for n in names},
)
