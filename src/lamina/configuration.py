"""Objects that can be written down as plain JSON and made again: layers, initializers and the like.

    written = {"module": "lamina.layers", "class_name": "Dense", "config": {"units": 10, ...},
               "registered_name": null}

The configuration of an object is the arguments that it was made with, so a class need not say
anything about it. The names of classes outside of Lamina are marked ("custom>Block"), so that they
can never replace one of Lamina's own. A user's function is written as its name:

    {"class_name": "function", "config": "my_loss", ...}

and found again only where the reader gives it: in `custom_objects`, in a `custom_object_scope`, or
by `register_keras_serializable`. The layout is that of Keras 3.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, ParamSpec, Self, TypeVar

import numpy as np

from lamina import context, restoring, signatures
from lamina.arguments import Checks, check_arguments
from lamina.errors import (
    ArgumentError,
    UnknownNameError,
    deprecated,
    describe,
    unknown_argument,
    unknown_name,
)

P = ParamSpec("P")
R = TypeVar("R")
Registered = TypeVar("Registered")
_CLASSES: dict[tuple[str, str], list[weakref.ref[type]]] = {}  # of one name the last one counts
NAMED_FUNCTIONS: dict[Callable[..., Any], str] = {}  # functions of Lamina that files may name
REGISTERED: dict[str, Any] = {}  # the user's own classes and functions that files may name
_SIGNATURES: weakref.WeakKeyDictionary[Callable[..., Any], inspect.Signature]
_SIGNATURES = weakref.WeakKeyDictionary()
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def arguments_of(made: Configurable) -> dict[str, Any]:
    """Return the arguments that an object was made with, by name."""
    return made._arguments


class Configurable:
    """Remembers the arguments it was made with; `get_config` gives them as plain JSON data.

    Subclasses set `family`, the module in which users find them ("lamina.layers"), and may set
    `aliases`, further names that their `Registry` knows them by, and `argument_checks`, what their
    arguments may be (see `arguments`), which is added to the table of their base class.
    """

    family: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()
    argument_checks: ClassVar[Checks] = {}
    __signature__ = signatures.OfClass()
    _arguments: dict[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        same = _CLASSES.setdefault((cls.family, registered_name(cls)), [])
        same[:] = [other for other in same if other() is not None] + [weakref.ref(cls)]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)
        given = constructor_arguments(cls, args, kwargs)
        check_arguments(cls, given)
        object.__setattr__(self, "_arguments", given)
        return self

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal object, as plain JSON data."""
        return {
            name: plain(value, f"{type(self).__name__}({name}=)")
            for name, value in self._arguments.items()
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the object that `get_config` described.

        Args:
            config: dictionary that `get_config` returned.
        """
        return cls(**{name: restored(value) for name, value in config.items()})


def constructor_arguments(
    cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Argument names and values, defaults included. Raises UnknownArgumentError for a keyword that
    the class does not have; other arguments that do not bind are left to `__init__`."""
    signature = signature_of(cls.__init__)  # type: ignore[misc]
    try:
        bound = signature.bind(None, *args, **kwargs)
    except TypeError:
        _refuse_unknown(cls.__name__, signature, kwargs)
        return {}
    bound.apply_defaults()
    recorded: dict[str, Any] = {}
    for parameter, value in list(zip(signature.parameters.values(), bound.arguments.values()))[1:]:
        if parameter.kind not in _VARIADIC:
            recorded[parameter.name] = value
        elif isinstance(value, dict):
            recorded.update(value)
    return recorded


def _refuse_unknown(owner: str, signature: inspect.Signature, names: Iterable[str]) -> None:
    """Raise UnknownArgumentError for a keyword that a function does not have."""
    parameters = signature.parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    known = [p.name for p in parameters if p.kind is not p.POSITIONAL_ONLY][1:]
    for name in names:
        if name not in known:
            raise unknown_argument(owner, name, known)


def named_arguments(method: Callable[P, R]) -> Callable[P, R]:
    """Return a method that raises UnknownArgumentError for a keyword that it does not have."""
    signature = inspect.signature(method)

    @functools.wraps(method)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if not signature.parameters.keys() >= kwargs.keys():
            _refuse_unknown(f"{type(args[0]).__name__}.{method.__name__}", signature, kwargs)
        return method(*args, **kwargs)

    return checked


def older_argument(made: Configurable, given: dict[str, Any], name: str, today: str) -> Any:
    """Take an argument by its name before Keras 3 out of `given`, with a warning, and return its
    value; the configuration keeps it by today's name."""
    value, owner = given.pop(name), type(made).__name__
    deprecated(f"{owner}({name}=)", f"{owner}({today}=)")
    if name in made._arguments:
        made._arguments[today] = made._arguments.pop(name)
    return value


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """inspect.signature(function), which takes 20 us, kept while the function exists."""
    try:
        found = _SIGNATURES.get(function)
        if found is None:
            found = _SIGNATURES[function] = inspect.signature(function)
        return found
    except TypeError:  # object.__init__ and its like cannot be referred to weakly
        return inspect.signature(function)


def registered_name(cls: type) -> str:
    """The name that stands for a class in a file."""
    own = cls.__module__.partition(".")[0] == "lamina"
    return cls.__name__ if own else f"custom>{cls.__name__}"


# ---- to plain data and back --------------------------------------------------------------------
def serialize(value: Configurable) -> dict[str, Any]:
    """Return an object as JSON data: the path of its class and its configuration.

    Args:
        value: layer or other configurable object.

    Example:
        >>> import lamina as lm
        >>> lm.layers.serialize(lm.layers.Flatten())["class_name"]
        'Flatten'
    """
    name = registered_name(type(value))
    return {
        "module": value.family,
        "class_name": type(value).__name__,
        "config": plain(value.get_config(), f"{type(value).__name__}.get_config()"),
        "registered_name": name if name.startswith("custom>") else None,
    }


def plain(value: Any, where: str = "value") -> Any:
    """`value` in the vocabulary of JSON. Raises ArgumentError for what has no place there, such as
    a lambda or an open file."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Configurable):
        return serialize(value)
    if isinstance(value, (list, tuple)):
        return [plain(each, where) for each in value]
    if isinstance(value, Mapping):
        return {str(key): plain(each, where) for key, each in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "__array__"):
        array = np.asarray(value)
        return {
            "class_name": "array",
            "config": {"value": array.tolist(), "dtype": str(array.dtype)},
        }
    if hasattr(value, "storage") and hasattr(value, "name"):  # an element type
        return value.name
    if callable(value) and value in NAMED_FUNCTIONS:
        return NAMED_FUNCTIONS[value]
    if has_name(value):
        return _written_function(value)
    if hasattr(value, "get_config") and hasattr(type(value), "from_config"):
        return _written_object(value)
    raise ArgumentError(
        f"{where}: {describe(value)} cannot be written down as data",
        hint="use a name that Lamina knows, a function with a name (def), or a class with "
        "get_config; a lambda has no place in a file, because files never hold code",
    )


def has_name(function: Any) -> bool:
    """True for a function that a name can stand for: no lambda, and no class."""
    name = getattr(function, "__name__", "")
    return callable(function) and not isinstance(function, type) and str(name).isidentifier()


def _written_function(function: Any) -> dict[str, Any]:
    name = own_name(function)
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": name}


def _written_object(value: Any) -> dict[str, Any]:
    """An object of a class of the user's that has its configuration by itself."""
    cls = type(value)
    return {
        "module": cls.__module__,
        "class_name": cls.__name__,
        "config": plain(value.get_config()),
        "registered_name": own_name(cls),
    }


def own_name(target: Any) -> str:
    """Return the name "package>name" that a class or function was registered by, or its own."""
    found = (name for name, each in REGISTERED.items() if each is target)
    return next(found, str(getattr(target, "__name__", target)))


def restored(value: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The inverse of `plain`: written objects are made again, everything else stays as it is."""
    if isinstance(value, Mapping):
        if "class_name" in value and "config" in value:
            return deserialize(value, custom_objects)
        return {key: restored(each, custom_objects) for key, each in value.items()}
    if isinstance(value, list):
        return [restored(each, custom_objects) for each in value]
    return value


def deserialize(
    written: Mapping[str, Any],
    custom_objects: Mapping[str, Any] | None = None,
    family: str | None = None,
) -> Any:
    """Return the object that `serialize` described.

    Classes that this process defines are found by name, others in `custom_objects`.

    Args:
        written: what `serialize` returned.
        custom_objects: dictionary from names to the caller's own classes or functions.
        family: namespace of the class; None accepts any.

    Raises:
        UnknownNameError: the class is not known.

    Example:
        >>> import lamina as lm
        >>> written = lm.layers.serialize(lm.layers.Dense(3, activation="relu"))
        >>> lm.layers.deserialize(written).units
        3
    """
    if not isinstance(written, Mapping) or not {"class_name", "config"} <= written.keys():
        raise ArgumentError(
            f"deserialize: not a written object (expected a dict with 'class_name' and 'config', "
            f"got {describe(written)})"
        )
    name, config = written["class_name"], written["config"]
    if name == "array":
        return _array(config["value"], config["dtype"])
    with custom_object_scope(custom_objects):
        if name == "function":
            return _function(config)
        cls = own_object(name) or own_object(written.get("registered_name"))
        cls = cls or _class_of(written, family)
        if custom_objects and "custom_objects" in signature_of(cls.from_config).parameters:
            return cls.from_config(config, custom_objects=custom_objects)
        return cls.from_config(config)


def _function(name: Any) -> Any:
    found = own_object(name)
    if found is None:
        raise UnknownNameError(
            f"unknown function {describe(name)}: the file has its name only, because files never "
            "hold code",
            hint=f"pass it: custom_objects={{{name!r}: {name}}}; load_model(..., compile=False) "
            "does without losses and metrics",
        )
    return found


def own_object(name: Any) -> Any:
    """The class or function that the reader gives for a name."""
    return context.current().objects.get(name) or REGISTERED.get(name)


@contextmanager
def custom_object_scope(custom_objects: Mapping[str, Any] | None) -> Iterator[None]:
    """Context in which files may name classes and functions of the caller's own.

    Args:
        custom_objects: dictionary from name to class or function.

    Example:
        >>> import lamina as lm
        >>> def doubled(x):
        ...     return 2 * x
        >>> with lm.saving.custom_object_scope({"doubled": doubled}):
        ...     lm.activations.get("doubled")(1)
        2
    """
    with context.entered(objects={**context.current().objects, **(custom_objects or {})}):
        yield


def _array(value: Any, dtype: Any) -> np.ndarray:
    kind = np.dtype(str(dtype))
    if kind.kind in "US":  # as wide as the longest string is, whatever the dtype says
        array = np.array(value, object)
        width = max((len(text) for text in array.flat if isinstance(text, str)), default=0)
        restoring.claim("array", "its strings", array.size, width)
        return array.astype(kind.kind)
    if kind.kind not in "biuf":
        raise ArgumentError(f"array: invalid dtype (expected numbers or strings, got {dtype!r})")
    return np.array(value, kind)


# the modules that define Lamina's classes of a family, which a new process may not have imported
DEFINED_IN = {
    "lamina.layers": ("lamina.layers", "lamina.models"),
    "lamina.zoo": tuple(
        f"lamina.zoo.{name}" for name in ("convnext", "ssdlite", "vit", "yolo")
    ),
    **{
        f"lamina.{name}": (f"lamina.{name}",)
        for name in ("optimizers", "losses", "metrics", "schedules", "initializers", "regularizers",
                     "constraints")
    },
}  # fmt: skip


def _alive(family: str, name: str) -> list[type]:
    found = [each() for each in _CLASSES.get((family, name), [])]
    return [each for each in found if each is not None]


def _class_of(written: Mapping[str, Any], family: str | None) -> Any:
    if family is None:
        family = "lamina." + str(written.get("module") or "").rpartition(".")[2]
    name = written.get("registered_name") or written["class_name"]
    alive = _alive(family, name)
    if not alive and family in DEFINED_IN:
        for module in DEFINED_IN[family]:
            importlib.import_module(module)
        alive = _alive(family, name)
    if not alive:
        known = [
            each
            for (where, each), same in _CLASSES.items()
            if where == family and any(s() for s in same)
        ]
        error = unknown_name(f"class in {family}", name, known)
        raise UnknownNameError(
            error.message,
            hint=f"define or import it first, or pass it in custom_objects. {error.hint}",
        )
    return alive[-1]


# ---- names that users write --------------------------------------------------------------------
@functools.lru_cache(1024)
def snake_case(name: str) -> str:
    """GlorotUniform -> glorot_uniform, as Keras does it (L1L2 -> l1_l2 is an alias)."""
    name = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def register_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[Registered], Registered]:
    """Make a class or function known by the name "package>name", so that files with it can be read
    without `custom_objects`; for use as a decorator.

    Classes derived from those of Lamina are found whenever they are defined, registered or not.

    Args:
        package: the first part of the name, such as the name of your project.
        name: the second part; by default the function's own name.

    Example:
        >>> import lamina as lm
        >>> @lm.saving.register_serializable("mine")
        ... def doubled(x):
        ...     return 2 * x
    """

    def registered(target: Registered) -> Registered:
        if isinstance(target, type) and not hasattr(target, "get_config"):
            raise ArgumentError(
                f"register_serializable: the class {target.__name__} cannot be written down "
                "(expected a method get_config, got none)",
                hint="let get_config return the arguments of an equal object, as JSON data",
            )
        REGISTERED[f"{package}>{name or getattr(target, '__name__', '')}"] = target
        return target

    return registered
