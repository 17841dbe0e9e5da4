"""Texts of arguments that many public functions and classes share: the one table of them.

`python tools/write_arguments.py` copies a text into each docstring that lacks its argument. A
namespace's own row goes before the row of all. Where an argument means something special, its
docstring says so, and the tool leaves it alone.
"""

from __future__ import annotations

from collections.abc import Sequence

# fmt: off
ALL = {
    "x": "tensor or array-like.",
    "y": "tensor or array-like, broadcast against `x`.",
    "dtype": "dtype of the result, as a name or NumPy dtype; by default as the operands imply.",
    "axis": "axis to work along; negative numbers count from the end.",
    "axes": "axes to work along; negative numbers count from the end.",
    "keepdims": "keep the reduced axes with extent 1.",
    "device": 'where the result is placed; only "cpu" so far.',
    "copy": "True always copies, False never does (ValueError if it must), None only if needed.",
    "name": "name of the object; by default its class in snake case, with a number if needed.",
    "seed": "integer that fixes the random numbers; None draws a new seed.",
    "shape": "tuple of extents.",
    "identifier": "name, configuration, object of the class, or function.",
    "config": "dictionary that `get_config` returned.",
    "custom_objects": "dictionary from name to class or function of the caller's own.",
    "path": "file or folder.",
    "f": "function of tensors.",
    "function": "function of tensors.",
    "descending": "sort from the largest to the smallest.",
    "stable": "keep equal elements in their order.",
    "reverse": "go from the last element to the first.",
    "num_classes": "number of classes.",
    "epsilon": "small positive number that keeps the division finite.",
    "fill_value": "value of all elements.",
    "correction": "subtracted from the count in the denominator: 0 population, 1 sample variance.",
    "model": "built model.",
    "verbose": "0 prints nothing, 1 a progress line for each epoch.",
    "batch_size": "samples in a batch.",
    "threshold": "number that values are compared with.",
    "size": "extents (height, width) of the result.",
    "num": "number of samples.",
    "start": "first value.",
    "stop": "end of the interval.",
}

