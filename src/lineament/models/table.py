"""Table: the backbones that Lineament knows, each with its weights, licence and input.

Any other name of timm works too; what is known of it is what timm states.
"""

import dataclasses
from collections.abc import Mapping

DEFAULT_BACKBONE = "efficientnet_lite0"

Channels = tuple[float, float, float]
IMAGENET_MEAN: Channels = (0.485, 0.456, 0.406)
IMAGENET_STD: Channels = (0.229, 0.224, 0.225)
HALF: Channels = (0.5, 0.5, 0.5)
IMAGENET = "ImageNet-1k"


@dataclasses.dataclass(frozen=True, kw_only=True)
class KnownBackbone:
    """What is known of a backbone.

    Attributes:
        timm_name: timm's name of it, with the tag of the weights that the hub gives; empty for a
            network of Lineament's own.
        kinds: The kinds of weights there are; the first is taken where none is asked for.
        tag: Which weights the hub or the file gives, or that there are none.
        licence: Of those weights; of the code where there are none.
        trained_on: Photos that those weights were trained on.
        size_px: Side of the input that they were trained with.
        interpolation: Of their training photos.
        mean: Subtracted per channel, R G B, on a scale of 0 to 1.
        std: Divided by per channel, R G B, on a scale of 0 to 1.
        million_parameters: Without a head.
        note: What it is good for.
    """

    timm_name: str = ""
    kinds: tuple[str, ...] = ("hub", "file:PATH", "none")
    tag: str
    licence: str
    trained_on: str | None = IMAGENET
    size_px: int = 224
    interpolation: str = "bicubic"
    mean: Channels = IMAGENET_MEAN
    std: Channels = IMAGENET_STD
    million_parameters: float
    note: str


PACKAGED_FIRST = ("packaged", "hub", "file:PATH", "none")

TABLE: Mapping[str, KnownBackbone] = {
    "efficientnet_lite0": KnownBackbone(
        timm_name="tf_efficientnet_lite0.in1k",
        kinds=PACKAGED_FIRST,
        tag="timm/tf_efficientnet_lite0.in1k",
        licence="Apache-2.0",
        mean=HALF,
        std=HALF,
        million_parameters=3.4,
        note="small and fast on a laptop, with good frozen features",
    ),
    "efficientnet_lite1": KnownBackbone(
        timm_name="tf_efficientnet_lite1.in1k",
        kinds=PACKAGED_FIRST,
        tag="timm/tf_efficientnet_lite1.in1k",
        licence="Apache-2.0",
        size_px=240,
        mean=HALF,
        std=HALF,
        million_parameters=4.1,
        note="a step larger and slower than Lite0",
    ),
    "efficientnet_lite2": KnownBackbone(
        timm_name="tf_efficientnet_lite2.in1k",
        kinds=PACKAGED_FIRST,
        tag="timm/tf_efficientnet_lite2.in1k",
        licence="Apache-2.0",
        size_px=260,
        mean=HALF,
        std=HALF,
        million_parameters=4.8,
        note="two steps larger and slower than Lite0",
    ),
    "mobilenetv2_100": KnownBackbone(
        timm_name="mobilenetv2_100.ra_in1k",
        kinds=PACKAGED_FIRST,
        tag="timm/mobilenetv2_100.ra_in1k",
        licence="Apache-2.0",
        million_parameters=2.2,
        note="smaller and faster still",
    ),
    "sface": KnownBackbone(
        kinds=("packaged", "file:PATH", "none"),
        tag="OpenCV Zoo face_recognition_sface_2021dec",
        licence="Apache-2.0",
        trained_on="faces; which ones is not disclosed",
        size_px=112,
        interpolation="bilinear",
        mean=HALF,
        std=(128 / 255, 128 / 255, 128 / 255),
        million_parameters=9.6,
        note="trained to tell faces apart: for identities, expressions and other tasks of faces",
    ),
    "vggface": KnownBackbone(
        kinds=("file:PATH", "none"),
        tag="VGG-Face (Parkhi, Vedaldi, Zisserman 2015)",
        licence="non-commercial research purposes, Creative Commons Attribution",
        trained_on="VGG Face: 2.6 million photos of 2,622 celebrities",
        interpolation="bilinear",
        mean=(129.1863 / 255, 104.7624 / 255, 93.5940 / 255),
        std=(1 / 255, 1 / 255, 1 / 255),
        million_parameters=14.7,
        note="VGG-16 for faces; its weights come from a file that you name",
    ),
    "custom_cnn": KnownBackbone(
        kinds=("none", "file:PATH"),
        tag="none released",
        licence="Apache-2.0 (Lineament)",
        trained_on=None,
        size_px=64,
        interpolation="bilinear",
        mean=HALF,
        std=HALF,
        million_parameters=0.4,
        note="four small blocks to train from scratch; `widths` says how wide",
    ),
    "resnet18": KnownBackbone(
        timm_name="resnet18.a1_in1k",
        tag="timm/resnet18.a1_in1k",
        licence="Apache-2.0",
        million_parameters=11.2,
        note="plain convolutions, which a CPU fine-tunes well",
    ),
    "resnet34": KnownBackbone(
        timm_name="resnet34.a1_in1k",
        tag="timm/resnet34.a1_in1k",
        licence="Apache-2.0",
        million_parameters=21.3,
        note="ResNet-18 with more blocks",
    ),
    "resnet50": KnownBackbone(
        timm_name="resnet50.a1_in1k",
        tag="timm/resnet50.a1_in1k",
        licence="Apache-2.0",
        million_parameters=23.5,
        note="the field's yardstick",
    ),
    "vgg16": KnownBackbone(
        timm_name="vgg16.tv_in1k",
        tag="timm/vgg16.tv_in1k",
        licence="BSD-3-Clause",
        interpolation="bilinear",
        million_parameters=14.7,
        note="the 13 convolutions of VGG-16, without its wide layers; slow",
    ),
    "efficientnet_b0": KnownBackbone(
        timm_name="efficientnet_b0.ra_in1k",
        tag="timm/efficientnet_b0.ra_in1k",
        licence="Apache-2.0",
        million_parameters=4.0,
        note="Lite0 with squeeze-and-excitation and swish",
    ),
    "convnext_tiny": KnownBackbone(
        timm_name="convnext_tiny.in12k_ft_in1k",
        tag="timm/convnext_tiny.in12k_ft_in1k",
        licence="Apache-2.0",
        trained_on="ImageNet-12k, then ImageNet-1k",
        million_parameters=27.8,
        note="a transformer's design in convolutions; wants a GPU to fine-tune",
    ),
}
