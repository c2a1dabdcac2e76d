"""Identity of a backbone: what a head must know to be laid on the right one, and on no other."""

import hashlib

import onnx
from onnx import numpy_helper

from lineament.models.nodes import EMBEDDING


def backbone_sha256(graph: onnx.ModelProto) -> str:
    """Hash what computes the embedding: pixels to pooled features, the preprocessing included.

    Names do not count and neither does the order in which nodes are stored; operators, their
    attributes, the wiring and every weight do. So runs that froze the same backbone have the same
    hash, and one that trained a layer of it has another.

    Args:
        graph: A graph of ours, which computes ``embedding``.

    Returns:
        sha256 in hexadecimal.
    """
    made_by = {name: node for node in graph.graph.node for name in node.output}
    stored = {each.name: each for each in graph.graph.initializer}
    known: dict[str, str] = {}
    waiting = [EMBEDDING]
    while waiting:
        name = waiting[-1]
        node = made_by.get(name)
        needed = [] if node is None else [each for each in node.input if each not in known]
        if needed:
            waiting += needed  # they come first; a graph is deeper than Python's stack
            continue
        waiting.pop()
        if node is not None:
            known[name] = _of_node(node, name, known)
        elif name in stored:
            known[name] = _of_tensor(stored[name])
        else:
            known[name] = f"input {name}"  # an input that is left out is called by an empty text
    return known[EMBEDDING]


def _of_node(node: onnx.NodeProto, output: str, known: dict[str, str]) -> str:
    digest = hashlib.sha256(
        f"{node.domain}/{node.op_type}/{list(node.output).index(output)}".encode()
    )
    for attribute in sorted(node.attribute, key=lambda each: str(each.name)):
        plain = onnx.AttributeProto()
        plain.CopyFrom(attribute)
        plain.ClearField("doc_string")
        if attribute.HasField("t"):
            digest.update(f"{attribute.name}={_of_tensor(attribute.t)}".encode())
        else:
            digest.update(plain.SerializeToString(deterministic=True))
    for name in node.input:
        digest.update(f"<{known[name]}".encode())
    return digest.hexdigest()


def _of_tensor(tensor: onnx.TensorProto) -> str:
    values = numpy_helper.to_array(tensor)
    digest = hashlib.sha256(f"{values.dtype}{values.shape}".encode())
    digest.update(values.tobytes())
    return digest.hexdigest()
