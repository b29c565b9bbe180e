"""Module: the base class of every layer and network.

A Module finds its parts by watching its attributes. Assigning a Parameter, or another Module, to an attribute registers
it under the attribute's name; a tensor that belongs to the state but is not trained (a running mean) is registered by
`register_buffer`. So a network is a tree of modules, and everything that walks over a network is a walk over this tree:
`parameters` for the optimiser, `state_dict` for saving, `train` and `eval` for the mode.

    class Block(nn.Module):
        def __init__(self):
            super().__init__()                       # first: it makes the registries
            self.conv = nn.Conv2d(3, 16, 3)          # registered as a child: its weight is the parameter "conv.weight"

        def forward(self, x):
            return F.relu(self.conv(x))

Names, arguments and keys are those of `torch.nn.Module`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from kernels.dtypes import is_floating
from minitorch_cv.device import Device, DeviceLike, empty_array, target_of
from minitorch_cv.nn import state
from minitorch_cv.nn.hooks import RemovableHandle
from minitorch_cv.nn.parameter import Parameter
from minitorch_cv.tensor import Tensor


class Module:
    """Base class of layers and networks: subclasses assign their parts in `__init__` and compute in `forward`.

    Attributes: `training`, True in training mode (the initial one), False in evaluation mode.
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, "Module | None"]
    _unsaved_buffers: set[str]
    _forward_hooks: dict[int, Callable]
    _forward_pre_hooks: dict[int, Callable]

    def __init__(self) -> None:
        # Straight into __dict__, since __setattr__ below needs these.
        self.__dict__.update(
            training=True, _parameters={}, _buffers={}, _modules={}, _unsaved_buffers=set(), _forward_hooks={}, _forward_pre_hooks={}
        )

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass defines it. Call the module itself rather than this, so that hooks run."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        for hook in tuple(self._forward_pre_hooks.values()):
            changed = hook(self, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        output = self.forward(*args, **kwargs)
        for hook in tuple(self._forward_hooks.values()):
            changed = hook(self, args, output)
            if changed is not None:
                output = changed
        return output

    def register_forward_pre_hook(self, hook: Callable[["Module", tuple], Any]) -> RemovableHandle:
        """Call `hook(module, args)` before each forward; what it returns, unless None, replaces the positional arguments."""
        return RemovableHandle(self._forward_pre_hooks, hook)

    def register_forward_hook(self, hook: Callable[["Module", tuple, Any], Any]) -> RemovableHandle:
        """Call `hook(module, args, output)` after each forward; what it returns, unless None, replaces the output."""
        return RemovableHandle(self._forward_hooks, hook)

    # --- Registration ---

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Make `param` the attribute `name`; None reserves the name for a parameter that this layer was built without."""
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(f"parameter {name!r}: got {type(param).__name__}, expected a Parameter or None")
        self._register("_parameters", name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Make `tensor`, which is not trained, the attribute `name`. persistent: whether it is part of `state_dict`."""
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"buffer {name!r}: got {type(tensor).__name__}, expected a Tensor or None")
        self._register("_buffers", name, tensor)
        if persistent:
            self._unsaved_buffers.discard(name)
        else:
            self._unsaved_buffers.add(name)

    def add_module(self, name: str, module: "Module | None") -> None:
        """Make `module` the child `name`: what assigning an attribute does, for names that are computed."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"module {name!r}: got {type(module).__name__}, expected a Module or None")
        self._register("_modules", name, module)

    register_module = add_module

    def _register(self, registry: str, name: str, value: Any) -> None:
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(f"name: got {name!r}, expected a string that is not empty and has no dot, which separates the names of a path")
        self._check_initialised(name)
        if hasattr(self, name) and name not in self.__dict__[registry]:
            raise ValueError(f"name: got {name!r}, which is an attribute of {type(self).__name__} already")
        self._put(registry, name, value)

    def _put(self, registry: str, name: str, value: Any) -> None:
        if name not in self.__dict__[registry]:  # otherwise replaced in its place: the order of names stays
            self._forget(name)
        self.__dict__[registry][name] = value

    def _forget(self, name: str) -> bool:
        known = False
        for place in (self.__dict__, self._parameters, self._buffers, self._modules):
            if name in place:
                del place[name]
                known = True
        self._unsaved_buffers.discard(name)
        return known

    def _check_initialised(self, name: str) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError(f"{name!r} was assigned before {type(self).__name__}.__init__ called super().__init__()")

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter):
            self._check_initialised(name)
            self._put("_parameters", name, value)
            return
        if isinstance(value, Module):
            self._check_initialised(name)
            self._put("_modules", name, value)
            return
        for registry, kind in (("_parameters", Parameter), ("_buffers", Tensor), ("_modules", Module)):
            if name in self.__dict__.get(registry, ()):
                if value is not None and not isinstance(value, kind):
                    raise TypeError(f"{name}: got {type(value).__name__}, expected a {kind.__name__} or None, which it was registered as")
                self.__dict__[registry][name] = value
                return
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        # Python calls this only for names that are not in __dict__ or the class: the registered ones.
        for registry in ("_parameters", "_buffers", "_modules"):
            if name in self.__dict__.get(registry, ()):
                return self.__dict__[registry][name]
        hint = "" if "_parameters" in self.__dict__ else ": its __init__ has not called super().__init__()"
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{hint}")

    def __delattr__(self, name: str) -> None:
        if not self._forget(name):
            object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._parameters, *self._buffers, *self._modules})

    # --- Walks over the tree ---

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, "Module"]]:
        """(path, module) for this module, whose path is `prefix`, and all below it; a module that is used twice comes once."""
        seen: set[int] = set()

        def walk(module: Module, path: str) -> Iterator[tuple[str, Module]]:
            if id(module) in seen:
                return
            if remove_duplicate:
                seen.add(id(module))
            yield path, module
            for name, child in module._modules.items():
                if child is not None:
                    yield from walk(child, f"{path}.{name}" if path else name)

        return walk(self, prefix)

    def _named_members(
        self, registry: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = self.named_modules(prefix, remove_duplicate) if recurse else iter([(prefix, self)])
        for path, module in modules:
            for name, member in module.__dict__[registry].items():
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield (f"{path}.{name}" if path else name), member

    def named_parameters(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True) -> Iterator[tuple[str, Parameter]]:
        """(path, parameter) of this module and, with `recurse`, of all below it; a shared one comes once, under its first path."""
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def named_buffers(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True) -> Iterator[tuple[str, Tensor]]:
        """(path, buffer) of this module and, with `recurse`, of all below it."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """(name, module) of the modules directly below this one."""
        seen: set[int] = set()
        for name, child in self._modules.items():
            if child is not None and id(child) not in seen:
                seen.add(id(child))
                yield name, child

    def modules(self) -> Iterator["Module"]:
        """This module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def children(self) -> Iterator["Module"]:
        """The modules directly below this one."""
        return (module for _, module in self.named_children())

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once: what an optimiser is given."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> "Module":
        """The module at the path `target`, "layer1.0.conv1" say; "" is this module itself. AttributeError where there is none."""
        module = self
        for depth, name in enumerate(target.split(".") if target else []):
            child = module._modules.get(name)
            if child is None:
                path = ".".join(target.split(".")[:depth]) or type(self).__name__
                raise AttributeError(f"target: got {target!r}, but {path} has no submodule {name!r}")
            module = child
        return module

    def set_submodule(self, target: str, module: "Module") -> None:
        """Put `module` at the path `target`, in the place of what may be there. AttributeError where no module could have it."""
        path, _, name = target.rpartition(".")
        self.get_submodule(path).add_module(name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at the path `target`. AttributeError where there is none."""
        return self._get_member("_parameters", target)

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at the path `target`. AttributeError where there is none."""
        return self._get_member("_buffers", target)

    def _get_member(self, registry: str, target: str) -> Any:
        path, _, name = target.rpartition(".")
        member = self.get_submodule(path).__dict__[registry].get(name)
        if member is None:
            raise AttributeError(f"target: got {target!r}, but {path or type(self).__name__} has no {registry[1:-1]} {name!r}")
        return member

    # --- What is done to a whole tree ---

    def apply(self, fn: Callable[["Module"], Any]) -> Self:
        """Call `fn(module)` on every module of the tree, children before parents; returns this module."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Set this module and all below it to training mode, or with False to evaluation mode, and nothing else; returns this module."""
        if not isinstance(mode, bool):
            raise TypeError(f"mode: got {mode!r}, expected True (training) or False (evaluation)")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """`train(False)`: batch norm uses its running statistics, dropout does nothing."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set `requires_grad` of every parameter: False freezes the module. Returns this module."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or with `set_to_none=False` fill them with zeros."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad = parameter.grad.detach().zero_()

    def to(self, *target: Any, dtype: DTypeLike | None = None, device: DeviceLike = None) -> Self:
        """Move parameters, their gradients and buffers, in place, to a device ("meta" drops their values); returns this module.

        The parameters stay the same objects, so that an optimiser that was made before goes on with them.
        target: the device; or a floating-point dtype, to which those of another such type are converted; or both, as for `Tensor.to`.
        Errors: TypeError for another dtype, ValueError for "cpu" or a GPU where there are no values: see `to_empty`; GpuUnavailableError.
        """
        place, wanted = target_of(target, dtype, device)
        if wanted is not None and not is_floating(wanted):
            raise TypeError(f"dtype: got {wanted}, expected a floating-point type")
        own = (*self.parameters(), *self.buffers())
        dtypes = [wanted if is_floating(tensor.dtype) else None for tensor in own]
        # All of them, or an error before anything has changed.
        converted = [tensor.detach().to(dtype=kind, device=place) for tensor, kind in zip(own, dtypes, strict=True)]
        for tensor, new, kind in zip(own, converted, dtypes, strict=True):
            tensor.data = new.data
            if tensor.grad is not None:
                tensor.grad = tensor.grad.detach().to(dtype=kind, device=place)
        return self

    def to_empty(self, *, device: DeviceLike) -> Self:
        """Give parameters and buffers new memory on `device`, without values as yet: the way back from "meta".

        What fills them comes next: `load_state_dict`, or `reset_parameters` of every layer. Gradients are forgotten. Returns this module.
        """
        for tensor in (*self.parameters(), *self.buffers()):
            tensor.data, tensor.grad = empty_array(tensor.shape, tensor.dtype, device), None
        return self

    def cuda(self, device: int | None = None) -> Self:
        """`to` the GPU number `device`, by default the first."""
        return self.to(Device("cuda", device))

    def cpu(self) -> Self:
        """`to("cpu")`."""
        return self.to("cpu")

    def float(self) -> Self:
        """`to(float32)`."""
        return self.to(np.float32)

    def half(self) -> Self:
        """`to(float16)`. For training rather keep float32 and use `minitorch_cv.autocast`."""
        return self.to(np.float16)

    def bfloat16(self) -> Self:
        """`to("bfloat16")`. For training rather keep float32 and use `minitorch_cv.autocast`."""
        return self.to("bfloat16")

    def double(self) -> Self:
        """`to(float64)`."""
        return self.to(np.float64)

    # --- State ---

    def state_dict(self, *, prefix: str = "", keep_vars: bool = False) -> dict[str, Tensor]:
        """Path -> Tensor for every parameter and persistent buffer.

        The Tensors share the module's memory; unless `keep_vars`, they are detached.
        """
        return state.state_dict(self, prefix, keep_vars)

    def load_state_dict(
        self, state_dict: Mapping[str, Tensor | np.ndarray], strict: bool = True, assign: bool = False
    ) -> state.IncompatibleKeys:
        """Copy `state_dict`, Tensors or arrays by path, into the parameters and persistent buffers, converting to their dtypes.

        strict: missing and unexpected keys are errors; otherwise they are only returned.
        assign: take over the arrays themselves, with their dtypes and memory, instead of copying their values: so a model that was made on
        "meta" gets its values without ever having had others. All entries are checked before
        anything is written, and one RuntimeError lists all that is missing, unexpected or misshapen.
        """
        return state.load_state_dict(self, state_dict, strict, assign)

    # --- Text ---

    def extra_repr(self) -> str:
        """What stands between the parentheses of this module's own line; subclasses define it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        children = [f"({name}): {_indent(repr(child))}" for name, child in self._modules.items()]
        if not children:
            return f"{type(self).__name__}({extra})"
        lines = [*([extra] if extra else []), *children]
        return f"{type(self).__name__}(\n  " + "\n  ".join(lines) + "\n)"


def _indent(text: str) -> str:
    return text.replace("\n", "\n  ")