LAYERS = {
    "x": "tensor or array-like.",
    "units": "number of outputs, a positive integer.",
    "filters": "number of output channels, a positive integer.",
    "activation": "name or function applied to the outputs; None applies none.",
    "recurrent_activation": "name or function of the gates.",
    "use_bias": "add a learned bias.",
    "kernel_initializer": "initializer of the kernel.",
    "recurrent_initializer": "initializer of the recurrent kernel.",
    "bias_initializer": "initializer of the bias.",
    "depthwise_initializer": "initializer of the depthwise kernel.",
    "pointwise_initializer": "initializer of the pointwise kernel.",
    "embeddings_initializer": "initializer of the table of embeddings.",
    "beta_initializer": "initializer of the offset.",
    "gamma_initializer": "initializer of the scale.",
    "kernel_regularizer": "regularizer of the kernel, a penalty added to the loss.",
    "recurrent_regularizer": "regularizer of the recurrent kernel.",
    "bias_regularizer": "regularizer of the bias.",
    "depthwise_regularizer": "regularizer of the depthwise kernel.",
    "pointwise_regularizer": "regularizer of the pointwise kernel.",
    "embeddings_regularizer": "regularizer of the table of embeddings.",
    "beta_regularizer": "regularizer of the offset.",
    "gamma_regularizer": "regularizer of the scale.",
    "activity_regularizer": "regularizer of the layer's outputs.",
    "kernel_constraint": "constraint applied to the kernel after each update.",
    "recurrent_constraint": "constraint applied to the recurrent kernel after each update.",
    "bias_constraint": "constraint applied to the bias after each update.",
    "depthwise_constraint": "constraint applied to the depthwise kernel after each update.",
    "pointwise_constraint": "constraint applied to the pointwise kernel after each update.",
    "embeddings_constraint": "constraint applied to the table after each update.",
    "beta_constraint": "constraint applied to the offset after each update.",
    "gamma_constraint": "constraint applied to the scale after each update.",
    "kernel_size": "extent of the window, an integer or one for each spatial axis.",
    "pool_size": "extent of the window, an integer or one for each spatial axis.",
    "strides": "steps of the window, an integer or one for each spatial axis.",
    "dilation_rate": "spacing between the taps of the window, an integer or one for each axis.",
    "padding": '"valid" uses only whole windows; "same" pads with zeros so that the extents stay '
               '(divided by the strides).',
    "output_padding": "extent added to one side of the result, to choose between possible ones.",
    "data_format": '"channels_last" (batch, ..., channels) or "channels_first" (batch, channels, '
                   '...); by default the setting of the backend.',
    "groups": "number of groups that the channels are split into, each with filters of its own.",
    "depth_multiplier": "output channels for each input channel of the depthwise step.",
    "axis": "axis or axes to normalize or work along; negative numbers count from the end.",
    "rate": "fraction of the elements set to zero, in [0, 1).",
    "dropout": "fraction of the inputs set to zero in training, in [0, 1).",
    "recurrent_dropout": "fraction of the states set to zero in training, in [0, 1).",
    "seed": "integer or SeedGenerator of the layer's random numbers; None draws a seed.",
    "momentum": "weight of the old value in moving averages, in [0, 1].",
    "epsilon": "small positive number added to the variance.",
    "center": "add a learned offset.",
    "scale": "multiply by a learned scale.",
    "layer": "layer that is wrapped.",
    "output_mode": "form of the result; see above.",
    "max_tokens": "largest size of the vocabulary; None sets no limit.",
    "vocabulary": "tokens in order, or the path of a text file with one token a line.",
    "idf_weights": "inverse document frequency of each token, for `output_mode=\"tf_idf\"`.",
    "mask_token": "token that stands for a masked step, or None.",
    "oov_token": "token that stands for unknown ones.",
    "num_oov_indices": "how many indices unknown tokens are hashed to.",
    "invert": "look up tokens by index instead of indices by token.",
    "pad_to_max_tokens": "give the outputs `max_tokens` columns whatever the vocabulary's size.",
    "sparse": "accepted for compatibility; only dense results exist.",
    "encoding": "encoding of text files.",
    "sequence_length": "number of steps of the result; longer ones are cut.",
    "fill_mode": 'what is put outside of the image: "constant", "nearest", "reflect" or "wrap".',
    "fill_value": "value outside of the image, for `fill_mode=\"constant\"`.",
    "interpolation": '"bilinear" or "nearest".',
    "factor": "range of the random amount: a number a for (-a, a), or a pair (low, high).",
    "value_range": "pair (low, high) of the values of the images.",
    "height": "rows of the result.",
    "width": "columns of the result.",
    "num_heads": "number of attention heads.",
    "intermediate_dim": "units of the hidden layer of the feed-forward part.",
    "negative_slope": "slope for negative inputs.",
    "mask_zero": "treat index 0 as padding and make a mask of it.",
    "mask_value": "steps all of whose features equal this value are masked.",
    "batch_shape": "shape with the batch's extent in front.",
    "shape": "shape of one sample.",
    "output_shape": "shape of one sample of the result, if it cannot be inferred.",
    "dtype": "dtype of the layer's computations and weights.",
    "cropping": "elements cut from both ends of each spatial axis: an integer or pairs.",
    "mean": "mean of the noise or data.",
    "stddev": "standard deviation of the noise.",
    "noise_shape": "shape of the random mask, broadcast against the inputs; None is their shape.",
    "normalize": "divide by the norm.",
}

