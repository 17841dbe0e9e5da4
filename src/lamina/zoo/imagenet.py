"""Weights trained on ImageNet, as Keras publishes them: addresses and checksums.

A file is looked for in the folder that LAMINA_DATA names (there in `keras-applications`), then in
the cache, and downloaded if it is in neither.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from lamina.datasets.download import Source, find_file
from lamina.errors import ArgumentError

KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"
EFFICIENT = "https://storage.googleapis.com/keras-applications/"
INDEX = Source(
    "keras-applications",
    "the names of ImageNet's classes",
    ("https://storage.googleapis.com/download.tensorflow.org/data/",),
    {"imagenet_class_index.json": "c2c37ea517e94d9795004a39431a14cb"},
    suffix="",
)
LARGEST = 1 << 30  # bytes of a file


class Published(NamedTuple):
    """A network's address, and name and checksum (MD5 or SHA-256) of its files with and without
    classes."""

    address: str
    top: str
    top_digest: str
    features: str
    features_digest: str


FILES = {
    "vgg16": Published(
        KERAS + "vgg16/",
        "vgg16_weights_tf_dim_ordering_tf_kernels.h5",
        "64373286793e3c8b2b4e3219cbf3544b",
        "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "6d6bbae143d832006294945121d1f1fc",
    ),
    "vgg19": Published(
        KERAS + "vgg19/",
        "vgg19_weights_tf_dim_ordering_tf_kernels.h5",
        "cbe5617147190e668d6c5d5026f83318",
        "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "253f8cb515780f3b799900260a226db6",
    ),
    "xception": Published(
        KERAS + "xception/",
        "xception_weights_tf_dim_ordering_tf_kernels.h5",
        "0a58e3b7378bc2990ea3b43d5981f1f6",
        "xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "b0042744bf5b25fce3cb969f33bebb97",
    ),
    "inception_v3": Published(
        KERAS + "inception_v3/",
        "inception_v3_weights_tf_dim_ordering_tf_kernels.h5",
        "9a0d58056eeedaa3f26cb7ebd46da564",
        "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "bcbd6486424b2319ff4ef7d526e38f63",
    ),
    "densenet121": Published(
        KERAS + "densenet/",
        "densenet121_weights_tf_dim_ordering_tf_kernels.h5",
        "9d60b8095a5708f2dcce2bca79d332c7",
        "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "30ee3e1110167f948a6b9946edeeb738",
    ),
    "densenet169": Published(
        KERAS + "densenet/",
        "densenet169_weights_tf_dim_ordering_tf_kernels.h5",
        "d699b8f76981ab1b30698df4c175e90b",
        "densenet169_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "b8c4d4c20dd625c148057b9ff1c1176b",
    ),
    "densenet201": Published(
        KERAS + "densenet/",
        "densenet201_weights_tf_dim_ordering_tf_kernels.h5",
        "1ceb130c1ea1b78c3bf6114dbdfd8807",
        "densenet201_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "c13680b51ded0fb44dff2d8f86ac8bb1",
    ),
    "resnet50": Published(
        KERAS + "resnet/",
        "resnet50_weights_tf_dim_ordering_tf_kernels.h5",
        "2cb95161c43110f7111970584f804107",
        "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "4d473c1dd8becc155b73f8504c6f6626",
    ),
    "resnet101": Published(
        KERAS + "resnet/",
        "resnet101_weights_tf_dim_ordering_tf_kernels.h5",
        "f1aeb4b969a6efcfb50fad2f0c20cfc5",
        "resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "88cf7a10940856eca736dc7b7e228a21",
    ),
    "resnet152": Published(
        KERAS + "resnet/",
        "resnet152_weights_tf_dim_ordering_tf_kernels.h5",
        "100835be76be38e30d865e96f2aaae62",
        "resnet152_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "ee4c566cf9a93f14d82f913c2dc6dd0c",
    ),
    "resnet50v2": Published(
        KERAS + "resnet/",
        "resnet50v2_weights_tf_dim_ordering_tf_kernels.h5",
        "3ef43a0b657b3be2300d5770ece849e0",
        "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "fac2f116257151a9d068a22e544a4917",
    ),
    "resnet101v2": Published(
        KERAS + "resnet/",
        "resnet101v2_weights_tf_dim_ordering_tf_kernels.h5",
        "6343647c601c52e1368623803854d971",
        "resnet101v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "c0ed64b8031c3730f411d2eb4eea35b5",
    ),
    "resnet152v2": Published(
        KERAS + "resnet/",
        "resnet152v2_weights_tf_dim_ordering_tf_kernels.h5",
        "a49b44d1979771252814e80f8ec446f9",
        "resnet152v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "ed17cf2e0169df9d443503ef94b23b33",
    ),
    "efficientnetb0": Published(
        EFFICIENT,
        "efficientnetb0.h5",
        "902e53a9f72be733fc0bcb005b3ebbac",
        "efficientnetb0_notop.h5",
        "50bc09e76180e00e4465e1a485ddc09d",
    ),
    "efficientnetb1": Published(
        EFFICIENT,
        "efficientnetb1.h5",
        "1d254153d4ab51201f1646940f018540",
        "efficientnetb1_notop.h5",
        "74c4e6b3e1f6a1eea24c589628592432",
    ),
    "efficientnetb2": Published(
        EFFICIENT,
        "efficientnetb2.h5",
        "b15cce36ff4dcbd00b6dd88e7857a6ad",
        "efficientnetb2_notop.h5",
        "111f8e2ac8aa800a7a99e3239f7bfb39",
    ),
    "efficientnetb3": Published(
        EFFICIENT,
        "efficientnetb3.h5",
        "ffd1fdc53d0ce67064dc6a9c7960ede0",
        "efficientnetb3_notop.h5",
        "af6d107764bb5b1abb91932881670226",
    ),
    "efficientnetb4": Published(
        EFFICIENT,
        "efficientnetb4.h5",
        "18c95ad55216b8f92d7e70b3a046e2fc",
        "efficientnetb4_notop.h5",
        "ebc24e6d6c33eaebbd558eafbeedf1ba",
    ),
    "efficientnetb5": Published(
        EFFICIENT,
        "efficientnetb5.h5",
        "ace28f2a6363774853a83a0b21b9421a",
        "efficientnetb5_notop.h5",
        "38879255a25d3c92d5e44e04ae6cec6f",
    ),
    "efficientnetb6": Published(
        EFFICIENT,
        "efficientnetb6.h5",
        "165f6e37dce68623721b423839de8be5",
        "efficientnetb6_notop.h5",
        "9ecce42647a20130c1f39a5d4cb75743",
    ),
    "efficientnetb7": Published(
        EFFICIENT,
        "efficientnetb7.h5",
        "8c03f828fec3ef71311cd463b6759d99",
        "efficientnetb7_notop.h5",
        "cbcfe4450ddf6f3ad90b1b398090fe4a",
    ),
    "inception_resnet_v2": Published(
        KERAS + "inception_resnet_v2/",
        "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels.h5",
        "e693bd0210a403b3192acc6073ad2e96",
        "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "d19885ff4a710c122648d3b5c3b684e4",
    ),
    "efficientnetv2-b0": Published(
        KERAS + "efficientnet_v2/",
        "efficientnetv2-b0.h5",
        "21ecbf6da12460d5c40bb2f29ceb2188",
        "efficientnetv2-b0_notop.h5",
        "893217f2bb855e2983157299931e43ff",
    ),
    "efficientnetv2-b1": Published(
        KERAS + "efficientnet_v2/",
        "efficientnetv2-b1.h5",
        "069f0534ff22adf035c89e2d9547a9dc",
        "efficientnetv2-b1_notop.h5",
        "0e80663031ca32d657f9caa404b6ec37",
    ),
    "efficientnetv2-b2": Published(
        KERAS + "efficientnet_v2/",
        "efficientnetv2-b2.h5",
        "424e49f28180edbde1e94797771950a7",
        "efficientnetv2-b2_notop.h5",
        "1dfe2e7a5d45b6632553a8961ea609eb",
    ),
    "efficientnetv2-b3": Published(
        KERAS + "efficientnet_v2/",
        "efficientnetv2-b3.h5",
        "1f1fc43bd98a6e4fd8fdfd551e02c7a0",
        "efficientnetv2-b3_notop.h5",
        "f6abf7b5849ac99a89b50dd3fd532856",
    ),
    "efficientnetv2-s": Published(
        KERAS + "efficientnet_v2/",
        "efficientnetv2-s.h5",
        "e1d88a8495beba45748fedd0cecbe016",
        "efficientnetv2-s_notop.h5",
        "af0682fb74e8c54910f2d4393339c070",
    ),
    "efficientnetv2-m": Published(
        KERAS + "efficientnet_v2/",
        "efficientnetv2-m.h5",
        "a3bf6aa3276309f4fc6a34aa114c95cd",
        "efficientnetv2-m_notop.h5",
        "1b8dc055df72dde80d614482840fe342",
    ),
    "efficientnetv2-l": Published(
        KERAS + "efficientnet_v2/",
        "efficientnetv2-l.h5",
        "27e6d408b53c7ebc868fefa357689935",
        "efficientnetv2-l_notop.h5",
        "b0b66b5c863aef5b46e8608fe1711615",
    ),
    "convnext_tiny": Published(
        KERAS + "convnext/",
        "convnext_tiny.h5",
        "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
        "convnext_tiny_notop.h5",
        "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
    ),
    "convnext_small": Published(
        KERAS + "convnext/",
        "convnext_small.h5",
        "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
        "convnext_small_notop.h5",
        "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
    ),
    "convnext_base": Published(
        KERAS + "convnext/",
        "convnext_base.h5",
        "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
        "convnext_base_notop.h5",
        "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
    ),
    "convnext_large": Published(
        KERAS + "convnext/",
        "convnext_large.h5",
        "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
        "convnext_large_notop.h5",
        "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
    ),
    "convnext_xlarge": Published(
        KERAS + "convnext/",
        "convnext_xlarge.h5",
        "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
        "convnext_xlarge_notop.h5",
        "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
    ),
    "nasnet_mobile": Published(
        KERAS + "nasnet/",
        "NASNet-mobile.h5",
        "020fb642bf7360b370c678b08e0adf61",
        "NASNet-mobile-no-top.h5",
        "1ed92395b5b598bdda52abe5c0dbfd63",
    ),
    "nasnet_large": Published(
        KERAS + "nasnet/",
        "NASNet-large.h5",
        "11577c9a518f0070763c2b964a382f17",
        "NASNet-large-no-top.h5",
        "d81d89dc07e6e56530c4e77faddd61b5",
    ),
    "MobileNetV3Large": Published(
        KERAS + "mobilenet_v3/",
        "weights_mobilenet_v3_large_224_1.0_float.h5",
        "59e551e166be033d707958cf9e29a6a7",
        "weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5",
        "07fb09a5933dd0c8eaafa16978110389",
    ),
    "MobileNetV3Small": Published(
        KERAS + "mobilenet_v3/",
        "weights_mobilenet_v3_small_224_1.0_float.h5",
        "8768d4c2e7dee89b9d02b2d03d65d862",
        "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5",
        "d3e8ec802a04aa4fc771ee12a9a9b836",
    ),
}


def path_of(name: str, include_top: bool) -> Path:
    """Return the path of a network's weights.

    Args:
        name: name of the model.
        include_top: with the layer of the classes.

    Raises:
        ArgumentError: no weights of this network are published.
        DownloadError: the file is nowhere and cannot be downloaded.
    """
    if name not in FILES:
        raise ArgumentError(
            f"{name}: no weights of this network are published by Keras",
            hint="pass weights=None, or the path of a file with weights",
        )
    published = FILES[name]
    file = published.top if include_top else published.features
    digest = published.top_digest if include_top else published.features_digest
    source = Source(
        "keras-applications",
        f"the weights of {name}",
        (published.address,),
        {file: digest},
        suffix="",
        most=LARGEST,
    )
    return find_file(source, file)


def class_index() -> Path:
    """Return the path of the file with the names of ImageNet's classes."""
    return find_file(INDEX, "imagenet_class_index.json")
