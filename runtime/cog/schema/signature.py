"""The signature of a predictor, found by its reference and read from the source."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple, Union

from cog.schema import kinds
from cog.schema.annotations import Annotations
from cog.schema.constants import Constants
from cog.schema.decorators import is_generator, new_form, read_decorators, type_of
from cog.schema.inputs import FINE, Complaint, Parameter, check_parameter, read_input, warn_of
from cog.schema.mistakes import Mistake, about, gathering, nearest, unreadable
from cog.schema.offered import check_names
from cog.schema.source import Function, LocalClass, LocalFunction, LocalValue, Module, Sources

if TYPE_CHECKING:
    from cog.schema.kinds import Kind

GUESSES = {"predict": ("Runner", "Predictor", "run", "predict"), "train": ("Trainer", "train")}
METHODS = {"predict": ("run", "predict"), "train": ("train",)}


@dataclass(frozen=True)
class Signature:
    """The inputs and output of a predictor.

    Attributes:
        parameters: in the order of the source.
        output: its return type; a Stream for a generator.
        streaming: it is marked `@streaming`.
        concurrent: the value of `@concurrent(max=...)`, or None.
    """

    parameters: Tuple[Parameter, ...]
    output: Kind
    streaming: bool
    concurrent: Optional[int]


class Reader:
    """Reads the signatures of one project, and collects their `mistakes` and `warnings`."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._annotations = Annotations(sources)
        self.mistakes: List[Mistake] = []
        self.warnings: List[Mistake] = []

    def read(self, reference: str, role: str) -> Optional[Signature]:
        """Read `file.py:Name`; without a name, the first of the default names that exists.

        Args:
            role: `predict` or `train`.

        Returns:
            the signature, or None if there are `mistakes`.
        """
        with gathering(self.mistakes):
            found = self._find(reference, role)
            self.mistakes.extend(check_names(self._sources, found.module))
            if isinstance(found, LocalClass):
                method = self._method(found, role)
                with gathering(self.mistakes):
                    self._check_setup(found)
                return self._signature(method, found)
            return self._signature(found)
        return None

    def _find(self, reference: str, role: str) -> Union[LocalClass, LocalFunction]:
        file, _, name = reference.partition(":")
        if not file.endswith(".py") or (":" in reference and not name.isidentifier()):
            hint = "write it like `predict.py:Predictor`"
            raise unreadable(reference, None, f"`{reference}` is not a reference to a class or function", hint)
        module = self._sources.load(file)
        wanted = (name,) if name else GUESSES[role]
        for candidate in wanted:
            found = self._sources.resolve(module, candidate)
            if isinstance(found, (LocalClass, LocalFunction)):
                return found
        nodes = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        callables = [key for key, node in module.names.items() if isinstance(node, nodes)]
        defined = ", ".join(f"`{key}`" for key in callables) or "none"
        hint = nearest(wanted[-1], callables, f"classes and functions in this file: {defined}")
        what = f"no class or function `{name}`" if name else "no class or function to serve"
        raise unreadable(file, None, f"{what} in this file", hint)

    def _members(self, found: LocalClass) -> Dict[str, LocalFunction]:
        """The functions of a class, those of its bases in the project included."""
        members: Dict[str, LocalFunction] = {}
        for base in reversed(found.node.bases):
            meaning = self._sources.meaning(found.module, base)
            if isinstance(meaning, LocalClass):
                members.update(self._members(meaning))
        for statement in found.node.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                members[statement.name] = LocalFunction(found.module, statement)
        return members

    def _method(self, found: LocalClass, role: str) -> LocalFunction:
        members, names = self._members(found), METHODS[role]
        own = [name for name in names if name in members]
        if len(own) > 1:
            hint = "rename or remove one of them"
            message = f"`{found.node.name}` must define either run() or predict(), not both"
            raise unreadable(found.module.file, members[own[1]].node, message, hint)
        if not own:
            message = f"`{found.node.name}` has no method {' or '.join(f'`{name}`' for name in names)}"
            hint = nearest(names[-1], members, f"define `def {names[-1]}(self, ...)`")
            raise unreadable(found.module.file, found.node, message, hint)
        return members[own[0]]

    def _check_setup(self, found: LocalClass) -> None:
        setup = self._members(found).get("setup")
        if setup is None:
            return
        arguments = setup.node.args
        names = [argument.arg for argument in [*arguments.posonlyargs, *arguments.args][1:]]
        required = names[: len(names) - len(arguments.defaults)]
        unknown = [name for name in required if name != "weights"]
        if unknown:
            message = f"`setup` can only take `self` and `weights`, not `{unknown[0]}`"
            raise unreadable(
                setup.module.file, setup.node, message, "read it from a file or an environment variable"
            )

    def _signature(self, found: LocalFunction, owner: Optional[LocalClass] = None) -> Optional[Signature]:
        function, before = found.node, len(self.mistakes)
        constants = Constants(self._sources, found.module, scope=owner)
        inputs = [
            decorator
            for decorator in function.decorator_list
            if isinstance(decorator, ast.Call) and self._decorated(found.module, decorator) == "cog.input"
        ]
        output: Kind = kinds.Anything()
        if inputs:
            parameters = self._declared(found, inputs, constants)
            output = kinds.Stream(output) if is_generator(function) else output
        else:
            parameters = self._parameters(found.module, function, constants, bound=owner is not None)
        with gathering(self.mistakes):
            if function.returns is not None or not inputs:
                output = self._output(found.module, function)
        streaming, concurrent = False, None
        for decorator in function.decorator_list:
            with gathering(self.mistakes):
                streaming = streaming or self._decorated(found.module, decorator) == "cog.streaming"
                if self._decorated(found.module, decorator) == "cog.concurrent":
                    concurrent = self._concurrent(found.module, function, decorator)
        if len(self.mistakes) > before:
            return None
        return Signature(tuple(parameters), output, streaming, concurrent)

    def _declared(self, found: LocalFunction, calls: List[ast.Call], constants: Constants) -> List[Parameter]:
        """Read the decorators of 2021, and warn of them."""
        module, before = found.module, len(self.mistakes)
        parameters = read_decorators(
            found, calls, lambda node: self._annotations.kind(module, node), constants.value, self.mistakes
        )
        if len(self.mistakes) == before:
            message = "`@cog.input` is the form of 2021; inputs are now parameters with types"
            types = [self._sources.segment(module, type_of(call)) for call in calls]
            hint = f"write `{new_form(found.node, parameters, types)}`"
            self.warnings.append(Mistake(module.file, calls[0].lineno, message, hint))
        return parameters

    def _parameters(
        self, module: Module, function: Function, constants: Constants, *, bound: bool
    ) -> List[Parameter]:
        arguments = function.args
        if any(isinstance(mark, ast.Name) and mark.id == "staticmethod" for mark in function.decorator_list):
            bound = False
        for stars, star in (("*", arguments.vararg), ("**", arguments.kwarg)):
            if star is not None:
                message = f"`{function.name}` takes `{stars}{star.arg}`, but every input needs a name and a type"
                self.mistakes.append(
                    Mistake(module.file, star.lineno, message, "list each input with a name and a type")
                )
        positional = [*arguments.posonlyargs, *arguments.args]
        defaults: List[Optional[ast.expr]] = [None] * (len(positional) - len(arguments.defaults))
        pairs = [
            *zip(positional, [*defaults, *arguments.defaults]),
            *zip(arguments.kwonlyargs, arguments.kw_defaults),
        ]
        parameters: List[Parameter] = []
        for argument, default in pairs[1 if bound else 0 :]:
            with gathering(self.mistakes):
                if argument in arguments.posonlyargs:
                    message = f"`{argument.arg}` is positional-only"
                    raise unreadable(module.file, argument, message, "remove the `/`")
                parameters.append(self._parameter(module, argument, default, constants))
        return parameters

    def _parameter(
        self, module: Module, argument: ast.arg, default: Optional[ast.expr], constants: Constants
    ) -> Parameter:
        name = argument.arg
        if argument.annotation is None:
            hint = f"write `{name}: str`, or whatever its type is"
            raise unreadable(module.file, argument, f"`{name}` has no type annotation", hint)
        kind = self._annotations.kind(module, argument.annotation)
        with about(name):
            given = self._given(module, default, constants)
        line = getattr(default, "lineno", argument.lineno)
        parameter = Parameter(name, kind, given, module.file, line)
        self.mistakes.extend(check_parameter(parameter))
        self.warnings.extend(warn_of(parameter))
        return parameter

    def _given(self, module: Module, default: Optional[ast.expr], constants: Constants) -> Dict[str, Any]:
        """Return the arguments of `Input(...)`, which a constant may hold, or the plain default."""
        if default is None:
            return {}
        if isinstance(default, (ast.Name, ast.Attribute)):
            found = self._sources.meaning(module, default)
            if isinstance(found, LocalValue) and self._is_input(found.module, found.node):
                return read_input(Constants(self._sources, found.module), found.module.file, found.node)
        if self._is_input(module, default):
            return read_input(constants, module.file, default)
        return {"default": constants.argument("default", default)}

    def _is_input(self, module: Module, node: ast.expr) -> bool:
        return isinstance(node, ast.Call) and self._annotations.name(module, node.func) == "cog.Input"

    def _output(self, module: Module, function: Function) -> Kind:
        if function.returns is None:
            message = f"`{function.name}` has no return type annotation"
            raise unreadable(
                module.file, function, message, "write `-> str:`, or whatever its type is; `-> Any:` is allowed"
            )
        kind = self._annotations.kind(module, function.returns)
        message, hint = check_output(kind)
        if message:
            raise unreadable(module.file, function.returns, message, hint)
        return kind

    def _decorated(self, module: Module, decorator: ast.expr) -> str:
        return self._annotations.name(module, decorator.func if isinstance(decorator, ast.Call) else decorator)

    def _concurrent(self, module: Module, function: Function, decorator: ast.expr) -> int:
        words = decorator.keywords if isinstance(decorator, ast.Call) else []
        if not words and not getattr(decorator, "args", ()):  # `@concurrent` and `@concurrent()`
            return 1
        value: Any = next((word.value for word in words if word.arg == "max"), None)
        number = value.value if isinstance(value, ast.Constant) else None
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            message = "`@concurrent` requires a literal integer of at least 1"
            raise unreadable(module.file, decorator, message, "write `@concurrent(max=4)`")
        if number > 1 and not isinstance(function, ast.AsyncFunctionDef):
            message = f"`@concurrent(max={number})` requires `async def`"
            raise unreadable(
                module.file, decorator, message, "a synchronous predictor runs one prediction at a time"
            )
        return number


def check_output(kind: Kind) -> Complaint:
    """Return why an output cannot be of a kind, and a hint; nothing if it can."""
    item = kind.item if isinstance(kind, kinds.Stream) else kind
    if _holds(item, kinds.Stream):
        return "only the whole output can be an iterator, not part of it", "use a list there"
    if _holds(item, kinds.SecretText):
        return "a `Secret` cannot be returned", "return `str`"
    if isinstance(kind, kinds.Stream) and kind.concatenate and item != kinds.Scalar("string"):
        return "only strings can be concatenated", "use `Iterator[...]`"
    return FINE


def _holds(kind: Kind, sought: type) -> bool:
    """Return whether a kind is, or contains, one of a class of `kinds`."""
    inner: List[Kind] = []
    if isinstance(kind, (kinds.ListOf, kinds.Stream)):
        inner = [kind.item]
    elif isinstance(kind, kinds.Mapping):
        inner = [kind.values]
    elif isinstance(kind, kinds.Nullable):
        inner = [kind.kind]
    elif isinstance(kind, kinds.OneOf):
        inner = list(kind.options)
    elif isinstance(kind, kinds.Record):
        inner = [field.kind for field in kind.fields]
    return isinstance(kind, sought) or any(_holds(each, sought) for each in inner)
