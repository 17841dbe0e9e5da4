"""Texts of arguments that several public functions and classes share.

`python tools/write_arguments.py` copies a text into each docstring that lacks its argument. The
row of a namespace takes precedence over the row in `ALL`. A text that a docstring already has is
not replaced.
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
    "autocast": "convert floating inputs to the dtype of the computation.",
    "x": "tensor or array-like.",
    "inputs": "sequence of tensors.",
    "units": "number of output features, a positive integer.",
    "filters": "number of output channels, a positive integer.",
    "activation": "name or function applied to the outputs; None applies none.",
    "recurrent_activation": "name or function applied to the gates.",
    "use_bias": "add a learned bias.",
    "kernel_initializer": "initializer of the kernel.",
    "recurrent_initializer": "initializer of the recurrent kernel.",
    "bias_initializer": "initializer of the bias.",
    "depthwise_initializer": "initializer of the depthwise kernel.",
    "pointwise_initializer": "initializer of the pointwise kernel.",
    "embeddings_initializer": "initializer of the table of embeddings.",
    "alpha_initializer": "initializer of the slopes.",
    "beta_initializer": "initializer of the offset.",
    "gamma_initializer": "initializer of the scale.",
    "kernel_regularizer": "regularizer of the kernel, a penalty added to the loss.",
    "recurrent_regularizer": "regularizer of the recurrent kernel.",
    "bias_regularizer": "regularizer of the bias.",
    "depthwise_regularizer": "regularizer of the depthwise kernel.",
    "pointwise_regularizer": "regularizer of the pointwise kernel.",
    "embeddings_regularizer": "regularizer of the table of embeddings.",
    "alpha_regularizer": "regularizer of the slopes.",
    "beta_regularizer": "regularizer of the offset.",
    "gamma_regularizer": "regularizer of the scale.",
    "activity_regularizer": "regularizer of the outputs, a penalty added to the loss.",
    "kernel_constraint": "constraint applied to the kernel after each update.",
    "recurrent_constraint": "constraint applied to the recurrent kernel after each update.",
    "bias_constraint": "constraint applied to the bias after each update.",
    "depthwise_constraint": "constraint applied to the depthwise kernel after each update.",
    "pointwise_constraint": "constraint applied to the pointwise kernel after each update.",
    "embeddings_constraint": "constraint applied to the table after each update.",
    "alpha_constraint": "constraint applied to the slopes after each update.",
    "beta_constraint": "constraint applied to the offset after each update.",
    "gamma_constraint": "constraint applied to the scale after each update.",
    "kernel_size": "extents of the kernel, an integer or one per spatial axis.",
    "pool_size": "extents of the window, an integer or one per spatial axis.",
    "output_size": "number of windows along each spatial axis, an integer or one per axis.",
    "strides": "distance between windows, an integer or one per spatial axis.",
    "dilation_rate": "distance between the elements of a window, an integer or one per spatial "
                     "axis.",
    "padding": '"valid" adds no padding; "same" pads so that the output has ceil(extent / '
               'stride) elements.',
    "data_format": '"channels_last" for inputs (batch, ..., channels) or "channels_first" for '
                   '(batch, channels, ...); None is "channels_last".',
    "groups": "number of groups that the channels are divided into; each group is convolved with "
              "its own filters.",
    "depth_multiplier": "number of output channels of the depthwise step per input channel.",
    "keepdims": "keep the reduced axes with extent 1.",
    "axis": "axis or axes to normalize over; negative numbers count from the end.",
    "rate": "fraction of the inputs that are set to 0, in [0, 1).",
    "dropout": "fraction of the inputs set to 0 in training, in [0, 1).",
    "recurrent_dropout": "fraction of the recurrent state set to 0 in training, in [0, 1).",
    "seed": "integer that the random numbers depend on in addition to the global seed; None uses "
            "the global seed only.",
    "momentum": "factor m of the moving averages, m * old + (1 - m) * new.",
    "epsilon": "small positive number that keeps the denominator away from 0.",
    "center": "add the learned offset `beta`.",
    "scale": "multiply by the learned scale `gamma`.",
    "layer": "layer to wrap.",
    "noise_shape": "shape of the random mask, broadcast against the inputs; None in place of an "
                   "extent takes that of the inputs.",
    "return_sequences": "return the outputs of all steps, (batch, steps, units), instead of that "
                        "of the last.",
    "return_state": "also return the final states, after the output.",
    "go_backwards": "process the steps from the last to the first; the outputs are in the order "
                    "of processing.",
    "stateful": "start each call with the final states of the previous one, until "
                "`reset_state()`; needs a fixed batch size.",
    "unroll": "accepted for compatibility with Keras; has no effect.",
    "zero_output_for_mask": "output zeros at masked steps instead of the previous output.",
    "unit_forget_bias": "initialize the bias of the forget gate with 1 (Jozefowicz et al. 2015).",
    "reset_after": "apply the reset gate after the product with the recurrent kernel, with a "
                   "separate recurrent bias (the variant of cuDNN).",
    "num_tokens": "number of categories.",
    "output_mode": '"int" (indices), "one_hot", "multi_hot", "count" or "tf_idf".',
    "max_tokens": "maximum size of the vocabulary, mask and OOV tokens included; None sets no "
                  "limit.",
    "vocabulary": "tokens in order, or the path of a text file with one token per line; None "
                  "learns it with `adapt`.",
    "idf_weights": 'inverse document frequency of each token, for `output_mode="tf_idf"`.',
    "mask_token": "token of masked entries, with index 0; None reserves no index for it.",
    "oov_token": "token that out-of-vocabulary (OOV) indices are converted to if `invert`.",
    "num_oov_indices": "number of indices that out-of-vocabulary tokens are distributed over.",
    "invert": "convert indices to tokens instead of tokens to indices.",
    "pad_to_max_tokens": "give the output `max_tokens` columns even if the vocabulary is smaller.",
    "sparse": "must be False; accepted for compatibility with Keras.",
    "encoding": "encoding of vocabulary files and of strings given as bytes.",
    "salt": "integer or pair of integers, the key of SipHash-2-4; None uses FarmHash64.",
    "num_bins": "number of bins, a positive integer.",
    "sequence_length": "maximum number of steps.",
    "value_range": "pair (low, high) of the possible values of the images.",
    "fill_mode": 'source of values outside the image: "constant" (`fill_value`), "nearest" (edge '
                 'pixel), "reflect" or "wrap".',
    "fill_value": 'value outside the image for `fill_mode="constant"`.',
    "interpolation": '"bilinear" or "nearest".',
    "height_factor": "range of the random fraction of the height: f for (-f, f), or (low, high).",
    "width_factor": "range of the random fraction of the width: f for (-f, f), or (low, high).",
    "height": "number of rows of the output.",
    "width": "number of columns of the output.",
    "num_heads": "number of attention heads.",
    "use_scale": "multiply the scores by a learned scale.",
    "intermediate_dim": "units of the hidden layer of the feed-forward network.",
    "layer_norm_epsilon": "epsilon of the layer normalizations.",
    "normalize_first": "normalize the input of each sublayer (pre-norm, Xiong et al. 2020) "
                       "instead of the sum with its output (post-norm).",
    "negative_slope": "slope for inputs below the threshold, at least 0.",
    "mask_zero": "treat index 0 as padding and create a mask from it.",
    "mask_value": "value of masked entries.",
    "batch_size": "fixed batch size; None accepts any.",
    "batch_shape": "shape with the batch axis first, in place of `shape` and `batch_size`.",
    "shape": "shape of one sample, without the batch axis; None marks a variable extent.",
    "input_shape": "shape of one sample, without the batch axis, for the first layer of a "
                   "Sequential model.",
    "output_shape": "shape of one sample of the output.",
    "dtype": "dtype of the weights and of the computation, float32 or float64; None is "
             "float32.",
    "trainable": "False excludes the weights from training and runs the layer in inference mode.",
    "cropping": "number of elements removed at both ends of each spatial axis: an integer, one "
                "per axis, or pairs (before, after).",
    "size": "upsampling factors, an integer or one per spatial axis.",
    "mean": "mean of the data.",
    "stddev": "standard deviation of the noise, at least 0.",
    "normalize": "divide both inputs by their Euclidean norm first (cosine similarity).",
    "custom_objects": "dictionary from names to the caller's own classes or functions.",
}

LOSSES = {
    "y_true": "targets, a tensor or array-like.",
    "y_pred": "predictions, a tensor or array-like.",
    "reduction": 'how the losses of the samples become one number: "sum_over_batch_size" or '
                 '"mean" (their mean), "mean_with_sample_weight" (their weighted mean), "sum", or '
                 '"none" (one loss per sample).',
    "name": "name of the loss in logs; None uses a name made from that of the class.",
    "dtype": "dtype of the computation; None uses that of the predictions if they are a floating "
             "tensor, otherwise float32.",
    "from_logits": "True if the predictions are logits, False if they are probabilities.",
    "label_smoothing": "fraction of each target, in [0, 1], that is replaced by a uniform "
                       "distribution over the classes.",
    "axis": "axis of the classes.",
    "ignore_class": "class index whose samples do not count; None counts all samples.",
    "delta": "error above which the loss grows linearly instead of quadratically.",
    "alpha": "weight of the positive class, in [0, 1]; the negative class has weight 1 - alpha.",
    "beta": "weight of the false positives.",
    "gamma": "focusing exponent, at least 0; larger values reduce the loss of well-classified "
             "samples more, 0 gives the cross-entropy.",
    "apply_class_balancing": "weight the classes with `alpha`.",
    "q": "exponent in (0, 1); close to 0 the loss approaches the cross-entropy, close to 1 the "
         "mean absolute error.",
    "margin": "relaxation of the circular decision boundary, usually between 0 and 1; larger "
              "values relax it more.",
    "remove_diagonal": "do not pair a sample with itself; False for references that are other "
                       "samples.",
    "identifier": "name, configuration, `Loss`, or function of (y_true, y_pred).",
    "loss": "a `Loss` object.",
    "custom_objects": "dictionary from names to the caller's own classes or functions.",
}

METRICS = LOSSES | {
    "name": "name of the metric in logs and history.",
    "dtype": "dtype of the result; None is float32. Sums are accumulated in float64.",
    "threshold": "number that separates the classes; a prediction above it is positive.",
    "thresholds": "number or list of numbers in [0, 1]; a prediction above a threshold is "
                  "positive; None is 0.5. A list gives one result per threshold.",
    "num_thresholds": "number of evenly spaced thresholds from 0 to 1 that are examined.",
    "class_id": "column of the predictions that counts; None counts all columns.",
    "top_k": "treat only the k largest predictions of each row as positive; without "
             "`thresholds` all of them are.",
    "k": "number of the largest predictions that may contain the class of the target.",
    "num_classes": "number of classes, the extents of the confusion matrix.",
    "target_class_ids": "class indices whose IoU is averaged.",
    "ignore_class": "class index of targets that do not count; None counts all targets.",
    "sparse_y_true": "True if targets are class indices, False if they are one-hot.",
    "sparse_y_pred": "True if predictions are class indices, False if they are one score per "
                     "class.",
    "axis": "axis of the classes.",
    "average": 'None gives one score per class; "micro" counts over all classes together; "macro" '
               'is the mean of the scores, "weighted" their mean weighted by the number of '
               'targets of each class.',
    "beta": "weight of recall relative to precision, positive.",
    "fn": "function of (y_true, y_pred) that returns one value per sample.",
    "identifier": "name, configuration, `Metric`, or function of (y_true, y_pred).",
    "loss": "a `Loss` object.",
    "y_shape": "shape of the targets with the batch axis first; None if unknown.",
    "output_shape": "shape of the predictions with the batch axis first.",
    "from_sorted_ids": "True if predictions are class indices, the most likely first, instead of "
                       "scores.",
}

OPTIMIZERS = {
    "learning_rate": "number of at least 0, schedule, or function without arguments.",
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

CALLBACKS = {
    "logs": "metrics so far, by name.",
    "epoch": "number of the epoch, from 0.",
    "batch": "number of the batch in its epoch, from 0.",
    "monitor": 'name in the logs of the quantity to watch, such as "val_loss".',
    "mode": '"min" if smaller is better, "max" if larger, "auto" decides by the name.',
    "min_delta": "smallest change that counts as an improvement.",
    "verbose": "0 prints nothing, 1 a line when the callback acts.",
    "model": "model in training.",
}

RANDOM = {
    "key": "key, a tensor uint32[2], or a seed; None takes the next key of the current scope.",
    "shape": "tuple of extents of the result.",
}

INSPECT = {
    "f": "function of tensors, or what `compile` returned.",
    "simplified": "show the graph as it is compiled; False shows it as it was recorded.",
    "kernel": "number of the kernel; None takes all.",
    "path": "file to write the page to as well, in UTF-8; None writes none.",
    "name": "name of the kernel or program.",
    "number": "position in the order of execution, from 0.",
}

PLOT = {
    "path": "file to save the figure to; its ending is the format. None saves nothing.",
    "title": "title of the figure; None for none.",
    "names": "names of the classes, in order; None shows their numbers.",
    "model": "built model.",
}

DATA = {
    "seed": "integer that fixes the order; None draws one from the state that `set_seed` sets.",
    "batch_size": "samples in a batch; None gives single samples.",
    "class_names": "names of the classes in the order of their numbers.",
    "n_samples": "number of points.",
    "noise": "amount of noise, from 0 to 0.5.",
    "validation": "fraction of the text, from its end, to hold out, in [0, 1]; or another "
                  "text, as a string or a Path.",
    "shuffle": "use another order in each pass.",
    "validation_split": "fraction held out for validation, of each class its share; None for none.",
    "subset": '"training", "validation", or "both" as a pair, with `validation_split`.',
    "follow_links": "follow symbolic links to folders.",
    "workers": "number of threads that load data; None is one for each processor.",
    "verbose": "print how many files and classes were found.",
}

MODELS = {
    "x": "inputs: array (rows, ...), list or dict of arrays for several inputs, or iterable of "
         "batches.",
    "y": "targets: array (rows, ...), or list or dict of arrays for several outputs; None if `x` "
         "gives batches with targets.",
    "batch_size": "rows of one batch; None is 32.",
    "verbose": '0 prints nothing, 1 or "auto" a live line, 2 one line for each epoch.',
    "callbacks": "a Callback, or several.",
    "steps": "number of batches; None takes all.",
    "sample_weight": "weight of each row, array (rows,); None weights all alike.",
    "class_weight": "dictionary from class to weight; None weights all alike.",
    "return_dict": "return a dictionary by name instead of a list.",
    "custom_objects": "dictionary from name to class or function of the caller's own.",
    "filepath": "path of the file.",
    "overwrite": "replace an existing file; False raises an error.",
    "training": "True in training, False in inference.",
    "mask": "bool tensor (batch, steps), False at masked steps, or None.",
    "name": "name of the model; None derives one from its class.",
    "config": "dictionary that `get_config` returned.",
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
    "callbacks": CALLBACKS,
    "random": RANDOM,
    "inspect": INSPECT,
    "plot": PLOT,
    "data": DATA,
    "datasets": DATA,
    "models": MODELS,
}
# fmt: on


def text_of(namespace: str, argument: str, others: Sequence[str] = ()) -> str | None:
    """The text of an argument of a function with the arguments `others`; None without one."""
    table = REDUCTIONS if "keepdims" in others else {}
    table = ALL | NAMESPACES.get(namespace, {}) | table
    return table.get(argument)