LOSSES = {
    "y_true": "targets.",
    "y_pred": "predictions, of the same shape unless stated.",
    "reduction": '"sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or '
                 '"none".',
    "name": "name of the loss in logs.",
    "from_logits": "the predictions are logits, not probabilities.",
    "label_smoothing": "fraction of each target that is spread over all classes, in [0, 1].",
    "axis": "axis of the classes or features.",
    "ignore_class": "class whose samples count nothing, or None.",
    "dtype": "dtype of the loss; float32 by default.",
    "delta": "error from which on the loss grows linearly.",
    "alpha": "weight of the positive class, in [0, 1].",
    "gamma": "exponent that reduces the weight of easy samples.",
    "loss": "loss to wrap, or its name.",
}

METRICS = LOSSES | {
    "name": "name of the metric in logs and history.",
    "dtype": "dtype of the metric's state.",
    "threshold": "probability from which on a prediction is positive.",
    "thresholds": "a probability, or several, from which on a prediction is positive.",
    "num_thresholds": "number of thresholds between 0 and 1.",
    "class_id": "class that counts as positive; None counts all.",
    "top_k": "count a sample as right if its class is among the k largest predictions.",
    "k": "number of largest predictions that are looked at.",
    "num_classes": "number of classes.",
    "target_class_ids": "classes that are averaged over.",
    "sparse_y_true": "targets are integers, not one-hot.",
    "sparse_y_pred": "predictions are integers, not one score for each class.",
    "fn": "function of targets and predictions.",
    "axis": "axis of the classes or features.",
}

OPTIMIZERS = {
    "learning_rate": "positive number, schedule, or function without arguments.",
    "beta_1": "decay rate of the running mean of the gradients, in [0, 1).",
    "beta_2": "decay rate of the running mean of their squares, in [0, 1).",
    "rho": "decay rate of the running mean of squared gradients, in [0, 1).",
    "epsilon": "small positive number that keeps the division finite.",
    "momentum": "fraction of the last step that is added to the next, in [0, 1).",
    "nesterov": "apply Nesterov's momentum.",
    "amsgrad": "divide by the largest running mean of squares so far.",
    "centered": "divide by an estimate of the gradient's variance instead of its square.",
    "weight_decay": "factor of the decoupled weight decay, or None.",
    "name": "name of the optimizer.",
}

SCHEDULES = {
    "initial_learning_rate": "learning rate at step 0.",
    "decay_steps": "number of steps of one decay.",
    "decay_rate": "factor by which the rate decays.",
    "end_learning_rate": "learning rate at the end.",
    "staircase": "decay at whole multiples of `decay_steps` only.",
    "alpha": "smallest learning rate, as a fraction of the initial one.",
    "name": "name of the schedule.",
    "power": "exponent of the polynomial.",
    "warmup_target": "learning rate at the end of the warm-up, or None for none.",
    "warmup_steps": "number of steps of the warm-up.",
}

INITIALIZERS = {
    "seed": "integer or SeedGenerator; None draws a seed.",
    "mean": "mean of the distribution.",
    "stddev": "standard deviation of the distribution.",
    "minval": "lower end of the interval.",
    "maxval": "upper end of the interval.",
    "gain": "factor of the matrix.",
    "scale": "positive factor of the variance.",
}

REDUCTIONS = {  # functions that also take `keepdims`
    "axis": "axis, or tuple of axes, to reduce; None reduces all.",
    "keepdims": "keep the reduced axes with extent 1.",
}

NAMESPACES = {
    "layers": LAYERS,
    "nn": LAYERS | {"x": "tensor or array-like.", "axis": ALL["axis"], "epsilon": ALL["epsilon"]},
    "losses": LOSSES,
    "metrics": METRICS,
    "optimizers": OPTIMIZERS,
    "schedules": SCHEDULES,
    "initializers": INITIALIZERS,
}
# fmt: on


def text_of(namespace: str, argument: str, others: Sequence[str] = ()) -> str | None:
    """The text of an argument, beside `others`, in a namespace; None if it is not shared."""
    table = REDUCTIONS if "keepdims" in others else {}
    table = ALL | NAMESPACES.get(namespace, {}) | table
    return table.get(argument)
