"""Recurrent modules, attention and transformer blocks of PyTorch as layers."""

from __future__ import annotations

from typing import Any

from lamina import layers
from lamina.interchange.layouts import Arrays, modules_of
from lamina.interchange.torch_rows import Walk, arrays_of, row

_RECURRENT: dict[str, Any] = {
    "LSTM": layers.LSTM,
    "GRU": layers.GRU,
    "RNN": layers.SimpleRNN,
}
_NORMED = {"norm1": "self_attention_norm", "norm2": "feedforward_norm"}


@row(*_RECURRENT)
def recurrent(module: Any, walk: Walk) -> None:
    """Each layer of the module is a layer, with the outputs of all steps."""
    if module.proj_size or walk.images:
        raise walk.refuse(module, "with proj_size, or on images")
    kind = type(module).__name__
    options: dict[str, Any] = {"return_sequences": True, "use_bias": module.bias}
    options |= {"activation": module.nonlinearity} if kind == "RNN" else {}
    options |= {"reset_after": True} if kind == "GRU" else {}
    parts = modules_of(arrays_of(module))
    for k in range(module.num_layers):
        name = walk.name(module, f"_l{k}")
        each = _RECURRENT[kind](module.hidden_size, name=name, **options)
        if module.bidirectional:
            both = layers.Bidirectional(each, name=f"{name}_both")
            walk.add(both)
            walk.keep(both.forward_layer, parts[f"l{k}"])
            walk.keep(both.backward_layer, parts[f"l{k}_reverse"])
        else:
            walk.add(each, parts[f"l{k}"])
        if module.dropout and k < module.num_layers - 1:
            walk.add(layers.Dropout(module.dropout))


def attention_of(module: Any, walk: Walk) -> layers.MultiHeadAttention:
    """The layer of a MultiheadAttention."""
    if module.bias_k is not None or module.add_zero_attn:
        raise walk.refuse(module, "with add_bias_kv or add_zero_attn")
    return layers.MultiHeadAttention(
        module.num_heads,
        module.embed_dim // module.num_heads,
        dropout=module.dropout,
        use_bias=module.in_proj_bias is not None,
        output_shape=module.embed_dim,
        name=walk.name(module),
    )


@row("MultiheadAttention")
def attention(module: Any, walk: Walk) -> None:
    """Self-attention: query, key and value are the same sequence."""
    if walk.images or module.in_proj_weight is None:
        raise walk.refuse(module, "on images, or with kdim and vdim")
    layer = attention_of(module, walk)
    walk.x = layer(walk.x, walk.x)
    walk.keep(layer, arrays_of(module))


@row("TransformerEncoderLayer")
def encoder_layer(module: Any, walk: Walk) -> None:
    if walk.images:
        raise walk.refuse(module, "on images")
    arrays = arrays_of(module)
    if "linear1.bias" not in arrays:
        raise walk.refuse(module, "without biases")
    layer = layers.TransformerEncoder(
        module.linear1.out_features,
        module.self_attn.num_heads,
        dropout=module.dropout.p,
        activation=_activation(module, walk),
        layer_norm_epsilon=module.norm1.eps,
        normalize_first=module.norm_first,
        name=walk.name(module),
    )
    walk.add(layer)
    parts = {
        "self_attn": layer.self_attention,
        "linear1": layer.feedforward_in,
        "linear2": layer.feedforward_out,
        **{name: getattr(layer, own) for name, own in _NORMED.items()},
    }
    for name, part in parts.items():
        walk.keep(part, _inside(arrays, name))


def _activation(module: Any, walk: Walk) -> str:
    function = module.activation
    name = getattr(function, "__name__", type(function).__name__).lower()
    is_exact = getattr(function, "approximate", "none") == "none"
    if name not in ("relu", "gelu") or not is_exact:
        raise walk.refuse(module, f"with activation {name}")
    return name


def _inside(arrays: Arrays, name: str) -> Arrays:
    return {k.removeprefix(f"{name}."): v for k, v in arrays.items() if k.startswith(f"{name}.")}
