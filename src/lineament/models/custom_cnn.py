"""Custom CNN: a small network to train from scratch, as deep and wide as one likes.

Each of its ``widths`` is the channels of one block: convolution 3x3, batch norm, ReLU and max
pooling, which halves the side. With ``--set head=mlp --set dropout=0.5`` a fully connected layer
and dropout stand before the classifier.
"""

from collections.abc import Sequence

from torch import Tensor, nn

WIDTHS = (32, 64, 128, 256)


class CustomCnn(nn.Module):
    """The blocks, one after another.

    Convolutions begin with He's weights (He et al. 2015, eq. 10), as ReLU follows them.

    Args:
        widths: Channels of each block, input to output.

    Example:
        >>> import torch
        >>> CustomCnn((8, 16)).forward_features(torch.zeros(2, 3, 20, 20)).shape
        torch.Size([2, 16, 5, 5])
    """

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(
                _block(width_in, width)
                for width_in, width in zip((3, *widths), widths, strict=False)
            )
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward_features(self, pixels: Tensor) -> Tensor:
        """Map ``float32 (N, 3, S, S)`` to ``float32 (N, widths[-1], h, w)``."""
        features: Tensor = self.blocks(pixels)
        return features

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        """Say, as timm's networks do, which parameters belong to which block."""
        return {"blocks": r"^blocks\.(\d+)"}


def _block(width_in: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width_in, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
    )
