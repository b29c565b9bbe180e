"""Containers: modules that hold other modules in order, or by name."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, overload

from minitorch_cv.nn.module import Module, _indent


def _present(modules: Mapping[str, Module | None]) -> dict[str, Module]:
    """A module may have None for a child; a container has none such."""
    return {name: module for name, module in modules.items() if module is not None}


class _Numbered(Module):
    """Modules as children "0", "1", ...: what Sequential and ModuleList share, which is the behaviour of a Python list."""

    def _renumber(self, modules: Iterable[Module]) -> None:
        modules = list(modules)
        for module in modules:
            if not isinstance(module, Module):
                raise TypeError(f"modules: got {type(module).__name__}, expected Modules only")
        self.__dict__["_modules"] = {str(index): module for index, module in enumerate(modules)}

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(_present(self._modules).values())

    def __contains__(self, module: object) -> bool:
        return any(own is module for own in self)

    def _key(self, index: int) -> str:
        try:
            return list(self._modules)[index]
        except IndexError:
            raise IndexError(f"index: got {index}, but there are {len(self)} modules") from None

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> "_Numbered": ...
    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            part = type(self)()
            part.__dict__["_modules"] = dict(list(self._modules.items())[index])
            return part
        return _present(self._modules)[self._key(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"module: got {type(module).__name__}, expected a Module")
        self._modules[self._key(index)] = module

    def __delitem__(self, index: int | slice) -> None:
        modules = list(self)
        if not isinstance(index, slice):
            self._key(index)  # raises for an index that is out of range
        del modules[index]
        self._renumber(modules)

    def append(self, module: Module) -> "_Numbered":
        """Add `module` at the end; returns self."""
        return self.extend([module])

    def extend(self, modules: Iterable[Module]) -> "_Numbered":
        """Add all of `modules` at the end; returns self."""
        self._renumber([*self, *modules])
        return self

    def insert(self, index: int, module: Module) -> "_Numbered":
        """Put `module` before position `index`; returns self."""
        modules = list(self)
        modules.insert(index, module)
        self._renumber(modules)
        return self

    def pop(self, index: int = -1) -> Module:
        """Take the module at `index` out and return it."""
        module = self[index]
        del self[index]
        return module

    def __iadd__(self, modules: Iterable[Module]) -> "_Numbered":
        return self.extend(modules)


def _named(modules: tuple) -> Iterable[tuple[str, Module]]:
    """The arguments of Sequential with their names."""
    if len(modules) == 1 and isinstance(modules[0], Mapping):
        return modules[0].items()
    return ((str(index), module) for index, module in enumerate(modules))


class Sequential(_Numbered):
    """Modules that are called one after the other, each on what the one before returned.

    `Sequential(a, b, c)`, or `Sequential({"conv": a, "relu": b})` to give them names.
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        for name, module in _named(modules):
            self.add_module(name, module)

    def extend(self, modules: Iterable[Module]) -> "Sequential":
        """Add all of `modules` at the end, under the next numbers; the names of those that are there stay. Returns self."""
        for module in list(modules):
            self.add_module(str(len(self)), module)
        return self

    def forward(self, input: Any) -> Any:
        for module in self:
            input = module(input)
        return input


class ModuleList(_Numbered):
    """A list of modules, registered as children "0", "1", ...; how they are called is up to the module that owns the list."""

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self._renumber(modules or [])

    def __repr__(self) -> str:
        # Runs of modules that look the same take one line: a deep network stays readable.
        lines, start = [], 0
        for text, run in groupby(repr(module) for module in self):
            length = len(list(run))
            place = f"({start})" if length == 1 else f"({start}-{start + length - 1}): {length} x"
            lines.append(f"{place}{':' if length == 1 else ''} {_indent(text)}")
            start += length
        return f"{type(self).__name__}(" + ("\n  " + "\n  ".join(lines) + "\n" if lines else "") + ")"


class ModuleDict(Module):
    """A dictionary of modules, registered as children under its keys, in the order of insertion."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def __getitem__(self, key: str) -> Module:
        return _present(self._modules)[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._modules.keys()

    def values(self) -> Iterable[Module]:
        """The modules."""
        return _present(self._modules).values()

    def items(self) -> Iterable[tuple[str, Module]]:
        """(name, module) pairs."""
        return _present(self._modules).items()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add or replace modules by name."""
        for name, module in modules.items() if isinstance(modules, Mapping) else modules:
            self[name] = module

    def pop(self, key: str) -> Module:
        """Take the module `key` out and return it."""
        module = self[key]
        del self[key]
        return module

    def clear(self) -> None:
        """Take all modules out."""
        self._modules.clear()
