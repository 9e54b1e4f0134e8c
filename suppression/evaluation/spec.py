"""What a recipe's `probe` table may say: the settings that all probes share, and those of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo

from suppression.errors import UserError, unknown

Setting = tuple[Any, Any]  # annotation, default


class Strict(BaseModel):
    """A form that a TOML file fills in; a key that it does not have is a fault.

    So is a value of another type, and a letter that no page can show.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    @field_validator("*", mode="after")
    @classmethod
    def is_text(cls, value: Any) -> Any:
        if isinstance(value, str) and any(ord(c) < 32 and c not in "\n\t\r" for c in value):
            raise ValueError("holds a control character")
        return value


class ProbeSettings(Strict):
    """What a trained network is asked: the form of a recipe's `probe` table.

    The settings of each probe join these four when it joins `PROBES`. A setting that is None asks
    nothing, and leaves the names of stored answers as they are.

    Args:
        train: Scenes that readouts are fitted on; 1 or more.
        test: Held-out scenes that they are tested with; 1 or more.
        layers: Layers that are probed: those of the encoder, and z, the projection head's output.
        features: Features that are asked for; all if None.
    """

    train: int = Field(2000, ge=1)
    test: int = Field(1000, ge=1)
    layers: list[str] = ["h"]
    features: list[str] | None = None

    if TYPE_CHECKING:  # the settings of the probes, which no type checker can know

        def __init__(self, **given: Any) -> None: ...

        def __getattr__(self, name: str) -> Any: ...


SHARED = tuple(ProbeSettings.model_fields)  # read before any probe adds its own


def add_settings(settings: Mapping[str, Setting]) -> None:
    """Let the form have these settings, too, and every form that the form is part of."""
    for name, (annotation, default) in settings.items():
        field = FieldInfo.from_annotated_attribute(annotation, default)
        ProbeSettings.model_fields[name] = field
    rebuild()


def drop_settings(names: list[str]) -> None:
    """Take these settings out of the form."""
    for name in names:
        del ProbeSettings.model_fields[name]
    rebuild()


def rebuild() -> None:
    ProbeSettings.model_rebuild(force=True)
    for form in Strict.__subclasses__():
        form.model_rebuild(force=True)


# --- filling them in -------------------------------------------------------------------------


def filled_in(model: type[Any], given: Any, where: str) -> Any:
    """The form, filled in.

    Raises:
        UserError: naming `where`, if it is not empty, with a line for each fault: its key, and
            what would be right.
    """
    where = f"{where}: " if where else ""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        faults = [fault_text(where, model, fault) for fault in error.errors()]
        raise UserError("\n".join(faults)) from error


# What is wrong, in plain words, by the beginning of the fault's name.
PLAIN = {
    "missing": "is missing",
    "string": "is no text",
    "int": "is no whole number",
    "float": "is no number",
    "finite": "is no finite number",
    "bool": "is not true or false",
    "list": "is no list",
    "dict": "is no table",
    "model": "is no table",
    "too_short": "is empty",
    "greater_than": "is too small; the least is {ge}",
    "less_than": "is too large; the most is {le}",
}


def fault_text(where: str, model: type[BaseModel], fault: Any) -> str:
    """A fault of a form in one line."""
    *parents, key = fault["loc"] or ("",)
    if fault["type"] == "extra_forbidden":
        inner = model
        for parent in parents:
            if isinstance(parent, str):
                inner = form_of(inner.model_fields[parent].annotation)
        table = f"[{path_text(parents)}] " if parents else ""
        return str(unknown(f"{where}{table}has no key", str(key), inner.model_fields))
    if fault["type"] == "value_error":
        return f"{where}{path_text(fault['loc'])}: {fault['ctx']['error']}"
    for beginning, words in PLAIN.items():
        if fault["type"].startswith(beginning):
            value = fault["input"]
            shown = f" = {value!r}" if isinstance(value, (str, int, float)) else ""
            right = words.format(**fault.get("ctx", {}))
            return f"{where}{path_text(fault['loc'])}{shown} {right}"
    return f"{where}{path_text(fault['loc'])}: {fault['msg']}"


def path_text(loc: Sequence[str | int]) -> str:
    """A key as TOML's readers write it: published.rows[2].accuracy."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def form_of(annotation: Any) -> type[BaseModel]:
    """The form that a field of this annotation holds, by itself or in a list."""
    for option in (annotation, *get_args(annotation)):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    raise TypeError(f"{annotation} holds no form")
