"""What all optimisers share: parameter groups, state, saving and loading."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from kernels.gpu import is_gpu
from kernels.optimizer.recording import is_capturing
from minitorch_cv.autograd import enable_grad
from minitorch_cv.device import at_work, device_of, moved
from minitorch_cv.tensor import Tensor

Group = dict[str, Any]
EXTRA_KEYS = {"params", "name", "initial_lr"}  # what a group may hold beside hyperparameters; schedules keep the first lr in it


class Optimizer:
    """The base of optimisers: it says which tensors are updated with which hyperparameters, a subclass says how.

    params: tensors, or dictionaries, each a group of tensors under "params" with hyperparameters of its own:
    `[{"params": weights, "weight_decay": 1e-4}, {"params": biases}]`. defaults: the hyperparameters of groups that name none.

    `param_groups` is a list of such dictionaries, complete ones; what is changed there holds from the next step on.
    `state` maps each tensor to what the optimiser remembers about it, arrays and numbers by name. The arrays are where the tensor is.
    `skip` is the argument of `step`, while that runs.

    On a GPU, a step waits for nothing. One that a CUDA graph records is told new hyperparameters by `kernels.RecordedSteps`; it must not be
    the first, which makes the state.

    A subclass defines `update`, and where there is something to say, `check`, which judges the hyperparameters of a group, and the names
    of what it remembers.
    """

    required_state: tuple[str, ...] = ()  # what `state` holds for each parameter that was updated
    optional_state: tuple[str, ...] = ()  # what it may hold besides

    def __init__(self, params: Iterable[Tensor] | Iterable[Group], defaults: Group) -> None:
        self.defaults = defaults
        self.param_groups: list[Group] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        self.skip: np.ndarray | None = None
        if isinstance(params, Tensor):
            raise TypeError("params: got a single tensor, expected a list of them")
        if not isinstance(params, Iterable):
            raise TypeError(f"params: got {type(params).__name__}, expected tensors, such as the parameters() of a module, or groups")
        entries: list[Any] = list(params)
        if not entries:
            raise ValueError("params: got no parameters, expected at least one")
        groups = entries if all(isinstance(entry, dict) for entry in entries) else [{"params": entries}]
        for group in groups:
            self.add_param_group(group)

    def check(self, group: Group) -> None:
        """Raise ValueError if a hyperparameter of `group` makes no sense."""

    def update(self, group: Group, params: list[Tensor], grads: list[np.ndarray]) -> None:
        """Update those tensors of `group` that have a gradient, in place."""
        raise NotImplementedError(f"{type(self).__name__} does not define update")

    def add_param_group(self, group: Group) -> None:
        """Update more tensors from now on, with hyperparameters of their own: those in `group`, else the defaults."""
        if not isinstance(group, dict) or "params" not in group:
            raise TypeError(f"group: got {type(group).__name__}, expected a dictionary with an entry 'params'")
        params = group["params"]
        if isinstance(params, set):
            raise TypeError("params: got a set, whose order changes from run to run; expected a list")
        params = [params] if isinstance(params, Tensor) else list(params)
        unknown = group.keys() - self.defaults.keys() - EXTRA_KEYS
        if unknown:
            raise ValueError(f"group: got the unknown hyperparameter {min(unknown)!r}, expected some of {', '.join(self.defaults)}")
        taken = {id(param) for other in self.param_groups for param in other["params"]}
        for place, param in enumerate(params):
            if not isinstance(param, Tensor):
                raise TypeError(f"params: number {place} is {type(param).__name__}, expected a Tensor")
            if not param.is_leaf:
                raise ValueError(f"params: number {place} is the result of a computation, expected a leaf: a tensor that is not computed")
            if param.is_meta:
                raise ValueError(f"params: number {place} is a shape-only tensor (device 'meta'), expected one that has values to update")
            if id(param) in taken:
                raise ValueError(f"params: number {place}, of shape {param.shape}, is in the list or in another group already")
            taken.add(id(param))
        complete = {**self.defaults, **group, "params": params}
        try:
            self.check(complete)
        except TypeError as error:
            got = ", ".join(f"{name}={complete[name]!r}" for name in self.defaults)
            raise TypeError(f"group: got {got}, expected numbers ({error})") from error
        self.param_groups.append(complete)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients; with set_to_none=False fill them with zeros instead."""
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none or param.grad is None:
                    param.grad = None
                else:
                    with at_work(param.device):
                        param.grad = Tensor(np.zeros_like(param.grad.data))

    def step(self, closure: Callable[[], Any] | None = None, *, skip: np.ndarray | None = None) -> Any:
        """Update all parameters that have a gradient. `closure`, if given, is called first, to compute the loss, which is returned.

        skip: an array () of int64 beside the parameters, such as `kernels.unscale` returns: where it is not 0, no array changes. The step
        is counted all the same, since its value may be known to the GPU alone.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self.skip = skip
        try:
            for group in self.param_groups:
                params = [param for param in group["params"] if param.grad is not None]
                if params:
                    with at_work(params[0].device):
                        self.update(group, params, [param.grad.data for param in params])
                    for param in params:
                        param.mark_changed()
        finally:
            self.skip = None
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on: {"state": {number of the parameter: {name: array or number}}, "param_groups": [...]}.

        Parameters are numbered through all groups. The arrays are copies.
        """
        numbers = {param: number for number, param in enumerate(self._params())}
        state = {numbers[param]: {name: _copy(value) for name, value in entries.items()} for param, entries in self.state.items()}
        groups = [{**group, "params": [numbers[param] for param in group["params"]]} for group in self.param_groups]
        return {"state": {number: state[number] for number in sorted(state)}, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave, for parameters of the same number and shapes; nothing changes if it does not fit."""
        saved_groups, saved_state = state_dict["param_groups"], {int(key): value for key, value in state_dict["state"].items()}
        if len(saved_groups) != len(self.param_groups):
            raise ValueError(f"state_dict: has {len(saved_groups)} parameter groups, this optimiser {len(self.param_groups)}")
        groups = []
        for number, (group, saved) in enumerate(zip(self.param_groups, saved_groups, strict=True)):
            if len(saved["params"]) != len(group["params"]):
                counts = f"{len(saved['params'])} parameters in group {number}, this optimiser {len(group['params'])}"
                raise ValueError(f"state_dict: has {counts}")
            loaded = {key: _as_default(saved[key], group.get(key)) for key in self.defaults.keys() | EXTRA_KEYS if key in saved}
            groups.append({**group, **loaded, "params": group["params"]})
            self.check(groups[-1])
        order = [number for saved in saved_groups for number in saved["params"]]
        state = {}
        for param, number in zip(self._params(), order, strict=True):
            if number in saved_state:
                state[param] = self._loaded_state(saved_state[number], param, number)
        self.state = state
        for group, loaded in zip(self.param_groups, groups, strict=True):
            group.update(loaded)

    def _loaded_state(self, saved: dict[str, Any], param: Tensor, number: int) -> dict[str, Any]:
        """What was saved for one parameter, checked; arrays as copies on its device, in its dtype and memory order."""
        entries = {name: value for name, value in saved.items() if value is not None}
        wrong = (set(self.required_state) - set(entries)) | (set(entries) - set(self.required_state + self.optional_state))
        if wrong:
            found, expected = ", ".join(entries) or "nothing", ", ".join(self.required_state + self.optional_state)
            raise ValueError(f"state_dict: for parameter {number} it has {found}, while {type(self).__name__} keeps {expected}")
        for name, value in entries.items():
            if _is_array(value):
                if value.shape != param.shape:
                    raise ValueError(f"state_dict: {name!r} of parameter {number} has shape {value.shape}, the parameter {param.shape}")
                with at_work(param.device):
                    entries[name] = np.empty_like(param.data)
                    entries[name][...] = moved(value, device_of(param.data))
        return entries

    def _params(self) -> list[Tensor]:
        return [param for group in self.param_groups for param in group["params"]]

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {number}: {len(group['params'])} parameters")
            lines += [f"    {key}: {value}" for key, value in sorted(group.items()) if key != "params"]
        return "\n".join([*lines, ")"])


def filled(param: Tensor, value: float = 0.0) -> np.ndarray:
    """An array for the state of `param`: like it, `value` everywhere.

    RuntimeError while a CUDA graph is recorded, which would fill it again at every replay: the first step comes before the recording.
    """
    if is_gpu(param.data) and is_capturing():
        raise RuntimeError("a CUDA graph records the first step of an optimiser, which makes its state: expected one before the recording")
    return np.full_like(param.data, value)


def require(condition: bool, name: str, value: object, expected: str) -> None:
    """Raise ValueError in the words that all hyperparameters share, unless `condition`."""
    if not condition:
        raise ValueError(f"{name}: got {value}, expected {expected}")


def require_betas(betas: tuple[float, float]) -> None:
    """Raise ValueError unless `betas` are two decay rates."""
    require(len(betas) == 2 and all(0 <= beta < 1 for beta in betas), "betas", betas, "two numbers from 0 to 1, 1 excluded")


def _copy(value: Any) -> Any:
    if not _is_array(value):
        return value
    with at_work(device_of(value)):
        return value.copy(order="K")


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or is_gpu(value)


def _as_default(value: Any, default: Any) -> Any:
    """A saved hyperparameter; what was a tuple and came back from a JSON file as a list is a tuple again."""
    return tuple(value) if isinstance(default, tuple) and isinstance(value, list) else value
