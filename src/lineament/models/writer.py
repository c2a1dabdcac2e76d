"""Writer: a graph written node by node around an exported backbone, beginning with its pixels."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper

from lineament.imaging.preprocess import Preprocessing
from lineament.models.nodes import FEATURES, PIXELS, Nodes
from lineament.models.pixels import write_pixels


class Writer(Nodes):
    """Collects nodes before and after an exported backbone."""

    def __init__(self, backbone: onnx.ModelProto) -> None:
        super().__init__()
        self._backbone = backbone
        self._before: list[onnx.NodeProto] = []

    def pixels(self, spec: Preprocessing, *, mirrored_view: bool) -> None:
        """Write what stands before the backbone, from ``image`` to ``pixels``."""
        if mirrored_view:
            straight = write_pixels(self, spec)
            self.node("Concat", [straight, self._mirror(straight)], PIXELS, axis=0)
        else:
            write_pixels(self, spec, PIXELS)
        self._before, self._nodes = self._nodes, []

    def features(self, *, mirrored_view: bool) -> str:
        """Write what makes one map of features of both views, and name it."""
        if not mirrored_view:
            return FEATURES
        halves = [self._name("half"), self._name("half")]
        name = self._name("split")
        self._nodes.append(
            helper.make_node("Split", [FEATURES], halves, name=name, axis=0, num_outputs=2)
        )
        both = self.node("Add", [halves[0], self._mirror(halves[1])])
        return self.node("Mul", [both, self.number(0.5)])

    def _mirror(self, name: str) -> str:
        """Turn ``(N, C, H, W)`` left to right."""
        from_last, back_to_first = self.ints([-1]), self.ints([np.iinfo(np.int32).min])
        return self.node("Slice", [name, from_last, back_to_first, self.ints([3]), self.ints([-1])])

    def model(self, outputs: Mapping[str, Sequence[str | int]]) -> bytes:
        """Join everything to one checked model."""
        graph = self._backbone.graph
        return self.joined(
            helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", 3]),
            outputs,
            ir_version=self._backbone.ir_version,
            nodes=[*self._before, *graph.node],
            constants=graph.initializer,
        )
